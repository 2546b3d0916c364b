package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/pluginsdk"
)

// ending is how the model's last message ended, while nothing followed it.
type ending int

const (
	endNone    ending = iota // something follows it, or its calls are to be run
	endTurn                  // the model ended its turn
	endStrange               // it ended for a reason the host does not know
	endPause                 // the provider pauses the turn: it is called again
	endLength                // cut off at the length limit
	endWindow                // cut off at the end of the context window
	endRefusal               // it does not want to go on
	endEmpty                 // it ended its turn without a word
	endNoCall                // it wants a tool run and names none
	endUnmeant               // it names tools and does not want them run
)

// The times in a row a message may end in the same odd way.
const (
	maxOdd   = 3
	maxPause = 20
)

// ruleStop is the finding about a message that ended for an unknown reason.
const ruleStop = "model.stop"

// endingOf tells how a message of the model ended.
func endingOf(it *item) ending {
	switch calls := len(it.asked) > 0; {
	case it.stop == model.StopRefusal:
		return endRefusal
	case it.stop == model.StopMaxTokens:
		return endLength
	case it.stop == model.StopContextWindow:
		return endWindow
	case it.stop == model.StopToolUse && calls:
		return endNone
	case it.stop == model.StopToolUse:
		return endNoCall
	case calls:
		return endUnmeant
	case it.stop == model.StopPauseTurn:
		return endPause
	case silent(it.message):
		return endEmpty
	case it.stop == model.StopEndTurn || it.stop == model.StopSequence:
		return endTurn
	}
	return endStrange
}

// silent reports whether a message says nothing: it is empty, or holds nothing
// but thoughts.
func silent(m model.Message) bool {
	blocks, _ := m.Blocks() // a broken message says nothing
	for _, b := range blocks {
		if !strings.HasSuffix(b.Type, "thinking") && (b.Type != "text" || strings.TrimSpace(b.Text) != "") {
			return false
		}
	}
	return true
}

// count notes how often in a row messages ended in the same odd way.
func (c *conversation) count(end ending) {
	if end != c.end {
		c.times = 0
	}
	c.end = end
	c.times++
}

// ending is how the last message ended, and the how manieth in a row it is that
// ended so. A word of the person, or a resume, begins the count anew.
func (c *conversation) ending() (ending, int) {
	last := c.last()
	if last == nil || last.message.Role != model.Assistant || last.answer != nil || len(last.texts) > 0 {
		return endNone, 0
	}
	return endingOf(last), c.times
}

// mend goes on from the end of the model's last message. over says that the
// turn has ended with it; otherwise the model is to be called again.
func (r *run) mend(ctx context.Context) (over bool, err error) {
	r.mu.Lock()
	end, times := r.conv.ending()
	stop, text := model.StopReason(""), ""
	if last := r.conv.last(); last != nil {
		stop, text = last.stop, last.message.Text()
	}
	r.mu.Unlock()
	switch {
	case end == endNone, end == endTurn:
		return end == endTurn, nil
	case end == endStrange:
		f := event.Finding{Rule: ruleStop, Severity: "warning", Message: fmt.Sprintf("the model's message ended for the reason %.80q, which this host does not know; it may not be whole", stop)}
		if stop == "" {
			f.Message = "the model's message ended without saying why; it may not be whole"
		}
		if r.found(f) {
			return true, nil
		}
		return true, r.t.Record(ctx, f)
	case end == endRefusal && len(r.t.State().Queue) > 0:
		return true, nil // the next turn says it in another way
	case end == endRefusal, end == endPause && times > maxPause, end != endPause && times > maxOdd:
		return false, r.givenUp(end, stop, text)
	case end == endPause:
		return false, nil
	case end == endWindow:
		if err := r.compact(ctx, true); err != nil {
			return false, err
		}
	}
	return false, r.tell(ctx, word(end, stop))
}

// word is what the model is told after a message that ended in an odd way.
func word(end ending, stop model.StopReason) string {
	switch end {
	case endWindow:
		return "Your last message ended because the context window was full. Older messages were summarised since. Go on where it stopped."
	case endEmpty:
		return "Your last message was empty. Go on with the work if it is not finished; if it is, say what you delivered and what you did not check."
	case endNoCall:
		return "Your last message ended in order to call a tool, and holds no call. Call the tool, or end your turn."
	case endUnmeant:
		return fmt.Sprintf("Your last message holds tool calls and ended for the reason %q, so none of them was run. If they are meant, make them again.", stop)
	}
	return "Your last message ended at the length limit. Go on where it stopped; put long texts into files, in parts."
}

// givenUp is the end of a turn whose messages end in the same odd way again and
// again.
func (r *run) givenUp(end ending, stop model.StopReason, text string) error {
	resume := "`cowork task resume " + r.t.ID + "`"
	e := &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Next: "go on with " + resume + ", or use another model"}
	switch end {
	case endRefusal:
		e.Kind, e.Message = pluginsdk.ErrDenied, "the model refused to go on: "+orNothing(text)
		e.Next = "say it in another way with `cowork task message " + r.t.ID + " TEXT`"
	case endPause:
		e.Message = "the model's turn was paused by its provider again and again, without coming to an end"
	case endEmpty:
		e.Message = "the model ended its turn without a word, again and again"
	case endNoCall:
		e.Message = "the model's messages end in order to call a tool and hold no call, again and again"
		e.Next = "check that the server passes tool calls on, then go on with " + resume
	case endUnmeant:
		e.Message = fmt.Sprintf("the model's messages hold tool calls and end for the reason %.80q; calls are run only when it is tool_use", stop)
		e.Next = "check that the server keeps to the Messages API, then go on with " + resume
	default:
		e.Message = "the model's messages end at the length limit again and again"
		e.Next = "ask for less at once with `cowork task message " + r.t.ID + " TEXT`, or use another model"
	}
	return e
}

func orNothing(text string) string {
	if text == "" {
		return "it gave no reason"
	}
	return text
}
