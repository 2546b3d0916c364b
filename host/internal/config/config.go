// Package config reads the person's settings into one plain struct.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cowork-host/cowork/host/internal/config/strictjson"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/usage"
	"github.com/cowork-host/cowork/pluginsdk"
)

// maxFile bounds a settings file, in bytes.
const maxFile = 1 << 20

// Settings are what a person sets for all tasks. The zero value has the
// defaults: the built-in policy and no caps.
type Settings struct {
	// Policy are the person's rules; see [policy.Rule].
	Policy []policy.Rule `json:"policy"`
	// Caps are the amounts at which a task pauses and asks.
	Caps usage.Caps `json:"caps"`
}

// Load reads a settings file. One that is not there has the defaults. One that
// cannot be read is a [pluginsdk.ErrInvalid] that names the line, and the host
// must not run with settings of its own in place of it: a rule that denies would
// be missing.
func Load(path string) (Settings, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, nil
	}
	if err != nil {
		return Settings{}, unreadable(path, err)
	}
	switch {
	case !info.Mode().IsRegular():
		return Settings{}, pluginsdk.Invalid("move it away", "the settings %s are not a file", path)
	case info.Size() > maxFile:
		return Settings{}, pluginsdk.Invalid("make it smaller", "the settings %s are larger than %d bytes", path, maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Settings{}, unreadable(path, err)
	}
	s, err := Parse(data)
	if err != nil {
		return Settings{}, pluginsdk.Invalid("correct it, or move it away to use the defaults", "the settings %s are refused: %v", path, err)
	}
	return s, nil
}

func unreadable(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	kind := pluginsdk.ErrUnavailable
	if errors.Is(err, fs.ErrPermission) {
		kind = pluginsdk.ErrDenied
	}
	return &pluginsdk.Error{Kind: kind, Message: fmt.Sprintf("the settings %s cannot be read: %v", path, err), Next: "make the file readable"}
}

// Parse reads the text of a settings file.
func Parse(data []byte) (Settings, error) {
	var s Settings
	if err := strictjson.Decode(data, &s); err != nil {
		return Settings{}, err
	}
	for i, r := range s.Policy {
		if err := r.Check(); err != nil {
			return Settings{}, fmt.Errorf("policy[%d]: %w", i+1, err)
		}
	}
	if err := s.Caps.Check(); err != nil {
		return Settings{}, err
	}
	return s, nil
}
