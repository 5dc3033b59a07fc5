package local

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/gangway-dev/gangway/examples"
)

// A replacement is one edit of a file of the shop.
type replacement struct{ file, old, fresh string }

// edit makes the files of a change out of the shop's.
func edit(list ...replacement) (map[string]string, error) {
	files := map[string]string{}
	for _, r := range list {
		text, ok := files[r.file]
		if !ok {
			content, err := fs.ReadFile(examples.Shop(), r.file)
			if err != nil {
				return nil, err
			}
			text = string(content)
		}
		if !strings.Contains(text, r.old) {
			return nil, fmt.Errorf("%s has no %q to change", r.file, r.old)
		}
		files[r.file] = strings.Replace(text, r.old, r.fresh, 1)
	}
	return files, nil
}

const (
	listTest     = "`{\"orders\":[]}`"
	listCode     = `map[string]any{"orders": found}`
	listDocument = `  required: [orders]
  properties:
`
)

// Count is a change of orders: the list says how many there are.
func Count() (map[string]string, error) {
	return edit(
		replacement{"orders/orders.go", listCode, `map[string]any{"orders": found, "count": len(found)}`},
		replacement{"orders/orders_test.go", listTest, "`{\"count\":0,\"orders\":[]}`"},
		replacement{"orders/schemas/order.yaml", listDocument, listDocument + "    count:\n      type: integer\n"},
	)
}

// Latest is the change that follows: there is a new operation too.
func Latest() (map[string]string, error) {
	return edit(
		replacement{"orders/orders.go", listCode, `map[string]any{"orders": found, "count": len(found), "latest": len(found) - 1}`},
		replacement{"orders/orders_test.go", listTest, "`{\"count\":0,\"latest\":-1,\"orders\":[]}`"},
		replacement{"orders/orders.go", `	mux.HandleFunc("POST /orders", o.create)`, `	mux.HandleFunc("POST /orders", o.create)
	mux.HandleFunc("GET /statistics", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"orders": len(o.all)})
	})`},
		replacement{"orders/schemas/order.yaml", listDocument, listDocument + "    count:\n      type: integer\n    latest:\n      type: integer\n"},
		replacement{"orders/openapi.yaml", "paths:\n", `paths:
  /statistics:
    get:
      operationId: getStatistics
      summary: How many orders there are.
      responses:
        "200":
          description: The figures.
          content:
            application/json:
              schema:
                type: object
                properties:
                  orders:
                    type: integer
`},
	)
}
