// Package runtime is a plugin's life: load its descriptor and check it, start
// its process in the task's sandbox, watch it, close it.
//
// A plugin is a process of its own, whatever it is made of. The wire is
// hashicorp/go-plugin; the process is started through go-plugin's runner seam
// in a [sandbox.Sandbox], so nothing a plugin does reaches the host but
// through the calls of pluginsdk.Host. A process that crashes, hangs, floods
// its output, answers garbage or speaks another version is stopped and named
// in a [Failure]; the host and other plugins go on.
package runtime
