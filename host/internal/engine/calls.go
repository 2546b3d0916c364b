package engine

import (
	"context"

	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/tool"
)

// parallelCalls is how many calls of one message run at once.
const parallelCalls = 8

// newDoor is the one door to this run's tool calls.
func (r *run) newDoor() *tool.Caller {
	return tool.NewCaller(tool.Options{
		Tools: r.tools, Record: r.recordCall, NextStep: r.newStep,
		Decide: r.decide, Before: []tool.Hook{r.note}, Approve: r.approve,
		Stopped: task.Stopped, Parallel: parallelCalls, Now: r.e.opts.Now,
	})
}

// callTools runs the calls of the model's last message that have no receipt.
func (r *run) callTools(ctx context.Context) error {
	r.mu.Lock()
	calls, known := r.conv.open()
	message := r.conv.lastCall()
	r.mu.Unlock()
	if len(calls) == 0 {
		return nil
	}
	return r.door.Do(ctx, message, calls, known)
}
