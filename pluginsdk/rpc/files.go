package rpc

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"sync"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc/pb"
)

// chunk is how much of a file crosses the wire in one message.
const chunk = 1 << 20

// files is pluginsdk.Files over the wire. Its context is the call's, because
// fs.FS has none.
type files struct {
	ctx  context.Context
	rpc  pb.HostClient
	call uint64
}

var _ pluginsdk.Files = (*files)(nil)

func (f *files) fail(op, name string, err error) error {
	err = decodeError(f.ctx, err)
	if _, ok := errors.AsType[*pluginsdk.Error](err); ok {
		return err // already names the thing, for the person
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func (f *files) Open(name string) (fs.File, error) {
	resp, err := f.rpc.Open(f.ctx, &pb.OpenRequest{Call: f.call, Name: name})
	if err != nil {
		return nil, f.fail("open", name, err)
	}
	info := decodeInfo(resp.GetInfo())
	if info.IsDir() {
		return &dir{files: f, name: name, handle: resp.GetHandle(), info: info}, nil
	}
	return &file{files: f, name: name, handle: resp.GetHandle(), info: info}, nil
}

func (f *files) Create(name string) (pluginsdk.File, error) { return f.create(name, false) }
func (f *files) Write(name string) (pluginsdk.File, error)  { return f.create(name, true) }

func (f *files) create(name string, exact bool) (pluginsdk.File, error) {
	resp, err := f.rpc.Create(f.ctx, &pb.CreateRequest{Call: f.call, Name: name, Exact: exact})
	if err != nil {
		return nil, f.fail("create", name, err)
	}
	return &writer{files: f, name: resp.GetName(), handle: resp.GetHandle()}, nil
}

func (f *files) Rename(oldName, newName string) error {
	_, err := f.rpc.Rename(f.ctx, &pb.RenameRequest{Call: f.call, OldName: oldName, NewName: newName})
	if err != nil {
		return f.fail("rename", oldName, err)
	}
	return nil
}

func (f *files) Remove(name string) error {
	if _, err := f.rpc.Remove(f.ctx, &pb.RemoveRequest{Call: f.call, Name: name}); err != nil {
		return f.fail("remove", name, err)
	}
	return nil
}

func (f *files) closeHandle(name string, handle uint64) error {
	if _, err := f.rpc.CloseFile(f.ctx, &pb.CloseFileRequest{Handle: handle}); err != nil {
		return f.fail("close", name, err)
	}
	return nil
}

// file is an open regular file. Sequential reads are buffered a chunk ahead;
// ReadAt is not.
type file struct {
	files  *files
	name   string
	handle uint64
	info   *info

	mu   sync.Mutex
	pos  int64
	buf  []byte // the bytes at pos
	eof  bool   // nothing follows buf
	done bool
}

var (
	_ fs.File     = (*file)(nil)
	_ io.ReaderAt = (*file)(nil)
	_ io.Seeker   = (*file)(nil)
)

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *file) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if len(f.buf) == 0 {
		if f.eof {
			return 0, io.EOF
		}
		data, err := f.fetch(f.pos, max(chunk, min(len(p), maxRead)))
		if len(data) == 0 {
			return 0, err
		}
		f.buf, f.eof = data, errors.Is(err, io.EOF)
	}
	n := copy(p, f.buf)
	f.buf, f.pos = f.buf[n:], f.pos+int64(n)
	return n, nil
}

// fetch returns up to size bytes at off; at the end of the file it returns
// io.EOF, possibly with data.
func (f *file) fetch(off int64, size int) ([]byte, error) {
	resp, err := f.files.rpc.ReadAt(f.files.ctx, &pb.ReadAtRequest{Handle: f.handle, Offset: off, Size: int32(size)})
	if err != nil {
		return nil, f.files.fail("read", f.name, err)
	}
	if resp.GetEof() || len(resp.GetData()) == 0 {
		return resp.GetData(), io.EOF
	}
	return resp.GetData(), nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		data, err := f.fetch(off+int64(n), min(len(p)-n, chunk))
		n += copy(p[n:], data)
		if err != nil && n < len(p) {
			return n, err
		}
	}
	return n, nil
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += f.info.size
	}
	if offset < 0 {
		return 0, &fs.PathError{Op: "seek", Path: f.name, Err: fs.ErrInvalid}
	}
	f.pos, f.buf, f.eof = offset, nil, false
	return offset, nil
}

func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return nil
	}
	f.done = true
	return f.files.closeHandle(f.name, f.handle)
}

// dir is an open folder; it is listed whole on the first ReadDir.
type dir struct {
	files  *files
	name   string
	handle uint64
	info   *info

	mu      sync.Mutex
	listed  bool
	entries []fs.DirEntry
}

var _ fs.ReadDirFile = (*dir)(nil)

func (d *dir) Stat() (fs.FileInfo, error) { return d.info, nil }

func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a folder")}
}

func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.listed {
		resp, err := d.files.rpc.ReadDir(d.files.ctx, &pb.ReadDirRequest{Handle: d.handle})
		if err != nil {
			return nil, d.files.fail("read folder", d.name, err)
		}
		for _, e := range resp.GetEntries() {
			d.entries = append(d.entries, fs.FileInfoToDirEntry(decodeInfo(e)))
		}
		d.listed = true
	}
	if n <= 0 {
		all := d.entries
		d.entries = nil
		return all, nil
	}
	if len(d.entries) == 0 {
		return nil, io.EOF
	}
	some := d.entries[:min(n, len(d.entries))]
	d.entries = d.entries[len(some):]
	return some, nil
}

func (d *dir) Close() error { return d.files.closeHandle(d.name, d.handle) }

// writer is a staged file open for writing.
type writer struct {
	files  *files
	name   string
	handle uint64
	done   bool
}

var _ pluginsdk.File = (*writer)(nil)

func (w *writer) Name() string { return w.name }

func (w *writer) Write(p []byte) (int, error) {
	for n := 0; n < len(p); n += chunk {
		part := p[n:min(n+chunk, len(p))]
		if _, err := w.files.rpc.Append(w.files.ctx, &pb.AppendRequest{Handle: w.handle, Data: part}); err != nil {
			return n, w.files.fail("write", w.name, err)
		}
	}
	return len(p), nil
}

func (w *writer) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	return w.files.closeHandle(w.name, w.handle)
}

// info is fs.FileInfo from the wire.
type info struct {
	name string
	size int64
	mode fs.FileMode
	time time.Time
}

func decodeInfo(in *pb.FileInfo) *info {
	return &info{
		name: path.Base(in.GetName()), size: in.GetSize(),
		mode: fs.FileMode(in.GetMode()), time: time.Unix(0, in.GetModTimeNs()),
	}
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.mode }
func (i *info) ModTime() time.Time { return i.time }
func (i *info) IsDir() bool        { return i.mode.IsDir() }
func (i *info) Sys() any           { return nil }
