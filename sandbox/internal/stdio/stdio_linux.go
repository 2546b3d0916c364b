package stdio

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Grace is how long [Streams.Drain] waits for a pipe that something still
// holds open after the child has ended.
const Grace = 5 * time.Second

// Streams are the host's side of one child's standard streams.
type Streams struct {
	// Child are standard input, output and error as the child gets them.
	Child [3]*os.File

	stdin   io.Reader
	inPipe  *os.File
	outputs []output
	copying sync.WaitGroup
}

type output struct {
	pipe *os.File
	to   io.Writer
}

// Open makes the pipes. A nil stdin is an empty input, a nil stdout or stderr
// is discarded. If stdout and stderr are the same writer, the child gets one
// pipe for both and one goroutine writes to it.
func Open(stdin io.Reader, stdout, stderr io.Writer) (*Streams, error) {
	s := &Streams{stdin: stdin}
	err := s.open(stdout, stderr)
	if err != nil {
		s.Abort()
		return nil, fmt.Errorf("open standard streams: %w", err)
	}
	return s, nil
}

func (s *Streams) open(stdout, stderr io.Writer) (err error) {
	if s.stdin == nil {
		s.Child[0], err = os.Open(os.DevNull)
	} else {
		s.Child[0], s.inPipe, err = os.Pipe()
	}
	if err != nil {
		return err
	}
	if s.Child[1], err = s.openOutput(stdout); err != nil {
		return err
	}
	if same(stdout, stderr) {
		s.Child[2] = s.Child[1]
		return nil
	}
	s.Child[2], err = s.openOutput(stderr)
	return err
}

func (s *Streams) openOutput(to io.Writer) (*os.File, error) {
	if to == nil {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.outputs = append(s.outputs, output{r, to})
	return w, nil
}

func same(a, b io.Writer) bool {
	return a != nil && b != nil && reflect.TypeOf(a).Comparable() && reflect.TypeOf(b).Comparable() && a == b
}

// Started is called once the child has its ends: it closes the host's copies
// of them and starts copying. The goroutine that feeds standard input is not
// waited for: its reader may never return. It ends with the reader's next
// bytes once the child is gone.
func (s *Streams) Started() {
	s.closeChild()
	if s.inPipe != nil {
		go func() {
			_, _ = io.Copy(s.inPipe, s.stdin) // a child may leave its input unread
			s.inPipe.Close()
		}()
	}
	for _, o := range s.outputs {
		s.copying.Go(o.copy)
	}
}

// copy writes what the child prints, and goes on reading when the writer has
// had enough, so that the child never blocks on it.
func (o output) copy() {
	defer o.pipe.Close()
	buf := make([]byte, 32<<10)
	broken := false
	write := func(p []byte) {
		if broken || len(p) == 0 {
			return
		}
		n, err := o.to.Write(p)
		broken = err != nil || n < len(p)
	}
	for {
		n, err := o.pipe.Read(buf)
		write(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			o.rest(buf, write)
			return
		}
		if err != nil {
			return
		}
	}
}

// rest reads what lies in the pipe without waiting for more. It is bounded by
// the size a pipe can have, should something still write into it.
func (o output) rest(buf []byte, write func([]byte)) {
	raw, err := o.pipe.SyscallConn()
	if err != nil {
		return
	}
	for left := 1 << 20; left > 0; {
		n := 0
		err := raw.Control(func(fd uintptr) {
			n, _ = unix.Read(int(fd), buf) // the descriptor does not block
		})
		if err != nil || n <= 0 {
			return
		}
		write(buf[:n])
		left -= n
	}
}

// Drain is called when the child has ended. It returns when all it printed is
// written, at the latest [Grace] and the writers' own time later.
func (s *Streams) Drain() {
	if s.inPipe != nil {
		s.inPipe.Close()
	}
	for _, o := range s.outputs {
		_ = o.pipe.SetReadDeadline(time.Now().Add(Grace)) // fails only once it is closed
	}
	s.copying.Wait()
}

// Abort closes everything when the child was never started.
func (s *Streams) Abort() {
	s.closeChild()
	if s.inPipe != nil {
		s.inPipe.Close()
	}
	for _, o := range s.outputs {
		o.pipe.Close()
	}
}

func (s *Streams) closeChild() {
	for _, f := range s.Child {
		if f != nil {
			f.Close() // twice when output and error share one; the second is refused
		}
	}
}
