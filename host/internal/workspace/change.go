package workspace

import "time"

// ChangeKind says what happened to a file or folder.
type ChangeKind string

// The kinds of change.
const (
	Created  ChangeKind = "created"
	Modified ChangeKind = "modified"
	Moved    ChangeKind = "moved"
	Deleted  ChangeKind = "deleted"
)

// Change is one thing a step did to a granted folder.
type Change struct {
	Task string `json:"task"`
	Step string `json:"step"`
	// Path is the virtual name, as of the task's workspace.
	Path string `json:"path"`
	// Staged is the virtual name the step gave it. It differs from Path when
	// somebody took that name before the step was applied.
	Staged   string     `json:"staged,omitempty"`
	HostPath string     `json:"host_path"`
	Kind     ChangeKind `json:"change"`
	// From is the virtual name it had before, for a move and for a file that
	// was renamed over another.
	From string `json:"from,omitempty"`
	// Folder marks the creation or removal of a folder.
	Folder bool `json:"folder,omitempty"`
	// Undoable is false once it has been undone.
	Undoable bool `json:"undoable"`
	// Size is the size in bytes after the change; before it, for Deleted.
	Size int64 `json:"size"`
	// PreDigest and PostDigest are "sha256:…" of the content before and after;
	// empty where there was none, and for a plain move, which reads nothing.
	PreDigest  string    `json:"pre_digest,omitempty"`
	PostDigest string    `json:"post_digest,omitempty"`
	Time       time.Time `json:"time"`
}

// change is a Change as the journal keeps it: with what undo needs.
type change struct {
	Change
	Root     string `json:"root"`
	Rel      string `json:"rel"`
	FromRoot string `json:"from_root,omitempty"`
	FromRel  string `json:"from_rel,omitempty"`
	// Prefix is what stands before Rel in Path: the grant's name and a slash
	// when there are several grants.
	Prefix string `json:"prefix,omitempty"`
	Pre    meta   `json:"pre"`
	Post   meta   `json:"post"`
	id     int64
	undone string
	// dropped: it turned out that there was nothing to do.
	dropped bool
}

// meta is what is kept of a file beside its bytes.
type meta struct {
	Digest string `json:"digest,omitempty"`
	Size   int64  `json:"size,omitempty"`
	Mode   uint32 `json:"mode,omitempty"`
	MTime  int64  `json:"mtime,omitempty"` // nanoseconds since 1970
}

// rename gives the change another name in the same folder.
func (c *change) rename(rel string) {
	c.Rel = rel
	c.Path = c.Prefix + rel
	c.HostPath = hostPath(c.Root, rel)
}

func public(recs []*change) []Change {
	changes := make([]Change, 0, len(recs))
	for _, c := range recs {
		if c.dropped {
			continue
		}
		out := c.Change
		out.Undoable = c.undone == ""
		changes = append(changes, out)
	}
	return changes
}
