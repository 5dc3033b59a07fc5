package telemetry

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net/http"
)

type changeKey struct{}

// WithChange makes id the change that ctx works on: every record that is logged with ctx carries it. "" is none.
func WithChange(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, changeKey{}, id)
}

// Change is the change that ctx works on, or "".
func Change(ctx context.Context) string {
	id, _ := ctx.Value(changeKey{}).(string)
	return id
}

// Propagate puts the change of the request's context into its traceparent header, so that whatever serves the request
// logs it under the same trace. Without a change of the form of a trace id it does nothing.
// https://www.w3.org/TR/trace-context/#traceparent-header
func Propagate(r *http.Request) {
	id := Change(r.Context())
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 16 {
		return
	}
	r.Header.Set("Traceparent", "00-"+id+"-"+id[:16]+"-01")
}

// A changeHandler adds the change of the context to each record.
type changeHandler struct {
	slog.Handler
	project string
}

// The name that Cloud Logging shows a record's trace by:
// https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields
const traceKey = "logging.googleapis.com/trace"

func (h changeHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := Change(ctx); id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("change", id))
		if h.project != "" {
			r.AddAttrs(slog.String(traceKey, "projects/"+h.project+"/traces/"+id)) //nolint:sloglint // the name is Cloud Logging's
		}
	}
	return h.Handler.Handle(ctx, r) //nolint:wrapcheck // a wrapper of the same interface
}

func (h changeHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return changeHandler{h.Handler.WithAttrs(attrs), h.project}
}

func (h changeHandler) WithGroup(name string) slog.Handler {
	return changeHandler{h.Handler.WithGroup(name), h.project}
}
