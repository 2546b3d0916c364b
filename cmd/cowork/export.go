package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

type taskExportCmd struct {
	taskID
	Out  string `help:"The zip to write. Default: task-ID.zip here." short:"o" placeholder:"FILE" type:"path"`
	JSON bool   `help:"Print what is in the zip as JSON."`
}

// Help is shown by --help.
func (taskExportCmd) Help() string {
	return `The zip holds events.jsonl (the log), agents/ (those of sub-agents), task.md (a
summary) and files/ (what the task delivered). A file that was changed, moved or
removed since is left out and named. An existing zip is never overwritten.`
}

// exported says what an export holds.
type exported struct {
	Task    string   `json:"task"`
	Path    string   `json:"path"`
	Files   []string `json:"files"`
	LeftOut []string `json:"left_out"`
}

func (t *taskExportCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	name := t.Out
	if name == "" {
		name = "task-" + id + ".zip"
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &pluginsdk.Error{Kind: pluginsdk.ErrConflict, Message: name + " is there already", Next: "name another file with --out FILE"}
	}
	if err != nil {
		return fmt.Errorf("export to %s: %w", name, err)
	}
	got, err := export(ctx, c, s, f)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(name)
		return fmt.Errorf("export to %s: %w", name, err)
	}
	got.Path = name
	if t.JSON {
		return a.printJSON(got)
	}
	for _, why := range got.LeftOut {
		fmt.Fprintf(a.stdout, "left out: %s\n", clean(why))
	}
	fmt.Fprintf(a.stdout, "%s: the log, a summary and %d of %s\n", clean(name), len(got.Files), plural(len(s.Artifacts), "file"))
	return nil
}

// export writes the zip.
func export(ctx context.Context, c *host.Client, s *host.TaskState, f io.Writer) (exported, error) {
	got := exported{Task: s.ID, Files: []string{}, LeftOut: []string{}}
	z := zip.NewWriter(f)
	if err := exportEvents(ctx, c, s.ID, logEntry, map[string]bool{}, z); err != nil {
		return got, err
	}
	w, err := z.Create("task.md")
	if err != nil {
		return got, err
	}
	if _, err := io.WriteString(w, summary(s)); err != nil {
		return got, err
	}
	taken := map[string]bool{}
	for _, art := range s.Artifacts {
		if err := ctx.Err(); err != nil {
			return got, err
		}
		entry := freeEntry(taken, art.Path)
		err := exportFile(z, entry, art)
		switch {
		case errors.Is(err, errNotDelivered):
			delete(taken, strings.ToLower(entry))
			got.LeftOut = append(got.LeftOut, strings.TrimPrefix(err.Error(), errNotDelivered.Error()+": "))
		case err != nil:
			return got, err
		default:
			got.Files = append(got.Files, entry)
		}
	}
	return got, z.Close()
}

// freeEntry names a file inside the zip; files of one name in several folders
// are numbered. Case does not tell names apart: it does not on every disk.
func freeEntry(taken map[string]bool, path string) string {
	base := strings.NewReplacer("\\", "_", ":", "_").Replace(clean(filepath.Base(path)))
	ext := filepath.Ext(base)
	name := "files/" + base
	for n := 2; taken[strings.ToLower(name)]; n++ {
		name = fmt.Sprintf("files/%s (%d)%s", strings.TrimSuffix(base, ext), n, ext)
	}
	taken[strings.ToLower(name)] = true
	return name
}

// exportEvents writes a task's log and, each beside it, those of its sub-agents.
func exportEvents(ctx context.Context, c *host.Client, id, entry string, seen map[string]bool, z *zip.Writer) error {
	w, err := z.Create(entry)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	seen[id] = true
	var below []string
	for e, err := range c.Events(ctx, id, 1, false) {
		if err != nil {
			return err
		}
		if e.Kind == host.KindTaskImported {
			continue // it says where this copy is, not what happened
		}
		if err := enc.Encode(e); err != nil {
			return err
		}
		if child := host.DecodeEvent[host.ChildStarted](e).Child; child != "" && !seen[child] {
			seen[child] = true
			below = append(below, child)
		}
	}
	for _, child := range below {
		if err := exportEvents(ctx, c, child, agentLog(child), seen, z); err != nil {
			return err
		}
	}
	return nil
}

// logEntry is a task's log in an export, agentLog that of a sub-agent.
const logEntry = "events.jsonl"

func agentLog(id string) string { return agentDir + strings.Trim(clean(id), "./\\") + ".jsonl" }

const agentDir = "agents/"

// errNotDelivered marks a path that no longer holds what the task delivered.
var errNotDelivered = errors.New("not the delivered file")

func notDelivered(path, why string) error {
	return fmt.Errorf("%w: %s %s", errNotDelivered, path, why)
}

// exportFile copies a delivered file. What stands at its path now goes in only
// if it is a file with the very bytes of then.
func exportFile(z *zip.Writer, entry string, art host.Artifact) error {
	before, err := os.Lstat(art.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return notDelivered(art.Path, "is gone")
	case err != nil:
		return err
	case !before.Mode().IsRegular():
		return notDelivered(art.Path, "was changed since: it is no longer a file")
	}
	f, err := os.Open(art.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	sum, err := digest(f, io.Discard)
	if err != nil {
		return err
	}
	if !os.SameFile(before, info) || sum != art.SHA256 {
		return notDelivered(art.Path, "was changed since")
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	w, err := z.CreateHeader(&zip.FileHeader{Name: entry, Method: zip.Deflate, Modified: info.ModTime()})
	if err != nil {
		return err
	}
	if sum, err = digest(f, w); err != nil {
		return err
	}
	if sum != art.SHA256 {
		return &pluginsdk.Error{Kind: pluginsdk.ErrConflict, Message: art.Path + " changes while it is exported", Next: "close the program that writes it and try again"}
	}
	return nil
}

// digest copies r to w and returns its SHA-256 in hexadecimal.
func digest(r io.Reader, w io.Writer) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, h), r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// summary is the task as Markdown.
func summary(s *host.TaskState) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", s.Created.Title)
	fmt.Fprintf(&b, "- Task: %s\n- Status: %s\n- Started: %s\n- Sandbox: %s\n\n", s.ID, s.Status, s.Started.UTC().Format("2006-01-02 15:04:05 MST"), s.Sandbox)
	fmt.Fprintf(&b, "Asked for:\n\n    %s\n\n", strings.ReplaceAll(s.Created.Input, "\n", "\n    "))
	if s.Error != nil {
		fmt.Fprintf(&b, "It ended because: %s\n\n", s.Error.Message)
	}
	if s.Brief != "" && s.Status == host.StatusDone {
		fmt.Fprintf(&b, "%s\n\n", s.Brief)
	}
	if len(s.Facts) > 0 {
		b.WriteString("| Fact | Value | Unit | Source |\n|---|---:|---|---|\n")
	}
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	for _, f := range s.Facts {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell.Replace(f.Name), cell.Replace(f.Value), cell.Replace(f.Unit), cell.Replace(f.Source))
	}
	return b.String()
}
