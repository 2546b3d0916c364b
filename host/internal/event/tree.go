package event

import (
	"context"
	"iter"
	"maps"
	"sync"
)

// SubscribeTree returns the events of a task and of all tasks below it: the
// stored ones, of each task from its sequence in from on or else from the
// first, and then the new ones as they come, with transient ones. Each task's
// events come in their order and none twice; a sub-agent's come behind the
// event that started it where that is among them. It ends when ctx does, with
// the context's error, or with the first other error. A slow reader holds up
// nobody.
func SubscribeTree(ctx context.Context, l Log, root string, from map[string]int64) iter.Seq2[Event, error] {
	from = maps.Clone(from)
	return func(yield func(Event, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		t := &treeFeed{log: l, from: from, out: make(chan treeItem), seen: map[[2]string]bool{}}
		defer t.wg.Wait()
		defer cancel() // before the wait
		t.follow(inner, root, "")
		if err := t.older(inner, root); err != nil {
			yield(Event{}, err)
			return
		}
		for {
			select {
			case <-ctx.Done():
				yield(Event{}, ctx.Err())
				return
			case it := <-t.out:
				if !yield(it.event, it.err) || it.err != nil {
					return
				}
				if c := started(it.event); c != "" {
					t.follow(inner, c, it.event.Task)
				}
			}
		}
	}
}

type treeItem struct {
	event Event
	err   error
}

// treeFeed merges the subscriptions to the tasks of a tree.
type treeFeed struct {
	log  Log
	from map[string]int64
	out  chan treeItem
	wg   sync.WaitGroup
	seen map[[2]string]bool // used by the reader's goroutine only
}

// follow subscribes to one more task. One whose parent is another than the
// task that claims to have started it does not belong to the tree.
func (t *treeFeed) follow(ctx context.Context, task, parent string) {
	key := [2]string{parent, task} // a false claim must not hide the true one
	if t.seen[key] {
		return
	}
	t.seen[key] = true
	t.wg.Go(func() {
		for e, err := range t.log.Subscribe(ctx, task, t.from[task]) {
			if err == nil && parent != "" && e.Parent != parent {
				return
			}
			select {
			case t.out <- treeItem{e, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
}

// older follows the sub-agents that the reader will not see started, because
// that is before what it asked for.
func (t *treeFeed) older(ctx context.Context, root string) error {
	for todo := []string{root}; len(todo) > 0; {
		task := todo[0]
		todo = todo[1:]
		heads, err := t.log.Tasks(ctx, Query{Parent: task, Limit: -1})
		if err != nil {
			return err
		}
		for _, h := range heads {
			if t.from[task] > 1 {
				t.follow(ctx, h.Task, task)
			}
			todo = append(todo, h.Task)
		}
	}
	return nil
}

// started is the sub-agent that an event says was started, or "".
func started(e Event) string {
	if e.Kind != KindChildStarted {
		return ""
	}
	p, err := Decode[ChildStarted](e)
	if err != nil || checkTask(p.Child) != nil {
		return ""
	}
	return p.Child
}

// ReadTree returns the stored events of a task and of all tasks below it, as
// they are at the time of the call: the order an export has. Each task's
// events come in their order; a sub-agent's begin behind the event that
// started it and mix with the others by their times. Sub-agents that no event
// started come last.
func ReadTree(ctx context.Context, l Log, root string) iter.Seq2[Event, error] {
	return ReadTreeFrom(ctx, l, root, nil)
}

// ReadTreeFrom is [ReadTree] with the events of each task from its sequence in
// from on, or else from the first. Sub-agents whose start is before that come
// last as well.
func ReadTreeFrom(ctx context.Context, l Log, root string, from map[string]int64) iter.Seq2[Event, error] {
	from = maps.Clone(from)
	return func(yield func(Event, error) bool) {
		m := &treeMerge{seen: map[[2]string]bool{}, read: func(task string) iter.Seq2[Event, error] {
			return l.Read(ctx, task, max(from[task], 1))
		}}
		defer m.stop()
		if !m.add(root, "") || !m.drain(yield) {
			yieldError(yield, m.err)
			return
		}
		for todo := []string{root}; len(todo) > 0; {
			task := todo[0]
			todo = todo[1:]
			heads, err := l.Tasks(ctx, Query{Parent: task, Limit: -1})
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, h := range heads {
				todo = append(todo, h.Task)
				if !m.add(h.Task, task) || !m.drain(yield) {
					yieldError(yield, m.err)
					return
				}
			}
		}
	}
}

func yieldError(yield func(Event, error) bool, err error) {
	if err != nil {
		yield(Event{}, err)
	}
}

// treeMerge reads several tasks side by side.
type treeMerge struct {
	read  func(task string) iter.Seq2[Event, error]
	seen  map[[2]string]bool
	reads []*treeRead
	err   error
}

type treeRead struct {
	head Event
	next func() (Event, error, bool)
	stop func()
}

// add begins to read a task that belongs below parent, once.
func (m *treeMerge) add(task, parent string) bool {
	key := [2]string{parent, task} // a false claim must not hide the true one
	if m.seen[key] {
		return true
	}
	m.seen[key] = true
	r := &treeRead{}
	r.next, r.stop = iter.Pull2(m.read(task))
	m.reads = append(m.reads, r)
	if !m.advance(r) {
		return false
	}
	if parent != "" && r.head.Seq != 0 && r.head.Parent != parent {
		m.remove(r)
	}
	return true
}

// advance takes the read's next event, or removes the read at its end.
func (m *treeMerge) advance(r *treeRead) bool {
	e, err, ok := r.next()
	if err != nil {
		m.err = err
		return false
	}
	if r.head = e; !ok {
		m.remove(r)
	}
	return true
}

func (m *treeMerge) remove(r *treeRead) {
	r.stop()
	for i, other := range m.reads {
		if other == r {
			m.reads = append(m.reads[:i], m.reads[i+1:]...)
			return
		}
	}
}

func (m *treeMerge) stop() {
	for _, r := range m.reads {
		r.stop()
	}
}

// drain yields all that is being read, the earliest first.
func (m *treeMerge) drain(yield func(Event, error) bool) bool {
	for len(m.reads) > 0 {
		first := m.reads[0]
		for _, r := range m.reads[1:] {
			if r.head.Time.Before(first.head.Time) {
				first = r
			}
		}
		e := first.head
		if !yield(e, nil) || !m.advance(first) {
			return false
		}
		if c := started(e); c != "" && !m.add(c, e.Task) {
			return false
		}
	}
	return true
}
