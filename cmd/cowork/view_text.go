package main

import (
	"strings"

	"github.com/cowork-host/cowork/host"
)

// text is what the model of one thread is writing. On a terminal it shows as it
// grows, the last row in the region; elsewhere when it is complete.
type text struct {
	call    int
	purpose string
	got     strings.Builder // all that came of this call
	shown   int             // how many bytes of it were said or are in tail
	tail    string          // the row that still grows, clean
	fence   bool            // a line of this message has been said
	thought string          // the end of what it thinks, clean
	mused   bool
}

// maxThought bounds how much is kept of what a model thinks.
const maxThought = 400

// begin is a new call of the model.
func (x *text) begin(call int, purpose string) { *x = text{call: call, purpose: purpose} }

// shows reports whether the text of this call is for the person.
func (x *text) shows() bool { return x.purpose == "" || x.purpose == "turn" }

// think takes a piece of what the model thinks.
func (x *text) think(call int, s string) {
	if call != x.call {
		x.begin(call, "turn")
	}
	x.thought += strings.ReplaceAll(s, "\n", " ")
	if len(x.thought) > maxThought {
		x.thought = strings.ToValidUTF8(x.thought[len(x.thought)-maxThought:], "")
	}
	x.mused = true
}

// write takes a piece of text.
func (x *text) write(v *view, call int, s string) {
	if call != x.call {
		x.begin(call, "turn")
	}
	if !x.shows() {
		return
	}
	x.got.WriteString(s)
	if v.screen.live {
		x.flow(v, s)
	}
}

// flow says the rows that are complete and keeps the rest as the tail.
func (x *text) flow(v *view, s string) {
	x.shown += len(s)
	for {
		l, rest, ended := strings.Cut(s, "\n")
		x.tail += clean(l)
		if rows := strings.Split(wrap("  "+x.tail, v.screen.width()-1), "\n"); len(rows) > 1 && !v.muted {
			for _, r := range rows[:len(rows)-1] {
				v.screen.say(plain, r)
			}
			x.tail = strings.TrimLeft(rows[len(rows)-1], " ")
		}
		if !ended {
			return
		}
		x.endRow(v)
		s = rest
	}
}

// endRow says the row that grew. An empty one at the very beginning is left
// out.
func (x *text) endRow(v *view) {
	if (x.tail != "" || x.fence) && !v.muted {
		v.screen.say(plain, strings.TrimRight("  "+x.tail, " "))
		x.fence = true
	}
	x.tail = ""
}

// message is the finished message: what did not show yet is said now.
func (x *text) message(v *view, t *thread, m host.ModelMessage) {
	defer func() { x.begin(m.Call, "") }()
	if !v.root(t) || !x.shows() {
		return
	}
	if x.call == m.Call && x.shown > 0 && strings.HasPrefix(m.Text, x.got.String()) {
		x.flow(v, strings.TrimRight(m.Text[x.shown:], "\n "))
		x.end(v)
		return
	}
	x.again(v, t) // what was shown, if anything was, is not what counts
	whole := strings.Trim(m.Text, "\n")
	if strings.TrimSpace(whole) == "" {
		return
	}
	for l := range strings.SplitSeq(whole, "\n") {
		v.say(plain, "%s", strings.TrimRight("  "+clean(l), " "))
	}
}

// again gives up what was shown of a message that begins anew.
func (x *text) again(v *view, t *thread) {
	if x.shown > 0 {
		x.end(v)
		v.tell(t, dim, "  (this was cut off; it begins again)")
	}
	x.begin(x.call, x.purpose)
}

// end says the row that still grows.
func (x *text) end(v *view) {
	if x.tail != "" {
		x.endRow(v)
	}
}
