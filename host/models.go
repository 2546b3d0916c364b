package host

import (
	"context"
	"iter"
	"log/slog"
	"sync"

	"github.com/cowork-host/cowork/host/internal/api"
	"github.com/cowork-host/cowork/host/internal/engine"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
)

// models holds the connection to a model that a client brought last. It is
// kept in memory only. The zero value has none.
type models struct {
	log *slog.Logger

	mu   sync.Mutex
	conn engine.Connection
	set  bool
}

var _ api.Models = (*models)(nil)

// Set takes the settings. Tasks at work keep the connection they began with.
func (m *models) Set(s api.ModelSettings) {
	conn := engine.Connection{Name: s.Model}
	if conn.Name == "" {
		conn.Name = anthropic.DefaultModel
	}
	if s.Set() {
		client, err := anthropic.New(anthropic.Options{
			BaseURL: s.BaseURL, APIKey: s.APIKey, AuthToken: s.AuthToken, Model: conn.Name, Profile: s.Profile,
		})
		conn.Model = client
		if err != nil {
			conn.Model = broken{err} // the task that wants it says why
		}
	}
	m.log.Info("the connection to the model was set", "settings", s)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conn, m.set = conn, s.Set()
}

// Connection returns the model there is now.
func (m *models) Connection() (engine.Connection, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conn, m.set
}

// broken is a model whose settings are refused.
type broken struct{ err error }

func (b broken) Generate(context.Context, *model.Request) iter.Seq2[model.Chunk, error] {
	return func(yield func(model.Chunk, error) bool) { yield(model.Chunk{}, b.err) }
}
