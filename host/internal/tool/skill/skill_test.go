package skill_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/tool/skill"
	"github.com/cowork-host/cowork/host/internal/tool/tooltest"
	"github.com/cowork-host/cowork/pluginsdk"
)

type shelf map[string]string

func (s shelf) Load(_ context.Context, id, _ string) (string, error) {
	if id == "broken" {
		return "", errors.New("disk")
	}
	if body, ok := s[id]; ok {
		return body, nil
	}
	return "", &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "no"}
}

func (s shelf) IDs() []string { return []string{"finance:reconcile", "data:profile"} }

func TestConformance(t *testing.T) {
	t.Parallel()
	tooltest.Run(t, tooltest.Case{
		Valid: `{"skill":"data:profile"}`,
		New:   func(*testing.T) (tool.Tool, func() string) { return skill.New(shelf{"data:profile": "do it"}), nil },
	})
}

func TestSkill(t *testing.T) {
	t.Parallel()
	tl := skill.New(shelf{"data:profile": "do it"})
	for _, c := range []struct {
		id, text string
		err      error
		says     string
	}{
		{"data:profile", "do it", nil, ""},
		{"/data:profile", "do it", nil, ""},
		{"data:profil", "", pluginsdk.ErrNotFound, "did you mean data:profile?"},
		{"profile", "", pluginsdk.ErrNotFound, "did you mean data:profile?"},
		{"cooking", "", pluginsdk.ErrNotFound, "listed at the beginning"},
	} {
		in, _ := json.Marshal(map[string]string{"skill": c.id})
		p, err := tl.Prepare(t.Context(), tool.Call{Input: in})
		if err != nil {
			t.Fatal(err)
		}
		res, err := p.Run(t.Context())
		if !errors.Is(err, c.err) || err == nil && res.Text != c.text || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v", c.id, res, err)
		}
	}
	p, err := tl.Prepare(t.Context(), tool.Call{Input: json.RawMessage(`{"skill":"broken"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(t.Context()); err == nil || pluginsdk.Code(err) != "internal" {
		t.Errorf("a host error: %v", err)
	}
}
