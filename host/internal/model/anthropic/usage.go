package anthropic

import (
	"encoding/json"
	"fmt"

	"github.com/cowork-host/cowork/host/internal/model"
)

// usage is what a provider says of a message's cost so far. Later numbers are
// totals and replace earlier ones; what is not said again stays.
type usage struct {
	Input       *int64 `json:"input_tokens"`
	Output      *int64 `json:"output_tokens"`
	CacheRead   *int64 `json:"cache_read_input_tokens"`
	CacheWrite  *int64 `json:"cache_creation_input_tokens"`
	CacheDetail struct {
		Write5m *int64 `json:"ephemeral_5m_input_tokens"`
		Write1h *int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	OutputDetail struct {
		Thinking *int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
	ServerTools struct {
		WebSearches *int64 `json:"web_search_requests"`
		WebFetches  *int64 `json:"web_fetch_requests"`
	} `json:"server_tool_use"`
}

// merge takes what an event says. Fields it does not name, or that are null,
// stay.
func (u *usage) merge(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var v usage
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("%w: usage: %w", errMalformed, err)
	}
	for _, f := range []struct{ into, from **int64 }{
		{&u.Input, &v.Input},
		{&u.Output, &v.Output},
		{&u.CacheRead, &v.CacheRead},
		{&u.CacheWrite, &v.CacheWrite},
		{&u.CacheDetail.Write5m, &v.CacheDetail.Write5m},
		{&u.CacheDetail.Write1h, &v.CacheDetail.Write1h},
		{&u.OutputDetail.Thinking, &v.OutputDetail.Thinking},
		{&u.ServerTools.WebSearches, &v.ServerTools.WebSearches},
		{&u.ServerTools.WebFetches, &v.ServerTools.WebFetches},
	} {
		if *f.from != nil {
			*f.into = *f.from
		}
	}
	return nil
}

// total is the usage as the host counts it. What was written to the cache
// without a word on for how long was written for five minutes.
func (u *usage) total() model.Usage {
	n := func(p *int64) int64 {
		if p == nil {
			return 0
		}
		return max(0, *p)
	}
	hour := n(u.CacheDetail.Write1h)
	return model.Usage{
		Input: n(u.Input), CacheRead: n(u.CacheRead),
		CacheWrite1h: hour, CacheWrite5m: max(n(u.CacheDetail.Write5m), n(u.CacheWrite)-hour),
		Output: n(u.Output), Thinking: n(u.OutputDetail.Thinking),
		WebSearches: n(u.ServerTools.WebSearches), WebFetches: n(u.ServerTools.WebFetches),
	}
}
