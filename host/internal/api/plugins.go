package api

import "net/http"

// plugins lists what is installed and shipped, and the bundles in ?dir=.
func (s *Server) plugins(w http.ResponseWriter, r *http.Request) {
	dirs := r.URL.Query()["dir"]
	if !absolute(w, dirs...) {
		return
	}
	snap, err := s.opts.Plugins.Snapshot(r.Context(), dirs...)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, snap.Plugins())
}

func (s *Server) install(w http.ResponseWriter, r *http.Request) {
	var req PluginRequest
	if !decode(w, r, &req) || !absolute(w, req.Dir) {
		return
	}
	p, err := s.opts.Plugins.Install(r.Context(), req.Dir)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, p)
}

func (s *Server) update(w http.ResponseWriter, r *http.Request) {
	var req PluginRequest
	if !decode(w, r, &req) {
		return
	}
	p, err := s.opts.Plugins.Update(r.Context(), req.Name)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, p)
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	var req PluginRequest
	if !decode(w, r, &req) {
		return
	}
	if err := s.opts.Plugins.Remove(r.Context(), req.Name); err != nil {
		fail(w, err)
		return
	}
	reply(w, struct{}{})
}
