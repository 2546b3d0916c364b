package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/web"
)

// message is one message of the stream.
type message struct{ id, name, data string }

// sse is an open stream.
type sse struct {
	t     *testing.T
	lines chan string
	close context.CancelFunc
}

func openStream(t *testing.T, f *fixture, query string, opts ...func(*http.Request)) *sse {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.server.URL()+"api/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.token)
	for _, o := range opts {
		o(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || ct != "text/event-stream" {
		t.Fatalf("%s, %s", resp.Status, ct)
	}
	s := &sse{t: t, lines: make(chan string, 1<<16), close: cancel}
	go func() {
		defer close(s.lines)
		in := bufio.NewScanner(resp.Body)
		in.Buffer(nil, 64<<20)
		for in.Scan() {
			s.lines <- in.Text()
		}
	}()
	return s
}

// next returns the next message.
func (s *sse) next() message {
	s.t.Helper()
	var m message
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatal("the stream ended")
			}
			field, value, _ := strings.Cut(line, ": ")
			switch {
			case line == "" && m != (message{}):
				return m
			case field == "id":
				m.id = value
			case field == "event":
				m.name = value
			case field == "data":
				m.data = value
			}
		case <-time.After(20 * time.Second):
			s.t.Fatal("no message came")
		}
	}
}

// kinds reads n events and returns "task seq kind" of each, with the last id.
func (s *sse) kinds(n int) (out []string, id string) {
	s.t.Helper()
	for range n {
		m := s.next()
		var e event.Event
		if err := json.Unmarshal([]byte(m.data), &e); err != nil {
			s.t.Fatalf("%+v: %v", m, err)
		}
		out, id = append(out, fmt.Sprintf("%s %d %s", e.Task, e.Seq, e.Kind)), m.id
	}
	return out, id
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStreamJoinsAllTasks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := openStream(t, f, "")
	hello := s.next()
	if hello.name != "hello" || hello.id == "" {
		t.Fatalf("first %+v", hello)
	}
	f.append(t, "a", "", event.TaskCreated{Title: "A"})
	got, _ := s.kinds(1)
	same(t, got, "a 1 task.created")
	f.append(t, "b", "", event.TaskCreated{Title: "B"})
	got, _ = s.kinds(1)
	same(t, got, "b 1 task.created")
	f.append(t, "a", "", event.LogLine{Message: "x"})
	got, mid := s.kinds(1)
	same(t, got, "a 2 log")
	delta, err := event.New(event.ModelDelta{Call: 1, What: model.DeltaText, Text: "grow"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.log.Publish("b", delta); err != nil {
		t.Fatal(err)
	}
	got, _ = s.kinds(1)
	same(t, got, "b 0 model.delta")
	f.append(t, "b", "", event.TaskDone{Status: event.StatusDone})
	got, _ = s.kinds(1)
	same(t, got, "b 2 task.done")
	// A task that is over goes on.
	f.append(t, "b", "", event.TaskResumed{})
	got, last := s.kinds(1)
	same(t, got, "b 3 task.resumed")
	s.close()

	// What happened while nobody listened comes with the next stream.
	f.append(t, "a", "", event.LogLine{Message: "y"})
	for name, again := range map[string]*sse{
		"query":  openStream(t, f, "?after="+mid),
		"header": openStream(t, f, "", with("Last-Event-ID", mid)),
	} {
		if m := again.next(); m.name != "hello" || m.id != mid {
			t.Errorf("%s: first %+v", name, m)
		}
		got, _ := again.kinds(4)
		same(t, got, "b 0 model.delta", "b 2 task.done", "b 3 task.resumed", "a 3 log")
	}
	if last == "" {
		t.Error("events have no id")
	}
}

func TestStreamSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, id := range []string{"otherhost-12", "x", "-", "-1", "18446744073709551615", strings.Repeat("9", 400), "%00", "a-b-c"} {
		if m := openStream(t, f, "?after="+id).next(); m.name != "lost" || m.id == "" || m.id == id {
			t.Errorf("after %s: %+v", id, m)
		}
	}
}

func TestStreamIsBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := openStream(t, f, "")
	first := s.next()
	f.append(t, "a", "", event.TaskCreated{Title: "A"})
	_, early := s.kinds(1)
	const many = 9000 // more than are kept
	for i := 0; i < many; i += 100 {
		batch := make([]event.Payload, 100)
		for j := range batch {
			batch[j] = event.LogLine{Message: "x"}
		}
		f.append(t, "a", "", batch...)
	}
	f.append(t, "a", "", event.TaskDone{Status: event.StatusDone})
	var e event.Event
	for e.Kind != event.KindTaskDone { // a reader that keeps up misses nothing
		m := s.next()
		seq := e.Seq
		if err := json.Unmarshal([]byte(m.data), &e); err != nil || m.name != "" || seq != 0 && e.Seq != seq+1 {
			t.Fatalf("%+v after %d: %v", m, seq, err)
		}
	}
	for _, id := range []string{first.id, early} {
		if m := openStream(t, f, "?after="+id).next(); m.name != "lost" {
			t.Errorf("after %s: %+v", id, m)
		}
	}
}

