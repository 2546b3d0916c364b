package event_test

import (
	"errors"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestAs(t *testing.T) {
	t.Parallel()
	e, err := event.New(event.ToolCall{Call: "c", Targets: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	o := event.Open(e)
	first, err := event.As[event.ToolCall](o)
	if err != nil || first.Call != "c" {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := event.As[event.ToolCall](o); err != nil || &again.Targets[0] != &first.Targets[0] {
		t.Errorf("it was decoded twice: %+v, %v", again, err)
	}
	if _, err := event.As[event.ToolResult](o); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("as another kind: %v", err)
	}
	broken := event.Open(event.Event{Kind: event.KindToolCall, Data: []byte(`{"call":1}`)})
	for range 2 {
		if _, err := event.As[event.ToolCall](broken); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("what does not decode: %v", err)
		}
	}
}
