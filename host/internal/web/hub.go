package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// The bounds of the hub.
const (
	ringEvents = 8192     // how far back a stream can go on
	ringBytes  = 24 << 20 // and in bytes
	maxWatched = 64       // tasks followed live; others are read at every look
	maxTouched = 64       // older tasks a page has open
	maxSeen    = 4096
	maxStreams = 64
	lookEvery  = 300 * time.Millisecond
)

// hub joins the events of all tasks into one stream with one numbering, so
// that a page needs one connection. The log is followed task by task: it is
// looked through for tasks with news while a page listens, and those at work
// are subscribed to.
type hub struct {
	log    Log
	logger *slog.Logger
	epoch  string        // of this process: numbers of another mean nothing
	look   chan struct{} // holds one token to look at once

	mu      sync.Mutex
	ring    []item // the last items, without a gap
	bytes   int
	next    uint64 // the number of the next item
	more    chan struct{}
	streams int
	ready   bool             // the tasks there were at the start are known
	seen    map[string]int64 // the last event of a task that was taken in
	watched map[string]context.CancelFunc
	touched []string
}

// item is one event in the stream.
type item struct {
	n    uint64
	data []byte
}

func newHub(log Log, logger *slog.Logger) *hub {
	return &hub{
		log: log, logger: logger, epoch: rand.Text()[:8], look: make(chan struct{}, 1), next: 1,
		more: make(chan struct{}), seen: map[string]int64{}, watched: map[string]context.CancelFunc{},
	}
}

// run follows the log until ctx ends.
func (h *hub) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := h.survey(ctx, &wg); err != nil && ctx.Err() == nil {
			h.logger.Warn("look for news of tasks", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-h.look:
		}
	}
}

// kick makes the hub look for news at once.
func (h *hub) kick() {
	select {
	case h.look <- struct{}{}:
	default:
	}
}

// touch makes the hub look after a task even if it is an old one.
func (h *hub) touch(task string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, t := range h.touched {
		if t == task {
			h.touched = append(append(h.touched[:i:i], h.touched[i+1:]...), task)
			return
		}
	}
	if h.touched = append(h.touched, task); len(h.touched) > maxTouched {
		h.touched = h.touched[1:]
	}
}

// survey takes in what is new. While nobody listens it does nothing, but for
// the first time: what there is then is old.
func (h *hub) survey(ctx context.Context, wg *sync.WaitGroup) error {
	h.mu.Lock()
	idle, first := h.streams == 0, !h.ready
	touched := append([]string(nil), h.touched...)
	h.mu.Unlock()
	if idle && !first {
		h.dropWatches()
		return nil
	}
	heads, err := h.log.Tasks(ctx, event.Query{})
	if err != nil {
		return err
	}
	newest := map[string]bool{}
	for _, head := range heads {
		newest[head.Task] = true
	}
	for _, task := range touched {
		if head, err := h.log.Head(ctx, task); err == nil && !newest[task] {
			heads = append(heads, head)
			newest[task] = false
		}
	}
	for _, head := range heads {
		h.take(ctx, wg, head, first, newest[head.Task])
	}
	h.forget(heads)
	h.mu.Lock()
	h.ready = true
	h.mu.Unlock()
	return nil
}

// take begins to follow a task that has news or is at work. A task seen for
// the first time is all news, unless it was there at the start or is one of
// the old ones a page has just opened.
func (h *hub) take(ctx context.Context, wg *sync.WaitGroup, head event.Head, first, isNew bool) {
	atWork := head.Status == event.StatusRunning || head.Status == event.StatusStopping
	h.mu.Lock()
	defer h.mu.Unlock()
	last, known := h.seen[head.Task]
	if !known && (first || !isNew) {
		last = head.Last
		h.seen[head.Task] = last
	}
	if h.watched[head.Task] != nil || head.Last <= last && !atWork || h.streams == 0 {
		return
	}
	if len(h.watched) >= maxWatched {
		h.mu.Unlock()
		h.read(ctx, head.Task, last+1)
		h.mu.Lock()
		return
	}
	watch, cancel := context.WithCancel(ctx)
	h.watched[head.Task] = cancel
	wg.Go(func() { h.watch(watch, head.Task, last+1) })
}

// watch follows one task until its run is over. If it goes on, a later look
// finds it again.
func (h *hub) watch(ctx context.Context, task string, from int64) {
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.watched[task]()
		delete(h.watched, task)
	}()
	for e, err := range h.log.Subscribe(ctx, task, from) {
		if err != nil {
			return // the host ends, or nobody listens any more
		}
		h.add(e)
		if e.Kind == event.KindTaskDone {
			return
		}
	}
}

func (h *hub) read(ctx context.Context, task string, from int64) {
	for e, err := range h.log.Read(ctx, task, from) {
		if err != nil {
			return // a later look tries again
		}
		h.add(e)
	}
}

// add appends an event to the stream; of a task's stored events each once.
func (h *hub) add(e event.Event) {
	data, err := slim(e)
	if err != nil {
		h.logger.Warn("an event cannot be shown", "task", e.Task, "seq", e.Seq, "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Seq != 0 {
		if e.Seq <= h.seen[e.Task] {
			return
		}
		h.seen[e.Task] = e.Seq
	}
	h.ring = append(h.ring, item{h.next, data})
	h.next++
	h.bytes += len(data)
	drop := 0
	for len(h.ring)-drop > ringEvents || h.bytes > ringBytes && len(h.ring)-drop > 1 {
		h.bytes -= len(h.ring[drop].data)
		h.ring[drop].data = nil
		drop++
	}
	h.ring = h.ring[drop:]
	close(h.more)
	h.more = make(chan struct{})
}

func (h *hub) dropWatches() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, cancel := range h.watched {
		cancel()
	}
}

// forget keeps the memory of old tasks bounded.
func (h *hub) forget(heads []event.Head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.seen) <= maxSeen {
		return
	}
	keep := map[string]bool{}
	for _, head := range heads {
		keep[head.Task] = true
	}
	maps.DeleteFunc(h.seen, func(task string, _ int64) bool { return !keep[task] && h.watched[task] == nil })
}

// open counts a new stream and returns what ends it.
func (h *hub) open() (done func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams >= maxStreams {
		return nil, &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: fmt.Sprintf("%d pages are open already", h.streams), Next: "close some"}
	}
	h.streams++
	h.kick()
	return sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.streams--
	}), nil
}

// position returns the number a stream goes on with that has had everything up
// to id. lost: what came between is gone, and the page must load anew. Without
// an id the stream begins now.
func (h *hub) position(id string) (n uint64, lost bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id == "" {
		return h.next, false
	}
	epoch, num, _ := strings.Cut(id, "-")
	had, err := strconv.ParseUint(num, 10, 64)
	if epoch != h.epoch || err != nil || had >= h.next {
		return h.next, true
	}
	if len(h.ring) > 0 && had+1 < h.ring[0].n {
		return h.next, true
	}
	return had + 1, false
}

// from returns the items from number n on, and a channel that is closed when
// there are more. lost: some of them are gone.
func (h *hub) from(n uint64) (items []item, next uint64, lost bool, more <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ring) > 0 && n < h.ring[0].n {
		return nil, h.next, true, h.more
	}
	if back := h.next - n; back > 0 && back <= uint64(len(h.ring)) {
		items = append(items, h.ring[uint64(len(h.ring))-back:]...)
	}
	return items, h.next, false, h.more
}

// id is the number of an item as streams carry it.
func (h *hub) id(n uint64) string { return h.epoch + "-" + strconv.FormatUint(n, 10) }
