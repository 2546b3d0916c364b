package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// The times of a stream: how often it says that it lives, and how long a
// write to a page that does not read may take.
const (
	heartbeat    = 15 * time.Second
	writeTimeout = 20 * time.Second
)

// stream sends the events of all tasks. The page gets three kinds of message:
// "hello" with the number it starts from, events, and "lost" when it missed
// some and must load again what it shows.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	done, err := s.hub.open()
	if err != nil {
		fail(w, http.StatusServiceUnavailable, err)
		return
	}
	defer done()
	out := http.NewResponseController(w)
	if err := out.SetReadDeadline(time.Time{}); err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	after := r.Header.Get("Last-Event-ID")
	if after == "" {
		after = r.URL.Query().Get("after")
	}
	next, lost := s.hub.position(after)
	send := func(b []byte) bool {
		return out.SetWriteDeadline(time.Now().Add(writeTimeout)) == nil && write(w, b) && out.Flush() == nil
	}
	if !send(fmt.Appendf(nil, "retry: 1000\nid: %s\nevent: %s\ndata: {}\n\n", s.hub.id(next-1), greeting(lost))) {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		items, upto, lost, more := s.hub.from(next)
		var b bytes.Buffer
		if lost {
			fmt.Fprintf(&b, "id: %s\nevent: lost\ndata: {}\n\n", s.hub.id(upto-1))
		}
		for _, it := range items {
			fmt.Fprintf(&b, "id: %s\ndata: %s\n\n", s.hub.id(it.n), it.data)
		}
		if b.Len() > 0 && !send(b.Bytes()) {
			return
		}
		next = upto
		select {
		case <-r.Context().Done():
			return
		case <-more:
		case <-beat.C:
			if !send([]byte(": still here\n\n")) {
				return
			}
		}
	}
}

func greeting(lost bool) string {
	if lost {
		return "lost"
	}
	return "hello"
}

func write(w http.ResponseWriter, b []byte) bool {
	_, err := w.Write(b)
	return err == nil
}

// events sends one task's stored events from sequence from on, one a line, as
// the stream has them; with limit only so many, with full=1 uncut.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	task, q := r.PathValue("task"), r.URL.Query()
	if _, err := s.opts.Log.Head(r.Context(), task); err != nil {
		fail(w, http.StatusNotFound, &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "there is no task " + task, Next: "choose one from the list"})
		return
	}
	s.hub.touch(task)
	from, _ := strconv.ParseInt(q.Get("from"), 10, 64) // 0, all, when absent
	limit, _ := strconv.Atoi(q.Get("limit"))
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	n := 0
	for e, err := range s.opts.Log.Read(r.Context(), task, max(from, 1)) {
		if err != nil {
			return // the connection is cut short, which the page notices by the missing last event
		}
		line, err := slim(e)
		if q.Get("full") != "" {
			line, err = e.MarshalJSON()
		}
		if err != nil || out.SetWriteDeadline(time.Now().Add(writeTimeout)) != nil || !write(w, append(line, '\n')) {
			return
		}
		if n++; n == limit {
			return
		}
	}
}
