package all_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/all"
	"github.com/google/go-cmp/cmp"
)

// rung is a backend whose probe answers as told.
type rung struct {
	name string
	err  error
}

func (r rung) Name() string { return r.name }

func (r rung) Probe(context.Context) (*sandbox.Report, error) {
	if r.err != nil {
		return nil, r.err
	}
	return &sandbox.Report{Badge: r.name}, nil
}

func (r rung) Create(context.Context, sandbox.Config) (sandbox.Sandbox, error) {
	return nil, errors.New("not asked for")
}

func TestBackends(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		opts all.Options
		want []string
	}{
		{"only those that isolate", all.Options{}, []string{"jail"}},
		{"all when told", all.Options{Unsafe: true}, []string{"jail", "none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, b := range all.Backends(c.opts) {
				got = append(got, b.Name())
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	errVM, errJail := errors.New("no /dev/kvm"), errors.New("no user namespaces")
	for _, c := range []struct {
		name, ask string
		backends  []sandbox.Backend
		want      string   // the badge
		errs      []string // what the error says otherwise
	}{
		{"the first that works", all.Auto, []sandbox.Backend{rung{"vm", errVM}, rung{"jail", nil}, rung{"other", nil}}, "jail", nil},
		{"by name, past a better one", "jail", []sandbox.Backend{rung{"vm", nil}, rung{"jail", nil}}, "jail", nil},
		{"by name, never another", "vm", []sandbox.Backend{rung{"vm", errVM}, rung{"jail", nil}}, "", []string{"vm: no /dev/kvm"}},
		{"none of them", all.Auto, []sandbox.Backend{rung{"vm", errVM}, rung{"jail", errJail}}, "", []string{"vm: no /dev/kvm", "jail: no user namespaces"}},
		{"an unknown name", "gvisor", []sandbox.Backend{rung{"vm", nil}, rung{"jail", nil}}, "", []string{`"gvisor"`, "vm, jail"}},
		{"no isolation is never chosen for you", all.Auto, []sandbox.Backend{rung{"jail", errJail}, rung{"none", nil}}, "", []string{"jail: no user namespaces"}},
		{"no isolation by name", "none", []sandbox.Backend{rung{"jail", nil}, rung{"none", nil}}, "none", nil},
		{"an empty list", all.Auto, nil, "", []string{`"auto"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, report, err := all.Select(t.Context(), c.ask, c.backends)
			if c.errs == nil {
				if err != nil || report.Badge != c.want || b.Name() != c.want {
					t.Fatalf("got %v, %v, %v, want %s", b, report, err, c.want)
				}
				return
			}
			if !errors.Is(err, sandbox.ErrUnavailable) {
				t.Fatalf("got %v, want it unavailable", err)
			}
			for _, want := range c.errs {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestSelectCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := all.Select(ctx, all.Auto, []sandbox.Backend{rung{"jail", context.Canceled}})
	if !errors.Is(err, context.Canceled) || errors.Is(err, sandbox.ErrUnavailable) {
		t.Errorf("got %v, want it cancelled and not unavailable", err)
	}
}
