package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/sandbox"
)

// backend is a sandbox backend that works unless it has an error.
type backend struct {
	name          string
	probe, create error
	probed        int
}

func (b *backend) Name() string { return b.name }
func (b *backend) Probe(context.Context) (*sandbox.Report, error) {
	b.probed++
	return &sandbox.Report{Badge: b.name}, b.probe
}

func (b *backend) Create(_ context.Context, cfg sandbox.Config) (sandbox.Sandbox, error) {
	if b.create != nil {
		return nil, b.create
	}
	return &fakeBox{badge: b.name, dir: cfg.Dir}, nil
}

type fakeBox struct{ badge, dir string }

func (f *fakeBox) Badge() string { return f.badge }
func (f *fakeBox) Close() error  { return nil }
func (f *fakeBox) Start(context.Context, *sandbox.Spec) (sandbox.Process, error) {
	return nil, errors.New("not for this test")
}

func TestBoxes(t *testing.T) {
	t.Parallel()
	broken := fmt.Errorf("%w: no namespaces", sandbox.ErrUnavailable)
	for _, c := range []struct {
		name     string
		backends []sandbox.Backend
		ask      string
		badge    string
		is       error
		text     string
	}{
		{"auto takes the first", []sandbox.Backend{&backend{name: "vm"}, &backend{name: "jail"}}, "auto", "vm", nil, ""},
		{"empty is auto", []sandbox.Backend{&backend{name: "vm"}}, "", "vm", nil, ""},
		{"auto passes over what does not work", []sandbox.Backend{&backend{name: "vm", probe: broken}, &backend{name: "jail"}}, "auto", "jail", nil, ""},
		{"auto never takes none", []sandbox.Backend{&backend{name: "vm", probe: broken}, &backend{name: "none"}}, "auto", "", sandbox.ErrUnavailable, "no namespaces"},
		{"by name", []sandbox.Backend{&backend{name: "vm"}, &backend{name: "jail"}}, "jail", "jail", nil, ""},
		{"none, where it is allowed", []sandbox.Backend{&backend{name: "jail"}, &backend{name: "none"}}, "none", "none", nil, ""},
		{"none, where it is not", []sandbox.Backend{&backend{name: "jail"}}, "none", "", pluginsdk.ErrDenied, "COWORK_UNSAFE"},
		{"one there is not", []sandbox.Backend{&backend{name: "jail"}}, "bogus", "", pluginsdk.ErrInvalid, "bogus"},
		{"one that is to come", []sandbox.Backend{&backend{name: "jail"}}, "gvisor", "", sandbox.ErrUnavailable, "not part of this version"},
		{"one that does not work", []sandbox.Backend{&backend{name: "jail", probe: broken}}, "jail", "", sandbox.ErrUnavailable, "no namespaces"},
		{"one that fails after its probe", []sandbox.Backend{&backend{name: "jail", create: broken}}, "jail", "", sandbox.ErrUnavailable, "no namespaces"},
		{"nothing at all", nil, "auto", "", sandbox.ErrUnavailable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			b := &boxes{backends: c.backends, dir: dir}
			box, err := b.Create(t.Context(), c.ask, "t")
			if c.is != nil {
				if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("error %v, want one that is %v and says %q", err, c.is, c.text)
				}
			} else if err != nil || box.Badge() != c.badge {
				t.Fatalf("got %v, %v, want %s", box, err, c.badge)
			} else if err := box.Close(); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestChoiceIsMadeOnce(t *testing.T) {
	t.Parallel()
	jail := &backend{name: "jail", probe: sandbox.ErrUnavailable}
	b := &boxes{backends: []sandbox.Backend{jail}, dir: t.TempDir()}
	if _, err := b.Create(t.Context(), "auto", "t"); err == nil {
		t.Fatal("a sandbox that does not work")
	}
	jail.probe = nil // a failure does not stand
	for range 3 {
		box, err := b.Create(t.Context(), "auto", "t")
		if err != nil {
			t.Fatal(err)
		}
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	}
	if jail.probed != 2 {
		t.Errorf("probed %d times, want 2", jail.probed)
	}
}
