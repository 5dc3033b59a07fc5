// Command orders takes the shop's orders. It asks the service catalog for prices.
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
	prices := newPrices(os.Getenv("CATALOG_URL"), os.Getenv("CATALOG_AUDIENCE"), os.Getenv("GCE_METADATA_HOST"))
	err := listenAndServe(ctx, newOrders(prices).routes())
	stop()
	if err != nil {
		slog.Error("orders", "error", err)
		os.Exit(1)
	}
}
