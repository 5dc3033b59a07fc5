package server

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// Recover answers 500 when next panics and logs where, but not the panic's value, which may hold a payload.
// http.ErrAbortHandler goes through, as net/http wants it.
func Recover(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler)
			}
			log.ErrorContext(ctx, "request handler panicked", "route", route(r), "stack", string(debug.Stack()))
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}

// Log logs each request without its query, headers and bodies: at debug level when it went well, at info when the client
// was at fault, at error when we were.
func Log(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		level := slog.LevelDebug
		switch {
		case seen.status >= http.StatusInternalServerError:
			level = slog.LevelError
		case seen.status >= http.StatusBadRequest:
			level = slog.LevelInfo
		}
		log.Log(r.Context(), level, "request", "method", r.Method, "route", route(r),
			"status", seen.status, "duration", time.Since(start))
	})
}

// route is the pattern that the request matched, or else the beginning of its path.
func route(r *http.Request) string {
	const longest = 200
	if r.Pattern != "" {
		return r.Pattern
	}
	return r.URL.Path[:min(len(r.URL.Path), longest)]
}

// A statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (w *statusWriter) WriteHeader(status int) {
	if !w.wrote && status >= http.StatusOK { // 1xx are not the answer yet
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] reach what is underneath.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
