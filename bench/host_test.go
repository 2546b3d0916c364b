package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host"
)

// binary is the path of a built program; the benchmark is skipped without it.
func binary(b *testing.B, name, hint string) string {
	b.Helper()
	bin, err := filepath.Abs(filepath.Join("..", "bin", name))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(bin); err != nil {
		b.Skipf("bin/%s is not built: %s", name, hint)
	}
	return bin
}

// BenchmarkBeside compares this program with an earlier one, bin/cowork-base,
// in one run: its size, its start, listing the plugins with a host that runs,
// and with one that has to be started. The two take turns.
func BenchmarkBeside(b *testing.B) {
	now, base := binary(b, "cowork", "run make build"), binary(b, "cowork-base", "run make bin/cowork-base")
	size := func(path string) float64 {
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		return float64(info.Size())
	}
	homes := map[string]string{now: b.TempDir(), base: b.TempDir()}
	run := func(bin string, args ...string) time.Duration {
		cmd := exec.CommandContext(context.WithoutCancel(b.Context()), bin, append([]string{"--home", homes[bin]}, args...)...)
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%s %s: %v\n%s", bin, strings.Join(args, " "), err, out)
		}
		return time.Since(start)
	}
	took := map[string]map[string][]time.Duration{now: {}, base: {}}
	const rounds = 10
	for b.Loop() {
		for range rounds {
			for _, bin := range []string{now, base} {
				t := took[bin]
				t["start"] = append(t["start"], run(bin, "--help"))
				run(bin, "stop", "--force")
				t["host"] = append(t["host"], run(bin, "plugin", "ls"))
				t["ls"] = append(t["ls"], run(bin, "plugin", "ls"))
			}
		}
	}
	for _, bin := range []string{now, base} {
		run(bin, "stop", "--force")
	}
	b.ReportMetric(size(now)/size(base), "size/base")
	for _, what := range []string{"start", "ls", "host"} {
		least := slices.Min(took[now][what])
		b.ReportMetric(float64(least)/1e6, what+"-ms")
		b.ReportMetric(float64(least)/float64(slices.Min(took[base][what])), what+"/base")
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkMemory runs tasks of growing length in a host process of their own,
// with a model behind real HTTP, and compares the host's memory with what it
// had before: a task of 10,000 events takes at most 60 MB more, at its peak.
// That of 100,000 events takes minutes and is left out with -short.
func BenchmarkMemory(b *testing.B) {
	for _, events := range []int{100, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			if events > 10_000 && testing.Short() {
				b.Skip("it takes minutes: run it without -short")
			}
			bin := binary(b, "cowork", "run make build")
			var peak, left, idle float64
			for b.Loop() {
				p, l, i := work(b, bin, events)
				peak, left, idle = max(peak, p), max(left, l), max(idle, i)
			}
			b.ReportMetric(idle, "idle-MB")
			b.ReportMetric(peak, "peak-above-idle-MB")
			b.ReportMetric(left, "at-end-above-idle-MB")
		})
	}
}

// callsPerMessage is how many files the model of BenchmarkMemory reads at once.
const callsPerMessage = 12

// reader is a model that reads files in order, so many messages in all; then,
// and after every 400 in between, it ends its turn.
type reader struct {
	messages int

	mu          sync.Mutex
	given, turn int
}

