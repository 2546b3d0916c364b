package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/cowork-host/cowork/pluginsdk"
)

// doorError is a [pluginsdk.Error] that is also the io/fs error of its kind,
// so that both errors.Is(err, pluginsdk.ErrNotFound) and
// errors.Is(err, fs.ErrNotExist) hold.
type doorError struct {
	user  *pluginsdk.Error
	cause error
}

func (e *doorError) Error() string   { return e.user.Error() }
func (e *doorError) Unwrap() []error { return []error{e.user, e.cause} }

func denied(next, format string, args ...any) error {
	return userError(pluginsdk.ErrDenied, fs.ErrPermission, next, format, args...)
}

func notFound(next, format string, args ...any) error {
	return userError(pluginsdk.ErrNotFound, fs.ErrNotExist, next, format, args...)
}

func invalid(next, format string, args ...any) error {
	return userError(pluginsdk.ErrInvalid, fs.ErrInvalid, next, format, args...)
}

func conflict(next, format string, args ...any) error {
	return userError(pluginsdk.ErrConflict, fs.ErrExist, next, format, args...)
}

func tooMuch(format string, args ...any) error {
	return userError(pluginsdk.ErrUnavailable, fs.ErrInvalid, "report it to the plugin's author", format, args...)
}

func userError(kind, cause error, next, format string, args ...any) error {
	return &doorError{
		user:  &pluginsdk.Error{Kind: kind, Message: fmt.Sprintf(format, args...), Next: next},
		cause: cause,
	}
}

// diskError turns an error of the file system into one for the person, naming
// the host path it happened at. An error that already is one stays.
func diskError(doing, hostPath string, err error) error {
	var user *pluginsdk.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &user):
		return err
	case isEscape(err):
		return userError(pluginsdk.ErrDenied, err, "use a file inside the granted folder",
			"%s leads out of the granted folder by a symbolic link", hostPath)
	case errors.Is(err, fs.ErrNotExist):
		return userError(pluginsdk.ErrNotFound, err, "check the name", "%s does not exist", hostPath)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return userError(pluginsdk.ErrUnavailable, err, "free some space on that disk and run it again",
			"%s %s: the disk is full", doing, hostPath)
	case errors.Is(err, syscall.EROFS):
		return userError(pluginsdk.ErrDenied, err, chooseFolder,
			"%s %s: the disk is read-only", doing, hostPath)
	case errors.Is(err, fs.ErrPermission):
		return userError(pluginsdk.ErrDenied, err, chooseFolder,
			"%s %s: permission denied", doing, hostPath)
	case errors.Is(err, syscall.EIO):
		return userError(pluginsdk.ErrUnavailable, err, "check that disk and run it again",
			"%s %s: the disk reports a read or write error", doing, hostPath)
	}
	return fmt.Errorf("%s %s: %w", doing, hostPath, err)
}

const chooseFolder = "make it writable or choose another folder with --folder DIR"

// isEscape tells whether os.Root refused to leave its folder. That error has
// no name, but unlike every other one it is not of the system's.
func isEscape(err error) bool {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	default:
		return false
	}
	var errno syscall.Errno
	return !errors.As(err, &errno) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) &&
		!errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrClosed) && !errors.Is(err, fs.ErrInvalid) &&
		err.Error() == "path escapes from parent"
}
