//go:build linux && (amd64 || arm64)

package jail

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLifelineOutlastsTheOrder: the decoder may leave the order's line break in
// the socket; only the end of the host ends the jail.
func TestLifelineOutlastsTheOrder(t *testing.T) {
	t.Parallel()
	for _, size := range []int{511, 512, 513, 1535, 1536, 1537, 3584} { // the decoder's buffer and around it
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		order := []byte(`{"x":"` + strings.Repeat("x", size-8) + `"}` + "\n")
		if _, err := unix.Write(fds[0], order); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.NewDecoder(fdReader(fds[1])).Decode(&got); err != nil || len(got["x"]) != size-8 {
			t.Fatalf("read the order: %v", err)
		}
		closed := make(chan struct{})
		go func() {
			waitClosed(fds[1])
			close(closed)
		}()
		select {
		case <-closed:
			t.Errorf("an order of %d bytes ended the jail", size)
		case <-time.After(50 * time.Millisecond):
		}
		if err := unix.Close(fds[0]); err != nil {
			t.Fatal(err)
		}
		<-closed
		if err := unix.Close(fds[1]); err != nil {
			t.Fatal(err)
		}
	}
}
