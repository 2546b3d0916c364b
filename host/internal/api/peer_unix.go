//go:build linux || darwin

package api

import (
	"fmt"
	"net"
	"os"
)

// checkPeer refuses a peer on a unix socket that is not this process's user.
func checkPeer(c net.Conn) error {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return nil // an in-process listener
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return err
	}
	var uid uint32
	var uidErr error
	if err := raw.Control(func(fd uintptr) { uid, uidErr = peerUID(int(fd)) }); err != nil {
		return err
	}
	if uidErr != nil {
		return fmt.Errorf("read the peer's credentials: %w", uidErr)
	}
	if int(uid) != os.Getuid() {
		return fmt.Errorf("user %d is not user %d", uid, os.Getuid())
	}
	return nil
}
