package sandboxtest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// namespaces looks at a process from the host's side while it runs.
func (h *harness) namespaces(t *testing.T) {
	t.Parallel()
	box := h.create(t)
	a := startSaying(t, box, spec(t, "block"), "blocking")
	b := startSaying(t, box, spec(t, "block"), "blocking")
	for _, ns := range []string{"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"} {
		host := namespace(t, os.Getpid(), ns)
		first, second := namespace(t, a.PID(), ns), namespace(t, b.PID(), ns)
		if first == host || second == host || first == second {
			t.Errorf("%s: host %s, processes %s and %s", ns, host, first, second)
		}
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "CapEff": "0000000000000000"} {
		if got := status(string(data))[name]; got != want {
			t.Errorf("the host sees %s %s, not %s", name, got, want)
		}
	}
}

func namespace(t *testing.T, pid int, name string) string {
	t.Helper()
	link, err := os.Readlink(filepath.Join("/proc", fmt.Sprint(pid), "ns", name))
	if err != nil {
		t.Fatal(err)
	}
	return link
}
