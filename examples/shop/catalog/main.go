// Command catalog is the shop's catalogue of products: one of three small services that show what Gangway does.
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
	err := listenAndServe(ctx, newCatalog().routes())
	stop()
	if err != nil {
		slog.Error("catalog", "error", err)
		os.Exit(1)
	}
}
