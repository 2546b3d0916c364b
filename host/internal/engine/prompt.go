package engine

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/pluginsdk"
)

//go:embed prompt/base.md
var basePrompt string

//go:embed prompt/light.md
var lightPrompt string

//go:embed prompt/agent.md
var agentPrompt string

//go:embed prompt/plan.md
var planPrompt string

// maxFacts bounds the facts that go into a turn, in bytes; the rest stands in
// the deliverable.
const maxFactsText = 24 << 10

// factsPrompt is what a command's handler computed, for the model to write
// about.
func factsPrompt(cmd catalog.Command, res *pluginsdk.Result, files []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The handler of /%s has run. What follows was computed from the person's files; it is exact.\n", cmd.ID)
	if len(files) > 0 {
		b.WriteString("\nDelivered files:\n")
		for _, f := range files {
			fmt.Fprintf(&b, "- %s\n", f)
		}
	}
	b.WriteString("\nFacts (name = value unit, source):\n")
	left := 0
	for _, f := range res.Facts {
		line := fmt.Sprintf("- %s = %s", f.Name, f.Value)
		if f.Unit != "" {
			line += " " + f.Unit
		}
		if f.Approximate {
			line += " (approximate)"
		}
		if f.Source != "" {
			line += ", from " + f.Source
		}
		if b.Len()+len(line) > maxFactsText {
			left++
			continue
		}
		b.WriteString(line + "\n")
	}
	if left > 0 {
		fmt.Fprintf(&b, "%d more facts stand in the delivered files.\n", left)
	}
	if res.Brief != "" {
		b.WriteString("\nThe brief the handler wrote:\n\n" + res.Brief + "\n")
	}
	b.WriteString("\nWork on the delivered files where the instructions below ask for words: read them first, keep every figure as it is, and do not make copies of them.\n")
	return b.String()
}
