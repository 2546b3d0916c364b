package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"
)

// dist is the page, built from web/ by tools/webbuild and committed.
//
//go:embed dist
var dist embed.FS

// page sends the app's document.
func page(w http.ResponseWriter, r *http.Request) { sendDist(w, r, "index.html") }

// asset sends one of the page's other files.
func asset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache") // and the ETag below
	sendDist(w, r, r.PathValue("name"))
}

func sendDist(w http.ResponseWriter, r *http.Request, name string) {
	data, err := dist.ReadFile("dist/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	digest := sha256.Sum256(data)
	w.Header().Set("ETag", `"`+hex.EncodeToString(digest[:12])+`"`)
	w.Header().Set("Content-Type", map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
		".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
	}[path.Ext(name)])
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}
