//go:build !linux && !darwin

package api

import "net"

// checkPeer relies on the permissions of the socket's folder where the system
// does not tell who the peer is.
func checkPeer(net.Conn) error { return nil }
