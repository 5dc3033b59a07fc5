package emulator

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/disk"
)

// TestEdgePortIsTaken: what was deployed knows the edge's port, so that another one would break it without a word.
func TestEdgePortIsTaken(t *testing.T) {
	other, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() //nolint:errcheck // the test is over
	dir := t.TempDir()
	taken := portOf(other)
	if err := disk.Save(dir+"/ports.json", ports{Edge: taken}); err != nil {
		t.Fatal(err)
	}
	_, err = new(Cloud).listen(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(taken)) || !strings.Contains(err.Error(), "another folder") {
		t.Errorf("listen = %v", err)
	}
}
