package docker

import (
	"sync"
	"testing"
)

// Nobody is given a port that somebody has, and ports that are given back are given again.
func TestPorts(t *testing.T) {
	var mu sync.Mutex
	seen := map[int]bool{}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				port, err := takePort(t.Context())
				mu.Lock()
				if err != nil || port < firstPort || port >= lastPort || seen[port] {
					t.Errorf("takePort = %d, %v", port, err)
				}
				seen[port] = true
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for port := range seen {
		releasePort(port)
	}
	given.Lock()
	defer given.Unlock()
	for port := range seen {
		if given.ports[port] {
			t.Errorf("%d is still given", port)
		}
	}
}
