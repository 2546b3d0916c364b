package plugintest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Script says what a scripted model answers. Its JSON is the format of script
// files, see [ParseScript].
type Script struct {
	// Replies are tried in order for every call: the first that is meant for it
	// and is not used up answers.
	Replies []Reply `json:"replies"`
	// Key is the API key or bearer token the server asks for; empty: none.
	Key string `json:"key,omitempty"`
	// Window and MaxOutput are what the server says of its models, in tokens;
	// 0: 200,000 and 64,000.
	Window    int64 `json:"window,omitempty"`
	MaxOutput int64 `json:"max_output,omitempty"`
	// NoModels makes the server one that does not know GET /v1/models, neither
	// the list nor a model.
	NoModels bool `json:"no_models,omitempty"`
	// Lax takes conversations the real API would refuse.
	Lax bool `json:"lax,omitempty"`
}

// ParseScript reads a script file. Fields it does not know are errors. The
// shortest script is
//
//	{"replies": [{"content": [{"type": "text", "text": "Done."}]}]}
func ParseScript(data []byte) (Script, error) {
	var s Script
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return Script{}, fmt.Errorf("read the script of the model: %w", err)
	}
	if dec.More() {
		return Script{}, fmt.Errorf("read the script of the model: something follows it")
	}
	for i, r := range s.Replies {
		if err := r.check(); err != nil {
			return Script{}, fmt.Errorf("read the script of the model: reply %d: %w", i+1, err)
		}
	}
	return s, nil
}

func (s Script) copied() Script {
	s.Replies = slices.Clone(s.Replies)
	return s
}

// End says how a streamed reply ends.
type End string

// The ways a reply ends. All but EndDone happen after Reply.After events of
// content, or after all of them when that is 0.
const (
	EndDone  End = ""      // as it should
	EndCut   End = "cut"   // the stream ends in good order, without message_stop
	EndReset End = "reset" // the connection is reset
	EndHang  End = "hang"  // nothing more comes until the client leaves
	EndError End = "error" // an error event: Reply.Error and Reply.Message
)

// Reply is one answer. The zero value is an empty message that ends its turn.
type Reply struct {
	// When limits the requests it is for; the zero value means any.
	When When `json:"when,omitzero"`
	// Times is how often it may be given; 0 means once, -1 any number.
	// In texts and inputs {{n}} becomes the number of the use, from 1.
	Times int `json:"times,omitempty"`

	Content []ReplyBlock `json:"content,omitempty"`
	// Stop is the stop reason; empty: tool_use when there is a tool call,
	// end_turn when there is none.
	Stop string `json:"stop,omitempty"`
	// Chunk is the size of a delta in bytes; 0 means 24. A character is never
	// cut in two.
	Chunk int `json:"chunk,omitempty"`
	// PaceMS is a pause before every event, in milliseconds.
	PaceMS int `json:"pace_ms,omitempty"`
	// Gate is the name of a gate the reply waits at, before anything is
	// answered or, when After is set, after so many events of content. See
	// [Messages.Release].
	Gate string `json:"gate,omitempty"`
	// After counts events of content, for Gate and End.
	After int `json:"after,omitempty"`
	End   End `json:"end,omitempty"`

	// Status other than 0 and 200 makes the reply an error: Error is its type
	// and Message its text, unless Body is set.
	Status  int               `json:"status,omitempty"`
	Header  map[string]string `json:"header,omitempty"`
	Error   string            `json:"error,omitempty"`
	Message string            `json:"message,omitempty"`
	// Body is sent as it is instead of anything else.
	Body string `json:"body,omitempty"`
	// Plain answers with one JSON object although a stream was asked for.
	Plain bool `json:"plain,omitempty"`
	// Usage overrides fields of the usage that is reported.
	Usage map[string]int64 `json:"usage,omitempty"`
}

// ReplyBlock is one block of a reply's content.
type ReplyBlock struct {
	Type string `json:"type"` // "text", "thinking", "tool_use", or any
	Text string `json:"text,omitempty"`
	// Bytes follow the text as they are: for bytes that are not UTF-8.
	Bytes []byte `json:"bytes,omitempty"`
	// Size repeats the text until it has so many bytes.
	Size      int    `json:"size,omitempty"`
	Signature string `json:"signature,omitempty"`
	// ID of a tool call; empty: made from the request, the same every time.
	ID    string          `json:"id,omitempty"`
	Name  string          `json:"name,omitempty"`
	Input json.RawMessage `json:"input,omitempty"`
	// Cut ends the input after so many bytes; the block is not finished.
	Cut int `json:"cut,omitempty"`
	// Raw is the block as it is, of any type, sent in one piece.
	Raw json.RawMessage `json:"raw,omitempty"`
}

