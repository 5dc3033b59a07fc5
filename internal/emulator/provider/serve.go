package provider

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-log/tfsdklog"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"google.golang.org/grpc"
)

// Address is the provider's address in Terraform: the one of the provider that it stands in for.
const Address = "registry.terraform.io/hashicorp/google-beta"

// startTimeout bounds the wait for the server's listener; it takes about a millisecond.
const startTimeout = 10 * time.Second

// maxPluginMessage bounds what Terraform and the provider send each other; it is what other providers have.
const maxPluginMessage = 256 << 20

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
	go plugin.Serve(&plugin.ServeConfig{
		// Nobody shakes hands with a running provider; the version is that of Terraform's protocol.
		HandshakeConfig: plugin.HandshakeConfig{ProtocolVersion: 5},
		Plugins:         plugin.PluginSet{"provider": &tf5server.GRPCProviderPlugin{Name: Address, GRPCProvider: factory}},
		GRPCServer:      grpcServer,
		Logger:          hclog.NewNullLogger(),
		Test:            &plugin.ServeTestConfig{Context: ctx, ReattachConfigCh: config, CloseCh: closed},
	})
	stop := sync.OnceFunc(func() {
		cancel()
		<-closed
	})

	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case c := <-config:
		return Reattach{
			Protocol: string(c.Protocol), ProtocolVersion: c.ProtocolVersion, Pid: c.Pid, Test: c.Test,
			Network: c.Addr.Network(), Address: c.Addr.String(),
		}, stop, nil
	case <-closed:
		cancel()
		return Reattach{}, nil, errors.New("serving the Terraform provider: no listener")
	case <-timeout.C:
		cancel()
		return Reattach{}, nil, errors.New("serving the Terraform provider: timeout")
	}
}

// grpcServer is the server that the provider answers on. The plugin framework writes a trace of each call to standard
// error, where Terraform would filter it; with a sink that is off, as in the framework's tests, it writes none unless
// TF_LOG asks for it.
func grpcServer(options []grpc.ServerOption) *grpc.Server {
	quiet := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		return handler(tfsdklog.ContextWithTestLogging(ctx, "google-beta"), req)
	}
	return grpc.NewServer(append(options, grpc.UnaryInterceptor(quiet),
		grpc.MaxRecvMsgSize(maxPluginMessage), grpc.MaxSendMsgSize(maxPluginMessage))...)
}
