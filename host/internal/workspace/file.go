package workspace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// staged is a file's new bytes. Its digest is computed while they are written
// in order, and otherwise once at the end.
type staged struct {
	path string
	now  func() time.Time

	mu    sync.Mutex
	sum   hash.Hash
	size  int64
	mtime time.Time
	dirty bool // written out of order: sum is of no use
}

func (b *staged) begin() {
	b.sum, b.mtime = sha256.New(), b.now()
}

func (b *staged) stat(name string) (fs.FileInfo, error) {
	info, err := os.Stat(b.path)
	if err != nil {
		return nil, err
	}
	return stagedInfo{named{info, name}, b.modTime()}, nil
}

func (b *staged) modTime() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mtime
}

// wrote takes note of bytes written at an offset.
func (b *staged) wrote(p []byte, off int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mtime = b.now()
	if off != b.size {
		b.dirty = true
	}
	if !b.dirty {
		b.sum.Write(p)
		b.size += int64(len(p))
	}
}

func (b *staged) spoil() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dirty, b.mtime = true, b.now()
}

// digest returns the digest of the bytes, which nobody writes any more.
func (b *staged) digest(ctx context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dirty {
		return digestPrefix + hex.EncodeToString(b.sum.Sum(nil)), nil
	}
	f, err := os.Open(b.path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	digest, _, err := digestOf(ctx, f)
	return digest, err
}

// File is an open file or folder of a step. It is an [fs.ReadDirFile], an
// afero.File and, opened for writing, a [pluginsdk.File]. Reading and writing
// one File from several goroutines is safe; ReadAt and WriteAt do not move the
// offset.
type File struct {
	step     *Step
	name     string
	at       place
	dir      bool
	info     fs.FileInfo // a folder's, as it was when opened
	writable bool
	appends  bool
	bytes    *staged
	before   *entry // what the write replaced in the step

	mu     sync.Mutex
	f      *os.File
	off    int64
	failed error
	closed bool
	list   []fs.DirEntry
	listed bool
}

// Name returns the virtual name; after [Step.Create], the one it got.
func (f *File) Name() string { return f.name }

// ready reports why the file cannot be used; f.mu is held.
func (f *File) ready(op string, write bool) error {
	switch {
	case f.closed:
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	case f.dir:
		return invalid("name a file in it", "%s is a folder", f.name)
	case write && !f.writable:
		return denied("open it with Write or Create", "%s is open for reading only", f.name)
	}
	return nil
}

// Read reads from the current offset.
func (f *File) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ready("read", false); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.f.ReadAt(p, f.off)
	f.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, f.readError(err)
}

// ReadAt reads at an offset, as [io.ReaderAt].
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ready("read", false); err != nil {
		return 0, err
	}
	n, err := f.f.ReadAt(p, off)
	return n, f.readError(err)
}

func (f *File) readError(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return diskError("read", f.at.host(), err)
}

// Seek moves the offset, as [io.Seeker].
func (f *File) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ready("seek", false); err != nil {
		return 0, err
	}
	switch whence {
	case io.SeekCurrent:
		offset += f.off
	case io.SeekEnd:
		info, err := f.f.Stat()
		if err != nil {
			return 0, err
		}
		offset += info.Size()
	case io.SeekStart:
	default:
		return 0, invalid("", "seek in %s: whence %d", f.name, whence)
	}
	if offset < 0 {
		return 0, invalid("", "seek in %s: before the beginning", f.name)
	}
	f.off = offset
	return offset, nil
}

// Write writes at the current offset. After an error the file is lost: Close
// returns that error and nothing of it will be applied.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.appends && f.f != nil {
		if info, err := f.f.Stat(); err == nil {
			f.off = info.Size()
		}
	}
	n, err := f.writeAt(p, f.off)
	f.off += int64(n)
	return n, err
}

// WriteAt writes at an offset, as [io.WriterAt].
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writeAt(p, off)
}

