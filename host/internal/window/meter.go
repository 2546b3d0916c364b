package window

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"

	"github.com/cowork-host/cowork/host/internal/model"
)

// Category is a part of a request, as the meter shows it.
type Category string

// The categories. Skills are the part of the system prompt that lists them;
// files are the results of calls that read files; results those of all others.
const (
	System  Category = "system"
	Tools   Category = "tools"
	Skills  Category = "skills"
	Files   Category = "files"
	History Category = "history"
	Results Category = "results"
)

const (
	// perByte is how many tokens a byte of a request is taken for as long as no
	// call has said better.
	perByte = 1 / 3.5
	// The range a real ratio can lie in. A usage beyond it is of something
	// else: server tools count the input of every round they make.
	minPerByte, maxPerByte = 1.0 / 40, 1.5

	calibration = 4    // calls the ratio is taken from
	imageBytes  = 5600 // what an image costs, whatever the size of its file
)

// Meter says what a request is made of, in tokens: estimated from bytes and
// corrected by what the last calls really used. It looks at the request that
// is about to be sent and at nothing else, so it never counts what the model
// does not get. The zero value is ready; a Meter belongs to one task and one
// goroutine.
type Meter struct {
	messages []json.RawMessage // those that are counted below
	counted  map[Category]int64
	tools    map[string]string // of the counted messages, tool names by call id

	calls  []sample // the last ones, oldest first
	latest int64    // bytes of the request measured last
}

type sample struct{ bytes, tokens int64 }

// Reading is what a request takes.
type Reading struct {
	// Tokens by category; they add up to Total.
	Tokens map[Category]int64
	Total  int64
}

// Context returns the reading as an event has it.
func (r Reading) Context() map[string]int64 {
	out := make(map[string]int64, len(r.Tokens))
	for c, n := range r.Tokens {
		out[string(c)] = n
	}
	return out
}

// Percent returns how much of the model's context window a number of tokens
// fills, from 0 to 100; 0 when the window is not known.
func Percent(tokens, window int64) int {
	if window <= 0 || tokens <= 0 {
		return 0
	}
	if tokens >= window {
		return 100
	}
	return int(float64(tokens) / float64(window) * 100)
}

// Measure reads a request. The skills are the listing inside its system
// prompt, as [List] returned it; a call counts as one that reads files when
// readers names its tool. Only messages that were not there in the last
// request are looked into.
func (m *Meter) Measure(req *model.Request, skills string, readers ...string) Reading {
	m.count(req.Messages, readers)
	parts := maps.Clone(m.counted)
	for _, s := range req.System {
		parts[System] += int64(len(s))
	}
	if n := int64(len(skills)); n > 0 && n <= parts[System] {
		parts[System] -= n
		parts[Skills] += n
	}
	for _, t := range req.Tools {
		parts[Tools] += int64(len(t.Name) + len(t.Description) + len(t.InputSchema))
	}
	m.latest = 0
	for _, n := range parts {
		m.latest += n
	}
	return share(parts, m.latest, m.estimate(m.latest))
}

// Observe corrects the meter by what the request measured last really used. A
// usage that cannot be of that request alone is ignored.
func (m *Meter) Observe(u model.Usage) {
	tokens := u.InputTotal()
	if m.latest == 0 || tokens <= 0 || u.WebSearches+u.WebFetches > 0 {
		return
	}
	if r := float64(tokens) / float64(m.latest); r < minPerByte || r > maxPerByte {
		return
	}
	m.calls = append(m.calls, sample{m.latest, tokens})
	if len(m.calls) > calibration {
		m.calls = slices.Delete(m.calls, 0, 1)
	}
}

// Tokens estimates what a text takes, by the ratio of the last calls.
func (m *Meter) Tokens(text string) int64 {
	return int64(math.Ceil(float64(len(text)) * m.ratio()))
}

func (m *Meter) ratio() float64 {
	var sum sample
	for _, s := range m.calls {
		sum.bytes += s.bytes
		sum.tokens += s.tokens
	}
	if sum.bytes == 0 {
		return perByte
	}
	return float64(sum.tokens) / float64(sum.bytes)
}

// estimate starts from what the last call used and adds what has grown since.
func (m *Meter) estimate(size int64) int64 {
	if n := len(m.calls); n > 0 && size >= m.calls[n-1].bytes {
		last := m.calls[n-1]
		return last.tokens + int64(float64(size-last.bytes)*m.ratio())
	}
	return int64(float64(size) * m.ratio())
}

// count brings the counts of messages up to date. Where the conversation was
// compacted, or is another one, it begins again.
func (m *Meter) count(messages []model.Message, readers []string) {
	same := len(m.messages) <= len(messages)
	for i := 0; same && i < len(m.messages); i++ {
		same = bytes.Equal(m.messages[i], messages[i].Raw) // no work for the same slice
	}
	if !same || m.counted == nil {
		m.messages, m.counted, m.tools = nil, map[Category]int64{}, map[string]string{}
	}
	for _, msg := range messages[len(m.messages):] {
		m.messages = append(m.messages, msg.Raw)
		m.add(msg, readers)
	}
}

func (m *Meter) add(msg model.Message, readers []string) {
	blocks, err := msg.Blocks()
	if err != nil {
		m.counted[History] += int64(len(msg.Raw))
		return
	}
	for _, b := range blocks {
		size := int64(len(b.Raw))
		switch b.Type {
		case "tool_use":
			m.tools[b.Call.ID] = b.Call.Name
			m.counted[History] += size
		case "tool_result":
			if slices.Contains(readers, m.tools[resultOf(b.Raw)]) {
				m.counted[Files] += size
			} else {
				m.counted[Results] += size
			}
		case "image":
			m.counted[Files] += min(size, imageBytes)
		default:
			m.counted[History] += size
		}
	}
}

// resultOf returns the id of the call a tool_result block answers.
func resultOf(raw json.RawMessage) string {
	var b struct {
		ID string `json:"tool_use_id"`
	}
	_ = json.Unmarshal(raw, &b) // a block without an id answers nothing
	return b.ID
}

// share divides a total of tokens among parts by their bytes, so that nothing
// is lost in rounding.
func share(parts map[Category]int64, size, total int64) Reading {
	out := Reading{Tokens: map[Category]int64{}, Total: total}
	left, rest := total, size
	for _, c := range []Category{System, Tools, Skills, Files, History, Results} {
		n := parts[c]
		if n == 0 || rest == 0 {
			continue
		}
		tokens := int64(math.Round(float64(left) * float64(n) / float64(rest)))
		out.Tokens[c] = tokens
		left, rest = left-tokens, rest-n
	}
	return out
}
