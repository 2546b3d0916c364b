package web

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
)

// The policies of files. A file is hostile: one that is a document of its own
// gets no origin, no network and no parent, and only in a frame.
const (
	framePolicy = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; " +
		"img-src data: blob:; font-src data:; connect-src 'none'; form-action 'none'; frame-ancestors 'self'"
	filePolicy = "default-src 'none'; sandbox; frame-ancestors 'self'"
	pdfPolicy  = "default-src 'none'; frame-ancestors 'self'" // the browser's viewer refuses a sandbox
)

// artifact sends a file of a task's granted folder: /artifacts/TASK/N/PATH with
// N counting the folders from 0.
func (s *Server) artifact(w http.ResponseWriter, r *http.Request) {
	f, err := s.openArtifact(r)
	if err != nil { // whatever it was: outside nobody learns what there is
		fail(w, http.StatusNotFound, &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "there is no such file", Next: "see what the task changed"})
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		fail(w, http.StatusNotFound, &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "there is no such file"})
		return
	}
	kind, csp := kindOf(f, info.Name())
	framed := r.Header.Get("Sec-Fetch-Dest") == "iframe"
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", csp)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if r.URL.Query().Get("download") != "" || kind == unknownKind || csp == framePolicy && !framed {
		h.Set("Content-Type", unknownKind)
		h.Set("Content-Security-Policy", filePolicy)
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(r.PathValue("path"))}))
	}
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// openArtifact opens the file through a root, which nothing leads out of: no
// link, no dots, no absolute path.
func (s *Server) openArtifact(r *http.Request) (*os.File, error) {
	created, err := createdOf(r.Context(), s.opts.Log, r.PathValue("task"))
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(r.PathValue("folder"))
	if err != nil || n < 0 || n >= len(created.Folders) {
		return nil, os.ErrNotExist
	}
	root, err := os.OpenRoot(created.Folders[n])
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name := r.PathValue("path")
	if info, err := root.Stat(name); err != nil || !info.Mode().IsRegular() { // opening a pipe would wait for ever
		return nil, os.ErrNotExist
	}
	return root.Open(name)
}

const unknownKind = "application/octet-stream"

// kindOf says as what a file is shown, by its name, and for a PDF by its
// first bytes as well. What is not in the list is only downloaded.
func kindOf(f io.ReadSeeker, name string) (kind, csp string) {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm":
		return "text/html; charset=utf-8", framePolicy
	case ".svg":
		return "image/svg+xml", framePolicy
	case ".png":
		return "image/png", filePolicy
	case ".jpg", ".jpeg":
		return "image/jpeg", filePolicy
	case ".gif":
		return "image/gif", filePolicy
	case ".webp":
		return "image/webp", filePolicy
	case ".txt", ".md", ".csv", ".tsv", ".json", ".log":
		return "text/plain; charset=utf-8", filePolicy
	case ".pdf":
		head := make([]byte, 5)
		_, err := io.ReadFull(f, head)
		if _, seek := f.Seek(0, io.SeekStart); err == nil && seek == nil && bytes.Equal(head, []byte("%PDF-")) {
			return "application/pdf", pdfPolicy
		}
	}
	return unknownKind, filePolicy
}
