package anthropic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/cowork-host/cowork/host/internal/model"
)

// defaultMaxTokens is the limit of requests that set none. All models in use
// allow it.
const defaultMaxTokens = 32_000

const breakpoint = `"cache_control":{"type":"ephemeral"}`

// body assembles a request. The bytes of messages, tools and system prompt are
// the same in every request that holds them, so that the provider finds what
// it has cached: tools and system end in breakpoints of their own, and the end
// of the conversation is one the provider keeps track of itself.
func (m *Model) body(req *model.Request, generate bool) ([]byte, error) {
	name := m.name(req)
	lacks := m.lacking(name)
	size := 4096
	for i := range req.Messages {
		size += len(req.Messages[i].Raw) + 1
	}
	for _, s := range req.System {
		size += len(s) + len(s)/8
	}
	for _, t := range req.Tools {
		size += len(t.Description) + len(t.InputSchema) + 256
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	b.WriteString(`{"model":` + quote(name))
	if generate {
		maxTokens := req.MaxTokens
		if maxTokens <= 0 {
			maxTokens = defaultMaxTokens
		}
		b.WriteString(`,"max_tokens":` + strconv.FormatInt(maxTokens, 10) + `,"stream":true`)
		if !lacks.autoCache {
			b.WriteString(`,` + breakpoint)
		}
		if req.Effort != "" && !lacks.effort {
			b.WriteString(`,"output_config":{"effort":` + quote(req.Effort) + `}`)
		}
		b.WriteString(thinking(req, lacks, maxTokens))
	}
	if err := writeTools(b, req, lacks); err != nil {
		return nil, err
	}
	writeSystem(b, req.System)
	if err := writeMessages(b, req.Messages, generate && lacks.autoCache); err != nil {
		return nil, err
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (m *Model) name(req *model.Request) string {
	if req.Model != "" {
		return req.Model
	}
	return m.opts.Model
}

// thinking asks for thinking in the way the server knows. Older models want a
// budget, which must leave room for the answer.
func thinking(req *model.Request, lacks features, maxTokens int64) string {
	const least, most = 1024, 16_000
	switch {
	case !req.Thinking || lacks.thinking:
		return ""
	case !lacks.adaptive:
		return `,"thinking":{"type":"adaptive","display":"summarized"}`
	case maxTokens < 2*least:
		return ""
	}
	return `,"thinking":{"type":"enabled","budget_tokens":` + strconv.FormatInt(min(maxTokens/2, most), 10) + `}`
}

// writeTools writes the tools; the last one carries a breakpoint.
func writeTools(b *bytes.Buffer, req *model.Request, lacks features) error {
	var list []string
	for _, t := range req.Tools {
		schema := bytes.TrimSpace(t.InputSchema)
		if !json.Valid(schema) || schema[0] != '{' {
			return &model.Error{
				Kind: model.ErrorRequest, Message: fmt.Sprintf("the input schema of the tool %s is not a JSON object", t.Name),
				Next: "mend the plugin or connector that offers it",
			}
		}
		list = append(list, `{"name":`+quote(t.Name)+`,"description":`+quote(t.Description)+`,"input_schema":`+string(schema))
	}
	for _, t := range req.ServerTools {
		kind, ok := serverTools[t.Name]
		if !ok || lacks.serverTool(t.Name) {
			continue
		}
		tool := `{"type":"` + kind + `","name":` + quote(t.Name)
		if t.MaxUses > 0 {
			tool += `,"max_uses":` + strconv.Itoa(t.MaxUses)
		}
		list = append(list, tool)
	}
	writeList(b, "tools", list, func(i int) bool { return i == len(list)-1 })
	return nil
}

// writeList writes a field that is a list of objects, which lack their closing
// brace; an empty one is left out. Those that mark picks carry a breakpoint.
func writeList(b *bytes.Buffer, field string, list []string, mark func(i int) bool) {
	for i, object := range list {
		if i == 0 {
			b.WriteString(`,"` + field + `":[`)
		} else {
			b.WriteByte(',')
		}
		b.WriteString(object)
		if mark(i) {
			b.WriteString(`,` + breakpoint)
		}
		b.WriteByte('}')
	}
	if len(list) > 0 {
		b.WriteByte(']')
	}
}

// serverTools are the forms of the provider's own tools that all its models
// know.
var serverTools = map[string]string{
	"web_search": "web_search_20250305",
	"web_fetch":  "web_fetch_20250910",
}

// writeSystem writes the system prompt. Its first block, which tasks share,
// and its last carry breakpoints.
func writeSystem(b *bytes.Buffer, system []string) {
	var list []string
	for _, s := range system {
		if s != "" { // the provider refuses empty blocks
			list = append(list, `{"type":"text","text":`+quote(s))
		}
	}
	writeList(b, "system", list, func(i int) bool { return i == 0 || i == len(list)-1 })
}

// writeMessages writes the messages as they are. Messages without content are
// left out: the provider refuses what it sent itself there. With mark the last
// block carries a breakpoint, for servers that do not place one themselves.
func writeMessages(b *bytes.Buffer, messages []model.Message, mark bool) error {
	b.WriteString(`,"messages":[`)
	first := true
	for i, msg := range messages {
		raw := bytes.TrimSpace(msg.Raw)
		if len(raw) < 2 || raw[0] != '{' || raw[len(raw)-1] != '}' {
			return &model.Error{
				Kind: model.ErrorRequest, Message: fmt.Sprintf("message %d of the conversation is damaged", i+1),
				Next: "begin a new task",
			}
		}
		if isEmpty(raw) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		if head, ok := bytes.CutSuffix(raw, []byte(`}]}`)); ok && mark && i == len(messages)-1 {
			b.Write(head)
			b.WriteString(`,` + breakpoint + `}]}`)
			continue
		}
		b.Write(raw)
	}
	b.WriteByte(']')
	return nil
}

// isEmpty reports whether a message has no content. Only short ones are
// looked into.
func isEmpty(raw []byte) bool {
	if len(raw) > 64 {
		return false
	}
	var m struct{ Content []json.RawMessage }
	return json.Unmarshal(raw, &m) == nil && len(m.Content) == 0
}

// quote is the JSON of a string, with <, > and & as they are. Bytes that are
// not UTF-8 become the replacement character.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
