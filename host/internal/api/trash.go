package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// TrashItem is a file cowork moved to the trash.
type TrashItem struct {
	ID      string    `json:"id"`
	Task    string    `json:"task,omitempty"`
	Path    string    `json:"path"` // where it was, or is again
	Size    int64     `json:"size"`
	Deleted time.Time `json:"deleted"`
}

// EmptyResponse says how many files were deleted for good.
type EmptyResponse struct {
	Deleted int `json:"deleted"`
}

func (s *Server) trash(w http.ResponseWriter, r *http.Request) {
	items, err := s.opts.Workspace.Trash(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	out := make([]TrashItem, 0, len(items))
	for _, it := range items {
		out = append(out, TrashItem{ID: strconv.FormatInt(it.ID, 10), Task: it.Task, Path: it.HostPath, Size: it.Size, Deleted: it.Time.UTC()})
	}
	reply(w, out)
}

func (s *Server) restore(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("item"), 10, 64)
	if err != nil {
		fail(w, pluginsdk.Invalid("see the ids with `cowork trash ls`", "%q is not the id of an item in the trash", r.PathValue("item")))
		return
	}
	path, err := s.opts.Workspace.RestoreTrash(r.Context(), id)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, TrashItem{ID: r.PathValue("item"), Path: path})
}

func (s *Server) emptyTrash(w http.ResponseWriter, r *http.Request) {
	n, err := s.opts.Workspace.EmptyTrash(r.Context(), time.Now())
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, EmptyResponse{Deleted: n})
}
