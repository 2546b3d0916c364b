// Command report reads what `go test -bench` prints, passes it on, and ends
// with a table of what was measured beside its goal. It fails when a goal is
// missed or was not measured, but for what this machine cannot measure.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
)

// goal is one line of the table. The measured value is to be below the limit,
// or above it.
type goal struct {
	what  string
	pkg   string // the end of the package's path
	bench string // with its sub-benchmark
	unit  string
	above bool
	limit float64
	scale float64 // what the value is divided by, 0 for 1
	// optional is what needs more than Go: a browser, an earlier program.
	optional bool
}

// goals are those of the design and of the work with a model.
func goals() []goal {
	const ms = 1e6 // of nanoseconds
	return []goal{
		{what: "turn, 500 messages: more than the bare SDK, ms", pkg: "host/internal/engine", bench: "Turn/messages=500", unit: "overhead-ms", limit: 5},
		{what: "turn, 500 messages: bytes beside the bare SDK", pkg: "host/internal/engine", bench: "Turn/messages=500", unit: "bytes/sdk", limit: 2},
		{what: "30 turns: input from the cache after turn 3, %", pkg: "host/internal/engine", bench: "CachedPrefix", unit: "cached-%", above: true, limit: 90},
		{what: "30 turns: the first call after a resume, %", pkg: "host/internal/engine", bench: "CachedPrefix", unit: "after-resume-%", above: true, limit: 90},
		{what: "resume of 10,000 events to the first request, ms", pkg: "host/internal/engine", bench: "Resume/events=10000", unit: "median-ms", limit: 300},
		{what: "20 sub-agents, 200 events/s: p99 delay, ms", pkg: "host/internal/task", bench: "Agents/agents=20/events_per_second=200", unit: "p99-ms", limit: 100},
		{what: "50 watchers: a record beside one nobody watches", pkg: "host/internal/task", bench: "FanOut/gap=5ms/subscribers=50", unit: "p50/alone", limit: 1.5},
		{what: "task of 10,000 events: host above idle, MB", pkg: "bench", bench: "Memory/events=10000", unit: "peak-above-idle-MB", limit: 60},
		{what: "host idle, MB", pkg: "bench", bench: "Memory/events=10000", unit: "idle-MB", limit: 100},
		{what: "host start to the first answer, ms", pkg: "bench", bench: "HostStart", unit: "ns/op", limit: 250, scale: ms},
		{what: "plugin ls, 500 installed, ms", pkg: "bench", bench: "PluginLs/installed=500", unit: "ns/op", limit: 60, scale: ms},
		{what: "plugin ls beside the earlier program", pkg: "bench", bench: "Beside", unit: "ls/base", limit: 1.5, optional: true},
		{what: "host start beside the earlier program", pkg: "bench", bench: "Beside", unit: "host/base", limit: 1.5, optional: true},
		{what: "variance of 100,000 lines, s", pkg: "bench", bench: "Variance/lines=100000", unit: "ns/op", limit: 3, scale: 1e9},
		{what: "profile of 1,000,000 rows, s", pkg: "bench", bench: "Profile/rows=1000000", unit: "ns/op", limit: 8, scale: 1e9},
		{what: "plugin start to first call, ms", pkg: "host/internal/runtime", bench: "StartToFirstCall", unit: "ns/op", limit: 150, scale: ms, optional: true},
		{what: "page, 2,000 events painted, ms", pkg: "host/internal/web", bench: "HistoryPainted/events=2000", unit: "ms-painted", limit: 400, optional: true},
		{what: "page, 20,000 events painted, ms", pkg: "host/internal/web", bench: "HistoryPainted/events=20000", unit: "ms-painted", limit: 2500, optional: true},
	}
}

func main() {
	missed, err := report(os.Stdin, os.Stdout, goals())
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	if missed > 0 {
		os.Exit(1)
	}
}

// report copies in to out, writes the table and returns how many goals are
// missed.
func report(in io.Reader, out io.Writer, goals []goal) (missed int, err error) {
	got := map[string]map[string]float64{}
	pkg := ""
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		fmt.Fprintln(out, line)
		if p, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = p
		}
		if name, values := parse(line); name != "" {
			got[pkg+" "+name] = values
		}
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("read the results: %w", err)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nwhat\tmeasured\tgoal\t")
	for _, g := range goals {
		measured, verdict := g.judge(got)
		if verdict == "MISSED" {
			missed++
		}
		sign := "<"
		if g.above {
			sign = ">"
		}
		fmt.Fprintf(table, "%s\t%s\t%s %g\t%s\n", g.what, measured, sign, g.limit, verdict)
	}
	return missed, table.Flush()
}

// judge says what was measured, and whether it is within the goal.
func (g goal) judge(got map[string]map[string]float64) (measured, verdict string) {
	for key, values := range got {
		pkg, name, _ := strings.Cut(key, " ")
		v, ok := values[g.unit]
		if !ok || name != g.bench || pkg != g.pkg && !strings.HasSuffix(pkg, "/"+g.pkg) {
			continue
		}
		if g.scale != 0 {
			v /= g.scale
		}
		if g.above == (v > g.limit) && v != g.limit {
			return strconv.FormatFloat(v, 'g', 4, 64), "ok"
		}
		return strconv.FormatFloat(v, 'g', 4, 64), "MISSED"
	}
	if g.optional {
		return "-", "not measured here"
	}
	return "-", "MISSED"
}

// parse reads a line of a benchmark's result: its name without the number of
// processors, and its values by unit. Any other line has no name.
func parse(line string) (name string, values map[string]float64) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", nil
	}
	if _, err := strconv.Atoi(fields[1]); err != nil {
		return "", nil
	}
	name = strings.TrimPrefix(fields[0], "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			name = name[:i]
		}
	}
	values = map[string]float64{}
	for i := 2; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return "", nil
		}
		values[fields[i+1]] = v
	}
	return name, values
}
