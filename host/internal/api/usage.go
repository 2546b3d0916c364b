package api

import (
	"net/http"

	"github.com/cowork-host/cowork/host/internal/usage"
)

// UsageReport is what `cowork usage` prints.
type UsageReport = usage.Report

// usage sums up what models used, ?since= a day and ?by= day, task or model.
func (s *Server) usage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	query, err := s.opts.Usage.Query(q.Get("since"), usage.By(q.Get("by")))
	if err != nil {
		fail(w, misused(err))
		return
	}
	report, err := s.opts.Usage.Report(r.Context(), query)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, report)
}
