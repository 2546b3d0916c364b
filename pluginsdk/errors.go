package pluginsdk

import (
	"errors"
	"fmt"
)

// The sentinels of the contract, the whole list. They survive the wire in both
// directions: errors.Is holds on either side.
var (
	ErrNotFound    = errors.New("not found")
	ErrDenied      = errors.New("denied")
	ErrInvalid     = errors.New("invalid")
	ErrUnsupported = errors.New("unsupported")
	ErrConflict    = errors.New("conflict")
	ErrUnavailable = errors.New("unavailable")
)

// Error is an error made for the person who reads it: what went wrong with
// which thing, and what to do next. It wraps one of the sentinels and keeps
// all its parts over the wire.
type Error struct {
	// Kind is one of the sentinels, never nil.
	Kind error
	// Message names the thing and says what is wrong with it, in lower case
	// without a full stop.
	Message string
	// Next is the next step, as a sentence fragment: "save it as CSV and try
	// again". Empty when there is none.
	Next string
}

// Error returns the message and, after a semicolon, the next step.
func (e *Error) Error() string {
	if e.Next == "" {
		return e.Message
	}
	return e.Message + "; " + e.Next
}

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.Kind }

// Invalid returns an [Error] of kind [ErrInvalid]: the input is not what it
// should be. The message is formatted in the manner of [fmt.Sprintf].
func Invalid(next, format string, args ...any) error {
	return &Error{Kind: ErrInvalid, Message: fmt.Sprintf(format, args...), Next: next}
}

// Sentinels returns the six sentinels with their stable names, in a fixed
// order. The wire and the host's JSON use the names.
func Sentinels() []Sentinel {
	return []Sentinel{
		{"not_found", ErrNotFound},
		{"denied", ErrDenied},
		{"invalid", ErrInvalid},
		{"unsupported", ErrUnsupported},
		{"conflict", ErrConflict},
		{"unavailable", ErrUnavailable},
	}
}

// Sentinel is one entry of [Sentinels].
type Sentinel struct {
	Code string
	Err  error
}

// Code returns the stable name of the sentinel that err is, or "internal".
func Code(err error) string {
	for _, s := range Sentinels() {
		if errors.Is(err, s.Err) {
			return s.Code
		}
	}
	return "internal"
}
