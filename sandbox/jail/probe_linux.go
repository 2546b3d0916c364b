//go:build linux && (amd64 || arm64)

package jail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/cowork-host/cowork/sandbox"
	"golang.org/x/sys/unix"
)

// probeArg, after [InitArg], makes a jailed process look at itself.
const probeArg = "probe"

// probeTime is how long a probe may take.
const probeTime = 5 * time.Second

// inspection is what a process finds out about the jail it is in.
type inspection struct {
	PID       int
	Status    map[string]string // of /proc/self/status
	Network   bool              // there is a route to somewhere
	RootWrite bool              // it could write to the root
	HostFiles bool              // it sees the host's /etc/passwd
}

// inspect prints an inspection of this process. It returns the exit code.
func inspect(w io.Writer) int {
	in := inspection{PID: os.Getpid(), Status: map[string]string{}}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 1
	}
	for line := range strings.Lines(string(status)) {
		if k, v, ok := strings.Cut(line, ":"); ok {
			in.Status[k] = strings.TrimSpace(v)
		}
	}
	in.Network = hasRoute()
	in.RootWrite = os.Mkdir("/probe", 0o700) == nil
	_, err = os.Stat("/etc/passwd")
	in.HostFiles = err == nil
	if json.NewEncoder(w).Encode(in) != nil {
		return 1
	}
	return 0
}

// hasRoute reports whether there is a way to anywhere. It sends nothing:
// connecting a datagram socket only looks for a route.
func hasRoute() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{192, 0, 2, 1}})
	return errors.Join(err, unix.Close(fd)) == nil
}

// Probe implements [sandbox.Backend]: it runs this very binary in a jail and
// has it look around. Only Landlock and limits per tree may be missing.
func (b *Backend) Probe(ctx context.Context) (*sandbox.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	in, err := b.inspectInside(ctx)
	if err != nil {
		if errors.Is(err, sandbox.ErrUnavailable) {
			return nil, err
		}
		if why := userNamespaceHint(); why != "" && isRefusal(err) {
			return nil, fmt.Errorf("%w: %w; %s", sandbox.ErrUnavailable, err, why)
		}
		return nil, fmt.Errorf("%w: %w%s", sandbox.ErrUnavailable, err, kernelHint(err))
	}
	if leaks := in.leaks(); len(leaks) > 0 {
		return nil, fmt.Errorf("%w: the jail does not hold on this machine: %s", sandbox.ErrUnavailable, strings.Join(leaks, ", "))
	}
	return newReport(newIDMap()), nil
}

func (b *Backend) inspectInside(ctx context.Context) (*inspection, error) {
	exe, err := os.Open(b.init[0])
	if err != nil {
		return nil, fmt.Errorf("open the jail's init: %w", err)
	}
	defer exe.Close()
	box, err := b.Create(ctx, sandbox.Config{Name: "probe"})
	if err != nil {
		return nil, err
	}
	defer box.Close() //nolint:errcheck // the process has ended, or the deadline has passed
	var out bytes.Buffer
	p, err := box.Start(ctx, &sandbox.Spec{Exe: exe, Args: append(b.init[1:len(b.init):len(b.init)], probeArg), Stdout: &out})
	if err != nil {
		return nil, err
	}
	exit, err := p.Wait(ctx)
	if err != nil {
		return nil, err
	}
	var in inspection
	if exit.Code != 0 || json.Unmarshal(out.Bytes(), &in) != nil {
		return nil, fmt.Errorf("the probe ended with code %d %s %s", exit.Code, exit.Signal, exit.Detail)
	}
	return &in, nil
}

// leaks are the layers that ought to hold and do not.
func (in *inspection) leaks() []string {
	var leaks []string
	for _, c := range []struct {
		bad  bool
		what string
	}{
		{in.Status["Seccomp"] != "2", "no seccomp filter"},
		{in.Status["NoNewPrivs"] != "1", "no_new_privs is not set"},
		{strings.Trim(in.Status["CapEff"]+in.Status["CapPrm"]+in.Status["CapBnd"]+in.Status["CapAmb"]+in.Status["CapInh"], "0") != "", "it has capabilities"},
		{in.PID > 1000, "it has no process namespace"},
		{in.Network, "there is a route to somewhere"},
		{in.RootWrite, "its root is writable"},
		{in.HostFiles, "it sees the host's files"},
	} {
		if c.bad {
			leaks = append(leaks, c.what)
		}
	}
	return leaks
}

func newReport(ids *idMap) *sandbox.Report {
	r := &sandbox.Report{
		Badge: badge,
		Holds: []string{
			"user, mount, process, network, ipc, host name and cgroup namespaces",
			"read-only root that shows only what was given", "no network", "seccomp filter",
			"no capabilities, no_new_privs", "memory limit per process", "file, open file and /tmp size limits",
		},
		Missing: []string{"memory and processor limits per process tree (needs delegated cgroups)"},
	}
	if abi := landlockABI(); abi > 0 {
		r.Holds = append(r.Holds, fmt.Sprintf("landlock (version %d)", abi))
	} else {
		r.Missing = append(r.Missing, "landlock (not in this kernel, or not enabled at boot: lsm=landlock,…)")
	}
	switch {
	case ids.root:
		r.Holds = append(r.Holds, "process limit", "runs as nobody outside")
	case ids.uid == 0:
		r.Missing = append(r.Missing, "process limit and an id of its own outside (the host is root without the right to become nobody)")
	default:
		r.Holds = append(r.Holds, "process limit")
	}
	return r
}

func isRefusal(err error) bool {
	for _, e := range []error{syscall.EPERM, syscall.EACCES, syscall.ENOSPC, syscall.EUSERS, syscall.EINVAL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// userNamespaceHint names the setting that keeps user namespaces away, and how
// to change it; "" when none of the known ones does.
func userNamespaceHint() string {
	for _, s := range []struct{ path, bad, hint string }{
		{"/proc/sys/user/max_user_namespaces", "0", "user namespaces are switched off; as root: sysctl user.max_user_namespaces=10000"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "user namespaces are for root only; as root: sysctl kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor restricts user namespaces; as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or give this program a profile that allows userns"},
	} {
		if v, err := os.ReadFile(s.path); err == nil && strings.TrimSpace(string(v)) == s.bad {
			return s.hint
		}
	}
	if _, err := os.Stat("/proc/self/ns/user"); err != nil {
		return "this kernel has no user namespaces (CONFIG_USER_NS)"
	}
	if _, err := os.Stat("/.dockerenv"); err == nil {
		return "inside a container: start it with user namespaces allowed (docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined)"
	}
	return ""
}

// kernelHint says what an old or cut-down kernel lacks.
func kernelHint(err error) string {
	if !errors.Is(err, syscall.ENOSYS) && !errors.Is(err, syscall.EINVAL) {
		return ""
	}
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return fmt.Sprintf("; the jail needs Linux 5.12 or newer with seccomp, this is %s", unix.ByteSliceToString(u.Release[:]))
}
