// Command users knows the shop's customers and what they may do.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := listenAndServe(ctx, newUsers().routes())
	stop()
	if err != nil {
		slog.Error("users", "error", err)
		os.Exit(1)
	}
}
