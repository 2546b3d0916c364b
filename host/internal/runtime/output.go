package runtime

import (
	"bytes"
	"io"
	"sync"
)

const (
	// maxHandshake bounds the first line of standard output. It is less than
	// what go-plugin reads, which kills the process without saying why.
	maxHandshake = 16 << 10
	maxOutput    = 16 << 20 // everything a process may write in its life
	tailSize     = 8 << 10  // what is kept of it for diagnosis
)

// output takes what a process writes. The first line of standard output is
// go-plugin's hand-shake and is passed on; of everything else only the tail is
// kept. Beyond maxOutput, or in an endless first line, it calls onFlood.
type output struct {
	handshake *io.PipeWriter
	onFlood   func()

	mu    sync.Mutex
	line  int  // bytes of the first line so far
	done  bool // the first line is complete
	total int64
	tail  []byte
}

// stdout returns the writer for the process's standard output.
func (o *output) stdout() io.Writer { return writerFunc(o.writeStdout) }

// stderr returns the writer for its standard error.
func (o *output) stderr() io.Writer { return writerFunc(o.keep) }

func (o *output) writeStdout(p []byte) (int, error) {
	n := len(p)
	o.mu.Lock()
	var first []byte
	if !o.done {
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			first, p, o.done = p[:i+1], p[i+1:], true
		} else {
			first, p = p, nil
		}
		o.line += len(first)
	}
	endless := o.line > maxHandshake
	done, line := o.done || endless, o.line
	o.mu.Unlock()
	if endless {
		o.onFlood()
	}
	if len(first) > 0 && line <= maxHandshake {
		if _, err := o.handshake.Write(first); err != nil {
			return 0, err
		}
	}
	if done {
		_ = o.handshake.Close()
	}
	if _, err := o.keep(p); err != nil {
		return 0, err
	}
	return n, nil
}

func (o *output) keep(p []byte) (int, error) {
	o.mu.Lock()
	before := o.total
	o.total += int64(len(p))
	flooded := before <= maxOutput && o.total > maxOutput
	o.tail = append(o.tail, p...)
	if extra := len(o.tail) - tailSize; extra > 0 {
		o.tail = append(o.tail[:0], o.tail[extra:]...)
	}
	o.mu.Unlock()
	if flooded {
		o.onFlood()
	}
	return len(p), nil
}

// text returns the tail of what was written, without invalid characters.
func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(bytes.ToValidUTF8(bytes.TrimSpace(o.tail), []byte("?")))
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
