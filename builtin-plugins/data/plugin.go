// Package data is the role plugin for people who work with data files. Its
// command /data:profile reads a table of any common format and delivers a
// workbook and a page that say what is in it and what looks wrong with it.
package data

import (
	"context"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Version is the plugin's version, as in its manifest.
const Version = "0.1.0"

type plugin struct {
	now func() time.Time
}

var (
	_ pluginsdk.Plugin          = (*plugin)(nil)
	_ pluginsdk.CommandProvider = (*plugin)(nil)
)

// New returns the plugin.
func New() pluginsdk.Plugin { return &plugin{now: time.Now} }

// Manifest implements [pluginsdk.Plugin].
func (p *plugin) Manifest() *pluginsdk.Manifest {
	return &pluginsdk.Manifest{
		Name:        "data",
		Version:     Version,
		Description: "Profile data files: shape, types, statistics, outliers and data-quality findings with evidence",
	}
}

// Start implements [pluginsdk.Plugin].
func (p *plugin) Start(context.Context, pluginsdk.Host) error { return nil }

// Close implements [pluginsdk.Plugin].
func (p *plugin) Close() error { return nil }

// Commands implements [pluginsdk.CommandProvider].
func (p *plugin) Commands() []pluginsdk.Command {
	return []pluginsdk.Command{{
		Name:         "profile",
		Summary:      "Profile a table: shape, types, statistics, outliers and what looks wrong with it",
		ArgumentHint: "FILE [--sheet NAME] [--out NAME]",
		Params: []pluginsdk.Param{
			{Name: "file", Kind: pluginsdk.ParamFile, Required: true, Summary: "a csv, tsv, xlsx, json, jsonl or parquet file"},
			{Name: "sheet", Kind: pluginsdk.ParamText, Option: true, Placeholder: "NAME", Summary: "profile this sheet of a workbook only"},
			{Name: "out", Kind: pluginsdk.ParamText, Option: true, Placeholder: "NAME", Summary: "base name of the files written, instead of profile"},
		},
		Run: p.profile,
	}}
}
