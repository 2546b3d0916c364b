package plugintest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// answer writes one reply.
type answer struct {
	m     *Messages
	w     http.ResponseWriter
	r     *http.Request
	req   *request
	reply Reply
	id    string // made from the request
	input inputUsage
	sent  int   // events of content so far
	err   error // why it has ended; nothing is sent after it
}

// errEnded says that the reply ended before its content did.
var errEnded = errors.New("the reply has ended")

func (a *answer) write() {
	r := a.reply
	if r.Gate != "" && r.After == 0 && !a.wait(a.m.gate(r.Gate)) {
		return
	}
	h := a.w.Header()
	h.Set("Request-Id", "req_"+a.id)
	for k, v := range r.Header {
		h.Set(k, v)
	}
	switch {
	case r.Body != "":
		a.w.WriteHeader(max(r.Status, http.StatusOK))
		_, _ = a.w.Write([]byte(r.Body)) // the client may have left
	case r.Status != 0 && r.Status != http.StatusOK:
		kind := r.Error
		if kind == "" {
			kind = "api_error"
		}
		body := errorBody(kind, r.Message)
		body["request_id"] = "req_" + a.id
		writeJSON(a.w, r.Status, body)
	case r.Plain || !a.req.Stream:
		a.input = a.m.usage(a.req)
		a.plain()
	default:
		a.input = a.m.usage(a.req)
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		a.stream()
	}
}

// wait blocks until gate opens. It returns false when the client left first or
// the server stops.
func (a *answer) wait(gate <-chan struct{}) bool {
	select {
	case <-gate:
		return true
	case <-a.r.Context().Done():
	case <-a.m.closed:
	}
	return false
}

// stream writes the reply as server-sent events.
func (a *answer) stream() {
	a.event("message_start", object{
		"type": "message_start", "message": object{
			"id": "msg_" + a.id, "type": "message", "role": "assistant", "model": a.req.Model,
			"content": []any{}, "stop_reason": nil, "stop_sequence": nil, "usage": a.usageJSON(1),
		},
	})
	a.event("ping", object{"type": "ping"})
	for i, b := range a.reply.Content {
		a.block(i, b)
	}
	if a.reply.End != EndDone {
		a.end()
	}
	a.event("message_delta", object{
		"type": "message_delta", "delta": object{"stop_reason": a.reply.Stop, "stop_sequence": nil},
		"usage": a.usageJSON(a.outputTokens()),
	})
	a.event("message_stop", object{"type": "message_stop"})
}

type object = map[string]any

// block streams one block of content.
func (a *answer) block(i int, b ReplyBlock) {
	start := func(block any) {
		a.content("content_block_start", i, "content_block", block)
	}
	delta := func(kind, field, text string) {
		a.content("content_block_delta", i, "delta", json.RawMessage(
			`{"type":`+quoteBytes(kind)+`,"`+field+`":`+quoteBytes(text)+`}`))
	}
	pieces := func(kind, field, text string) {
		for text != "" && a.err == nil {
			n := cutAt(text, a.reply.Chunk)
			delta(kind, field, text[:n])
			text = text[n:]
		}
	}
	switch {
	case b.Raw != nil:
		start(b.Raw)
	case b.Type == "thinking":
		start(object{"type": "thinking", "thinking": "", "signature": ""})
		pieces("thinking_delta", "thinking", b.Text+string(b.Bytes))
		delta("signature_delta", "signature", b.Signature)
	case b.Type == "tool_use":
		input := string(b.Input)
		if b.Cut > 0 {
			input = input[:min(b.Cut, len(input))]
		}
		start(object{"type": "tool_use", "id": a.callID(i, b), "name": b.Name, "input": object{}})
		delta("input_json_delta", "partial_json", "")
		pieces("input_json_delta", "partial_json", input)
		if b.Cut > 0 && a.reply.Stop != "max_tokens" {
			if a.reply.End == EndDone {
				a.reply.End = EndCut
			}
			a.end()
			return
		}
	default:
		start(object{"type": b.Type, "text": ""})
		pieces("text_delta", "text", b.Text+string(b.Bytes))
	}
	a.content("content_block_stop", i, "", nil)
}

