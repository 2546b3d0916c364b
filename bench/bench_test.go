package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// program returns the built binary and a home of its own, warmed up: its host
// runs and has described its plugins.
func program(b *testing.B) (run func(args ...string), home string) {
	b.Helper()
	bin, err := filepath.Abs("../bin/cowork")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(bin); err != nil {
		b.Skip("bin/cowork is not built: run make build")
	}
	home = b.TempDir()
	exec := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(context.WithoutCancel(b.Context()), bin, append([]string{"--home", home}, args...)...)
		return cmd.CombinedOutput()
	}
	b.Cleanup(func() {
		if out, err := exec("stop", "--force"); err != nil {
			b.Logf("stop: %v\n%s", err, out)
		}
	})
	run = func(args ...string) {
		b.Helper()
		if out, err := exec(args...); err != nil {
			b.Fatalf("cowork %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("plugin", "ls")
	return run, home
}

// BenchmarkVariance: 100,000 lines in each of two csv files in under 3 s and
// 400 MB.
func BenchmarkVariance(b *testing.B) {
	for _, lines := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			run, _ := program(b)
			dir := b.TempDir()
			writeLines(b, filepath.Join(dir, "budget.csv"), "Budget", lines, 1)
			writeLines(b, filepath.Join(dir, "actuals.csv"), "Actual", lines, 2)
			peak := watch(b, "finance")
			for b.Loop() {
				run("run", "--folder", dir, "/finance:variance-analysis "+dir+"/budget.csv "+dir+"/actuals.csv")
			}
			b.ReportMetric(peak(), "plugin-MB")
		})
	}
}

// BenchmarkProfile: a csv of 1,000,000 rows and 50 MB in under 8 s and 400 MB.
func BenchmarkProfile(b *testing.B) {
	for _, rows := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			run, _ := program(b)
			dir := b.TempDir()
			writeRows(b, filepath.Join(dir, "rows.csv"), rows)
			peak := watch(b, "data")
			for b.Loop() {
				run("run", "--folder", dir, "/data:profile "+dir+"/rows.csv")
			}
			b.ReportMetric(peak(), "plugin-MB")
		})
	}
}

// BenchmarkSmallestRun: everything a command costs beside its own work: the
// program's start, the jail, the plugin's start, staging, applying, the log.
func BenchmarkSmallestRun(b *testing.B) {
	run, _ := program(b)
	dir := b.TempDir()
	writeRows(b, filepath.Join(dir, "rows.csv"), 2)
	for b.Loop() {
		run("run", "--folder", dir, "/data:profile "+dir+"/rows.csv")
	}
}

// BenchmarkPluginLs: 12 shipped and 500 installed plugins in under 60 ms and
// 80 MB, warm.
func BenchmarkPluginLs(b *testing.B) {
	for _, installed := range []int{0, 100, 500} {
		b.Run(fmt.Sprintf("installed=%d", installed), func(b *testing.B) {
			run, _ := program(b)
			for i := range installed {
				run("plugin", "install", writeBundle(b, i))
			}
			for b.Loop() {
				run("plugin", "ls")
			}
		})
	}
}

// BenchmarkHostStart: from nothing to the first answer in under 250 ms.
func BenchmarkHostStart(b *testing.B) {
	run, _ := program(b)
	for b.Loop() {
		b.StopTimer()
		run("stop")
		b.StartTimer()
		run("plugin", "ls")
	}
}

func create(b *testing.B, path string, write func(w *bufio.Writer)) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	write(w)
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

func writeLines(b *testing.B, path, amount string, lines int, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	create(b, path, func(w *bufio.Writer) {
		fmt.Fprintf(w, "Account,Department,Type,%s\n", amount)
		for i := range lines {
			kind := "Expense"
			if i%3 == 0 {
				kind = "Revenue"
			}
			fmt.Fprintf(w, "Account %d,Department %d,%s,%d.%02d\n", i, i%50, kind, r.IntN(100_000), r.IntN(100))
		}
	})
}

func writeRows(b *testing.B, path string, rows int) {
	r := rand.New(rand.NewPCG(3, 0))
	regions := []string{"North", "South", "East", "West"}
	create(b, path, func(w *bufio.Writer) {
		fmt.Fprintln(w, "id,date,region,amount,quantity,note")
		for i := range rows {
			fmt.Fprintf(w, "%d,2026-%02d-%02d,%s,%d.%02d,%d,delivery note %d\n",
				i, 1+i%12, 1+i%28, regions[r.IntN(4)], r.IntN(5000), r.IntN(100), r.IntN(99), r.IntN(5000))
		}
	})
}

func writeBundle(b *testing.B, n int) string {
	b.Helper()
	dir := filepath.Join(b.TempDir(), fmt.Sprintf("role-%d", n))
	for name, text := range map[string]string{
		".claude-plugin/plugin.json": fmt.Sprintf(`{"name": "role-%d", "version": "1.0.0", "description": "a role"}`, n),
		"skills/one/SKILL.md":        "---\nname: one\ndescription: does one thing\n---\nDo it.\n",
		"commands/two.md":            "---\ndescription: does another thing\n---\nDo it.\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// watch samples the largest memory any process of the plugin has had; the
// function it returns ends the sampling and gives it in megabytes.
func watch(b *testing.B, plugin string) func() float64 {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	result := make(chan int, 1)
	go func() {
		peak := 0
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				result <- peak
				return
			case <-tick.C:
				peak = max(peak, largest(plugin))
			}
		}
	}()
	return func() float64 {
		cancel()
		return float64(<-result) / 1024
	}
}

// largest returns the greatest VmHWM, in kB, of processes that serve plugin.
func largest(plugin string) int {
	peak := 0
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		cmdline, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(cmdline, []byte("plugin-server\x00"+plugin+"\x00")) {
			continue
		}
		status, err := os.ReadFile(filepath.Join(filepath.Dir(path), "status"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")))
				peak = max(peak, n)
			}
		}
	}
	return peak
}
