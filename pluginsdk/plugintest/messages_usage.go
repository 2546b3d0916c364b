package plugintest

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
)

// piece is one part of the input in the order in which it is cached: a tool,
// a block of the system prompt, a block of a message.
type piece struct {
	bytes int
	key   string // of everything up to and with it
	ttl   string // "5m" or "1h" when a breakpoint stands on it
}

// pieces takes the input apart. Every byte counts, that of a breakpoint too:
// who moves one inside what was sent before changes the prefix.
func (r *request) pieces() []piece {
	h := sha256.New()
	h.Write([]byte(r.Model))
	var out []piece
	add := func(kind string, raw json.RawMessage) {
		h.Write([]byte{0})
		h.Write([]byte(kind))
		h.Write(raw)
		p := piece{bytes: len(raw), key: string(h.Sum(nil))}
		var b struct {
			CacheControl *cacheControl `json:"cache_control"`
		}
		if json.Unmarshal(raw, &b) == nil && b.CacheControl != nil {
			p.ttl = b.CacheControl.ttl()
		}
		out = append(out, p)
	}
	for _, raw := range r.Tools {
		add("tool", raw)
	}
	for _, raw := range blocks(r.System) {
		add("system", raw)
	}
	h.Write(r.Thinking)
	h.Write(r.ToolChoice)
	for _, m := range r.Messages {
		for _, raw := range blocks(m.Content) {
			add(m.Role, raw)
		}
	}
	if r.CacheControl != nil && len(out) > 0 {
		out[len(out)-1].ttl = r.CacheControl.ttl()
	}
	return out
}

func (c *cacheControl) ttl() string {
	if c.TTL == "" {
		return "5m"
	}
	return c.TTL
}

// bytesPerToken is about right for English and JSON.
const bytesPerToken = 4

func (r *request) tokens() int64 {
	n := 0
	for _, p := range r.pieces() {
		n += p.bytes
	}
	return int64(n+bytesPerToken-1) / bytesPerToken
}

// inputUsage is the input part of a usage.
type inputUsage struct{ plain, read, write5m, write1h int64 }

// usage says what of a request's input comes from the cache, and remembers its
// prefixes: those up to the last breakpoint can be read by later requests.
func (m *Messages) usage(r *request) inputUsage {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := r.pieces()
	last, read := -1, -1
	for i, p := range list {
		if p.ttl != "" {
			last = i
		}
	}
	for i := 0; i <= last && m.cache[list[i].key]; i++ {
		read = i
	}
	var u inputUsage
	ttl := ""
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].ttl != "" {
			ttl = list[i].ttl
		}
		n := int64(list[i].bytes)
		switch {
		case i > last:
			u.plain += n
		case i <= read:
			u.read += n
		case ttl == "1h":
			u.write1h += n
		default:
			u.write5m += n
		}
	}
	for i := range last + 1 {
		m.cache[list[i].key] = true
	}
	for _, n := range []*int64{&u.plain, &u.read, &u.write5m, &u.write1h} {
		*n = (*n + bytesPerToken - 1) / bytesPerToken
	}
	return u
}

// usageJSON is the usage of a reply, with the script's overrides.
func (a *answer) usageJSON(output int64) map[string]any {
	u := a.input
	out := map[string]any{
		"input_tokens": u.plain, "cache_read_input_tokens": u.read,
		"cache_creation_input_tokens": u.write5m + u.write1h,
		"cache_creation":              map[string]int64{"ephemeral_5m_input_tokens": u.write5m, "ephemeral_1h_input_tokens": u.write1h},
		"output_tokens":               output, "service_tier": "standard",
	}
	server := map[string]int64{}
	for k, v := range a.reply.Usage {
		if strings.HasSuffix(k, "_requests") {
			server[k] = v
			out["server_tool_use"] = server
			continue
		}
		out[k] = v
	}
	return out
}

// outputTokens estimates what the reply would have cost.
func (a *answer) outputTokens() int64 {
	n := bytesPerToken
	for _, b := range a.reply.Content {
		n += len(b.Text) + len(b.Bytes) + len(b.Input) + len(b.Raw) + len(b.Name)
	}
	return int64(n) / bytesPerToken
}
