package home

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/cowork-host/cowork/pluginsdk"
)

// errHeld says that another process, or another Lock, has the lock.
var errHeld = errors.New("lock is held")

// Lock is the right to be the host of a home. The system takes it back when
// the process ends, however it ends.
type Lock struct {
	file *os.File
	once sync.Once
	err  error
}

// Lock takes the home for this process, at once or not at all. When another
// host has it, the error is a [pluginsdk.ErrConflict] that tells its process
// id.
func (h *Home) Lock() (*Lock, error) {
	path := filepath.Join(h.RunDir(), "host.lock")
	// The file stays where it is for ever: removing it would let two hosts
	// lock two files of one name.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, explain(path, err)
	}
	if err := tryLock(f); err != nil {
		defer f.Close()
		if !errors.Is(err, errHeld) {
			return nil, explain(path, err)
		}
		return nil, &pluginsdk.Error{
			Kind:    pluginsdk.ErrConflict,
			Message: fmt.Sprintf("another host runs with COWORK_HOME %s (%s)", h.path, holder(f)),
			Next:    "use that one, or end it with: cowork stop",
		}
	}
	if err := sign(f); err != nil {
		return nil, explain(path, errors.Join(err, f.Close()))
	}
	return &Lock{file: f}, nil
}

// Release gives the home up. It may be called more than once.
func (l *Lock) Release() error {
	l.once.Do(func() { l.err = errors.Join(l.file.Truncate(0), l.file.Close()) })
	return l.err
}

// sign leaves this process's id in the lock file for whoever comes second.
func sign(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func holder(f io.ReaderAt) string {
	var buf [32]byte
	n, err := f.ReadAt(buf[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "process unknown"
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(buf[:n])))
	if err != nil || pid <= 0 {
		return "process unknown: it is starting or ending"
	}
	return fmt.Sprintf("process %d", pid)
}
