// Package rpc carries the contract of pluginsdk over gRPC between a host and
// a plugin process, with hashicorp/go-plugin for the hand-shake, mutual TLS
// and the connection back from plugin to host.
//
// A plugin's main is one line:
//
//	func main() { rpc.Serve(greeter{}) }
//
// The host dispenses a [Client] and calls the plugin through it. Both
// directions keep what an author relies on: pluginsdk's sentinels and
// [pluginsdk.Error] survive the wire, and cancelling a context on one side
// cancels it on the other.
package rpc
