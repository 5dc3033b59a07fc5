package emulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/disk"
	"github.com/gangway-dev/gangway/internal/emulator/gcloud"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/emulator/pubsub"
)

type listeners struct {
	github, cloudBuild, cloudRun, apiGateway, logging, edge, identity, secretManager, storage, monitoring net.Listener

	pubsub string
}

func (l listeners) close() {
	for _, one := range []net.Listener{l.github, l.cloudBuild, l.cloudRun, l.apiGateway, l.logging, l.edge, l.identity, l.secretManager, l.storage, l.monitoring} {
		if one != nil {
			_ = one.Close()
		}
	}
}

// listen takes the ports of the last time if they are free, else new ones.
func (c *Cloud) listen(ctx context.Context, o Options) (l listeners, err error) {
	path := filepath.Join(o.Dir, "ports.json")
	var p ports
	if err := disk.Load(path, &p); err != nil {
		return l, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	wants := []struct {
		port     *int
		listener *net.Listener
	}{
		{&p.GitHub, &l.github},
		{&p.CloudBuild, &l.cloudBuild},
		{&p.CloudRun, &l.cloudRun},
		{&p.APIGateway, &l.apiGateway},
		{&p.Logging, &l.logging},
		{&p.Edge, &l.edge},
		{&p.Identity, &l.identity},
		{&p.SecretManager, &l.secretManager},
		{&p.Storage, &l.storage},
		{&p.Monitoring, &l.monitoring},
	}
	for _, want := range wants {
		listener, err := listenOn(ctx, *want.port)
		if err != nil {
			return l, err
		}
		*want.listener = listener
		if before := *want.port; want.port == &p.Edge && before != 0 && portOf(listener) != before {
			return l, fmt.Errorf("port %d, which the names of all services in %s end with, is in use by another program: "+
				"end that, or begin anew in another folder", before, o.Dir)
		}
		*want.port = portOf(listener)
	}
	if err := c.startFirestore(ctx, o.Firestore, &p.Firestore); err != nil {
		return l, err
	}
	if c.PubSub, err = startPubSub(ctx, o.PubSub, p.PubSub, o.Access); err != nil {
		return l, err
	}
	l.pubsub = c.PubSub.Endpoint()
	if p.PubSub, err = portIn(l.pubsub); err != nil {
		return l, err
	}
	return l, disk.Save(path, p)
}

// portWait is how long a port of the last time is waited for: after a hard kill it may be free only a moment later.
const portWait = 2 * time.Second

// New ports are taken from below those that Linux and macOS give to connections and to listeners on port 0, so that they
// are most likely still free when the cloud starts again.
const (
	firstPort = 20_000
	lastPort  = 32_000
	portTries = 20
)

func listenOn(ctx context.Context, port int) (net.Listener, error) {
	for began := time.Now(); port != 0; {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return listener, nil
		}
		if time.Since(began) > portWait {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return listener, nil
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	return listener, nil
}

func startPubSub(ctx context.Context, kind string, port int, access *iam.Access) (*pubsub.Server, error) {
	switch kind {
	case "":
		return again(port, func(address string) (*pubsub.Server, error) { return pubsub.StartGuarded(ctx, address, access) })
	case Google:
		server, err := again(port, func(address string) (*gcloud.Server, error) { return gcloud.StartPubSub(ctx, address, nil) })
		if err != nil {
			return nil, err
		}
		return pubsub.At(server.Endpoint(), server.Stop)
	}
	return pubsub.At(kind, nil)
}

// startFirestore starts Firestore, or finds the one that runs.
func (c *Cloud) startFirestore(ctx context.Context, kind string, port *int) (err error) {
	if kind != Google {
		c.Firestore = kind
		return nil
	}
	c.firestore, err = again(*port, func(address string) (*gcloud.Server, error) { return gcloud.StartFirestore(ctx, address, nil) })
	if err != nil {
		return err
	}
	c.Firestore = c.firestore.Endpoint()
	*port, err = portIn(c.Firestore)
	return err
}

// again starts a server on the port of the last time, else on another one.
func again[T any](port int, start func(address string) (T, error)) (T, error) {
	if port != 0 {
		if server, err := start(fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return server, nil
		}
	}
	return start("127.0.0.1:0")
}

// portIn is the port of host:port.
func portIn(endpoint string) (int, error) {
	_, text, err := net.SplitHostPort(endpoint)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

func portOf(l net.Listener) int {
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	return address.Port
}