func (a *answer) callID(i int, b ReplyBlock) string {
	if b.ID != "" {
		return b.ID
	}
	return fmt.Sprintf("toolu_%s_%d", a.id, i)
}

// content sends an event of content, after the gate or the end that stands
// before it.
func (a *answer) content(kind string, index int, field string, value any) {
	if a.err == nil && a.reply.After > 0 && a.sent == a.reply.After {
		if a.reply.Gate != "" && !a.wait(a.m.gate(a.reply.Gate)) {
			a.err = errEnded
		}
		if a.reply.End != EndDone {
			a.end()
		}
	}
	a.sent++
	e := `{"type":"` + kind + `","index":` + strconv.Itoa(index)
	if field != "" {
		e += `,"` + field + `":` + a.marshal(value)
	}
	a.send(kind, e+"}")
}

func (a *answer) event(kind string, value any) { a.send(kind, a.marshal(value)) }

// marshal is json.Marshal, but for raw JSON, which may hold bytes that are not
// UTF-8 and stays as it is.
func (a *answer) marshal(v any) string {
	if raw, ok := v.(json.RawMessage); ok {
		return string(raw)
	}
	raw, err := json.Marshal(v)
	if err != nil && a.err == nil {
		a.err = err
	}
	return string(raw)
}

// send sends an event unless the reply has ended.
func (a *answer) send(kind, data string) {
	if a.err == nil && a.reply.PaceMS > 0 {
		t := time.NewTimer(time.Duration(a.reply.PaceMS) * time.Millisecond)
		defer t.Stop()
		select {
		case <-t.C:
		case <-a.r.Context().Done():
			a.err = errEnded
		case <-a.m.closed:
			a.err = errEnded
		}
	}
	if a.err != nil {
		return
	}
	if _, a.err = fmt.Fprintf(a.w, "event: %s\ndata: %s\n\n", kind, data); a.err == nil {
		a.err = http.NewResponseController(a.w).Flush()
	}
}

// end ends the reply before its time.
func (a *answer) end() {
	if a.err != nil {
		return
	}
	switch a.reply.End {
	case EndHang:
		a.wait(nil)
	case EndError:
		kind, message := a.reply.Error, a.reply.Message
		if kind == "" {
			kind, message = "overloaded_error", "Overloaded"
		}
		a.event("error", errorBody(kind, message))
	case EndReset:
		conn, _, err := http.NewResponseController(a.w).Hijack()
		if err != nil {
			a.err = err
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // without it the end is an orderly one
		}
		conn.Close()
	}
	a.err = errEnded
}

// plain writes the reply as one JSON object.
func (a *answer) plain() {
	content := []any{}
	for i, b := range a.reply.Content {
		text := strings.ToValidUTF8(b.Text+string(b.Bytes), "\uFFFD")
		switch {
		case b.Raw != nil:
			content = append(content, b.Raw)
		case b.Type == "thinking":
			content = append(content, object{"type": "thinking", "thinking": text, "signature": b.Signature})
		case b.Type == "tool_use":
			content = append(content, object{"type": "tool_use", "id": a.callID(i, b), "name": b.Name, "input": b.Input})
		default:
			content = append(content, object{"type": b.Type, "text": text})
		}
	}
	writeJSON(a.w, http.StatusOK, object{
		"id": "msg_" + a.id, "type": "message", "role": "assistant", "model": a.req.Model,
		"content": content, "stop_reason": a.reply.Stop, "stop_sequence": nil, "usage": a.usageJSON(a.outputTokens()),
	})
}

// cutAt returns where a text is cut so that a piece has about n bytes and no
// character is torn.
func cutAt(text string, n int) int {
	if n >= len(text) {
		return len(text)
	}
	for i := n; i < len(text); i++ {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return len(text)
}

// quoteBytes is the JSON of a string whose bytes stay as they are, valid UTF-8
// or not.
func quoteBytes(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for {
		n := strings.IndexFunc(s, func(r rune) bool { return r == '"' || r == '\\' || r < 0x20 })
		if n < 0 {
			break
		}
		b.WriteString(s[:n])
		if c := s[n]; c < 0x20 {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteByte('\\')
			b.WriteByte(c)
		}
		s = s[n+1:]
	}
	b.WriteString(s)
	b.WriteByte('"')
	return b.String()
}
