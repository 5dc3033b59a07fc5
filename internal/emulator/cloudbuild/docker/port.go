package docker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports of containers come from below the ranges that Linux and macOS take the ports of outgoing connections from (and from
// below those of the other far ends), so that no connection takes one between its being given and its being listened on.
const (
	firstPort = 10_000
	lastPort  = 20_000
	portTries = 1000
)

// given are the ports that containers of this process have.
var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// takePort gives a port of loopback that nobody listens on, until releasePort.
func takePort(ctx context.Context) (int, error) {
	given.Lock()
	defer given.Unlock()
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort) //nolint:gosec // any will do
		if given.ports[port] {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = l.Close()
		given.ports[port] = true
		return port, nil
	}
	return 0, errors.New("no port of loopback is free")
}

func releasePort(port int) {
	given.Lock()
	defer given.Unlock()
	delete(given.ports, port)
}
