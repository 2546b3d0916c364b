package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cowork-host/cowork/host/internal/home"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Ended waits until no host has the home, or until ctx ends. A host that was
// told to quit still closes its stores when it no longer answers.
func Ended(ctx context.Context, dir string) error {
	h, err := home.Open(ctx, dir)
	if err != nil {
		return err
	}
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		lock, err := h.Lock()
		if err == nil {
			return lock.Release()
		}
		if !errors.Is(err, pluginsdk.ErrConflict) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the host to end: %w", context.Cause(ctx))
		case <-retry.C:
		}
	}
}
