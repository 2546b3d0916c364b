// Package finance is the role plugin for planning and analysis: it brings a
// budget and actuals together and explains the difference in a workbook and a
// one-page brief, with every number computed and traceable to its source row.
package finance

import (
	"context"

	"github.com/cowork-host/cowork/pluginsdk"
)

// New returns the plugin. It has no state.
func New() pluginsdk.Plugin { return plugin{} }

type plugin struct{}

var (
	_ pluginsdk.Plugin          = plugin{}
	_ pluginsdk.CommandProvider = plugin{}
)

// Manifest says what the plugin is, as its bundle does.
func (plugin) Manifest() *pluginsdk.Manifest {
	return &pluginsdk.Manifest{
		Name:        "finance",
		Version:     "0.1.0",
		Description: "Budget against actuals: variance workbook and brief from the files you have",
	}
}

// Start has nothing to do: a command gets its host with the invocation.
func (plugin) Start(context.Context, pluginsdk.Host) error { return nil }

// Close has nothing to do.
func (plugin) Close() error { return nil }

// Commands returns the plugin's one command.
func (plugin) Commands() []pluginsdk.Command {
	option := func(name, placeholder, summary string) pluginsdk.Param {
		return pluginsdk.Param{Name: name, Kind: pluginsdk.ParamText, Option: true, Placeholder: placeholder, Summary: summary}
	}
	return []pluginsdk.Command{{
		Name:         "variance-analysis",
		Summary:      "Compare a budget with actuals and deliver a variance workbook and a one-page brief",
		ArgumentHint: "BUDGET ACTUALS [--by COL] [--threshold PCT|AMOUNT]",
		Params: []pluginsdk.Param{
			{Name: "budget", Kind: pluginsdk.ParamFile, Required: true, Summary: "the budget: csv, tsv, xlsx, json, jsonl or parquet"},
			{Name: "actuals", Kind: pluginsdk.ParamFile, Required: true, Summary: "the actuals, in any of the same formats"},
			option("by", "COL", "column the summary groups by"),
			option("threshold", "PCT|AMOUNT", "variances to flag: over 5%, over 10000, or over both with 5%,10000; 10% when not given"),
			option("out", "NAME", "name of the workbook"),
			option("key", "COL,COL", "columns that name a line item in both files"),
			option("budget-col", "COL", "column of the budget amounts"),
			option("actual-col", "COL", "column of the actual amounts"),
			option("budget-sheet", "SHEET", "worksheet of the budget"),
			option("actuals-sheet", "SHEET", "worksheet of the actuals"),
			option("currency", "CUR", "take only rows in this currency"),
		},
		Run: runVariance,
	}}
}
