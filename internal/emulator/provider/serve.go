package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// Address is the provider's address in Terraform: the one of the provider that it stands in for.
const Address = "registry.terraform.io/hashicorp/google-beta"

// startTimeout bounds the wait for the server's listener; it takes about a millisecond.
const startTimeout = 10 * time.Second

// A Reattach tells a Terraform process how to find a provider that is already running: one entry of
// TF_REATTACH_PROVIDERS (https://developer.hashicorp.com/terraform/plugin/debugging).
type Reattach struct {
	Protocol        string
	ProtocolVersion int
	Pid             int
	Test            bool
	Network         string // of Address: "unix" or "tcp"
	Address         string
}

// Serve starts an instance of the provider in this process. Each Terraform process needs an instance of its own, because
// an instance keeps the configuration that the last one gave it; Terraform commands that follow one another may share
// it.
//
// getenv looks up the environment variables that the provider block falls back on; nil means [os.Getenv]. The instance
// ends when stop is called or ctx is done; stop waits for the server, is safe to call twice, and breaks off calls that
// still run.
func Serve(ctx context.Context, getenv func(string) string) (Reattach, func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	config := make(chan *plugin.ReattachConfig)
	closed := make(chan struct{})
	factory := func() tfprotov5.ProviderServer { return schema.NewGRPCProviderServer(newProvider(ctx, getenv)) }
	served := make(chan error, 1)
	go func() {
		served <- tf5server.Serve(Address, factory,
			tf5server.WithDebug(ctx, config, closed), tf5server.WithGoPluginLogger(hclog.NewNullLogger()))
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		<-served
	})

	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case c := <-config:
		return Reattach{
			Protocol: string(c.Protocol), ProtocolVersion: c.ProtocolVersion, Pid: c.Pid, Test: c.Test,
			Network: c.Addr.Network(), Address: c.Addr.String(),
		}, stop, nil
	case err := <-served:
		cancel()
		return Reattach{}, nil, fmt.Errorf("serving the Terraform provider: %w", errors.Join(errors.New("no listener"), err))
	case <-timeout.C:
		cancel()
		return Reattach{}, nil, errors.New("serving the Terraform provider: timeout")
	case <-ctx.Done():
		cancel()
		return Reattach{}, nil, fmt.Errorf("serving the Terraform provider: %w", ctx.Err())
	}
}