// When says which requests a reply is for. What is empty is not looked at;
// texts are looked for in the strings of the request, unescaped.
type When struct {
	System   string `json:"system,omitempty"` // in the system prompt
	First    string `json:"first,omitempty"`  // in the first message
	Last     string `json:"last,omitempty"`   // in the last message
	Anywhere string `json:"anywhere,omitempty"`
	// Call is the place of the call in its conversation: 1 when the request
	// holds no message of the model yet, 2 when it holds one. A program that is
	// killed and asks again gets the same reply.
	Call int `json:"call,omitempty"`
}

// InOrder makes replies that answer by their place in the conversation rather
// than in the order in which requests come: the first is for calls whose
// request holds no message of the model, and so on. Each answers any number of
// times, and only requests that w also holds for.
func InOrder(w When, replies ...Reply) []Reply {
	out := slices.Clone(replies)
	for i := range out {
		out[i].When = w
		out[i].When.Call = i + 1
		out[i].Times = -1
	}
	return out
}

// Say is a reply of these blocks.
func Say(blocks ...ReplyBlock) Reply { return Reply{Content: blocks} }

// SayText is a reply of one text.
func SayText(text string) Reply { return Say(TextBlock(text)) }

// TextBlock is a block of text.
func TextBlock(text string) ReplyBlock { return ReplyBlock{Type: "text", Text: text} }

// ThinkingBlock is what the model thinks, with the provider's signature.
func ThinkingBlock(text, signature string) ReplyBlock {
	return ReplyBlock{Type: "thinking", Text: text, Signature: signature}
}

// ToolBlock is a tool call. The input is JSON, sent byte for byte; an empty id
// is made from the request.
func ToolBlock(id, name, input string) ReplyBlock {
	return ReplyBlock{Type: "tool_use", ID: id, Name: name, Input: json.RawMessage(input)}
}

// RawBlock is a block the server knows nothing of.
func RawBlock(block string) ReplyBlock { return ReplyBlock{Raw: json.RawMessage(block)} }

// Refuse is an error reply. retryAfter is the header of that name, in seconds;
// empty leaves it out.
func Refuse(status int, kind, message, retryAfter string) Reply {
	r := Reply{Status: status, Error: kind, Message: message}
	if retryAfter != "" {
		r.Header = map[string]string{"Retry-After": retryAfter}
	}
	return r
}

// Page is a web page where a model was expected.
func Page(status int, html string) Reply {
	return Reply{Status: status, Body: html, Header: map[string]string{"Content-Type": "text/html; charset=utf-8"}}
}

// check finds mistakes in a script file.
func (r Reply) check() error {
	switch r.End {
	case EndDone, EndCut, EndReset, EndHang, EndError:
	default:
		return fmt.Errorf("end is %q, not cut, reset, hang or error", r.End)
	}
	for i, b := range r.Content {
		switch {
		case b.Type == "" && b.Raw == nil:
			return fmt.Errorf("block %d has no type", i+1)
		case b.Type == "tool_use" && b.Name == "":
			return fmt.Errorf("block %d is a tool call without a name", i+1)
		case b.Type == "raw":
			return fmt.Errorf(`block %d has the type "raw": leave the type out`, i+1)
		}
	}
	return nil
}

// filled returns the reply for its nth use, with defaults filled in.
func (r Reply) filled(n int) Reply {
	r.Content = slices.Clone(r.Content)
	r.Header = maps.Clone(r.Header)
	calls := false
	for i := range r.Content {
		b := &r.Content[i]
		b.Text = strings.ReplaceAll(b.Text, "{{n}}", strconv.Itoa(n))
		b.ID = strings.ReplaceAll(b.ID, "{{n}}", strconv.Itoa(n))
		b.Input = bytes.ReplaceAll(b.Input, []byte("{{n}}"), strconv.AppendInt(nil, int64(n), 10))
		if b.Type == "tool_use" && len(b.Input) == 0 {
			b.Input = json.RawMessage("{}")
		}
		calls = calls || b.Type == "tool_use"
		if b.Size > 0 && b.Text != "" {
			b.Text = strings.Repeat(b.Text, b.Size/len(b.Text)+1)[:b.Size]
		}
	}
	if r.Stop == "" {
		r.Stop = "end_turn"
		if calls {
			r.Stop = "tool_use"
		}
	}
	if r.Chunk <= 0 {
		r.Chunk = 24
	}
	return r
}
