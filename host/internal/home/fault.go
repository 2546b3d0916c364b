package home

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/cowork-host/cowork/pluginsdk"
)

// The kinds of error of a home that can be read and not written.
var (
	// ErrFull is a [pluginsdk.ErrUnavailable].
	ErrFull = fmt.Errorf("full: %w", pluginsdk.ErrUnavailable)
	// ErrReadOnly is a [pluginsdk.ErrDenied].
	ErrReadOnly = fmt.Errorf("read-only: %w", pluginsdk.ErrDenied)
)

// explain turns an error of the file system into one for the person.
func explain(path string, err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		err = perr.Err
	}
	denied := func(what string) error {
		return &pluginsdk.Error{
			Kind:    ErrReadOnly,
			Message: fmt.Sprintf("%s cannot be written: %s", path, what),
			Next:    "make it writable or " + otherHome,
		}
	}
	switch {
	case noSpace(err):
		return &pluginsdk.Error{
			Kind:    ErrFull,
			Message: fmt.Sprintf("there is no space left on the disk of %s", path),
			Next:    "free some space or " + otherHome,
		}
	case errors.Is(err, syscall.EROFS):
		return denied("the file system is read-only")
	case errors.Is(err, fs.ErrPermission):
		return denied("permission denied")
	case errors.Is(err, syscall.ELOOP):
		return pluginsdk.Invalid("remove the links or "+otherHome, "the symbolic links of %s lead in a circle", path)
	case errors.Is(err, syscall.ENOTDIR):
		return pluginsdk.Invalid(otherHome, "a part of the path %s is a file, not a folder", path)
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EINVAL):
		return pluginsdk.Invalid(otherHome, "%s is not a path this system takes (%v)", path, err)
	}
	return &pluginsdk.Error{
		Kind:    pluginsdk.ErrUnavailable,
		Message: fmt.Sprintf("%s cannot be used: %v", path, err),
		Next:    "check the disk or " + otherHome,
	}
}

func readOnly(path string) error {
	return &pluginsdk.Error{
		Kind:    ErrReadOnly,
		Message: fmt.Sprintf("%s is read-only", path),
		Next:    "make it writable or " + otherHome,
	}
}
