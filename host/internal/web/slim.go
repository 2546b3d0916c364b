package web

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
)

// The sizes beyond which the page gets an event cut. All of it stays in the
// log and with `cowork task show`.
const (
	slimData = 32 << 10
	slimText = 8 << 10
)

// slim returns an event as the page gets it: without the provider's raw JSON,
// of which only the thinking is kept, and with long texts cut and marked.
func slim(e event.Event) ([]byte, error) {
	if e.Kind == event.KindModelMessage {
		e.Data = slimMessage(e)
	}
	if len(e.Data) > slimData {
		e.Data = cut(e.Data)
	}
	return json.Marshal(e)
}

func slimMessage(e event.Event) json.RawMessage {
	p, err := event.Decode[event.ModelMessage](e)
	if err != nil {
		return e.Data
	}
	var thinking []string
	blocks, _ := model.Message{Raw: []byte(p.Raw)}.Blocks() // a broken message has none
	for _, b := range blocks {
		if b.Type == "thinking" && b.Text != "" {
			thinking = append(thinking, b.Text)
		}
	}
	p.Raw = ""
	data, err := json.Marshal(struct {
		event.ModelMessage
		Thinking string `json:"thinking,omitempty"`
	}{p, strings.Join(thinking, "\n\n")})
	if err != nil {
		return e.Data
	}
	return data
}

// cut shortens the long strings in an event's data and marks it as clipped.
func cut(data json.RawMessage) json.RawMessage {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v map[string]any
	if dec.Decode(&v) != nil {
		return json.RawMessage(`{"clipped":true}`)
	}
	budget := 4 * slimData // for all strings and lists together
	out, _ := cutValue(v, &budget).(map[string]any)
	out["clipped"] = true
	b, err := json.Marshal(out)
	if err != nil {
		return json.RawMessage(`{"clipped":true}`)
	}
	return b
}

func cutValue(v any, budget *int) any {
	switch v := v.(type) {
	case string:
		limit := max(min(slimText, *budget), 0)
		if len(v) > limit {
			for limit > 0 && !utf8.RuneStart(v[limit]) {
				limit--
			}
			v = v[:limit] + "…"
		}
		*budget -= len(v)
		return v
	case []any:
		for i := range v {
			if *budget <= 0 {
				return v[:i]
			}
			*budget -= 16
			v[i] = cutValue(v[i], budget)
		}
		return v
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			*budget -= len(k)
			v[k] = cutValue(v[k], budget)
		}
		return v
	}
	return v
}
