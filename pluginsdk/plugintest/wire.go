package plugintest

import (
	"testing"

	"github.com/hashicorp/go-plugin"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc"
)

// Connect serves p through the real wire in this process and returns the
// host's side of it. The connection ends with the test.
func Connect(t testing.TB, p pluginsdk.Plugin) *rpc.Client {
	t.Helper()
	grpcClient, grpcServer := plugin.TestPluginGRPCConn(t, true, rpc.PluginSet(p))
	t.Cleanup(func() {
		// Not grpcClient.Close, which has the server stop itself meanwhile:
		// two stops of one server race.
		grpcServer.Stop()
		_ = grpcClient.Conn.Close() // the test is over
	})
	c, err := rpc.Dispense(grpcClient)
	if err != nil {
		t.Fatalf("connect to the plugin: %v", err)
	}
	t.Cleanup(c.Abandon)
	return c
}
