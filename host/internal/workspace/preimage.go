package workspace

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
)

const (
	copyBuffer   = 1 << 20
	digestPrefix = "sha256:"
	copyRetries  = 3
)

// copyFile copies src, from its beginning, to the empty file dst, sharing
// blocks where the disk can, and returns the digest of what dst now holds.
func (s *Store) copyFile(ctx context.Context, dst, src *os.File, where string) (string, int64, error) {
	if err := s.at("clone", where); err != nil {
		return "", 0, err
	}
	if clone(dst, src) == nil {
		return digestOf(ctx, dst)
	}
	sum := sha256.New()
	buf := make([]byte, copyBuffer)
	var size int64
	for {
		if err := ctx.Err(); err != nil {
			return "", 0, err
		}
		n, err := src.ReadAt(buf, size)
		if n > 0 {
			if err := s.at("write", where); err != nil {
				return "", 0, err
			}
			if _, err := dst.WriteAt(buf[:n], size); err != nil {
				return "", 0, err
			}
			sum.Write(buf[:n])
			size += int64(n)
		}
		if errors.Is(err, io.EOF) {
			return digestPrefix + hex.EncodeToString(sum.Sum(nil)), size, nil
		}
		if err != nil {
			return "", 0, err
		}
	}
}

// digestOf reads a file whole.
func digestOf(ctx context.Context, f *os.File) (string, int64, error) {
	sum := sha256.New()
	buf := make([]byte, copyBuffer)
	var size int64
	for {
		if err := ctx.Err(); err != nil {
			return "", 0, err
		}
		n, err := f.ReadAt(buf, size)
		sum.Write(buf[:n])
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return digestPrefix + hex.EncodeToString(sum.Sum(nil)), size, nil
		}
		if err != nil {
			return "", 0, err
		}
	}
}

// digestAt reads the regular file at a place.
func digestAt(ctx context.Context, l loc) (string, error) {
	f, _, err := l.openRegular()
	if err != nil {
		return "", err
	}
	defer f.Close()
	digest, _, err := digestOf(ctx, f)
	return digest, err
}

// preImagePath is where the bytes with a digest lie.
func (s *Store) preImagePath(digest string) string {
	sum := strings.TrimPrefix(digest, digestPrefix)
	return filepath.Join(s.preImageDir(), sum[:2], sum)
}

// savePreImage stores the bytes of a file, durable, and describes it. A file
// that is being written while it is read is read again.
func (s *Store) savePreImage(ctx context.Context, l loc) (meta, fs.FileInfo, error) {
	for range copyRetries {
		m, info, err := s.tryPreImage(ctx, l)
		if err == nil || !errors.Is(err, errMoving) {
			return m, info, err
		}
	}
	return meta{}, nil, conflict("close it in the program that writes it and try again",
		"%s is being written by another program", l.host())
}

var errMoving = errors.New("file changed while it was read")

func (s *Store) tryPreImage(ctx context.Context, l loc) (meta, fs.FileInfo, error) {
	src, info, err := l.openRegular()
	if err != nil {
		return meta{}, nil, err
	}
	defer src.Close()
	if err := s.roomFor(ctx, src, info, l); err != nil {
		return meta{}, nil, err
	}
	digest, size, err := s.storeBytes(ctx, src)
	if err != nil {
		return meta{}, nil, err
	}
	after, err := src.Stat()
	if err != nil {
		return meta{}, nil, err
	}
	if after.Size() != size || after.Size() != info.Size() || !after.ModTime().Equal(info.ModTime()) {
		return meta{}, nil, errMoving
	}
	return metaOf(info, digest), info, nil
}

func metaOf(info fs.FileInfo, digest string) meta {
	return meta{
		Digest: digest,
		Size:   info.Size(),
		Mode:   uint32(info.Mode().Perm()),
		MTime:  info.ModTime().UnixNano(),
	}
}

// roomFor refuses a write whose pre-image does not fit any more. Bytes that
// are kept already need no room.
func (s *Store) roomFor(ctx context.Context, src *os.File, info fs.FileInfo, l loc) error {
	if s.opt.MaxPreImageBytes <= 0 {
		return nil
	}
	used, err := s.journal.preImageBytes(ctx)
	if err != nil || used+info.Size() <= s.opt.MaxPreImageBytes {
		return err
	}
	digest, _, err := digestOf(ctx, src)
	if err != nil {
		return err
	}
	if _, err := os.Stat(s.preImagePath(digest)); err == nil {
		return nil
	}
	return userError(pluginsdk.ErrUnavailable, errors.ErrUnsupported,
		"write to a new file instead, or raise the limit for kept file versions",
		"%s is not changed: keeping its %d bytes for undo would exceed the limit of %d bytes (%d in use)",
		l.host(), info.Size(), s.opt.MaxPreImageBytes, used)
}

// storeBytes copies a file into the store under its digest.
func (s *Store) storeBytes(ctx context.Context, src *os.File) (string, int64, error) {
	tmp := filepath.Join(s.preImageDir(), "new-"+strings.ToLower(rand.Text()))
	digest, size, err := s.copyDurable(ctx, tmp, src)
	if err != nil {
		return "", 0, errors.Join(diskError("keep old content in", s.preImageDir(), err), ignoreMissing(os.Remove(tmp)))
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	final := s.preImagePath(digest)
	if _, err := os.Stat(final); err == nil {
		return digest, size, errors.Join(os.Remove(tmp), s.journal.addPreImage(ctx, digest, size))
	}
	err = s.at("rename", final)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(final), 0o700)
	}
	if err == nil {
		err = os.Rename(tmp, final)
	}
	if err == nil {
		err = errors.Join(syncPath(filepath.Dir(final)), syncPath(s.preImageDir()))
	}
	if err != nil {
		return "", 0, errors.Join(diskError("keep old content in", s.preImageDir(), err), ignoreMissing(os.Remove(tmp)))
	}
	return digest, size, s.journal.addPreImage(ctx, digest, size)
}

func (s *Store) copyDurable(ctx context.Context, path string, src *os.File) (digest string, size int64, err error) {
	if err := s.at("create", path); err != nil {
		return "", 0, err
	}
	dst, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, err
	}
	defer func() {
		if cerr := dst.Close(); err == nil {
			err = cerr
		}
	}()
	if digest, size, err = s.copyFile(ctx, dst, src, path); err != nil {
		return "", 0, err
	}
	if err := s.at("fsync", path); err != nil {
		return "", 0, err
	}
	return digest, size, dst.Sync()
}

func syncPath(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncDir(f)
}

// syncDir makes the names in an open folder durable. Windows cannot and needs
// not; some network disks answer that they do not know how.
func syncDir(dir *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	err := dir.Sync()
	if isUnsupported(err) {
		return nil
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
