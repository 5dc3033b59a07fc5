package examples_test

import (
	"testing"
	"testing/fstest"

	"github.com/gangway-dev/gangway/examples"
)

func TestShopIsARepository(t *testing.T) {
	var want []string
	for _, service := range []string{"catalog", "orders", "users"} {
		for _, name := range []string{"go.mod", "main.go", "Dockerfile", "openapi.yaml", "compose.test.yaml", ".dockerignore"} {
			want = append(want, service+"/"+name)
		}
	}
	if err := fstest.TestFS(examples.Shop(), want...); err != nil {
		t.Fatal(err)
	}
	if _, err := examples.Shop().Open("orders/go.mod.txt"); err == nil {
		t.Error("the stored name is visible too")
	}
}
