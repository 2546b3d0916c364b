package engine

import (
	"errors"
	"strings"

	"github.com/cowork-host/cowork/host/internal/command"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/sandbox"
)

// The codes of errors beside pluginsdk's sentinels. Clients map them to exit
// codes and icons.
const (
	codeUsage       = "usage"
	codeNeedsModel  = "needs_model"
	codeNoSandbox   = "sandbox_unavailable"
	codePlugin      = "plugin_failed"
	codeStopped     = "stopped"
	codePaused      = "paused"
	codeParked      = "parked"
	codeModel       = "model_failed"
	codeInterrupted = "interrupted"
)

// errNeedsModel marks work that cannot be done without a model.
var errNeedsModel = errors.New("there is no model")

// needsModel says what needs a model and what to set.
func needsModel(what string) error {
	return errors.Join(errNeedsModel, &pluginsdk.Error{
		Kind: pluginsdk.ErrUnavailable, Message: what + " needs a model, and none is connected",
		Next: "set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL for a compatible server, and run it again; " +
			"without a model use a command with a handler, such as /data:profile FILE (`cowork plugin ls` lists them)",
	})
}

// errNoResult says that a tool call has no result in the log.
var errNoResult = &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "there is no result of such a call", Next: "use the id that stands in the shortened result"}

// ErrorOf returns err as events and clients have it: the most telling code,
// the message and the next step.
func ErrorOf(err error) *event.Error {
	out := event.ErrorOf(err)
	if out == nil {
		return nil
	}
	if u, ok := errors.AsType[*command.UsageError](err); ok {
		out.Code = codeUsage
		if u.Usage != "" {
			out.Next = strings.TrimPrefix(out.Next+"; usage: "+u.Usage, "; ")
		}
		return out
	}
	if f, ok := errors.AsType[*runtime.Failure](err); ok {
		return &event.Error{Code: codePlugin, Message: "plugin " + f.Plugin + " " + f.Message, Next: f.Next}
	}
	switch {
	case errors.Is(err, errNeedsModel):
		out.Code = codeNeedsModel
	case errors.Is(err, errModel):
		out.Code = codeModel
	case errors.Is(err, sandbox.ErrUnavailable):
		out.Code = codeNoSandbox
		if _, said := errors.AsType[*pluginsdk.Error](err); said {
			break
		}
		out.Message = "no sandbox works here, so no plugin can run: " + err.Error()
		out.Next = "see what is missing with `cowork doctor`"
	}
	return out
}
