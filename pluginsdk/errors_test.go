package pluginsdk_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cowork-host/cowork/pluginsdk"
)

func TestError(t *testing.T) {
	t.Parallel()
	err := pluginsdk.Invalid("add a header", "%s has %d columns", "in.csv", 0)
	if got, want := err.Error(), "in.csv has 0 columns; add a header"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(err, pluginsdk.ErrInvalid) || errors.Is(err, pluginsdk.ErrDenied) {
		t.Errorf("%v is of another kind", err)
	}
	if got, want := pluginsdk.Invalid("", "it is wrong").Error(), "it is wrong"; got != want {
		t.Errorf("without a next step: %q, want %q", got, want)
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{pluginsdk.ErrNotFound, "not_found"},
		{pluginsdk.ErrDenied, "denied"},
		{pluginsdk.ErrInvalid, "invalid"},
		{pluginsdk.ErrUnsupported, "unsupported"},
		{pluginsdk.ErrConflict, "conflict"},
		{pluginsdk.ErrUnavailable, "unavailable"},
		{fmt.Errorf("open: %w", pluginsdk.ErrDenied), "denied"},
		{&pluginsdk.Error{Kind: pluginsdk.ErrConflict}, "conflict"},
		{errors.New("not found"), "internal"},
		{nil, "internal"},
	} {
		if got := pluginsdk.Code(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

func TestSentinelsAreDifferent(t *testing.T) {
	t.Parallel()
	all := pluginsdk.Sentinels()
	for i, a := range all {
		for j, b := range all {
			if i != j && (a.Code == b.Code || errors.Is(a.Err, b.Err)) {
				t.Errorf("%s is %s", a.Code, b.Code)
			}
		}
	}
	all[0].Code = "changed"
	if pluginsdk.Sentinels()[0].Code == "changed" {
		t.Error("a caller can change the list")
	}
}