func (f *File) writeAt(p []byte, off int64) (int, error) {
	if err := f.ready("write", true); err != nil {
		return 0, err
	}
	if f.failed != nil {
		return 0, f.failed
	}
	err := f.step.ws.store.at("write", f.bytes.path)
	if limit := f.step.ws.store.opt.MaxStagedBytes; f.step.written.Add(int64(len(p))) > limit && len(p) > 0 {
		err = tooMuch("the step writes more than %d bytes", limit)
	}
	n := 0
	if err == nil {
		n, err = f.f.WriteAt(p, off)
	}
	f.bytes.wrote(p[:n], off)
	return n, f.fail(err)
}

func (f *File) fail(err error) error {
	if err != nil {
		f.failed = diskError("stage "+f.name+" in", f.step.dir, err)
	}
	return f.failed
}

// WriteString writes a string at the current offset.
func (f *File) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// Truncate changes the size.
func (f *File) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ready("truncate", true); err != nil {
		return err
	}
	f.bytes.spoil()
	err := f.step.ws.store.at("write", f.bytes.path)
	if err == nil {
		err = f.f.Truncate(size)
	}
	return f.fail(err)
}

// Sync does nothing: bytes are made durable when the step is applied.
func (f *File) Sync() error { return nil }

// Stat describes the file.
func (f *File) Stat() (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, &fs.PathError{Op: "stat", Path: f.name, Err: fs.ErrClosed}
	}
	base := baseName(f.name)
	if f.dir {
		return named{f.info, base}, nil
	}
	info, err := f.f.Stat()
	if err != nil {
		return nil, err
	}
	if f.bytes != nil {
		return stagedInfo{named{info, base}, f.bytes.modTime()}, nil
	}
	return named{info, base}, nil
}

// ReadDir lists the next n entries of a folder, or all the rest for n <= 0, as
// [fs.ReadDirFile].
func (f *File) ReadDir(n int) ([]fs.DirEntry, error) {
	if !f.dir {
		return nil, invalid("name a folder", "%s is not a folder", f.name)
	}
	list, err := f.step.ReadDir(f.name) // takes the step's lock, so before ours
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, &fs.PathError{Op: "readdir", Path: f.name, Err: fs.ErrClosed}
	}
	if !f.listed {
		if err != nil {
			return nil, err
		}
		f.list, f.listed = list, true
	}
	if n <= 0 {
		n = len(f.list)
	} else if len(f.list) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.list))
	part := f.list[:n:n]
	f.list = f.list[n:]
	return part, nil
}

// Readdir is ReadDir with descriptions, for afero.
func (f *File) Readdir(n int) ([]fs.FileInfo, error) {
	list, err := f.ReadDir(n)
	infos := make([]fs.FileInfo, 0, len(list))
	for _, d := range list {
		info, ierr := d.Info()
		if errors.Is(ierr, fs.ErrNotExist) {
			continue // removed by somebody meanwhile
		}
		if ierr != nil {
			return infos, ierr
		}
		infos = append(infos, info)
	}
	return infos, err
}

// Readdirnames is ReadDir with names, for afero.
func (f *File) Readdirnames(n int) ([]string, error) {
	list, err := f.ReadDir(n)
	names := make([]string, 0, len(list))
	for _, d := range list {
		names = append(names, d.Name())
	}
	return names, err
}

// Close closes the file. For a staged file an error means that nothing of it
// will be applied.
func (f *File) Close() error {
	f.step.mu.Lock()
	defer f.step.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	f.closed = true
	delete(f.step.handles, f)
	var err error
	if f.f != nil {
		err = f.f.Close()
	}
	if !f.writable {
		return err
	}
	if f.fail(err) != nil {
		f.takeBack()
	}
	return f.failed
}

// takeBack drops the staged file from the step, wherever it was renamed to.
func (f *File) takeBack() {
	for at, e := range f.step.entries {
		if e.bytes != f.bytes {
			continue
		}
		delete(f.step.entries, at)
		if f.before != nil && at == f.at {
			f.step.entries[at] = f.before
		}
	}
}

// shut closes the handle when the step ends; f.step.mu is held.
func (f *File) shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.step.handles, f)
	if f.f != nil && !f.closed {
		f.f.Close()
	}
	f.closed = true
}
