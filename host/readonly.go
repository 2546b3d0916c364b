package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/home"
	"github.com/cowork-host/cowork/host/internal/workspace"
)

// CannotWrite reports whether an error of [Prepare] says that the home is
// there and its disk is full or cannot be written: what is in it can still be
// shown, see Options.ReadOnly.
func CannotWrite(err error) bool {
	return errors.Is(err, home.ErrFull) || errors.Is(err, home.ErrReadOnly)
}

// SocketOf returns where the host of a home listens that cannot be written.
func SocketOf(ctx context.Context, dir string) (string, error) {
	h, err := home.OpenReadOnly(ctx, dir)
	if err != nil {
		return "", err
	}
	return h.SocketPath()
}

// openReadOnly opens what is there without changing it. What this host needs
// itself is in a temporary folder.
func (h *Host) openReadOnly(ctx context.Context) (err error) {
	if h.home, err = home.OpenReadOnly(ctx, h.opts.Home); err != nil {
		return err
	}
	if h.run, err = os.MkdirTemp("", "cowork-"); err != nil {
		return fmt.Errorf("make a folder for the socket: %w", err)
	}
	h.onClose(func(context.Context) error { return os.RemoveAll(h.run) })
	h.socket = filepath.Join(h.run, "host.sock")
	if h.log, err = event.OpenSQLite(ctx, h.home.EventsDB(), event.Options{ReadOnly: true, Log: h.opts.Logger}); err != nil {
		return err
	}
	h.onClose(func(context.Context) error { return h.log.Close() })
	h.store, err = workspace.Open(ctx, workspace.Options{Dir: h.home.WorkspaceDir(), ReadOnly: true, Log: h.opts.Logger})
	if err != nil {
		return err
	}
	h.onClose(func(context.Context) error { return h.store.Close() })
	return h.wire(ctx)
}
