package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestEventJSON(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 6, 7, 8, 9, 10, time.FixedZone("west", -3*3600))
	cases := []struct {
		name string
		e    event.Event
		want string
	}{
		{
			"plain",
			event.Event{Seq: 3, Time: at, Task: "t", Parent: "p", Kind: "log", Data: json.RawMessage(`{"message":"<b>"}`)},
			`{"seq":3,"time":"2026-05-06T10:08:09.00000001Z","task":"t","parent":"p","kind":"log","message":"<b>"}`,
		},
		{
			"no data",
			event.Event{Time: at, Task: "t", Kind: "log"},
			`{"seq":0,"time":"2026-05-06T10:08:09.00000001Z","task":"t","parent":"","kind":"log"}`,
		},
		{
			"bytes are kept",
			event.Event{Time: at, Task: "t", Kind: "x", Data: json.RawMessage("{ \"n\" : 1.0e+02,\"s\":\"\\u00e9\\/\u2028\",\"n\":[{\"seq\": 1}] }")},
			"{\"seq\":0,\"time\":\"2026-05-06T10:08:09.00000001Z\",\"task\":\"t\",\"parent\":\"\",\"kind\":\"x\"," +
				"\"n\":1.0e+02,\"s\":\"\\u00e9\\/\u2028\",\"n\":[{\"seq\":1}]}",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			line, err := c.e.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(line)); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
			var back event.Event
			if err := json.Unmarshal(line, &back); err != nil {
				t.Fatal(err)
			}
			again, err := back.MarshalJSON()
			if err != nil || !bytes.Equal(line, again) {
				t.Errorf("second line is %s, %v", again, err)
			}
		})
	}
}

func TestEventJSONRefused(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"a list":              `[]`,
		"a string":            `"x"`,
		"null":                `null`,
		"sequence twice":      `{"seq":1,"seq":2}`,
		"sequence in capital": `{"Seq":1}`,
		"sequence a string":   `{"seq":"1"}`,
		"sequence a fraction": `{"seq":1.5}`,
		"sequence null":       `{"seq":null}`,
		"time a number":       `{"time":1}`,
		"time without zone":   `{"time":"2026-01-01T00:00:00"}`,
		"kind a number":       `{"kind":1}`,
	} {
		e := event.Event{Task: "before"}
		if err := e.UnmarshalJSON([]byte(line)); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
		if e.Task != "before" {
			t.Errorf("%s: a refused line changed the event", name)
		}
	}
	if err := new(event.Event).UnmarshalJSON([]byte(`{"seq":`)); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("cut off: %v, want invalid", err)
	}
	e := event.Event{Kind: "log", Data: json.RawMessage(`{"Task":"x"}`)}
	if _, err := e.MarshalJSON(); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("shadowing data: %v, want invalid", err)
	}
	e = event.Event{Kind: "log", Time: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := e.MarshalJSON(); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("year 10000: %v, want invalid", err)
	}
}

