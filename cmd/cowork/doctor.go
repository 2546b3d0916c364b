package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/all"
)

type doctorCmd struct {
	Online bool `help:"Also ask the model's server whether it answers; this sends no data and costs nothing."`
	JSON   bool `help:"Print one line per check as JSON."`
}

// healthTimeout is how long doctor waits for the host.
const healthTimeout = 5 * time.Second

// check is one line of doctor's report.
type check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (d *doctorCmd) Run(a *app, ctx context.Context) error {
	checks, running := d.home(a, ctx)
	checks = append(checks, d.model(a, ctx, running))
	checks = append(checks, d.sandboxes(a, ctx)...)
	ok := true
	for _, c := range checks {
		ok = ok && c.OK
		if d.JSON {
			if err := a.printJSON(c); err != nil {
				return err
			}
			continue
		}
		sign := "✓"
		if !c.OK {
			sign = "✗"
		}
		fmt.Fprintf(a.stdout, "%s %-16s %s\n", sign, c.Name, clean(c.Detail))
	}
	if !ok {
		return exitError{exitFailed}
	}
	return nil
}

// home says whether the home and its host work, and what the host tells of its
// model.
func (d *doctorCmd) home(a *app, ctx context.Context) ([]check, host.ModelStatus) {
	var none host.ModelStatus
	home, err := a.homeDir()
	if err != nil {
		return []check{{"home", false, err.Error()}}, none
	}
	socket, err := host.Prepare(ctx, home)
	if err != nil {
		return []check{{"home", false, err.Error()}}, none
	}
	c := host.Dial(socket)
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	h, err := c.Health(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return []check{{"home", true, home}, {"host", false, hung(home, healthTimeout).Error()}}, none
	case errors.Is(err, host.ErrNoHost):
		return []check{{"home", true, home}, {"host", true, "not running; it starts when needed"}}, none
	case err != nil:
		return []check{{"home", true, home}, {"host", false, err.Error()}}, none
	}
	return []check{{"home", true, home}, {"host", true, fmt.Sprintf("running, process %d, version %s, %s at work", h.PID, h.Version, plural(h.Active, "task"))}}, h.Model
}

// probeTimeout is how long doctor waits for the model's server.
const probeTimeout = 10 * time.Second

// model says whether there is a connection to a model, never with what key. A
// missing one is no fault: commands with a handler need none.
func (d *doctorCmd) model(a *app, ctx context.Context, running host.ModelStatus) check {
	s := a.modelSettings()
	switch {
	case s.Set():
	case running.Set:
		return check{"model", true, "the host has " + describe(running) + ", given by another terminal; this environment sets none, and tasks use the host's"}
	default:
		return check{"model", true, "not set; set " + envAPIKey + ", or " + envBaseURL + " for a compatible server, to have work done by a model"}
	}
	server := s.Host()
	switch {
	case s.BaseURL != "" && server == "":
		return check{"model", false, envBaseURL + " is set, and is no address such as https://example.com"}
	case server == "" && s.Profile != "":
		server = "profile " + s.Profile
	case server == "":
		server = "the provider's own server"
	}
	detail := "set: " + server
	if s.Model != "" {
		detail += ", model " + s.Model
	}
	for _, v := range []struct{ name, value string }{{envAPIKey, s.APIKey}, {envAuthToken, s.AuthToken}} {
		if v.value != "" {
			detail += ", " + v.name + " set"
		}
	}
	if !d.Online {
		return check{"model", true, detail + " (not tried; use --online)"}
	}
	if s.Profile != "" && s.BaseURL == "" {
		return check{"model", true, detail + " (a profile cannot be tried from here)"}
	}
	ok, answer := probeModel(ctx, s)
	return check{"model", ok, detail + "; " + answer}
}

// describe names the connection a host has.
func describe(m host.ModelStatus) string {
	server, name := m.Host, m.Model
	if server == "" {
		server = "its provider's own server"
	}
	if name != "" {
		name = ", model " + name
	}
	return server + name
}

// probeModel asks the server for its models, which costs nothing, and says
// what came back. The answer's body is not shown.
func probeModel(ctx context.Context, s host.ModelSettings) (ok bool, answer string) {
	base := s.BaseURL
	if base == "" {
		base = "https://api.anthropic.com"
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(strings.TrimRight(base, "/"), "/v1")+"/v1/models?limit=1", nil)
	if err != nil {
		return false, "its address cannot be used"
	}
	req.Header.Set("anthropic-version", "2023-06-01")
	if s.APIKey != "" {
		req.Header.Set("x-api-key", s.APIKey)
	}
	if s.AuthToken != "" {
		req.Header.Set("authorization", "Bearer "+s.AuthToken)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return false, "it does not answer within " + probeTimeout.String()
		}
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the address, which may be more than a host
		}
		return false, "it cannot be reached: " + err.Error()
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return true, "it answers"
	case http.StatusUnauthorized, http.StatusForbidden:
		return false, fmt.Sprintf("it refuses the key (%d)", resp.StatusCode)
	case http.StatusNotFound:
		return true, "it answers, and lists no models"
	}
	return false, fmt.Sprintf("it answers %d", resp.StatusCode)
}

func (d *doctorCmd) sandboxes(a *app, ctx context.Context) []check {
	var out []check
	for _, b := range all.Backends(all.Options{}) {
		r, err := b.Probe(ctx)
		if err != nil {
			detail := err.Error()
			if !errors.Is(err, sandbox.ErrUnavailable) {
				detail = "the probe failed: " + detail
			}
			out = append(out, check{"sandbox " + b.Name(), false, detail})
			continue
		}
		detail := "works; holds: " + strings.Join(r.Holds, ", ")
		if len(r.Missing) > 0 {
			detail += "; missing here: " + strings.Join(r.Missing, ", ")
		}
		out = append(out, check{"sandbox " + b.Name(), true, detail})
	}
	return out
}
