package task

import (
	"context"
	"log/slog"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
)

// Spec is what a task is asked to do.
type Spec struct {
	// Input is an outcome or a slash command, as typed.
	Input string
	// Folders are the granted folders, absolute; Cwd is where the person
	// stands, for relative paths in Input.
	Folders []string
	Cwd     string
	// Sandbox is the backend asked for: "auto" or a name.
	Sandbox string
	Mode    string
	// Parent is the task that started this one, Root the top of its tree;
	// both are empty for a task a person started.
	Parent string
	Root   string
	// Interactive says that somebody is there to answer questions.
	Interactive bool
	// PluginDirs are bundles to offer in this task beside the installed ones.
	PluginDirs []string

	// Model, Light, NoInternet, ReadOnly, Budget and Agent are those of
	// [event.TaskCreated].
	Model      string
	Light      bool
	NoInternet bool
	ReadOnly   bool
	Budget     string
	Agent      string
}

// created is the first event of a task with the spec.
func (s Spec) created() event.TaskCreated {
	return event.TaskCreated{
		Title: title(s.Input), Input: s.Input, Folders: s.Folders, SandboxRequested: s.Sandbox, Mode: s.Mode,
		Model: s.Model, Light: s.Light, NoInternet: s.NoInternet, ReadOnly: s.ReadOnly, Budget: s.Budget, Agent: s.Agent,
		Cwd: s.Cwd, PluginDirs: s.PluginDirs, Interactive: s.Interactive,
	}
}

// specOf is the spec a task was created with.
func specOf(s *State) Spec {
	c := s.Created
	return Spec{
		Input: c.Input, Folders: c.Folders, Cwd: c.Cwd, Sandbox: c.SandboxRequested, Mode: c.Mode,
		Parent: s.Parent, Interactive: c.Interactive, PluginDirs: c.PluginDirs,
		Model: c.Model, Light: c.Light, NoInternet: c.NoInternet, ReadOnly: c.ReadOnly, Budget: c.Budget, Agent: c.Agent,
	}
}

// Worker does what a task asks for.
type Worker interface {
	// Check refuses what cannot be started at all: an empty input, an unknown
	// command. No task is made for it.
	Check(ctx context.Context, spec Spec) error
	// Work does the task and says how it ended. Cancelling ctx stops it; what
	// was applied before stays. It is called in a goroutine of its own, and
	// again in the same run when a message or an answer came in just as it
	// returned.
	Work(ctx context.Context, t *Task) event.TaskDone
	// Settle says what became of a step of a task that was at work when the
	// host died.
	Settle(ctx context.Context, task string, st Step) (Settled, error)
}

// Settled is what became of a step.
type Settled struct {
	// Applied says that the step's files are in the granted folders.
	Applied bool
	Changes []event.Change
	// Artifacts are those of the step's result, where they are now.
	Artifacts []event.Artifact
	// Unfinished says that the task has work left after the step: a command's
	// instructions for the model.
	Unfinished bool
}

// defaultParkAfter is how long a task waits for the person before it parks.
const defaultParkAfter = 10 * time.Minute

// Options are what a Manager needs; all but Log and Worker may be left out.
type Options struct {
	Log    event.Log
	Worker Worker
	Logger *slog.Logger
	Now    func() time.Time
	NewID  func() string
	// ParkAfter is how long a task waits for an answer; 0 is ten minutes.
	ParkAfter time.Duration
	// OnAnswer is called with the first answer to an approval before it is
	// recorded and acted on: a grant for the task or for always is stored
	// there. task is the one that asked, root the top of its tree. Its error
	// refuses the answer. It must not call the manager.
	OnAnswer func(ctx context.Context, task, root string, asked event.ApprovalAsked, answer event.ApprovalAnswered) error
}
