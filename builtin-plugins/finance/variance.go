package finance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/cowork-host/cowork/builtin-plugins/finance/internal/ledger"
	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
	wb "github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
	"github.com/cowork-host/cowork/pluginsdk"
)

const (
	typeXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	typeMD   = "text/markdown"
)

// runVariance is the handler of /finance:variance-analysis.
func runVariance(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
	limit, err := parseThreshold(inv.Value("threshold"))
	if err != nil {
		return nil, err
	}
	name, chosen, err := outputName(inv.Value("out"))
	if err != nil {
		return nil, err
	}
	report := inv.Host.Report()
	report.Plan("Read both files", "Match the line items", "Compute variances", "Write the workbook and the brief")
	var inputs [2]ledger.Input
	for i, p := range []string{"budget", "actuals"} {
		src, closer, err := open(inv, p)
		if err != nil {
			return nil, err
		}
		defer func() { _ = closer.Close() }()
		inputs[i] = ledger.Input{
			Path: inv.Value(p), Source: src, Sheet: inv.Value(p + "-sheet"),
			Amount: inv.Value([]string{"budget-col", "actual-col"}[i]),
		}
	}
	out, err := create(inv.Host.Files(), name, chosen)
	if err != nil {
		return nil, err
	}
	defer out.close()
	match, err := ledger.Load(ctx, inputs[0], inputs[1], ledger.Options{
		Keys: words(inv.Value("key")), By: strings.TrimSpace(inv.Value("by")), Currency: strings.TrimSpace(inv.Value("currency")),
		Ask: inv.Host.Ask, Progress: report.Progress,
	})
	if err != nil {
		return nil, err
	}
	for _, n := range match.Notes {
		report.Log(n)
	}
	report.Progress("Computing variances", 0, int64(len(match.Lines)))
	a := analyse(match, limit)
	for _, w := range warningsOf(a) {
		report.Log("attention: " + w)
	}
	return deliver(ctx, a, out, report)
}

// deliver writes both files and returns what they say.
func deliver(ctx context.Context, a *analysis, out *outputs, report pluginsdk.Reporter) (*pluginsdk.Result, error) {
	report.Progress("Writing "+out.xlsx.Name(), 0, 0)
	built := newReport(a, "Variance analysis: "+a.Budget.File+" and "+a.Actual.File)
	written, err := built.build().Write(ctx, out.xlsx)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", out.xlsx.Name(), err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(out.md, fullBrief(a, path.Base(out.xlsx.Name()))); err != nil {
		return nil, fmt.Errorf("write %s: %w", out.md.Name(), err)
	}
	if err := out.finish(); err != nil {
		return nil, err
	}
	facts := factsOf(a)
	for _, f := range facts[:min(len(facts), 6)] {
		report.Fact(f)
	}
	return &pluginsdk.Result{
		Artifacts: []pluginsdk.Artifact{
			{Path: out.xlsx.Name(), MediaType: typeXLSX, Title: "Variance analysis", Checks: checks(a, written)},
			{Path: out.md.Name(), MediaType: typeMD, Title: "Variance brief"},
		},
		Facts: facts,
		Brief: shortBrief(a),
	}, nil
}

// checks are the claims about the workbook that were looked at.
func checks(a *analysis, w wb.Written) []pluginsdk.Check {
	status := func(ok bool) pluginsdk.CheckStatus {
		if ok {
			return pluginsdk.Passed
		}
		return pluginsdk.Failed
	}
	ok, detail := a.tie()
	out := []pluginsdk.Check{
		{Name: "totals tie to source", Status: status(ok), Detail: detail},
		{
			Name: "formula cells have cached values", Status: status(w.Uncached == 0),
			Detail: fmt.Sprintf("%d formulas, %d without a value", w.Formulas, w.Uncached),
		},
		{
			Name: "recalculated by a spreadsheet program", Status: pluginsdk.NotVerified,
			Detail: "the workbook asks for calculation when it is opened",
		},
	}
	if w.Cut > 0 {
		out = append(out, pluginsdk.Check{Name: "all text fits", Status: pluginsdk.Failed, Detail: fmt.Sprintf("%d texts were longer than a cell holds and were cut", w.Cut)})
	}
	return out
}

func open(inv *pluginsdk.Invocation, param string) (table.Source, io.Closer, error) {
	name := inv.Value(param)
	if name == "" {
		return table.Source{}, nil, pluginsdk.Invalid("give two files: BUDGET ACTUALS", "the %s file is missing", param)
	}
	f, err := inv.Host.Files().Open(name)
	if err != nil {
		var own *pluginsdk.Error
		if errors.As(err, &own) {
			return table.Source{}, nil, err
		}
		return table.Source{}, nil, fmt.Errorf("open %s: %w", name, err)
	}
	src, err := table.FromFile(f, name)
	if err != nil {
		return table.Source{}, nil, errors.Join(err, f.Close())
	}
	return src, f, nil
}

// outputs are the two files being written.
type outputs struct {
	xlsx, md pluginsdk.File
	closed   bool
}

// create stages both files before anything is computed: a name that cannot be
// written shows at once.
func create(files pluginsdk.Files, name string, chosen bool) (*outputs, error) {
	make := files.Create
	if chosen {
		make = files.Write
	}
	xlsx, err := make(name)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	brief := strings.TrimSuffix(xlsx.Name(), path.Ext(xlsx.Name())) + ".md"
	md, err := make(brief)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create %s: %w", brief, err), xlsx.Close())
	}
	return &outputs{xlsx: xlsx, md: md}, nil
}

// finish closes both; only then they count.
func (o *outputs) finish() error {
	o.closed = true
	if err := errors.Join(o.xlsx.Close(), o.md.Close()); err != nil {
		return fmt.Errorf("finish %s: %w", o.xlsx.Name(), err)
	}
	return nil
}

// close frees the files after a failure. What was staged is thrown away by
// the host, because the handler fails.
func (o *outputs) close() {
	if !o.closed {
		_ = o.xlsx.Close()
		_ = o.md.Close()
	}
}

func words(s string) []string {
	var out []string
	for w := range strings.SplitSeq(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}
