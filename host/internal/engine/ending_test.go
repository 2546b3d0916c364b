package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/task"
)

// TestOddEndings shows what becomes of messages that end in other ways than a
// turn or a call of a tool. None of them passes for an end, also after a
// resume, and none makes the model be called for ever.
func TestOddEndings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		odd  said
		// told is what the model hears then.
		told string
		// calls is how often it is called before the turn is given up, message
		// what the person is told.
		calls   int
		message string
	}{
		{"length limit", said{text: "long", stop: model.StopMaxTokens}, "Go on where it stopped", 4, "length limit"},
		{"length limit in a call", said{calls: []string{`list {"path":"."}`}, stop: model.StopMaxTokens}, "put long texts into files", 4, "length limit"},
		{"context window", said{text: "half", stop: model.StopContextWindow}, "context window was full", 4, "length limit"},
		{"empty", said{}, "Your last message was empty", 4, "without a word"},
		{"call without a call", said{text: "I will now", stop: model.StopToolUse}, "holds no call", 4, "hold no call"},
		{"call that is not meant", said{calls: []string{`write {"path":"no.txt","content":"x"}`}, stop: model.StopEndTurn}, "none of them was run", 4, "tool_use"},
		{"pause", said{text: "…", stop: model.StopPauseTurn}, "", 21, "paused by its provider"},
		{"refusal", said{text: "I cannot", stop: model.StopRefusal}, "", 1, "refused to go on: I cannot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := &scripted{answer: func(int, *model.Request) said { return c.odd }}
			e := talking(t, m)
			s := e.run("do it")
			if s.Status != event.StatusFailed || !strings.Contains(s.Error.Message, c.message) || s.Error.Next == "" {
				t.Fatalf("%s %+v", s.Status, s.Error)
			}
			if len(m.requests) != c.calls {
				t.Errorf("the model was called %d times, want %d", len(m.requests), c.calls)
			}
			if c.told != "" && !strings.Contains(m.last(), c.told) {
				t.Errorf("the model was told %s", m.last())
			}
			if err := e.tasks.Resume(t.Context(), s.ID, true); err != nil {
				t.Fatal(err)
			}
			if s = e.ended(s.ID); s.Status != event.StatusFailed || !strings.Contains(s.Error.Message, c.message) {
				t.Errorf("after a resume: %s %+v", s.Status, s.Error)
			}
			m.answer = func(int, *model.Request) said { return said{text: "Now it is done."} }
			for _, when := range []event.MessageWhen{event.WhenNow, event.WhenNext} {
				if _, err := e.tasks.Send(t.Context(), s.ID, event.MessageQueued{Text: "in another way, " + string(when), When: when}); err != nil {
					t.Fatal(err)
				}
				if s = e.ended(s.ID); s.Status != event.StatusDone || s.Text != "Now it is done." || !strings.Contains(m.last(), "in another way, "+string(when)) {
					t.Errorf("after a message %s: %s %+v, the model was told %s", when, s.Status, s.Error, m.last())
				}
			}
			if len(e.files()) != 1 {
				t.Errorf("files %v", e.files())
			}
		})
	}
}

// TestOddEndingIsMended goes on when the next message ends as it should, and
// counts anew.
func TestOddEndingIsMended(t *testing.T) {
	t.Parallel()
	m := &scripted{answer: func(n int, _ *model.Request) said {
		if n == 12 {
			return said{text: "Done."}
		}
		if n%2 == 0 {
			return said{text: "long", stop: model.StopMaxTokens}
		}
		return said{calls: []string{fmt.Sprintf(`write {"path":"%d.txt","content":"x"}`, n)}}
	}}
	e := talking(t, m)
	if s := e.run("write much"); s.Status != event.StatusDone || len(e.files()) != 7 {
		t.Errorf("%s %+v, %d files", s.Status, s.Error, len(e.files()))
	}
}

// TestUnknownStopReason is an end that is shown as a doubtful one.
func TestUnknownStopReason(t *testing.T) {
	t.Parallel()
	e := talking(t, script(said{text: "hmm", stop: "cosmic_ray"}))
	s := e.run("do it")
	if s.Status != event.StatusDone || len(s.Findings) != 1 || !strings.Contains(s.Findings[0].Message, "cosmic_ray") {
		t.Errorf("%s %+v, findings %+v", s.Status, s.Error, s.Findings)
	}
}

// TestMessageAfterALoop reaches the model although the person said no to going
// on as before.
func TestMessageAfterALoop(t *testing.T) {
	t.Parallel()
	m := &scripted{answer: func(_ int, req *model.Request) said {
		if strings.Contains(string(req.Messages[len(req.Messages)-1].Raw), "write a note") {
			return said{text: "I wrote it."}
		}
		return said{calls: []string{`list {"path":"."}`}}
	}}
	e := talking(t, m)
	id := e.startWith(task.Spec{Input: "look"})
	if s := e.ended(id); s.Status != event.StatusParked {
		t.Fatalf("%s %+v", s.Status, s.Error)
	}
	if err := e.tasks.Approve(t.Context(), id, event.ApprovalAnswered{}); err != nil {
		t.Fatal(err)
	}
	s := e.ended(id)
	if s.Status != event.StatusFailed || !strings.Contains(s.Error.Next, "cowork task message") {
		t.Fatalf("%s %+v", s.Status, s.Error)
	}
	if _, err := e.tasks.Send(t.Context(), id, event.MessageQueued{Text: "write a note instead", When: event.WhenNow}); err != nil {
		t.Fatal(err)
	}
	if s = e.ended(id); s.Status != event.StatusDone || s.Text != "I wrote it." {
		t.Errorf("%s %+v, text %q", s.Status, s.Error, s.Text)
	}
}
