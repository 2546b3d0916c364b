package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode"

	"github.com/cowork-host/cowork/pluginsdk"
)

// ModelSettings are a connection to a model, as the person's environment has
// it. They are kept in memory only. Printed or logged, they show no secret.
type ModelSettings struct {
	BaseURL   string `json:"base_url,omitempty"`
	APIKey    string `json:"api_key,omitempty"`
	AuthToken string `json:"auth_token,omitempty"`
	Model     string `json:"model,omitempty"`
	Profile   string `json:"profile,omitempty"`
}

// Set reports whether there is anything to connect with.
func (m ModelSettings) Set() bool {
	return m.BaseURL != "" || m.APIKey != "" || m.AuthToken != "" || m.Profile != ""
}

// Host is the host the settings connect to, without anything else of the URL;
// empty for the provider's own.
func (m ModelSettings) Host() string {
	u, err := url.Parse(m.BaseURL)
	if err != nil {
		return ""
	}
	return u.Host
}

// String says what is set and shows no secret.
func (m ModelSettings) String() string {
	var parts []string
	for _, p := range []struct{ name, shown string }{
		{"base_url", m.Host()},
		{"api_key", hide(m.APIKey)},
		{"auth_token", hide(m.AuthToken)},
		{"model", m.Model},
		{"profile", m.Profile},
	} {
		if p.shown != "" {
			parts = append(parts, p.name+"="+p.shown)
		}
	}
	return "{" + strings.Join(parts, " ") + "}"
}

// GoString is [ModelSettings.String].
func (m ModelSettings) GoString() string { return m.String() }

// LogValue is what a log shows of the settings.
func (m ModelSettings) LogValue() slog.Value { return slog.StringValue(m.String()) }

func hide(secret string) string {
	if secret == "" {
		return ""
	}
	return "(set)"
}

// Fingerprint tells settings apart without telling what they are. The salt is
// the host's, so that it says nothing outside of one host's life.
func (m ModelSettings) Fingerprint(salt string) string {
	if m == (ModelSettings{}) {
		return ""
	}
	data, err := json.Marshal(m)
	if err != nil {
		return "" // five strings can be marshalled
	}
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write(data)
	return hex.EncodeToString(mac.Sum(nil))
}

// check refuses settings that cannot work. Its message never has a secret.
func (m ModelSettings) check() error {
	if m.BaseURL != "" {
		u, err := url.Parse(m.BaseURL)
		switch {
		case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
			return pluginsdk.Invalid("set ANTHROPIC_BASE_URL to something like https://example.com", "the model's base URL is not an http or https address")
		case u.User != nil:
			return pluginsdk.Invalid("put the key into ANTHROPIC_API_KEY", "the model's base URL holds a user name or password")
		}
	}
	for _, f := range []struct{ name, value string }{
		{"API key", m.APIKey}, {"auth token", m.AuthToken}, {"name", m.Model}, {"profile", m.Profile},
	} {
		if strings.ContainsFunc(f.value, unicode.IsControl) {
			return pluginsdk.Invalid("look for a line end in it", "the model's %s holds a control character", f.name)
		}
	}
	return nil
}

// ModelStatus is what a host tells of the connection it was given: nothing
// that is secret.
type ModelStatus struct {
	Set   bool   `json:"set"`
	Host  string `json:"host,omitempty"` // of the base URL
	Model string `json:"model,omitempty"`
	// Fingerprint is [ModelSettings.Fingerprint] with Salt, so that a client
	// knows whether the host has the settings the client has.
	Fingerprint string `json:"fingerprint,omitempty"`
	Salt        string `json:"salt"`
}

// modelSlot holds what is told of the settings, never a secret of them.
type modelSlot struct {
	salt string

	mu  sync.Mutex
	now ModelStatus
}

func (m *modelSlot) status() ModelStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.now
	out.Salt = m.salt
	return out
}

func (m *modelSlot) set(s ModelSettings) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = ModelStatus{Set: s.Set(), Host: s.Host(), Model: s.Model, Fingerprint: s.Fingerprint(m.salt)}
}

// setModel takes the connection to a model from a client.
func (s *Server) setModel(w http.ResponseWriter, r *http.Request) {
	var settings ModelSettings
	if !decodeSecret(w, r, &settings) {
		return
	}
	if err := settings.check(); err != nil {
		fail(w, err)
		return
	}
	if s.opts.Models == nil {
		fail(w, &pluginsdk.Error{Kind: pluginsdk.ErrUnsupported, Message: "this host connects to no model", Next: "use a command with a handler"})
		return
	}
	s.opts.Models.Set(settings)
	s.model.set(settings)
	reply(w, s.model.status())
}

// decodeSecret is decode for a body that no error may quote.
func decodeSecret(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		fail(w, pluginsdk.Invalid("", "the request is not understood"))
		return false
	}
	return true
}
