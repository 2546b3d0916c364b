package web

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/cowork-host/cowork/pluginsdk"
)

// maxReplies is how many answers are kept; maxReply the largest of them.
const (
	maxReplies = 512
	maxReply   = 256 << 10
)

// replies gives a repeated request its first answer, so that a page that lost
// its connection may send again without doing twice.
type replies struct {
	mu    sync.Mutex
	byKey map[string]*replied
	order []string // the oldest first
}

// replied is the answer to one request; done is closed when it is there.
type replied struct {
	request sum
	done    chan struct{}
	answer  *answer
}

func newReplies() *replies { return &replies{byKey: map[string]*replied{}} }

// isKey reports whether a text looks like an Idempotency-Key.
func isKey(s string) bool {
	return len(s) >= 8 && len(s) <= 128 && strings.Trim(s, alphanumeric+"_-") == ""
}

// handler lets every key through once.
func (c *replies) handler(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k := r.Header.Get("Idempotency-Key")
		if !isKey(k) {
			fail(w, http.StatusBadRequest, pluginsdk.Invalid("send 8 to 128 letters and digits that no other request has", "the request has no Idempotency-Key"))
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			fail(w, http.StatusRequestEntityTooLarge, fmt.Errorf("read the request: %w", err))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		request := sha256.Sum256(append([]byte(r.Method+" "+r.URL.Path+"\x00"), body...))
		first, mine := c.claim(k, request)
		if first.request != request {
			fail(w, http.StatusUnprocessableEntity, pluginsdk.Invalid("use a new key for a new request", "the Idempotency-Key was used for another request"))
			return
		}
		if mine {
			c.run(k, first, next, r)
		}
		select {
		case <-first.done:
			if first.answer == nil {
				fail(w, http.StatusServiceUnavailable, &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: "the first request with this key got no answer", Next: "try again"})
				return
			}
			first.answer.send(w)
		case <-r.Context().Done():
		}
	})
}

// run answers the first request of a key. Answers that may change by trying
// again, and those too large to keep, are given out but not remembered.
func (c *replies) run(k string, first *replied, next http.HandlerFunc, r *http.Request) {
	out := newAnswer()
	finished := false
	defer func() {
		if finished {
			first.answer = out
		}
		close(first.done)
		if !finished || out.status >= http.StatusInternalServerError || out.body.Len() > maxReply {
			c.forget(k, first)
		}
	}()
	next(out, r)
	finished = true
}

func (c *replies) claim(k string, request sum) (*replied, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.byKey[k]; ok {
		return first, false
	}
	for len(c.order) >= maxReplies {
		delete(c.byKey, c.order[0])
		c.order = c.order[1:]
	}
	first := &replied{request: request, done: make(chan struct{})}
	c.byKey[k] = first
	c.order = append(c.order, k)
	return first, true
}

func (c *replies) forget(k string, first *replied) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[k] != first {
		return
	}
	delete(c.byKey, k)
	for i, o := range c.order {
		if o == k {
			c.order = append(c.order[:i], c.order[i+1:]...)
			return
		}
	}
}
