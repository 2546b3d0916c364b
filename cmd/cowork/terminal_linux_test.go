package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// console is a program on a terminal of its own.
type console struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd

	mu   sync.Mutex
	more chan struct{} // closed and replaced when text arrives
	text bytes.Buffer
	over bool
}

// terminal starts a program on a new terminal of so many columns.
func terminal(t *testing.T, columns int, cmd *exec.Cmd) *console {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal can be made here: %v", err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &console{t: t, master: master, cmd: cmd, more: make(chan struct{})}
	go s.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended unless the test failed
		master.Close()
	})
	return s
}

func (s *console) read() {
	buf := make([]byte, 4096)
	for {
		n, err := s.master.Read(buf)
		s.mu.Lock()
		s.text.Write(buf[:n])
		s.over = err != nil
		close(s.more)
		s.more = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// await returns what the program printed once it matches.
func (s *console) await(pattern string) string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	limit := time.After(time.Minute)
	for {
		s.mu.Lock()
		text, over, more := s.text.String(), s.over, s.more
		s.mu.Unlock()
		if re.MatchString(text) {
			return text
		}
		if over {
			s.t.Fatalf("it ended without printing %q:\n%s", pattern, text)
		}
		select {
		case <-more:
		case <-limit:
			s.t.Fatalf("no %q in:\n%s", pattern, text)
		}
	}
}

func (s *console) typeIn(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.master, text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *console) code() int {
	s.t.Helper()
	timer := time.AfterFunc(time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	return exitCodeOf(s.cmd.Wait())
}

func ambiguous(t *testing.T) *installation {
	t.Helper()
	if err := jailError(t); err != nil {
		t.Skipf("no sandbox works on this machine: %v", err)
	}
	p := newInstallation(t)
	p.write("work/budget.csv", "Account,Plan A,Plan B\nRent,100,110\nSalaries,2000,2100\nTravel,300,310\n")
	p.write("work/actuals.csv", "Account,Amount\nRent,120\nSalaries,1900\nTravel,450\n")
	return p
}

func TestQuestion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		typed  []string // after each "your answer:"
		answer string
	}{
		{"by number", []string{"2\n"}, "Plan B"},
		{"by text", []string{"plan a\n"}, "Plan A"},
		{"after mistakes", []string{"\n", "9\n", "what?\n", "1\n"}, "Plan A"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := ambiguous(t)
			s := terminal(t, 100, p.command("run", "/finance:variance-analysis budget.csv actuals.csv"))
			for i, typed := range c.typed {
				s.await(fmt.Sprintf(`(?s)(your answer: .*){%d}`, i+1))
				s.typeIn(typed)
			}
			s.await("answered: .*" + c.answer)
			s.await("✓ done")
			if code := s.code(); code != exitDone {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestQuestionLeftOpen(t *testing.T) {
	t.Parallel()
	p := ambiguous(t)
	s := terminal(t, 200, p.command("run", "/finance:variance-analysis budget.csv actuals.csv"))
	s.await("your answer: ")
	s.typeIn("\x04")
	m := regexp.MustCompile(`next: cowork task answer (\S+) (\S+) VALUE`).FindStringSubmatch(s.await(`next: cowork task answer .*\n`))
	if code := s.code(); code != exitParked {
		t.Errorf("exit code %d, want %d", code, exitParked)
	}
	if m == nil {
		t.Fatal("it does not say how to answer")
	}
	show := string(p.run("task", "show", m[1]))
	for _, want := range []string{"status:   running", "asks:     Which column", "Plan B", "cowork task answer " + m[1] + " " + m[2] + " VALUE"} {
		if !strings.Contains(show, want) {
			t.Errorf("task show does not say %q:\n%s", want, show)
		}
	}
	if _, stderr, code := p.all("task", "answer", m[1], m[2], "nonsense"); code != exitFailed || !strings.Contains(string(stderr), "not a choice") {
		t.Errorf("a wrong answer: exit code %d, %s", code, stderr)
	}
	value := regexp.MustCompile(`(?m)^    (Plan B)  \S`).FindStringSubmatch(show)
	if value == nil {
		t.Fatalf("task show does not list the choices:\n%s", show)
	}

	// Another terminal watches and is asked too; the answer comes from a third.
	w := terminal(t, 100, p.command("task", "show", "--follow", m[1]))
	w.await("your answer: ")
	if _, stderr, code := p.all("task", "answer", m[1], m[2], value[1]); code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	w.await("answered: ")
	w.await("✓ done")
	if code := w.code(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "work", "variance-analysis.xlsx")); err != nil {
		t.Error(err)
	}
}

func TestInterruptAtQuestion(t *testing.T) {
	t.Parallel()
	p := ambiguous(t)
	s := terminal(t, 100, p.command("run", "/finance:variance-analysis budget.csv actuals.csv"))
	s.await("your answer: ")
	s.typeIn("\x03")
	s.await("✗ stopped")
	if code := s.code(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
}

func TestProgressFits(t *testing.T) {
	t.Parallel()
	if err := jailError(t); err != nil {
		t.Skipf("no sandbox works on this machine: %v", err)
	}
	p := newInstallation(t)
	p.write("work/"+strings.Repeat("売上 budget ", 6)+".csv", string(ledger(40000, 1)))
	p.write("work/"+strings.Repeat("actuals ", 12)+".csv", string(ledger(40000, 2)))
	const columns = 34
	s := terminal(t, columns, p.command("run", "/finance:variance-analysis", strings.Repeat("売上 budget ", 6)+".csv", strings.Repeat("actuals ", 12)+".csv"))
	text := s.await("✓ done")
	found := regexp.MustCompile("(?:\x1b\\[J|\n)(?:\x1b\\[2m)?(  … [^\r\n\x1b]*)").FindAllStringSubmatch(text, -1)
	if len(found) == 0 {
		t.Fatalf("no progress line in:\n%q", text)
	}
	for _, m := range found {
		used := 0
		for _, r := range m[1] {
			used += columnsOf(r)
		}
		if used >= columns {
			t.Errorf("%q takes %d of %d columns: it wraps", m[1], used, columns)
		}
	}
	s.await("take it back")
	if code := s.code(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

func TestColour(t *testing.T) {
	t.Parallel()
	if err := jailError(t); err != nil {
		t.Skipf("no sandbox works on this machine: %v", err)
	}
	const line = "/finance:variance-analysis no.csv actuals.csv"
	for _, c := range []struct {
		name   string
		env    []string
		colour bool
	}{
		{"a terminal", nil, true},
		{"NO_COLOR", []string{"NO_COLOR=1"}, false},
		{"a dumb terminal", []string{"TERM=dumb", "NO_COLOR=1"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newInstallation(t)
			p.env = append(append(p.env, "COWORK_UNSAFE=1"), c.env...)
			text := terminal(t, 80, p.command("run", "--sandbox", "none", line)).await(`next: `)
			if got := strings.Contains(text, "\x1b[1;31mNO SANDBOX"); got != c.colour {
				t.Errorf("the warning is red: %v, want %v:\n%q", got, c.colour, text)
			}
			if got := strings.Contains(text, "\x1b[31m✗ failed"); got != c.colour {
				t.Errorf("the failure is red: %v, want %v:\n%q", got, c.colour, text)
			}
		})
	}
}
