package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host"
)

// The environment variables a connection to a model is made of.
const (
	envAPIKey    = "ANTHROPIC_API_KEY"
	envAuthToken = "ANTHROPIC_AUTH_TOKEN"
	envBaseURL   = "ANTHROPIC_BASE_URL"
	envModel     = "COWORK_MODEL"
	envProfile   = "COWORK_MODEL_PROFILE"
)

// modelSettings are what the environment says of a model. They are handed to
// the host and never printed.
func (a *app) modelSettings() host.ModelSettings {
	get := func(name string) string { return strings.TrimSpace(a.getenv(name)) }
	return host.ModelSettings{
		BaseURL: get(envBaseURL), APIKey: get(envAPIKey), AuthToken: get(envAuthToken),
		Model: get(envModel), Profile: get(envProfile),
	}
}

// connectModel is connect for verbs that may set a model to work: the host is
// given this environment's connection, if it has one and the host another.
func (a *app) connectModel(ctx context.Context) (*host.Client, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	return c, a.giveModel(ctx, c)
}

func (a *app) giveModel(ctx context.Context, c *host.Client) error {
	settings := a.modelSettings()
	if !settings.Set() {
		return nil
	}
	h, err := c.Health(ctx)
	if err != nil {
		return err
	}
	if h.Model.Fingerprint == settings.Fingerprint(h.Model.Salt) {
		return nil
	}
	err = c.SetModel(ctx, settings)
	if r, ok := errors.AsType[*host.RemoteError](err); ok && (r.Code == "unsupported" || r.Code == "not_found") {
		return nil // a host of another build; what needs a model says so
	}
	return err
}

// hostEnviron is this program's environment without the secrets of a model:
// the host gets those over its socket, and keeps them in memory alone.
func hostEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == envAPIKey || name == envAuthToken
	})
}