func (m *reader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		fmt.Fprint(w, `{"type":"model","id":"m","display_name":"m","created_at":"2026-01-01T00:00:00Z","max_input_tokens":200000,"max_tokens":64000}`)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the host has left
	}
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(kind, rest string) { fmt.Fprintf(w, "event: %s\ndata: {\"type\":\"%s\"%s}\n\n", kind, kind, rest) }
	send("message_start", fmt.Sprintf(`,"message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":%d,"output_tokens":1}}`, len(body)/4))
	stop := "end_turn"
	if n := m.next(body); n > 0 {
		stop = "tool_use"
		for i := range callsPerMessage {
			place := (n-1)*callsPerMessage + i
			send("content_block_start", fmt.Sprintf(`,"index":%d,"content_block":{"type":"tool_use","id":"c%d","name":"read","input":{}}`, i, place))
			input, _ := json.Marshal(fmt.Sprintf(`{"path":"part-%d.txt","offset":%d,"limit":20}`, place/100, 1+place%100*20))
			send("content_block_delta", fmt.Sprintf(`,"index":%d,"delta":{"type":"input_json_delta","partial_json":%s}`, i, input))
			send("content_block_stop", fmt.Sprintf(`,"index":%d`, i))
		}
	} else {
		send("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`)
		send("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":"That was it, in order."}`)
		send("content_block_stop", `,"index":0`)
	}
	send("message_delta", `,"delta":{"stop_reason":"`+stop+`"},"usage":{"output_tokens":50}`)
	send("message_stop", "")
}

// next is the number of the next message that reads, 0 for one that does not:
// a summary, or the end of a turn.
func (m *reader) next(body []byte) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !bytes.Contains(body, []byte(`"tools":`)) {
		return 0
	}
	if m.turn++; m.turn > 400 || m.given >= m.messages {
		m.turn = 0
		return 0
	}
	m.given++
	return m.given
}

// work runs one task of about so many events and returns the host's memory in
// MB: the most and the last it had above what it had when idle, and that.
func work(b *testing.B, bin string, events int) (peak, left, idle float64) {
	b.Helper()
	folder, home := b.TempDir(), b.TempDir()
	for part := range 1 + events/200 {
		create(b, filepath.Join(folder, fmt.Sprintf("part-%d.txt", part)), func(w *bufio.Writer) {
			for i := range 2_000 {
				fmt.Fprintf(w, "line %d of part %d, with some words in it\n", i, part)
			}
		})
	}
	model := httptest.NewServer(&reader{messages: max(1, events/(3+2*callsPerMessage))})
	b.Cleanup(model.Close)
	socket, err := host.Prepare(b.Context(), home)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), bin, "--home", home, "plugin", "ls") // starts the host
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("plugin ls: %v\n%s", err, out)
	}
	c := host.Dial(socket)
	defer c.Close()
	health, err := c.Health(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := c.Quit(context.WithoutCancel(b.Context()), true); err != nil {
			b.Error(err)
		}
	}()
	if err := c.SetModel(b.Context(), host.ModelSettings{BaseURL: model.URL, Model: "scripted"}); err != nil {
		b.Fatal(err)
	}
	idle = memory(b, health.PID, "VmRSS")
	id, err := c.Run(b.Context(), host.RunRequest{Input: "read the notes", Folders: []string{folder}, Cwd: folder, Interactive: true})
	if err != nil {
		b.Fatal(err)
	}
	last := int64(0)
	for {
		for e, err := range c.Events(b.Context(), id, last+1, true) {
			if err != nil {
				b.Fatal(err)
			}
			last = max(last, e.Seq)
		}
		if last >= int64(events)*8/10 {
			break
		}
		if _, err := c.Send(b.Context(), id, host.MessageRequest{Text: "go on"}); err != nil {
			b.Fatal(err)
		}
	}
	peak, left = memory(b, health.PID, "VmHWM")-idle, memory(b, health.PID, "VmRSS")-idle
	s, err := c.State(b.Context(), id)
	if err != nil || s.Status != host.StatusDone {
		b.Fatalf("%v, status %s, %+v, %d events", err, s.Status, s.Error, last)
	}
	return peak, left, idle
}

// memory is a line of a process's status, in MB.
func memory(b *testing.B, pid int, name string) float64 {
	b.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		b.Skipf("the memory of a process is not known here: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")), 64)
			if err != nil {
				b.Fatal(err)
			}
			return n / 1024
		}
	}
	b.Fatalf("no %s", name)
	return 0
}
