package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// events streams a task's events as JSON lines, from the sequence ?from= on.
// With ?follow=1 it goes on for as long as the task is at work. With ?tree=1
// there are those of its sub-agents too, of each from its own &from=TASK:SEQUENCE
// on or else all, and the end of the task itself is the last line.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	id, q := r.PathValue("task"), r.URL.Query()
	if _, err := s.opts.Log.Head(r.Context(), id); err != nil {
		fail(w, notFound(id, err))
		return
	}
	next, err := positions(id, q["from"])
	if err != nil {
		fail(w, err)
		return
	}
	t := &tail{
		log: s.opts.Log, root: id, next: next, tree: q.Get("tree") != "", follow: q.Get("follow") != "",
		flush: http.NewResponseController(w), enc: json.NewEncoder(w),
	}
	t.enc.SetEscapeHTML(false) // an export has every byte as it is
	w.Header().Set("Content-Type", "application/x-ndjson")
	if t.follow && !t.live(r.Context(), s.opts.Tasks.Done(id)) {
		return
	}
	t.rest(r.Context())
}

// positions reads where to begin: the sequence of the task itself, and with
// its name before it that of a sub-agent.
func positions(root string, from []string) (map[string]int64, error) {
	out := map[string]int64{}
	for _, f := range from {
		task, seq, of := strings.Cut(f, ":")
		if !of {
			task, seq = root, f
		}
		n, err := strconv.ParseInt(seq, 10, 64)
		if err != nil || task == "" {
			return nil, pluginsdk.Invalid("send from=SEQUENCE, and from=TASK:SEQUENCE for a sub-agent", "%.80q is no place in a log", f)
		}
		out[task] = n
	}
	return out, nil
}

// tail writes the events of a task, or of its tree, to a client, each once.
type tail struct {
	log          event.Log
	root         string
	tree, follow bool
	flush        *http.ResponseController
	enc          *json.Encoder

	next map[string]int64 // by task: the sequence that comes next
	end  *event.Event     // the last end of the root, held back until all else is out
}

// live sends events as they come until over is closed. It reports whether what
// is left is to be sent: a stream that is cut has no end, which tells the
// client.
func (t *tail) live(ctx context.Context, over <-chan struct{}) bool {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // before the wait
	wg.Go(func() {
		select {
		case <-over:
		case <-ctx.Done():
		}
		cancel()
	})
	events := t.log.Subscribe(ctx, t.root, t.next[t.root])
	if t.tree {
		events = event.SubscribeTree(ctx, t.log, t.root, t.next)
	}
	for e, err := range events {
		if err != nil {
			return errors.Is(err, context.Canceled)
		}
		if !t.pass(e) {
			return false
		}
	}
	return true
}

// rest sends what is stored and was not sent, and the end.
func (t *tail) rest(ctx context.Context) {
	events := t.log.Read(ctx, t.root, t.next[t.root])
	if t.tree {
		events = event.ReadTreeFrom(ctx, t.log, t.root, t.next)
	}
	for e, err := range events {
		if err != nil || !t.pass(e) {
			return
		}
	}
	if t.end != nil {
		t.send(*t.end)
	}
}

// pass sends an event, or holds it back when it may be the last one. It
// reports whether the client is still there.
func (t *tail) pass(e event.Event) bool {
	if e.Seq == 0 {
		return t.send(e)
	}
	t.next[e.Task] = e.Seq + 1
	if e.Task != t.root {
		return t.send(e)
	}
	before := t.end
	t.end = nil
	if before != nil && !t.send(*before) {
		return false
	}
	if e.Kind == event.KindTaskDone {
		t.end = &e
		return true
	}
	return t.send(e)
}

func (t *tail) send(e event.Event) bool {
	return t.enc.Encode(e) == nil && (!t.follow || t.flush.Flush() == nil)
}

// maxImport bounds an imported log in bytes.
const maxImport = 2 << 30

// importTask adds a task from its exported log, JSON lines.
func (s *Server) importTask(w http.ResponseWriter, r *http.Request) {
	id, err := s.opts.Tasks.Import(r.Context(), readEvents(http.MaxBytesReader(w, r.Body, maxImport)))
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, RunResponse{Task: id})
}

// readEvents reads JSON lines, none longer than an event can be.
func readEvents(r io.Reader) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 64<<10), event.MaxData+1<<20)
		n := 0
		for lines.Scan() {
			n++
			if len(lines.Bytes()) == 0 {
				continue
			}
			var e event.Event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				yield(e, pluginsdk.Invalid("import events.jsonl as `cowork task export` wrote it", "line %d is no event: %.200v", n, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(event.Event{}, pluginsdk.Invalid("", "the log breaks off behind line %d: %.200v", n, err))
		}
	}
}
