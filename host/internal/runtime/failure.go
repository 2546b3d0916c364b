package runtime

import (
	"fmt"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Reason says in one word why a plugin process was given up.
type Reason string

// The reasons.
const (
	NotStarted Reason = "not_started" // it did not come up or say what it is
	Changed    Reason = "changed"     // its executable is not the one described
	Version    Reason = "version"     // it speaks another version of the contract
	Invalid    Reason = "invalid"     // what it says of itself is not valid
	Crashed    Reason = "crashed"     // it ended by itself
	Hung       Reason = "hung"        // it did not answer, or not stop when told to
	Flooded    Reason = "flooded"     // it wrote more output than it may
	Garbage    Reason = "garbage"     // its answer makes no sense
)

// Failure is the error of a plugin that was given up. It is for the person:
// it names the plugin, says what happened and what to do.
type Failure struct {
	Plugin string
	Reason Reason
	// Message says what happened, in lower case, without the plugin's name.
	Message string
	// Detail is what the process last wrote to standard error, at most a few
	// kilobytes.
	Detail string
	Next   string
}

// Error names the plugin and what happened.
func (f *Failure) Error() string {
	s := fmt.Sprintf("plugin %s %s", f.Plugin, f.Message)
	if f.Next != "" {
		s += "; " + f.Next
	}
	return s
}

// Unwrap returns [pluginsdk.ErrUnavailable]: the plugin cannot serve.
func (f *Failure) Unwrap() error { return pluginsdk.ErrUnavailable }
