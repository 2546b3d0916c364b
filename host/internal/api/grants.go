package api

import (
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host/internal/command"
	"github.com/cowork-host/cowork/host/internal/grant"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

// GrantedByHand is where a grant came from that the person typed.
const GrantedByHand = "cowork grant add"

// Grant is one thing the person opened.
type Grant = grant.Grant

// GrantRequest opens something for always.
type GrantRequest struct {
	// Tool is a tool's name; empty: fetching from a host as such.
	Tool string `json:"tool,omitempty"`
	// Target is a host, a path or a name; "*" is all targets of the tool.
	Target string `json:"target"`
	// Expires is how long it holds, "24h" or "7d", or the time it ends, as
	// RFC 3339 has it; empty: until it is taken back.
	Expires string `json:"expires,omitempty"`
}

// TryRequest asks what policy would decide.
type TryRequest struct {
	// Request is a wording such as "fetch https://example.com/x".
	Request string `json:"request"`
	// Mode is "ask", "act" or "plan"; empty is "ask".
	Mode       string `json:"mode,omitempty"`
	NoInternet bool   `json:"no_internet,omitempty"`
	// Cwd is where the person stands, for relative paths; empty: they stay.
	Cwd string `json:"cwd,omitempty"`
}

// TryResponse is what policy decides, and about which call.
type TryResponse struct {
	policy.Decision
	Call TriedCall `json:"call"`
}

// TriedCall is the call a request was understood as.
type TriedCall struct {
	Tool     string        `json:"tool"`
	Effect   policy.Effect `json:"effect"`
	Targets  []string      `json:"targets"`
	Mode     policy.Mode   `json:"mode"`
	Internet bool          `json:"internet"`
}

func (s *Server) grants(w http.ResponseWriter, _ *http.Request) {
	list, err := s.opts.Grants.List(time.Now())
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, list)
}

func (s *Server) addGrant(w http.ResponseWriter, r *http.Request) {
	var req GrantRequest
	if !decode(w, r, &req) {
		return
	}
	if err := s.opts.Grants.Err(); err != nil {
		fail(w, err)
		return
	}
	now := time.Now()
	g := Grant{Tool: req.Tool, Target: req.Target, Scope: string(policy.Always), From: GrantedByHand}
	if g.Tool == "" {
		g.Tool = "*"
	}
	var err error
	if g.Expires, err = expiry(req.Expires, now); err != nil {
		fail(w, misused(err))
		return
	}
	if g, err = s.opts.Grants.Add(now, g); err != nil {
		fail(w, misused(err))
		return
	}
	reply(w, g)
}

func (s *Server) removeGrant(w http.ResponseWriter, r *http.Request) {
	if err := s.opts.Grants.Remove(time.Now(), r.PathValue("grant")); err != nil {
		fail(w, err)
		return
	}
	reply(w, struct{}{})
}

// misused marks an error of what a person typed, which is a wrong use of the
// verb. Any other error stays as it is.
func misused(err error) error {
	if e, ok := errors.AsType[*pluginsdk.Error](err); ok && errors.Is(e.Kind, pluginsdk.ErrInvalid) {
		return &command.UsageError{Err: e}
	}
	return err
}

// expiry reads when a grant ends.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if n, err = strconv.Atoi(days); err == nil && n < 10_000 {
			return now.AddDate(0, 0, max(n, 0)), nil
		}
	}
	if err != nil || d <= 0 {
		return time.Time{}, pluginsdk.Invalid("write it as 24h, 7d or 2026-12-31T18:00:00Z", "%.40q does not say when the grant ends", text)
	}
	return now.Add(d), nil
}

func (s *Server) tryPolicy(w http.ResponseWriter, r *http.Request) {
	var req TryRequest
	if !decode(w, r, &req) || req.Cwd != "" && !absolute(w, req.Cwd) {
		return
	}
	call, err := policy.ParseRequest(req.Request)
	if err != nil {
		fail(w, misused(err))
		return
	}
	if err := s.opts.Grants.Err(); err != nil {
		fail(w, err)
		return
	}
	if req.Mode != "" {
		call.Mode = policy.Mode(req.Mode)
	}
	call.Internet = !req.NoInternet
	if e := call.Effect; req.Cwd != "" && (e == policy.Read || e == policy.Write || e == policy.Delete) {
		for i, t := range call.Targets {
			if !filepath.IsAbs(t) {
				call.Targets[i] = filepath.Join(req.Cwd, t)
			}
		}
	}
	out := TryResponse{Decision: policy.Decide(s.opts.Policy(""), call), Call: TriedCall{
		Tool: call.Tool, Effect: call.Effect, Targets: call.Targets, Mode: call.Mode, Internet: call.Internet,
	}}
	if out.Call.Targets == nil {
		out.Call.Targets = []string{}
	}
	reply(w, out)
}
