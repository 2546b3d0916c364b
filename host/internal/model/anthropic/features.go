package anthropic

import (
	"errors"
	"strings"

	"github.com/cowork-host/cowork/host/internal/model"
)

// features are parts of a request that not every server and model knows. The
// zero value lacks nothing.
type features struct {
	autoCache bool // a breakpoint the server places itself
	adaptive  bool // thinking that decides on its own how much
	thinking  bool
	effort    bool
	search    bool
	fetch     bool
}

func (f features) serverTool(name string) bool {
	return name == "web_search" && f.search || name == "web_fetch" && f.fetch
}

// lacking returns what the connection, or one model of it, is known to lack.
func (m *Model) lacking(name string) features {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f, ok := m.lacks[name]; ok {
		return f
	}
	return m.lacks[""]
}

// learn looks whether a request was refused for a part it can do without. It
// then remembers to leave that part out and returns true: the call is to be
// made again. It does so once per part and model.
func (m *Model) learn(req *model.Request, f *failure) bool {
	var e *model.Error
	if f.begun || !errors.As(f.err, &e) || f.status != 400 && f.status != 422 {
		return false
	}
	name := m.name(req)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(f.detail, w) {
				return true
			}
		}
		return false
	}
	old := m.lacking(name)
	lacks := old
	switch {
	case has("cache_control"):
		lacks.autoCache = true
	case req.Thinking && has("adaptive"):
		lacks.adaptive = true
	case req.Thinking && has("thinking") && !has("thinking block", "messages."):
		lacks.thinking = lacks.adaptive
		lacks.adaptive = true
	case req.Effort != "" && has("output_config", "effort"):
		lacks.effort = true
	case asks(req, "web_search") && has("web_search", "server tool"):
		lacks.search = true
	case asks(req, "web_fetch") && has("web_fetch", "server tool"):
		lacks.fetch = true
	}
	if lacks == old {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lacks[name] = lacks
	return true
}

func asks(req *model.Request, tool string) bool {
	for _, t := range req.ServerTools {
		if t.Name == tool {
			return true
		}
	}
	return false
}