func FuzzEventJSON(f *testing.F) {
	f.Add([]byte(`{"seq":1,"time":"2026-01-02T03:04:05.6Z","task":"t","parent":"","kind":"log","a":[1,{"b":"\"}"}],"c":null}`))
	f.Add([]byte(`{"\u0073eq":1,"k\\":{},"":""}`))
	f.Add([]byte(`{"time":"0000-01-01T00:00:00+23:59"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var e event.Event
		if e.UnmarshalJSON(line) != nil {
			return
		}
		out, err := e.MarshalJSON()
		if err != nil {
			// What cannot be written again must be what Append refuses.
			if !errors.Is(err, pluginsdk.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if !json.Valid(out) {
			t.Fatalf("not JSON: %q", out)
		}
		var back event.Event
		if err := back.UnmarshalJSON(out); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if !back.Time.Equal(e.Time) || back.Seq != e.Seq || !bytes.Equal(back.Data, e.Data) {
			t.Fatalf("%q came back as %q", line, out)
		}
		var want, got map[string]json.RawMessage
		if json.Unmarshal(line, &want) != nil || json.Unmarshal(out, &got) != nil {
			t.Fatalf("%q became %q", line, out)
		}
		for k, v := range want {
			if k == "seq" || k == "time" || k == "task" || k == "parent" || k == "kind" {
				continue
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, v); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(compact.Bytes(), got[k]) {
				t.Fatalf("member %q was %s and is %s", k, v, got[k])
			}
		}
	})
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	fact := pluginsdk.Fact{Name: "total", Value: "12.50", Type: pluginsdk.FactDecimal, Unit: "EUR", Source: "b.csv:2"}
	wrong := &event.Error{Code: "invalid", Message: "m", Next: "n"}
	check := pluginsdk.Check{Name: "opens", Status: pluginsdk.NotVerified}
	artifact := event.Artifact{Path: "a.xlsx", MediaType: "m", SHA256: "00", Checks: []pluginsdk.Check{check}}
	const artifactJSON = `{"path":"a.xlsx","media_type":"m","sha256":"00","checks":[{"name":"opens","status":"not_verified"}]}`
	const factJSON = `"name":"total","value":"12.50","type":"decimal","unit":"EUR","source":"b.csv:2"`
	cases := []struct {
		p    event.Payload
		kind event.Kind
		want string
	}{
		{
			event.TaskCreated{Title: "T", Input: "/p:c x", Command: "c", Plugin: "p", Args: []string{"x"}, Folders: []string{"/f"}, SandboxRequested: "auto", Mode: "act"},
			"task.created",
			`{"title":"T","input":"/p:c x","command":"c","plugin":"p","args":["x"],"folders":["/f"],"sandbox_requested":"auto","mode":"act"}`,
		},
		{event.TaskResumed{}, "task.resumed", `{}`},
		{event.SandboxReady{Sandbox: "jail"}, "sandbox.ready", `{"sandbox":"jail"}`},
		{event.StepStarted{Step: "s", Plugin: "p", Command: "c", Values: map[string]string{"by": "x"}}, "step.started", `{"step":"s","plugin":"p","command":"c","values":{"by":"x"}}`},
		{event.Plan{Step: "s", Items: []string{"a"}}, "plan", `{"step":"s","items":["a"]}`},
		{event.Progress{Step: "s", Label: "l", Done: 1, Total: 2}, "progress", `{"step":"s","label":"l","done":1,"total":2}`},
		{event.LogLine{Step: "s", Message: "m"}, "log", `{"step":"s","message":"m"}`},
		{event.Fact{Step: "s", Fact: fact}, "fact", `{"step":"s",` + factJSON + `}`},
		{
			event.Question{Step: "s", Question: pluginsdk.Question{ID: "q", Text: "t", Choices: []pluginsdk.Choice{{Value: "v", Label: "l"}}}},
			"question",
			`{"step":"s","id":"q","text":"t","choices":[{"value":"v","label":"l"}]}`,
		},
		{event.Answer{Step: "s", ID: "q", Value: "v"}, "answer", `{"step":"s","id":"q","value":"v"}`},
		{
			event.StepResult{Step: "s", Artifacts: []event.Artifact{artifact}, Facts: []pluginsdk.Fact{fact}, Brief: "b"},
			"step.result",
			`{"step":"s","artifacts":[` + artifactJSON + `],"facts":[{` + factJSON + `}],"brief":"b"}`,
		},
		{event.StepApplied{Step: "s", Changes: []event.Change{{Path: "a", Change: "created", Undoable: true}}}, "step.applied", `{"step":"s","changes":[{"path":"a","change":"created","undoable":true}]}`},
		{event.StepApplied{Step: "s", Changes: []event.Change{{Path: "a", Change: "modified", SHA256: "0f"}}}, "step.applied", `{"step":"s","changes":[{"path":"a","change":"modified","undoable":false,"sha256":"0f"}]}`},
		{event.StepFailed{Step: "s", Error: wrong}, "step.failed", `{"step":"s","error":{"code":"invalid","message":"m","next":"n"}}`},
		{event.PluginFailed{Plugin: "p", Reason: "r"}, "plugin.failed", `{"plugin":"p","reason":"r"}`},
		{event.TaskStopping{}, "task.stopping", `{}`},
		{event.TaskUndone{Reversals: []event.Reversal{{Path: "a", Outcome: "restored"}}}, "task.undone", `{"reversals":[{"path":"a","outcome":"restored"}]}`},
		{
			event.TaskDone{Status: event.StatusFailed, Sandbox: "jail", Error: wrong, Usage: event.Usage{DurationMS: 5}},
			"task.done",
			`{"status":"failed","sandbox":"jail","artifacts":[],"facts":[],"usage":{"model_calls":0,"input_tokens":0,"output_tokens":0,"duration_ms":5},"error":{"code":"invalid","message":"m","next":"n"}}`,
		},
	}
	l := event.NewMemory()
	for _, c := range cases {
		e, err := event.New(c.p)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, string(e.Data)); e.Kind != c.kind || diff != "" {
			t.Errorf("%s is kind %s with (-want +got):\n%s", c.kind, e.Kind, diff)
		}
		if e.Kind.Transient() {
			err = l.Publish("t", e)
		} else {
			_, err = l.Append(t.Context(), "t", -1, e)
		}
		if err != nil {
			t.Errorf("%s cannot stand in a log: %v", c.kind, err)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	want := event.Fact{Step: "s", Fact: pluginsdk.Fact{Name: "n", Value: "1"}}
	e, err := event.New(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := event.Decode[event.Fact](e)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	if _, err := event.Decode[event.Plan](e); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("another kind: %v, want invalid", err)
	}
	e.Data = json.RawMessage(`{"step":1}`)
	if _, err := event.Decode[event.Fact](e); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("another type: %v, want invalid", err)
	}
	e.Data = json.RawMessage(`{"step":"s","from_the_future":[1]}`)
	if got, err := event.Decode[event.Fact](e); err != nil || got.Step != "s" {
		t.Errorf("an unknown member: %v, %v", got, err)
	}
	e.Data = nil
	if _, err := event.Decode[event.Fact](e); err != nil {
		t.Errorf("no data: %v", err)
	}
}

func TestErrorOf(t *testing.T) {
	t.Parallel()
	if e := event.ErrorOf(nil); e != nil {
		t.Errorf("no error is %v", e)
	}
	got := event.ErrorOf(fmt.Errorf("run step: %w", pluginsdk.Invalid("save it as CSV", "a.xls is encrypted")))
	if diff := cmp.Diff(&event.Error{Code: "invalid", Message: "a.xls is encrypted", Next: "save it as CSV"}, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	got = event.ErrorOf(errors.New("disk on fire"))
	if diff := cmp.Diff(&event.Error{Code: "internal", Message: "disk on fire"}, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}
