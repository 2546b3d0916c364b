package anthropic

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/packages/ssestream"

	"github.com/cowork-host/cowork/host/internal/model"
)

// drainTime is how long the end of an answer that is complete may take, so
// that its connection can be used again.
const drainTime = 100 * time.Millisecond

// stream makes one attempt. It hands deltas to show until that returns false.
func (m *Model) stream(ctx context.Context, body []byte, attempt int, show func(model.Delta) bool) (*model.Response, *failure) {
	ctx, w := newWatch(ctx, m.opts.IdleTimeout, m.opts.MaxMessage)
	defer w.stop()
	res, err := m.send(ctx, w, http.MethodPost, "v1/messages", body, attempt)
	if err != nil {
		return nil, m.fail(err, w)
	}
	defer res.Body.Close()
	r := bufio.NewReader(res.Body)
	form, err := sniff(r, res)
	msg := message{most: m.opts.MaxMessage}
	switch {
	case err != nil:
	case form == formPage:
		return nil, m.notModel(res, "answers with a web page")
	case form == formObject:
		err = readWhole(r, &msg)
	default:
		res.Body = io.NopCloser(io.MultiReader(r, strings.NewReader("\n\n")))
		err = readEvents(res, w, &msg, show)
	}
	if errors.Is(err, errCut) && !msg.started && form == formOther {
		return nil, m.notModel(res, "answers with something that is not a message")
	}
	var out *model.Response
	if err == nil {
		out, err = msg.response()
	}
	if err != nil {
		f := m.fail(err, w)
		f.begun = f.begun || msg.started
		f.usage = msg.usage.total()
		f.setRequestID(res.Header.Get("Request-Id"))
		return nil, f
	}
	out.RequestID = res.Header.Get("Request-Id")
	w.within(drainTime)
	_, _ = io.CopyN(io.Discard, r, 4096) // only for the connection's sake
	return out, nil
}

// send sends a request through the SDK. Answers of 400 and above are errors.
// The caller closes the body.
func (m *Model) send(ctx context.Context, w *watch, method, path string, body []byte, attempt int) (*http.Response, error) {
	opts := []option.RequestOption{
		option.WithMiddleware(w.middleware),
		option.WithHeader("X-Stainless-Retry-Count", strconv.Itoa(attempt-1)),
	}
	if body != nil {
		opts = append(opts, option.WithRequestBody("application/json", body))
	}
	var res *http.Response
	if err := m.client.Execute(ctx, method, path, nil, &res, opts...); err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		res.Body.Close()
		return nil, &redirect{to: res.Header.Get("Location")}
	}
	return res, nil
}

// fetch makes one attempt at a request whose answer is one JSON object.
func (m *Model) fetch(ctx context.Context, method, path string, body []byte, attempt int, into any) *failure {
	ctx, w := newWatch(ctx, min(m.opts.IdleTimeout, 30*time.Second), m.opts.MaxMessage)
	defer w.stop()
	res, err := m.send(ctx, w, method, path, body, attempt)
	if err != nil {
		return m.fail(err, w)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return m.fail(err, w)
	}
	if json.Unmarshal(data, into) != nil {
		return m.notModel(res, "answers with something that is not JSON")
	}
	return nil
}

// redirect is an answer that points elsewhere.
type redirect struct{ to string }

// Error names no more than it must: the address may hold a secret.
func (r *redirect) Error() string { return "redirected" }

// form is what an answer looks like.
type form int

const (
	formEvents form = iota
	formObject
	formPage
	formOther
)

// sniff looks at the type and the first bytes of an answer, and skips white
// space before them.
func sniff(r *bufio.Reader, res *http.Response) (form, error) {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if kind == "text/html" {
		return formPage, nil
	}
	for {
		c, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return formOther, err
		}
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			continue
		}
		if err := r.UnreadByte(); err != nil {
			return formOther, err
		}
		switch c {
		case '<':
			return formPage, nil
		case '{':
			return formObject, nil
		}
		break
	}
	if kind == "text/event-stream" || kind == "application/vnd.amazon.eventstream" {
		return formEvents, nil
	}
	return formOther, nil
}

// readEvents reads a stream of events up to the end of the message.
func readEvents(res *http.Response, w *watch, msg *message, show func(model.Delta) bool) error {
	d := ssestream.NewDecoder(res)
	for d.Next() {
		w.alive()
		e := d.Event()
		delta, ok, err := msg.add(e.Type, e.Data)
		if err != nil {
			return err
		}
		if ok {
			w.pause() // the server does not wait for whoever looks at it
			more := show(delta)
			w.within(w.idle)
			if !more {
				return errGone
			}
		}
		if msg.done {
			return nil
		}
	}
	if err := d.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return errTooLarge
		}
		return err
	}
	return errCut
}

// readWhole reads an answer that is one object although a stream was asked
// for.
func readWhole(r io.Reader, msg *message) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return msg.whole(bytes.ToValidUTF8(data, []byte("\uFFFD")))
}
