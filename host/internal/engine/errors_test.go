package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/command"
	"github.com/cowork-host/cowork/host/internal/engine"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/sandbox"
)

func errorOf(err error) *event.Error { return engine.ErrorOf(err) }

func TestErrorOf(t *testing.T) {
	t.Parallel()
	invalid := &pluginsdk.Error{Kind: pluginsdk.ErrInvalid, Message: "it is wrong"}
	for _, c := range []struct {
		name string
		err  error
		want *event.Error
	}{
		{"none", nil, nil},
		{"usage", &command.UsageError{Err: invalid, Usage: "/a:b FILE"}, &event.Error{Code: "usage", Message: "it is wrong", Next: "usage: /a:b FILE"}},
		{"usage with a next step", &command.UsageError{Err: &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "m", Next: "n"}, Usage: "u"}, &event.Error{Code: "usage", Message: "m", Next: "n; usage: u"}},
		{"plugin", fmt.Errorf("run: %w", &runtime.Failure{Plugin: "p", Reason: runtime.Crashed, Message: "crashed", Next: "n", Detail: "d"}), &event.Error{Code: "plugin_failed", Message: "plugin p crashed", Next: "n"}},
		{"plugin beside another", errors.Join(errors.New("x"), &runtime.Failure{Plugin: "p", Message: "crashed"}), &event.Error{Code: "plugin_failed", Message: "plugin p crashed"}},
		{"sandbox", fmt.Errorf("jail: %w", sandbox.ErrUnavailable), &event.Error{Code: "sandbox_unavailable", Message: "no sandbox works here, so no plugin can run: jail: sandbox unavailable", Next: "see what is missing with `cowork doctor`"}},
		{"person's, wrapped", fmt.Errorf("more: %w", &pluginsdk.Error{Kind: pluginsdk.ErrDenied, Message: "m", Next: "n"}), &event.Error{Code: "denied", Message: "m", Next: "n"}},
		{"own", errors.New("oops"), &event.Error{Code: "internal", Message: "oops"}},
		{"cancelled", context.Canceled, &event.Error{Code: "internal", Message: "context canceled"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, engine.ErrorOf(c.err)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	for _, s := range pluginsdk.Sentinels() {
		if got := engine.ErrorOf(fmt.Errorf("x: %w", s.Err)); got.Code != s.Code {
			t.Errorf("%v has code %s, want %s", s.Err, got.Code, s.Code)
		}
	}
}
