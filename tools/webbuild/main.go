// Command webbuild makes the web app's files from web/ without Node: esbuild is
// a Go library. It has a module of its own, so that esbuild is never a part of
// the program.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// vendored says which file stands for a package the sources import. The files
// are as the packages' authors published them; see THIRD_PARTY.md.
var vendored = map[string]string{
	"preact":               "preact@11.2.0/preact.mjs",
	"preact/hooks":         "preact@11.2.0/hooks.mjs",
	"preact/jsx-runtime":   "preact@11.2.0/jsxRuntime.mjs",
	"@preact/signals":      "signals@2.11.4/signals.mjs",
	"@preact/signals-core": "signals-core@1.14.5/signals-core.mjs",
	"marked":               "marked@18.2.1/marked.esm.js",
	"dompurify":            "dompurify@3.4.18/purify.es.mjs",
}

func main() {
	if err := run("../.."); err != nil {
		fmt.Fprintln(os.Stderr, "webbuild:", err)
		os.Exit(1)
	}
}

// run builds the repository at root and writes what the program embeds.
func run(root string) error {
	files, err := build(root)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, "host", "internal", "web", "dist")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// build returns the built files by name. The same sources always give the same
// bytes.
func build(root string) (map[string][]byte, error) {
	web, err := filepath.Abs(filepath.Join(root, "web"))
	if err != nil {
		return nil, err
	}
	alias := map[string]string{}
	for pkg, file := range vendored {
		alias[pkg] = filepath.Join(web, "vendor", filepath.FromSlash(file))
	}
	r := api.Build(api.BuildOptions{
		AbsWorkingDir: web, EntryPoints: []string{"src/main.tsx", "src/app.css"}, Outdir: filepath.Join(web, "out"),
		EntryNames: "[name]", Bundle: true, Write: false, Format: api.FormatESModule, Target: api.ES2022,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true, Charset: api.CharsetUTF8,
		JSX: api.JSXAutomatic, JSXImportSource: "preact", Alias: alias, LegalComments: api.LegalCommentsLinked,
		Define: map[string]string{"process.env.NODE_ENV": `"production"`}, LogLevel: api.LogLevelSilent,
		TsconfigRaw: `{"compilerOptions":{"strict":true}}`,
	})
	for _, m := range append(r.Errors, r.Warnings...) {
		where := ""
		if m.Location != nil {
			where = fmt.Sprintf("%s:%d: ", m.Location.File, m.Location.Line)
		}
		return nil, fmt.Errorf("%s%s", where, m.Text)
	}
	files := map[string][]byte{}
	for _, f := range r.OutputFiles {
		files[filepath.Base(f.Path)] = f.Contents
	}
	for _, name := range []string{"index.html", "icon.svg"} {
		if files[name], err = os.ReadFile(filepath.Join(web, "src", name)); err != nil {
			return nil, err
		}
	}
	return files, nil
}
