package pluginsdk

import (
	"context"
	"io"
	"io/fs"
)

// Host is the world as one plugin may see it: cut to its grants, every call
// passing the host's policy and log. Its methods may be called concurrently.
type Host interface {
	Files() Files
	// Tool calls one of the host's own tools with in marshalled as JSON.
	Tool(ctx context.Context, name string, in any) (*ToolResult, error)
	// Generate asks the model for a text. Without a model it returns an error
	// that is [ErrUnavailable].
	Generate(ctx context.Context, req *Prompt) (*Text, error)
	// Ask puts a question to the person and waits for the answer. When nobody
	// can answer (a script, a scheduled run) it returns [ErrUnavailable] at
	// once: a handler that can, goes on without the answer; one that returns
	// the error leaves the task waiting for it, and is run again from the top
	// when it is there. On a re-run the answer already given is returned by Question.ID.
	Ask(ctx context.Context, q Question) (Answer, error)
	Report() Reporter
}

// Files is the workspace door: the union of the folders the user granted, as
// slash-separated relative paths in the manner of [fs.ValidPath]. Reads see
// the step's own staged writes. Errors are, beside I/O errors, [ErrNotFound],
// [ErrDenied] (outside the grant, read-only, or removing a file the task did
// not create) and [ErrConflict].
type Files interface {
	// Open opens a file or directory. A regular file also implements
	// [io.ReaderAt] and [io.Seeker]; a directory [fs.ReadDirFile].
	Open(name string) (fs.File, error)
	// Create stages a new file. If the name is taken the host picks the next
	// free numbered one ("report (2).xlsx"); [File.Name] tells which. Missing
	// folders are made.
	Create(name string) (File, error)
	// Write stages the whole new content of exactly this name, whether or not
	// it exists. The bytes from before are kept for undo.
	Write(name string) (File, error)
	Rename(oldName, newName string) error
	Remove(name string) error
}

// File is a staged file open for writing. It must be closed; an error from
// Close means that nothing of it will be applied.
type File interface {
	io.WriteCloser
	// Name is the path the file will have.
	Name() string
}

// Reporter tells the person what is going on. It never fails: a report that
// cannot be delivered is dropped.
type Reporter interface {
	// Plan replaces the list of what this step is going to do.
	Plan(steps ...string)
	// Progress says how far the named piece of work is. total is 0 when it is
	// not known. The host shows at most a few a second.
	Progress(label string, done, total int64)
	// Log adds a line the person may want to read afterwards.
	Log(message string)
	// Fact makes a computed value known before the step ends.
	Fact(f Fact)
}

// Prompt is a request for a text from the model.
type Prompt struct {
	// ID names the request within the step, so that a re-run gets the same
	// text again.
	ID        string
	System    string
	Text      string
	MaxTokens int
}

// Text is a model's answer.
type Text struct {
	Text  string
	Model string
}

// Question asks the person to decide something the inputs do not settle.
type Question struct {
	// ID names the question within the step; the same question has the same
	// ID on every run.
	ID   string `json:"id"`
	Text string `json:"text"`
	// Choices are what can be answered; empty allows any text.
	Choices []Choice `json:"choices,omitempty"`
}

// Choice is one possible answer.
type Choice struct {
	Value  string `json:"value"`
	Label  string `json:"label"`
	Detail string `json:"detail,omitempty"`
}

// Answer is what the person chose: a Choice's value, or free text.
type Answer struct {
	Value string `json:"value"`
}
