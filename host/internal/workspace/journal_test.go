package workspace_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

// TestDamagedJournal names the file and leaves it as it is.
func TestDamagedJournal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		damage func(data []byte) []byte
	}{
		{"another file", func([]byte) []byte { return []byte(strings.Repeat("no database ", 1000)) }},
		{"overwritten", func(data []byte) []byte {
			copy(data[100:], strings.Repeat("\xff", len(data)))
			return data
		}},
		{"cut off", func(data []byte) []byte { return data[:5000] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			opts := workspace.Options{Dir: filepath.Join(dir, "store"), TrashDir: filepath.Join(dir, "trash")}
			store, err := workspace.Open(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(opts.Dir, "journal.db")
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			data = c.damage(data)
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			store, err = workspace.Open(t.Context(), opts)
			if err == nil {
				t.Fatal("it was opened", store.Close())
			}
			var user *pluginsdk.Error
			if !errors.As(err, &user) || !strings.Contains(user.Message, file) || user.Next == "" {
				t.Errorf("error %v", err)
			}
			if after, err := os.ReadFile(file); err != nil || string(after) != string(data) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}
