package files_test

import (
	"testing"

	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/tool/tooltest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]string{
		"read":           `{"path":"a.txt"}`,
		"write":          `{"path":"new/b.txt","content":"b"}`,
		"edit":           `{"path":"a.txt","old_text":"a","new_text":"b"}`,
		"list":           `{}`,
		"glob":           `{"pattern":"*.txt"}`,
		"grep":           `{"pattern":"a"}`,
		"move":           `{"moves":[{"from":"a.txt","to":"b.txt"}]}`,
		"request_delete": `{"paths":["a.txt"]}`,
		"artifact":       `{"path":"a.txt"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tooltest.Run(t, tooltest.Case{Valid: valid, New: func(t *testing.T) (tool.Tool, func() string) {
				b := newBench(t)
				b.put("a.txt", "a\n")
				return b.task("t").tools[name], b.tree
			}})
		})
	}
}

func TestToolsAreAlwaysTheSame(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.task("t")
	one, err := tool.NewSet(u.files.Tools()...)
	if err != nil {
		t.Fatal(err)
	}
	if len(one.Names()) != 9 {
		t.Errorf("tools %v", one.Names())
	}
}
