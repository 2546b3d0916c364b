package anthropic

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anthropics/anthropic-sdk-go/option"
)

// errTooLarge says that a server sends more than is read.
var errTooLarge = errors.New("the answer is too large")

// maxErrorBody is read of an answer that is an error.
const maxErrorBody = 64 << 10

// watch ends a request for which nothing comes.
type watch struct {
	cancel context.CancelFunc
	idle   time.Duration
	most   int64        // what may be read before an event ends
	idled  atomic.Bool  // it was the watch that ended the request
	left   atomic.Int64 // of most

	mu    sync.Mutex
	timer *time.Timer
}

// newWatch returns a context for one request, and its watch. The caller stops
// the watch.
func newWatch(ctx context.Context, idle time.Duration, most int64) (context.Context, *watch) {
	w := &watch{idle: idle, most: most}
	ctx, w.cancel = context.WithCancel(ctx)
	w.alive()
	w.timer = time.AfterFunc(idle, func() {
		w.idled.Store(true)
		w.cancel()
	})
	return ctx, w
}

// stop ends the request.
func (w *watch) stop() {
	w.timer.Stop()
	w.cancel()
}

// within leaves so much time from now on.
func (w *watch) within(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Reset(d)
}

// pause stops the clock until the next call of within.
func (w *watch) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
}

// alive says that an event came to its end.
func (w *watch) alive() { w.left.Store(w.most) }

// middleware watches the answer as it comes, and cuts long errors.
func (w *watch) middleware(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	res, err := next(req)
	if err != nil || res == nil {
		return res, err
	}
	w.within(w.idle)
	body := io.Reader(&watchedBody{Reader: res.Body, w: w})
	if res.StatusCode >= http.StatusBadRequest {
		body = io.LimitReader(body, maxErrorBody)
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{body, res.Body}
	return res, nil
}

// watchedBody is an answer's body: every byte is a sign of life.
type watchedBody struct {
	io.Reader
	w *watch
}

// Read reads and counts.
func (b *watchedBody) Read(p []byte) (int, error) {
	left := b.w.left.Load()
	if left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.Reader.Read(p[:min(int64(len(p)), left)])
	if n > 0 {
		b.w.left.Add(-int64(n))
		b.w.within(b.w.idle)
	}
	return n, err
}
