// Command hello is a small cowork plugin: a bundle in the public plugin format
// with one command that has a Go handler.
package main

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc"
)

func main() { rpc.Serve(New()) }

// New returns the plugin.
func New() pluginsdk.Plugin { return hello{} }

type hello struct{}

func (hello) Manifest() *pluginsdk.Manifest {
	return &pluginsdk.Manifest{Name: "hello", Version: "1.0.0", Description: "Greets everybody in a list"}
}

func (hello) Start(context.Context, pluginsdk.Host) error { return nil }
func (hello) Close() error                                { return nil }

func (hello) Commands() []pluginsdk.Command {
	return []pluginsdk.Command{{
		Name:    "greet",
		Summary: "Write a greeting for every line of a file",
		Params: []pluginsdk.Param{
			{Name: "names", Kind: pluginsdk.ParamFile, Required: true, Summary: "a text file with a name per line"},
			{Name: "with", Kind: pluginsdk.ParamText, Option: true, Placeholder: "WORD", Summary: "how to greet"},
		},
		Run: greet,
	}}
}

// greet is a handler: it reads through the host, writes through the host, and
// keeps nothing between runs.
func greet(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
	data, err := fs.ReadFile(inv.Host.Files(), inv.Value("names"))
	if err != nil {
		return nil, err
	}
	word := inv.Value("with")
	if word == "" {
		word = "Hello"
	}
	out, err := inv.Host.Files().Create("greetings.txt")
	if err != nil {
		return nil, err
	}
	greeted := 0
	lines := strings.Split(string(data), "\n")
	for i, name := range lines {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if _, err := fmt.Fprintf(out, "%s, %s!\n", word, name); err != nil {
			return nil, err
		}
		greeted++
		inv.Host.Report().Progress("greeting", int64(i+1), int64(len(lines)))
	}
	if greeted == 0 {
		return nil, pluginsdk.Invalid("write a name on every line", "%s names nobody", inv.Value("names"))
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	return &pluginsdk.Result{
		Artifacts: []pluginsdk.Artifact{{Path: out.Name(), MediaType: "text/plain", Title: "Greetings"}},
		Facts:     []pluginsdk.Fact{{Name: "greeted", Value: fmt.Sprint(greeted), Type: pluginsdk.FactInteger, Source: inv.Value("names")}},
		Brief:     fmt.Sprintf("Greeted %d people.", greeted),
	}, nil
}
