package plugintest

import (
	"context"
	"errors"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Case is one call of a command for the conformance suite.
type Case struct {
	Name    string
	Command string
	Args    []string
	Values  map[string]string
	// Files is the workspace before the call.
	Files map[string][]byte
	// Answers are given to the handler's questions by id.
	Answers map[string]string
	// WantErr is the sentinel the call must fail with; nil: it must succeed.
	WantErr error
	// Check, if set, looks at what came out of the first run.
	Check func(t *testing.T, h *Host, res *pluginsdk.Result)
}

// Conformance checks, through the real wire, what the host relies on: a
// descriptor without side effects, handlers that give the same result and the
// same files when run again from the top, handlers that stop when cancelled,
// and a Close that may follow anything. newPlugin is called once per process
// the host would start.
func Conformance(t *testing.T, newPlugin func() pluginsdk.Plugin, cases ...Case) {
	t.Run("descriptor", func(t *testing.T) { checkDescriptor(t, newPlugin) })
	t.Run("close without start", func(t *testing.T) {
		if err := newPlugin().Close(); err != nil {
			t.Errorf("Close before Start: %v", err)
		}
	})
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { checkCase(t, newPlugin, c) })
	}
}

func checkDescriptor(t *testing.T, newPlugin func() pluginsdk.Plugin) {
	c := Connect(t, newPlugin())
	first, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first, second) {
		t.Errorf("two descriptions differ:\n%+v\n%+v", first, second)
	}
	name := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	if !name.MatchString(first.Name) {
		t.Errorf("plugin name %q: want lower case with single hyphens", first.Name)
	}
	for _, cmd := range first.Commands {
		if !name.MatchString(cmd.Name) {
			t.Errorf("command name %q: want lower case with single hyphens", cmd.Name)
		}
		if cmd.Summary == "" {
			t.Errorf("command %s has no summary", cmd.Name)
		}
	}
}

func checkCase(t *testing.T, newPlugin func() pluginsdk.Plugin, c Case) {
	run := func(t *testing.T) (*Host, *pluginsdk.Result, error) {
		h := NewHost(c.Files)
		h.Answers = c.Answers
		client := Connect(t, newPlugin())
		if err := client.Start(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		res, err := client.RunCommand(t.Context(), &pluginsdk.Invocation{Command: c.Command, Args: c.Args, Values: c.Values, Host: h})
		if closeErr := client.Close(t.Context()); closeErr != nil {
			t.Errorf("close: %v", closeErr)
		}
		return h, res, err
	}
	h, res, err := run(t)
	if c.WantErr != nil {
		if !errors.Is(err, c.WantErr) {
			t.Fatalf("error %v, want one that is %v", err, c.WantErr)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if c.Check != nil {
		c.Check(t, h, res)
	}
	for _, a := range res.Artifacts {
		if data, ok := h.File(a.Path); !ok || len(data) == 0 {
			t.Errorf("artifact %s is missing or empty", a.Path)
		}
	}
	h2, res2, err := run(t)
	if err != nil {
		t.Fatalf("second run: %v", err)
	}
	if !reflect.DeepEqual(res, res2) {
		t.Errorf("the handler gave another result on its second run:\n%+v\n%+v", res, res2)
	}
	if !reflect.DeepEqual(h.Written(), h2.Written()) {
		t.Error("the handler wrote other bytes on its second run")
	}
	checkCancelled(t, newPlugin, c)
}

// checkCancelled runs the case with a context that is already over.
func checkCancelled(t *testing.T, newPlugin func() pluginsdk.Plugin, c Case) {
	h := NewHost(c.Files)
	p := newPlugin()
	cp, ok := p.(pluginsdk.CommandProvider)
	if !ok {
		return
	}
	if err := p.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, cmd := range cp.Commands() {
		if cmd.Name != c.Command {
			continue
		}
		done := make(chan error, 1)
		go func() {
			_, err := cmd.Run(ctx, &pluginsdk.Invocation{Command: c.Command, Args: c.Args, Values: c.Values, Host: h})
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil {
				t.Error("the handler reported success although its context was cancelled")
			}
		case <-time.After(10 * time.Second):
			t.Error("the handler did not notice that its context was cancelled")
		}
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
