package pluginsdk

import "context"

// Plugin is what an author implements. The host calls its methods in this
// order and never concurrently with each other:
//
//  1. Manifest, any number of times, also at install when nothing else runs.
//     It has no side effects and needs no grant.
//  2. Start, once, before the first command or tool of a task is called. The
//     Host stays valid until Close returns. Cancelling ctx abandons the start.
//  3. Commands and tools, concurrently with each other.
//  4. Close, once, also after a failed Start.
type Plugin interface {
	Manifest() *Manifest
	Start(ctx context.Context, host Host) error
	Close() error
}

// CommandProvider is a Plugin with slash commands that have a handler.
type CommandProvider interface {
	// Commands returns the same commands on every call, without side effects.
	Commands() []Command
}

// ToolProvider is a Plugin with tools a model may call.
type ToolProvider interface {
	// Tools returns the same tools on every call, without side effects.
	Tools() []Tool
}

// Manifest says what a plugin is. Name is the plugin's identity and the first
// half of its slash commands; it must equal the name in the bundle's
// .claude-plugin/plugin.json.
type Manifest struct {
	Name        string `json:"name"`
	Version     string `json:"version,omitempty"`
	Description string `json:"description,omitempty"`
}

// Command is a slash command with a handler, invoked as /plugin:name args.
type Command struct {
	// Name is the half after the colon, in lower case with single hyphens.
	Name string
	// Summary is one sentence for lists, without a full stop.
	Summary string
	// ArgumentHint is the usage line after the name, e.g. "FILE [--by COL]".
	// Empty: the host derives it from Params.
	ArgumentHint string
	// Params are the arguments the host parses and checks before Run is
	// called. Positional ones come first, in order.
	Params []Param
	// Run is the handler. Cancelling ctx (the user stopped the task) must make
	// it return soon: the host ends the process a second later.
	Run func(ctx context.Context, inv *Invocation) (*Result, error)
}

// ParamKind says how the host checks an argument's text.
type ParamKind string

// The kinds of argument.
const (
	// ParamText is any text.
	ParamText ParamKind = "text"
	// ParamFile is a file that must exist in the workspace. A leading @ is
	// dropped; the handler gets the path by which [Files] knows the file.
	ParamFile ParamKind = "file"
	// ParamFlag is a switch without a value; its value is "true" when given.
	ParamFlag ParamKind = "flag"
)

// Param is one argument of a command.
type Param struct {
	// Name is the key in [Invocation.Value] and, for an option, the text after
	// the two hyphens.
	Name string    `json:"name"`
	Kind ParamKind `json:"kind"`
	// Option makes it --name VALUE instead of a positional argument.
	Option bool `json:"option,omitempty"`
	// Required refuses the call when it is missing.
	Required bool `json:"required,omitempty"`
	// Placeholder stands for the value in usage lines, e.g. "COL"; empty: the
	// name in upper case.
	Placeholder string `json:"placeholder,omitempty"`
	// Summary is one sentence for help, without a full stop.
	Summary string `json:"summary,omitempty"`
}

// Tool is a function a model may call with JSON input.
type Tool struct {
	Name        string
	Description string
	// InputSchema is a JSON Schema object; nil accepts any object.
	InputSchema []byte
	// Call gets the validated input. Its error goes to the model, so it says
	// what to try next.
	Call func(ctx context.Context, host Host, input []byte) (*ToolResult, error)
}

// ToolResult is what a tool returns: text for the model and, optionally, the
// same as JSON.
type ToolResult struct {
	Text string
	JSON []byte
}

// Invocation is one call of a command.
type Invocation struct {
	// Command is the command's name without the plugin's.
	Command string
	// Args are the words after the command as a shell would split them.
	Args []string
	// Values holds the parsed Params by name. A parameter that was not given
	// has no key.
	Values map[string]string
	// Host is the host as this step sees it: files written through it are
	// staged with the step. It is valid until Run returns.
	Host Host
}

// Value returns the parsed parameter, or "" when it was not given.
func (inv *Invocation) Value(name string) string { return inv.Values[name] }

// Result is what a handler delivers.
type Result struct {
	Artifacts []Artifact `json:"artifacts,omitempty"`
	Facts     []Fact     `json:"facts,omitempty"`
	// Brief is a short Markdown summary for the person: what was found, what
	// was assumed, what to look at. It stands on its own without a model.
	Brief string `json:"brief,omitempty"`
}

// Artifact is a file a handler delivered.
type Artifact struct {
	// Path is the name [File.Name] returned when the file was created.
	Path      string  `json:"path"`
	MediaType string  `json:"media_type"`
	Title     string  `json:"title,omitempty"`
	Checks    []Check `json:"checks,omitempty"`
}

// CheckStatus is the outcome of a check.
type CheckStatus string

// The outcomes of a check. NotVerified is an honest "nobody looked".
const (
	Passed      CheckStatus = "passed"
	Failed      CheckStatus = "failed"
	NotVerified CheckStatus = "not_verified"
)

// Check is one claim about an artifact and whether it was verified.
type Check struct {
	Name   string      `json:"name"`
	Status CheckStatus `json:"status"`
	Detail string      `json:"detail,omitempty"`
}

// FactType says how to read a fact's value.
type FactType string

// The types of a fact.
const (
	FactDecimal FactType = "decimal" // exact, e.g. "1234.50"
	FactInteger FactType = "integer"
	FactPercent FactType = "percent" // in percent points: "12.5" is 12.5 %
	FactText    FactType = "text"
	FactDate    FactType = "date" // RFC 3339 date or date and time with zone
)

// Fact is one named, computed value. Its value is text so that decimals stay
// exact on every wire.
type Fact struct {
	Name  string   `json:"name"`
	Value string   `json:"value"`
	Type  FactType `json:"type,omitempty"`
	Unit  string   `json:"unit,omitempty"`
	// Source says where the number comes from, e.g. "budget.csv:12" for a
	// line, "actuals.xlsx!Q1!C7" for a cell, or the deliverable's cell.
	Source string `json:"source,omitempty"`
	// Approximate marks a value from a sketch instead of an exact count.
	Approximate bool `json:"approximate,omitempty"`
}
