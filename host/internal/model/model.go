package model

import (
	"context"
	"encoding/json"
	"iter"
	"time"
)

// Model generates messages. Its methods may be called concurrently.
type Model interface {
	// Generate sends one request and yields what comes back: deltas while the
	// message grows, notices of retries, and last, exactly once, the finished
	// message. After an error nothing follows. Breaking out of the loop or
	// cancelling ctx ends the request; nothing of it goes on.
	//
	// A stream that ends before the message is complete is an error. A message
	// whose stop reason is not [StopToolUse] may hold tool calls that were cut
	// off; they must not be run.
	Generate(ctx context.Context, req *Request) iter.Seq2[Chunk, error]
}

// Counter is a [Model] that can count a request's input tokens without
// running it.
type Counter interface {
	Count(ctx context.Context, req *Request) (int64, error)
}

// Informer is a [Model] that knows the limits of what it can be asked for.
type Informer interface {
	Info(ctx context.Context, name string) (Info, error)
}

// Info is what is known of one model.
type Info struct {
	Name          string
	ContextWindow int64 // tokens of input and output together
	MaxOutput     int64 // tokens
}

// Request is one call of a model. It is not changed by the callee.
type Request struct {
	// Model is the model's name at the provider; empty: the connection's.
	Model string
	// System is the system prompt, in blocks that stay the same over a task.
	System []string
	Tools  []Tool
	// ServerTools are run by the provider, where it has them.
	ServerTools []ServerTool
	Messages    []Message
	MaxTokens   int64
	// Effort is "low", "medium", "high" or empty for the provider's own.
	Effort string
	// Thinking asks the model to think where that helps.
	Thinking bool
}

// Tool is a tool as it is offered to a model.
type Tool struct {
	Name        string
	Description string
	// InputSchema is a JSON Schema object, never empty.
	InputSchema json.RawMessage
}

// ServerTool is a tool the provider runs itself.
type ServerTool struct {
	Name    string // "web_search" or "web_fetch"
	MaxUses int    // 0: the provider's own limit
}

// Role says who a message is from.
type Role string

// The roles.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one message of a conversation: the provider's JSON of the whole
// object, {"role": …, "content": […]}, sent as it is.
type Message struct {
	Role Role
	Raw  json.RawMessage
}

// Chunk is one thing a call yields; exactly one field is set.
type Chunk struct {
	Delta    *Delta
	Retry    *Retry
	Response *Response
}

// DeltaKind says what grows.
type DeltaKind string

// The kinds of delta.
const (
	DeltaText     DeltaKind = "text"
	DeltaThinking DeltaKind = "thinking"
	DeltaInput    DeltaKind = "input" // of a tool call
)

// Delta is a piece of a message that is still growing. It is for showing only:
// what counts is the finished message.
type Delta struct {
	Kind  DeltaKind
	Index int    // the block's place in the message
	Tool  string // the tool's name, for DeltaInput
	Text  string
}

// Retry says that a call failed in a way that passes and is tried again.
type Retry struct {
	Attempt int // the one that failed, from 1
	Wait    time.Duration
	Reason  string
	// Usage is what the failed attempt is known to have used.
	Usage Usage
}

// StopReason says why a message ended, as the Messages API names it.
type StopReason string

// The stop reasons. A provider may have others.
const (
	StopEndTurn       StopReason = "end_turn"
	StopMaxTokens     StopReason = "max_tokens"
	StopSequence      StopReason = "stop_sequence"
	StopToolUse       StopReason = "tool_use"
	StopPauseTurn     StopReason = "pause_turn"
	StopRefusal       StopReason = "refusal"
	StopContextWindow StopReason = "model_context_window_exceeded"
)

// Response is a finished message.
type Response struct {
	ID    string // the provider's
	Model string // the one that answered
	// Message is what is sent back in the next request. Its content never
	// lacks a block the provider sent, known to us or not.
	Message    Message
	StopReason StopReason
	Usage      Usage
	RequestID  string
}

// Usage is what one call used, in tokens but for the two counts at the end.
// The kinds of input do not overlap.
type Usage struct {
	Input        int64 `json:"input_tokens"`
	CacheRead    int64 `json:"cache_read_tokens,omitempty"`
	CacheWrite5m int64 `json:"cache_write_5m_tokens,omitempty"`
	CacheWrite1h int64 `json:"cache_write_1h_tokens,omitempty"`
	Output       int64 `json:"output_tokens"`
	Thinking     int64 `json:"thinking_tokens,omitempty"` // a part of Output
	WebSearches  int64 `json:"web_searches,omitempty"`
	WebFetches   int64 `json:"web_fetches,omitempty"`
}

// InputTotal is all input: uncached, read from the cache, written to it.
func (u Usage) InputTotal() int64 {
	return u.Input + u.CacheRead + u.CacheWrite5m + u.CacheWrite1h
}

// Plus returns the sum of two usages.
func (u Usage) Plus(v Usage) Usage {
	return Usage{
		Input: u.Input + v.Input, CacheRead: u.CacheRead + v.CacheRead,
		CacheWrite5m: u.CacheWrite5m + v.CacheWrite5m, CacheWrite1h: u.CacheWrite1h + v.CacheWrite1h,
		Output: u.Output + v.Output, Thinking: u.Thinking + v.Thinking,
		WebSearches: u.WebSearches + v.WebSearches, WebFetches: u.WebFetches + v.WebFetches,
	}
}

// ErrorKind says what a caller can do about a failed call.
type ErrorKind string

// The kinds of error.
const (
	ErrorAuth     ErrorKind = "auth"      // the credentials are refused
	ErrorLimit    ErrorKind = "limit"     // a rate or spending limit; Retry says when it resets
	ErrorOverload ErrorKind = "overload"  // the provider is busy
	ErrorRequest  ErrorKind = "request"   // the request itself is refused
	ErrorTooLong  ErrorKind = "too_long"  // the input does not fit the context window
	ErrorNotModel ErrorKind = "not_model" // the server answers, but not as a model: HTML, a proxy's page
	ErrorCut      ErrorKind = "cut"       // the connection or stream broke off
	ErrorIdle     ErrorKind = "idle"      // nothing came for too long
)

// Error is a failed call, after all retries.
type Error struct {
	Kind ErrorKind
	// Message says what happened, for the person, without secrets.
	Message string
	// Next is the next step, a sentence fragment.
	Next string
	// RetryAfter is when the provider says a try may succeed; 0: not known.
	RetryAfter time.Duration
	RequestID  string
	// Usage is what the last attempt is known to have used; what earlier ones
	// did is in their [Retry].
	Usage Usage
	Err   error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
