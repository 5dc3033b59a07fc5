package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// refusal is an answer that the gateway gives itself: the request does not reach a backend.
type refusal struct {
	status  int
	message string
	// challenge is the value of WWW-Authenticate, empty for none.
	challenge string
}

// write sends the refusal in ESPv2's form.
func (f *refusal) write(w http.ResponseWriter) {
	message, err := json.Marshal(f.message)
	if err != nil {
		message = []byte(`""`)
	}
	body := append([]byte(`{"code":`+strconv.Itoa(f.status)+`,"message":`), message...)
	body = append(body, '}')
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if f.challenge != "" {
		h.Set("WWW-Authenticate", f.challenge)
	}
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
}

func refuse(status int, message string) *refusal {
	return &refusal{status: status, message: message}
}

func notFound() *refusal {
	return refuse(http.StatusNotFound, "The current request is not defined by this API.")
}

func methodNotAllowed(template string) *refusal {
	return refuse(http.StatusMethodNotAllowed, `The current request is matched to the defined url template "`+template+
		`" but its http method is not allowed`)
}
