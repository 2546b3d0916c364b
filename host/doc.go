// Package host is the public face of cowork's host: [New] wires the rooms of
// host/internal together for one COWORK_HOME, [Host.Serve] answers clients,
// and [Client] is how every surface talks to it.
package host
