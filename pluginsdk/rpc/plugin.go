package rpc

import (
	"context"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc/pb"
)

// ProtocolVersion is the version of the contract this package speaks. The host
// and the plugin agree on the highest version both know; when there is none,
// the start fails with [ErrVersion].
const ProtocolVersion = 1

// maxMessage bounds one gRPC message: a result with a few thousand facts fits,
// a plugin that tries to fill the host's memory does not.
const maxMessage = 32 << 20

// pluginName is the key of the one plugin a process serves.
const pluginName = "cowork"

// Handshake returns the values that tell a cowork plugin from any other
// program; they are not a secret.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  ProtocolVersion,
		MagicCookieKey:   "COWORK_PLUGIN",
		MagicCookieValue: "7f0c2d5e-cowork-plugin",
	}
}

// Versions returns what the host offers in the hand-shake, by protocol version.
func Versions() map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{ProtocolVersion: {pluginName: &wire{}}}
}

// Serve runs p as a plugin process and returns when the host ends it. It is
// called from main and uses the process's standard output for the hand-shake:
// what the plugin prints there afterwards, and on standard error, is kept by
// the host for diagnosis.
func Serve(p pluginsdk.Plugin) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{ProtocolVersion: {pluginName: &wire{impl: p, stderr: os.Stderr}}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, serverLimits()...)...)
		},
		Logger: hclog.NewNullLogger(),
	})
}

// PluginSet returns p as go-plugin knows it, for tests that speak the real
// wire in process.
func PluginSet(p pluginsdk.Plugin) plugin.PluginSet {
	return plugin.PluginSet{pluginName: &wire{impl: p}}
}

// Dispense asks a connected go-plugin client for the plugin behind it.
func Dispense(c plugin.ClientProtocol) (*Client, error) {
	raw, err := c.Dispense(pluginName)
	if err != nil {
		return nil, err
	}
	return raw.(*Client), nil
}

// DialOptions are the gRPC options the host dials a plugin with.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithDefaultCallOptions(
		grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage))}
}

func serverLimits() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage)}
}

// wire is the go-plugin view of the contract. impl is set on the plugin's side.
type wire struct {
	plugin.NetRPCUnsupportedPlugin
	impl   pluginsdk.Plugin
	stderr *os.File // the process's own, see server.Start; nil in tests
}

var _ plugin.GRPCPlugin = (*wire)(nil)

func (w *wire) GRPCServer(broker *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterPluginServer(s, newServer(w.impl, broker, w.stderr))
	return nil
}

func (w *wire) GRPCClient(_ context.Context, broker *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return newClient(broker, pb.NewPluginClient(conn)), nil
}
