package event_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/event/eventtest"
)

func open(t testing.TB, path string) *event.SQLite {
	t.Helper()
	l, err := event.OpenSQLite(t.Context(), path, event.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

func TestMemory(t *testing.T) {
	t.Parallel()
	eventtest.Run(t, eventtest.Suite{
		Open: func(*testing.T) event.Log { return event.NewMemory() },
	})
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	var paths sync.Map
	eventtest.Run(t, eventtest.Suite{
		Open: func(t *testing.T) event.Log {
			path := filepath.Join(t.TempDir(), "odd %41?#name.db")
			l := open(t, path)
			paths.Store(l, path)
			return l
		},
		Reopen: func(t *testing.T, l event.Log) event.Log {
			path, _ := paths.Load(l)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, path.(string))
		},
	})
}
