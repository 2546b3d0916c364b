// Package pluginsdk is what a plugin author imports.
//
// A plugin is a [Plugin]: a descriptor first ([Plugin.Manifest], with no side
// effects), then a life between [Plugin.Start] and [Plugin.Close]. What it can
// do beyond that it says by implementing [CommandProvider] or [ToolProvider].
// Everything a plugin wants from the world outside its process goes through
// the [Host] it is given, which is cut to that plugin's grants.
//
// A command's Run function is a handler: a plain function of its inputs, the
// answers it got and the model texts it asked for. The host runs it as one
// step. What it writes is staged and applied together when it returns without
// an error; a crash, a stop or a parked question before that discards the
// staging and runs the handler again from the top, with answers already given
// replayed by question id. A handler must therefore not keep state between
// runs, and must give the same result for the same inputs.
//
// The package depends on the standard library only. Package
// [github.com/cowork-host/cowork/pluginsdk/rpc] carries the same contract
// over gRPC and has the Serve function a plugin's main calls.
package pluginsdk
