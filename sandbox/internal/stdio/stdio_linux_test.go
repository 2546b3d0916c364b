package stdio_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/sandbox/internal/stdio"
)

// child plays a child with the given ends of the streams.
type child struct{ in, out, err *os.File }

// open starts streams whose child is this test. What is not handed to a real
// process is kept open under another name.
func open(t *testing.T, in io.Reader, out, errs io.Writer) (*stdio.Streams, child) {
	t.Helper()
	s, err := stdio.Open(in, out, errs)
	if err != nil {
		t.Fatal(err)
	}
	var kept [3]*os.File
	for i, f := range s.Child {
		kept[i], err = os.OpenFile(fdPath(t, f), []int{os.O_RDONLY, os.O_WRONLY, os.O_WRONLY}[i], 0)
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Started()
	return s, child{kept[0], kept[1], kept[2]}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	s, c := open(t, strings.NewReader("in"), &out, &errs)
	got, err := io.ReadAll(c.in)
	if err != nil || string(got) != "in" {
		t.Errorf("the child reads %q, %v", got, err)
	}
	write(t, c.out, "to out")
	write(t, c.err, "to err")
	s.Drain()
	if out.String() != "to out" || errs.String() != "to err" {
		t.Errorf("got %q and %q", out.String(), errs.String())
	}
}

func TestNothingGiven(t *testing.T) {
	t.Parallel()
	s, c := open(t, nil, nil, nil)
	if got, err := io.ReadAll(c.in); err != nil || len(got) > 0 {
		t.Errorf("the child reads %q, %v", got, err)
	}
	write(t, c.out, "discarded")
	write(t, c.err, "discarded")
	s.Drain()
}

// TestHeldOpen: something that outlives the child keeps the pipe; what it had
// written by then counts.
func TestHeldOpen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s, c := open(t, nil, &out, nil)
	if _, err := c.out.WriteString("written"); err != nil {
		t.Fatal(err)
	}
	s.Drain() // returns after its grace
	if out.String() != "written" {
		t.Errorf("got %q", out.String())
	}
	if _, err := c.out.WriteString("more"); err == nil {
		t.Error("nobody reads any more, but the pipe is open")
	}
	c.out.Close()
}

// refusing takes some bytes and then no more.
type refusing struct {
	left int
	got  bytes.Buffer
}

func (r *refusing) Write(p []byte) (int, error) {
	n := min(r.left, len(p))
	r.left -= n
	r.got.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no more")
	}
	return n, nil
}

func TestWriterRefuses(t *testing.T) {
	t.Parallel()
	w := &refusing{left: 10}
	s, c := open(t, nil, w, nil)
	write(t, c.out, strings.Repeat("x", 1<<20)) // would block if nobody read
	s.Drain()
	if got := w.got.String(); got != strings.Repeat("x", 10) {
		t.Errorf("got %d bytes", len(got))
	}
}

// uncomparable cannot be compared with ==.
type uncomparable struct{ to []*bytes.Buffer }

func (u uncomparable) Write(p []byte) (int, error) { return u.to[0].Write(p) }

func TestSameWriter(t *testing.T) {
	t.Parallel()
	var both bytes.Buffer
	for _, c := range []struct {
		name     string
		out, err io.Writer
		one      bool
	}{
		{"the same", &both, &both, true},
		{"two of a kind", &bytes.Buffer{}, &bytes.Buffer{}, false},
		{"no two can be compared", uncomparable{}, uncomparable{}, false},
		{"one missing", &both, nil, false},
	} {
		s, err := stdio.Open(nil, c.out, c.err)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Child[1] == s.Child[2]; got != c.one {
			t.Errorf("%s: one pipe is %t", c.name, got)
		}
		s.Abort()
	}
}

func TestAbort(t *testing.T) {
	t.Parallel()
	s, err := stdio.Open(strings.NewReader("x"), &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	s.Abort()
	for i, f := range s.Child {
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("stream %d was left open: %v", i, err)
		}
	}
}

func write(t *testing.T, f *os.File, text string) {
	t.Helper()
	if _, err := f.WriteString(text); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func fdPath(t *testing.T, f *os.File) string {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	path := ""
	if err := raw.Control(func(fd uintptr) { path = fmt.Sprintf("/proc/self/fd/%d", fd) }); err != nil {
		t.Fatal(err)
	}
	return path
}
