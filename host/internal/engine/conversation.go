package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/tool"
)

// conversation is what a model is shown of a task: a pure fold of the task's
// log. A task that is taken up again therefore sends the same bytes as the one
// that was cut off. The zero value is an empty one.
type conversation struct {
	items []item
	// clip cuts a long result to what the model sees of it; nil keeps it whole.
	clip func(text, call string) string
	// turn is the last turn begun; calls the last model call.
	turn, calls int
	// summary is what stands in place of the items dropped by a compaction.
	summary string
	// end is how the model's last message ended, times how many in a row did so.
	end   ending
	times int
}

// item is one message. A user message that answers tool calls is kept in parts
// until the model has seen it.
type item struct {
	seq     int64
	call    int // the model call an assistant's message came from
	message model.Message
	// asked are the calls of an assistant's message, stop why it ended.
	// Each has a key in the log.
	asked []model.ToolCall
	keys  []string
	stop  model.StopReason
	// results, by key, and texts delivered with them, answer the message.
	results map[string]event.ToolResult
	texts   []string
	// known is what the log has of the calls.
	known map[string]tool.Known
	// answer is built when a later message exists; nothing is added any more.
	answer *model.Message
}

// Fold adds one event. Kinds that the model is not shown change nothing.
func (c *conversation) Fold(e *event.Opened) {
	if e.Seq == 0 {
		return
	}
	switch e.Kind {
	case event.KindTurnStarted:
		p, _ := event.As[event.TurnStarted](e)
		c.turn, c.times = max(c.turn, p.Turn), 0
		c.say(e.Seq, p.Text)
	case event.KindMessageDelivered:
		p, _ := event.As[event.MessageDelivered](e)
		if len(p.IDs) > 0 {
			c.times = 0
		}
		if p.Turn > c.turn {
			return // it begins a turn, whose start says it
		}
		if last := c.last(); last != nil && last.answer == nil && len(last.asked) > 0 {
			last.texts = append(last.texts, p.Text)
			last.seq = e.Seq
			return
		}
		c.say(e.Seq, p.Text)
	case event.KindModelCalled:
		p, _ := event.As[event.ModelCalled](e)
		c.calls = max(c.calls, p.Call)
	case event.KindModelMessage:
		p, _ := event.As[event.ModelMessage](e)
		c.close()
		m := model.Message{Role: model.Assistant, Raw: []byte(p.Raw)}
		asked := m.Calls()
		c.items = append(c.items, item{
			seq: e.Seq, call: p.Call, message: m, stop: p.StopReason, asked: asked, keys: tool.Keys(asked),
			results: map[string]event.ToolResult{}, known: map[string]tool.Known{},
		})
		c.count(endingOf(c.last()))
	case event.KindTaskResumed:
		c.times = 0
	case event.KindToolCall:
		p, _ := event.As[event.ToolCall](e)
		if last := c.asking(p.Call); last != nil {
			tool.Remember(last.known, p)
		}
	case event.KindToolResult:
		p, _ := event.As[event.ToolResult](e)
		if last := c.asking(p.Call); last != nil {
			if _, known := last.results[p.Call]; !known { // the first receipt stands
				last.results[p.Call] = p
				last.seq = e.Seq
				tool.Remember(last.known, p)
			}
		}
	case event.KindCompacted:
		p, _ := event.As[event.Compacted](e)
		c.drop(p)
	}
}

// say adds a message of the person.
func (c *conversation) say(seq int64, text string) {
	c.close()
	c.items = append(c.items, item{seq: seq, message: model.UserMessage(nil, text)})
}

func (c *conversation) last() *item {
	if len(c.items) == 0 {
		return nil
	}
	return &c.items[len(c.items)-1]
}

// asking returns the last message if it has a call of that key and waits for
// results.
func (c *conversation) asking(call string) *item {
	last := c.last()
	if last == nil || last.answer != nil {
		return nil
	}
	if !slices.Contains(last.keys, call) {
		return nil
	}
	return last
}

// close ends the answers to the last message: something follows it.
func (c *conversation) close() {
	if last := c.last(); last != nil && last.answer == nil && len(last.asked) > 0 {
		m := c.reply(last)
		last.answer = &m
	}
}

// reply builds the message that answers an assistant's tool calls, in the
// order of the calls. The provider refuses a call without a result, so one
// that never ran gets one that says so.
func (c *conversation) reply(it *item) model.Message {
	results := make([]model.ToolResult, 0, len(it.asked))
	for i, call := range it.asked {
		if it.keys[i] != call.ID && call.ID != "" {
			continue // a second call of one id: the provider takes one result
		}
		r, ok := it.results[it.keys[i]]
		switch {
		case !ok && it.stop != model.StopToolUse:
			r.Text = "This call was cut off before it was complete. Nothing was run."
		case !ok:
			r.Text = "This call has no result: the run ended first."
		case c.clip != nil:
			r.Text = c.clip(r.Text, call.ID)
		}
		results = append(results, model.ToolResult{Call: call.ID, Text: r.Text, Error: !ok || r.Status != event.ResultOK})
	}
	return model.UserMessage(results, it.texts...)
}

// drop takes out what a compaction replaces.
func (c *conversation) drop(p event.Compacted) {
	keep := 0
	for keep < len(c.items) && c.items[keep].seq <= p.Upto {
		keep++
	}
	c.items = append([]item(nil), c.items[keep:]...)
	c.summary = p.Text
}

// Messages returns the conversation as it is sent. The bytes of a message never
// change from one request to the next; a compaction begins a new prefix.
func (c *conversation) Messages() []model.Message {
	out := make([]model.Message, 0, 2*len(c.items)+1)
	if c.summary != "" {
		out = append(out, model.UserMessage(nil, c.summary))
	}
	for i := range c.items {
		it := &c.items[i]
		out = append(out, it.message)
		switch {
		case it.answer != nil:
			out = append(out, *it.answer)
		case len(it.asked) > 0:
			out = append(out, c.reply(it))
		}
	}
	return out
}

// open returns the calls of the last message, and what the log has of them, if
// one of them has no result yet. A message that was cut off has none: its calls
// are not run.
func (c *conversation) open() ([]model.ToolCall, map[string]tool.Known) {
	last := c.last()
	if last == nil || last.answer != nil || last.stop != model.StopToolUse {
		return nil, nil
	}
	for _, key := range last.keys {
		if _, ok := last.results[key]; !ok {
			return last.asked, maps.Clone(last.known)
		}
	}
	return nil, nil
}

// lastCall is the number of the model call the last message came from.
func (c *conversation) lastCall() int {
	if last := c.last(); last != nil {
		return last.call
	}
	return 0
}

// result returns the whole result of a call, also of one whose message was
// compacted away, from the log.
func result(events func(func(event.Event, error) bool), call string) (string, error) {
	found := false
	var text string
	for e, err := range events {
		if err != nil {
			return "", fmt.Errorf("read the results of earlier calls: %w", err)
		}
		if e.Kind != event.KindToolResult {
			continue
		}
		if p, _ := event.Decode[event.ToolResult](e); p.Call == call {
			text, found = p.Text, true
		}
	}
	if !found {
		return "", errNoResult
	}
	return text, nil
}