func TestStreamEndsWithTheServer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := openStream(t, f, "")
	s.next()
	began := time.Now()
	if err := f.server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("closing took %v", took)
	}
}

func TestStreamsAreCounted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 64 {
		openStream(t, f, "").next()
	}
	if got := f.status(t, http.MethodGet, "/api/events", nil); got != http.StatusServiceUnavailable {
		t.Errorf("one too many: %d", got)
	}
}

func TestEventsOfATask(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	long := strings.Repeat("é", 40_000)
	f.append(t, "a", "", event.TaskCreated{Title: "A"},
		event.ModelMessage{Call: 1, Text: "hi", Raw: `{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"hi"},{"type":"new_kind"}]}`},
		event.ToolResult{Call: "c", Tool: "read", Status: event.ResultOK, Text: long})
	read := func(query string) []event.Event {
		var out []event.Event
		for line := range strings.Lines(body(t, f.request(t, http.MethodGet, "/api/tasks/a/events"+query, nil))) {
			var e event.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%.200s: %v", line, err)
			}
			out = append(out, e)
		}
		return out
	}
	all := read("")
	if len(all) != 3 || len(read("?from=3")) != 1 || len(read("?from=2&limit=1")) != 1 || len(read("?from=99")) != 0 {
		t.Fatalf("read %v", all)
	}
	var message struct {
		Raw, Thinking, Text string
	}
	if err := json.Unmarshal(all[1].Data, &message); err != nil || message.Raw != "" || message.Thinking != "hm" || message.Text != "hi" {
		t.Errorf("message %s: %v", all[1].Data, err)
	}
	var cut struct {
		Text    string
		Clipped bool
	}
	if err := json.Unmarshal(all[2].Data, &cut); err != nil || !cut.Clipped || len(cut.Text) > web.SlimText+4 || !strings.HasSuffix(cut.Text, "é…") {
		t.Errorf("a long result: %d bytes, clipped %v, %v", len(cut.Text), cut.Clipped, err)
	}
	full, err := event.Decode[event.ToolResult](read("?from=3&full=1")[0])
	if err != nil || full.Text != long {
		t.Errorf("the whole result: %d bytes, %v", len(full.Text), err)
	}
	if got := f.status(t, http.MethodGet, "/api/tasks/none/events", nil); got != http.StatusNotFound {
		t.Errorf("an unknown task: %d", got)
	}
}

// FuzzSlim holds what a page gets of any event to valid JSON of a bounded size
// that keeps the envelope.
func FuzzSlim(f *testing.F) {
	f.Add("tool.result", `{"text":"`+strings.Repeat("x", 40_000)+`"}`)
	f.Add("model.message", `{"raw":"{\"content\":[{\"type\":\"thinking\"}]}","text":"x"}`)
	f.Add("model.message", `{"raw":5}`)
	f.Add("approval.asked", `{"card":{"details":["`+strings.Repeat(`x","`, 20_000)+`"]}}`)
	f.Add("x", `{}`)
	f.Fuzz(func(t *testing.T, kind, data string) {
		in := event.Event{Seq: 7, Task: "t", Kind: event.Kind(kind), Data: json.RawMessage(data)}
		line, err := web.Slim(in)
		if err != nil {
			if _, bad := in.MarshalJSON(); bad == nil {
				t.Fatalf("%s %.200s: %v", kind, data, err)
			}
			return
		}
		var out event.Event
		if err := json.Unmarshal(line, &out); err != nil {
			t.Fatalf("%.200s: %v", line, err)
		}
		if out.Seq != 7 || out.Task != "t" || out.Kind != in.Kind {
			t.Errorf("the envelope became %+v", out)
		}
		if strings.ContainsRune(string(line), '\n') {
			t.Error("a line of its own in the stream")
		}
		if len(data) > web.SlimData && len(line) > 8*6*web.SlimData {
			t.Errorf("%d bytes became %d", len(data), len(line))
		}
	})
}

// benchStream appends events one by one until all pages have had them.
func benchStream(b *testing.B, pages int) {
	f := newFixture(b)
	f.append(b, "a", "", event.TaskCreated{Title: "A"})
	seen := make(chan struct{}, pages)
	for range pages {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, f.server.URL()+"api/events", nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+f.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { resp.Body.Close() })
		go func() {
			in := bufio.NewScanner(resp.Body)
			for in.Scan() {
				if strings.Contains(in.Text(), `"last one"`) {
					seen <- struct{}{}
				}
			}
		}()
	}
	for b.Loop() {
		for range 199 {
			f.append(b, "a", "", event.LogLine{Message: "x"})
		}
		f.append(b, "a", "", event.LogLine{Message: "last one"})
		for range pages {
			<-seen
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(200*b.N), "µs/event")
}
