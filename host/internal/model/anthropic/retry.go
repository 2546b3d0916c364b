package anthropic

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host/internal/model"
)

// failure is why one attempt failed.
type failure struct {
	err    error // what the caller gets when this was the last attempt
	status int   // 0 when there was no answer
	detail string
	retry  bool
	// advice is how long the server asks to wait; below 0: it does not say.
	advice time.Duration
	begun  bool        // a part of the message had come
	usage  model.Usage // what the attempt is known to have cost
}

func (f *failure) kind() model.ErrorKind {
	var e *model.Error
	if errors.As(f.err, &e) {
		return e.Kind
	}
	return ""
}

// last is the error of a call whose last attempt this was, with what it used.
func (f *failure) last() error {
	var e *model.Error
	if f.usage == (model.Usage{}) || !errors.As(f.err, &e) {
		return f.err
	}
	known := *e
	known.Usage = f.usage
	return &known
}

// stopped is the error of a call that the caller ended in the middle.
func (f *failure) stopped(err error) error {
	err = fmt.Errorf("call the model: %w", err)
	if f.usage == (model.Usage{}) {
		return err
	}
	return &model.Error{Kind: model.ErrorCut, Message: err.Error(), Usage: f.usage, Err: err}
}

// maxRestarts bounds how often a message that had begun is asked for again:
// every time is paid for.
const maxRestarts = 2

// plan says whether to try again after a failed attempt, and after what wait.
func (m *Model) plan(f *failure, attempt, restarts int) (time.Duration, bool) {
	if !f.retry || attempt > m.opts.MaxRetries || f.begun && restarts >= maxRestarts {
		return 0, false
	}
	if f.advice >= 0 {
		return f.advice, f.advice <= m.opts.RetryCap
	}
	const first, most = 500 * time.Millisecond, 8 * time.Second
	d := min(first<<min(attempt-1, 10), most)
	d -= rand.N(d / 4)
	return min(d, m.opts.RetryCap), true
}

// retryable says whether a status passes, unless the server knows better.
func retryable(status int, h http.Header) bool {
	switch h.Get("X-Should-Retry") {
	case "true":
		return true
	case "false":
		return false
	}
	return status == http.StatusRequestTimeout || status == http.StatusConflict ||
		status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// advice reads how long a server asks to wait; below 0 it does not say.
func advice(h http.Header, now time.Time) time.Duration {
	if d, ok := number(h.Get("Retry-After-Ms"), time.Millisecond); ok {
		return d
	}
	if d, ok := number(h.Get("Retry-After"), time.Second); ok {
		return d
	}
	if t, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		return max(0, t.Sub(now))
	}
	return reset(h, now)
}

// longest bounds what is believed of a server's advice.
const longest = 365 * 24 * time.Hour

func number(s string, unit time.Duration) (time.Duration, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(f) || f < 0 {
		return 0, false
	}
	return time.Duration(min(f*float64(unit), float64(longest))), true
}

// reset reads when the limits that are used up are filled again; below 0 the
// headers do not say.
func reset(h http.Header, now time.Time) time.Duration {
	const prefix = "Anthropic-Ratelimit-"
	d := time.Duration(-1)
	for key := range h {
		name, ok := strings.CutSuffix(key, "-Reset")
		if !ok || !strings.HasPrefix(name, prefix) {
			continue
		}
		left := h.Get(name + "-Remaining")
		if status := h.Get(name + "-Status"); left != "0" && status != "rejected" {
			continue
		}
		if t, ok := instant(h.Get(key)); ok {
			d = max(d, min(max(0, t.Sub(now)), longest))
		}
	}
	return d
}

// instant reads a time as RFC 3339 or seconds since 1970.
func instant(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, true
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 {
		return time.Unix(n, 0), true
	}
	return time.Time{}, false
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
