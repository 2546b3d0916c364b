package runtime_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/pluginsdk"
)

// freeze stops a process and its children without their noticing.
func freeze(t *testing.T, pid int) {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err == nil {
		for child := range strings.FieldsSeq(string(data)) {
			if n, err := strconv.Atoi(child); err == nil {
				freeze(t, n)
			}
		}
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

func TestStoppedProcessIsNoticed(t *testing.T) {
	t.Parallel()
	p, h := start(t, newBox(t, jailBackend(t)), "ignore cancel")
	done := make(chan error, 1)
	go func() {
		_, err := p.Run(t.Context(), &pluginsdk.Invocation{Command: "go", Host: h})
		done <- err
	}()
	for len(h.Logs()) == 0 {
		<-time.After(time.Millisecond)
	}
	freeze(t, p.PID())
	err := <-done
	f, ok := errors.AsType[*runtime.Failure](err)
	if !ok || f.Reason != runtime.Hung {
		t.Errorf("error %v, want a Failure because it hung", err)
	}
}
