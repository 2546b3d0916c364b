package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

// deleting is an installation whose model says something, then asks to delete a
// file, and waits at the gate "end" before it is done.
func deleting(t *testing.T) (*installation, *plugintest.Messages) {
	t.Helper()
	replies := plugintest.InOrder(plugintest.When{},
		plugintest.Say(plugintest.TextBlock("I look around."), plugintest.ToolBlock("", "request_delete", `{"paths":["old.csv"]}`)),
	)
	last := plugintest.SayText("All tidy.")
	last.Times, last.Gate = -1, "end"
	m := plugintest.NewMessages(t, append(replies, last)...)
	p := newInstallation(t)
	p.env = append(p.env, envBaseURL+"="+m.URL(), envAPIKey+"=sk-terminal-secret")
	p.write("work/old.csv", "old\n")
	return p, m
}

// TestApprovalOnTerminal answers a card with a letter, then steers.
func TestApprovalOnTerminal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		typed []string
		says  string
		kept  bool
	}{
		{"allowed", []string{"a\n"}, `✓ [^\n]*old\.csv`, false},
		{"after mistakes", []string{"\n", "maybe\n", "l\n", "y\n"}, `✓ [^\n]*old\.csv`, false},
		{"denied with a reason", []string{"d\n", "keep it\n"}, "denied: keep it", true},
		{"denied at once", []string{"d keep it\n"}, "denied: keep it", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, m := deleting(t)
			s := terminal(t, 80, p.command("run", "tidy up"))
			for _, typed := range c.typed {
				s.await(`\[d\]eny: `)
				s.typeIn(typed)
			}
			s.await(c.says)
			s.await("waiting for the model")
			s.typeIn("and be quick\n")
			s.await("✉ for the next step: and be quick")
			m.Release("end")
			s.await("› and be quick")
			s.await("✓ done in")
			if code := s.code(); code != exitDone {
				t.Errorf("exit code %d", code)
			}
			_, err := os.Stat(filepath.Join(p.dir, "work", "old.csv"))
			if (err == nil) != c.kept {
				t.Errorf("old.csv: %v", err)
			}
		})
	}
}

// TestLeaveAndStop leaves a task at work with Ctrl-D, and stops another with
// two interrupts.
func TestLeaveAndStop(t *testing.T) {
	t.Parallel()
	p, m := deleting(t)
	s := terminal(t, 80, p.command("run", "tidy up"))
	s.await(`\[d\]eny: `)
	s.typeIn("d no\n")
	s.await("denied: no")
	s.typeIn("half a li\x15\x04")
	s.await("the task goes on without you")
	s.await("cowork task show --follow")
	if code := s.code(); code != exitDone {
		t.Errorf("left: exit code %d", code)
	}
	m.Release("end")

	p, _ = deleting(t)
	s = terminal(t, 80, p.command("run", "tidy up"))
	s.await(`\[d\]eny: `)
	s.typeIn("d no\n")
	s.await("denied: no")
	s.typeIn("\x03")
	s.await("Ctrl-C again stops now")
	s.typeIn("\x03")
	s.await("✗ stopped in")
	if code := s.code(); code != exitInterrupted {
		t.Errorf("stopped: exit code %d", code)
	}
}
