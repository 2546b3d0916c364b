// Package builtin lists the plugins that ship with cowork. Each is a folder
// here: a bundle in the public plugin format and the Go package behind its
// handlers.
package builtin

import (
	"embed"
	"io/fs"

	"github.com/cowork-host/cowork/builtin-plugins/data"
	"github.com/cowork-host/cowork/builtin-plugins/finance"
	"github.com/cowork-host/cowork/pluginsdk"
)

// bundles holds the public half of every plugin; the Go files stay out.
//
//go:embed all:data/.claude-plugin data/commands data/skills data/README.md
//go:embed all:finance/.claude-plugin finance/commands finance/skills finance/README.md
var bundles embed.FS

// Plugin is one that ships.
type Plugin struct {
	Name   string
	Bundle fs.FS                   // its files, as an installed bundle has them
	New    func() pluginsdk.Plugin // what its process serves
}

// Plugins returns all that ship, sorted by name.
func Plugins() []Plugin {
	list := []Plugin{
		{Name: "data", New: data.New},
		{Name: "finance", New: finance.New},
	}
	for i := range list {
		sub, err := fs.Sub(bundles, list[i].Name)
		if err != nil {
			panic(err) // the name is not a path: a mistake in the list above
		}
		list[i].Bundle = sub
	}
	return list
}
