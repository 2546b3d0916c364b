package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Input is one file and how to read it; empty fields are found out.
type Input struct {
	Path   string
	Source table.Source
	Sheet  string // the worksheet
	Amount string // the column with the amounts
}

// Options are what the person decided.
type Options struct {
	Keys     []string // columns that name a line
	By       string   // column the summary groups by
	Currency string   // take only rows in this currency
	// Limit is how many records per file are kept as loaded; beyond it they
	// are added up while reading. 0 is 200,000.
	Limit int
	// Ask puts a question; its error is ErrUnavailable when nobody answers.
	Ask func(context.Context, pluginsdk.Question) (pluginsdk.Answer, error)
	// Progress is called now and then with bytes read.
	Progress func(label string, done, total int64)
}

// reader is one input being understood.
type reader struct {
	Input
	side  Side
	book  *table.Book
	sheet *table.Sheet
	shape *shape
	opts  *Options
}

// flag returns the option that answers a question about this input.
func (r *reader) flag(what string) string {
	if what == "col" {
		return "--" + [...]string{"budget", "actual"}[r.side] + "-col"
	}
	return "--" + r.side.String() + "-" + what
}

// where names the input in messages: "budget.xlsx, sheet Plan".
func (r *reader) where() string {
	name := path.Base(r.Path)
	if r.sheet != nil && len(r.book.Sheets) > 1 {
		name += ", sheet " + quoted(r.sheet.Name)
	}
	return name
}

// openBoth opens the inputs at the same time and then settles their sheets one
// after the other, so that questions come in order.
func openBoth(ctx context.Context, inputs [2]Input, opts *Options) (readers [2]*reader, err error) {
	group, gctx := errgroup.WithContext(ctx)
	for i, in := range inputs {
		group.Go(func() error {
			book, err := table.Open(gctx, in.Source, table.Options{})
			if err != nil {
				return err
			}
			readers[i] = &reader{Input: in, side: Side(i), book: book, opts: opts}
			return nil
		})
	}
	err = group.Wait()
	for _, r := range readers {
		if err == nil {
			err = r.pickSheet(ctx)
		}
	}
	if err != nil {
		closeAll(readers)
	}
	return readers, err
}

func closeAll(readers [2]*reader) {
	for _, r := range readers {
		if r != nil {
			_ = r.book.Close()
		}
	}
}

func (r *reader) pickSheet(ctx context.Context) error {
	names := make([]string, len(r.book.Sheets))
	for i, s := range r.book.Sheets {
		names[i] = s.Name
	}
	if r.Sheet != "" {
		for _, s := range r.book.Sheets {
			if normal(s.Name) == normal(r.Sheet) {
				r.sheet = s
				return nil
			}
		}
		return pluginsdk.Invalid("choose one with "+r.flag("sheet"), "%s has no sheet %s; it has %s",
			path.Base(r.Path), quoted(r.Sheet), list(nearest(r.Sheet, names)))
	}
	if len(r.book.Sheets) == 1 {
		r.sheet = r.book.Sheets[0]
		return nil
	}
	var fit []*table.Sheet
	best := 0
	for _, s := range r.book.Sheets {
		score := r.sheetScore(ctx, s)
		if score > best {
			best, fit = score, nil
		}
		if score == best && score > 0 {
			fit = append(fit, s)
		}
	}
	switch len(fit) {
	case 0:
		return pluginsdk.Invalid("choose one with "+r.flag("sheet"),
			"no sheet of %s looks like a table of %s amounts; it has %s", path.Base(r.Path), r.side, list(names))
	case 1:
		r.sheet = fit[0]
		return nil
	}
	q := pluginsdk.Question{ID: r.side.String() + ".sheet", Text: fmt.Sprintf("Which sheet of %s has the %s?", path.Base(r.Path), r.side)}
	for _, s := range fit {
		q.Choices = append(q.Choices, pluginsdk.Choice{Value: s.Name, Label: s.Name})
	}
	value, err := r.ask(ctx, q, "sheet")
	if err != nil {
		return err
	}
	for _, s := range fit {
		if s.Name == value {
			r.sheet = s
		}
	}
	if r.sheet == nil {
		return pluginsdk.Invalid("choose one with "+r.flag("sheet"), "%s has no sheet %s", path.Base(r.Path), quoted(value))
	}
	return nil
}

// sheetScore tells how well a sheet suits the side; 0 is not at all.
func (r *reader) sheetScore(ctx context.Context, s *table.Sheet) int {
	sh, err := newShape(ctx, s, r.side, "", func(c []pluginsdk.Choice) (string, error) { return c[0].Value, nil })
	if err != nil || len(sh.amounts) == 0 || len(sh.dims) == 0 {
		return 0
	}
	score := 1
	if hasClass(s.Name, r.side.class()) {
		score += 4
	}
	if !s.Hidden {
		score++
	}
	if slices.ContainsFunc(sh.amounts, func(i int) bool { return hasClass(sh.cols[i].Name, r.side.class()) }) {
		score += 2
	}
	return score
}

// ask puts the question and turns "nobody answers" into an error that lists
// the choices and the option to choose with.
func (r *reader) ask(ctx context.Context, q pluginsdk.Question, what string) (string, error) {
	a, err := r.opts.Ask(ctx, q)
	if err == nil {
		return a.Value, nil
	}
	if !errors.Is(err, pluginsdk.ErrUnavailable) {
		return "", err
	}
	var names []string
	for _, c := range q.Choices {
		names = append(names, c.Value)
	}
	return "", pluginsdk.Invalid("choose one with "+r.flag(what), "%s: it could be %s", strings.TrimSuffix(lowerFirst(q.Text), "?"), list(names))
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// understand finds out the use of the columns.
func (r *reader) understand(ctx context.Context) error {
	sh, err := newShape(ctx, r.sheet, r.side, r.Amount, func(c []pluginsdk.Choice) (string, error) {
		return r.ask(ctx, pluginsdk.Question{
			ID: r.side.String() + ".amount", Choices: c,
			Text: fmt.Sprintf("Which column of %s has the %s amounts?", r.where(), r.side),
		}, "col")
	})
	if err != nil {
		return r.explain(err, r.flag("col"))
	}
	if len(sh.amounts) == 0 && (sh.quantity < 0 || sh.price < 0) {
		if !slices.ContainsFunc(sh.cols, func(c column) bool { return c.Kind != table.KindEmpty }) {
			return pluginsdk.Invalid("check that the right file and sheet were given", "%s has a header but no rows", r.where())
		}
		next := "give a file with a column of amounts, or name it with " + r.flag("col")
		return pluginsdk.Invalid(next, "%s has no column of amounts; its columns are %s", r.where(), list(describe(sh)))
	}
	for _, i := range sh.amounts {
		if !sh.cols[i].Kind.Numeric() && sh.cols[i].Kind != table.KindEmpty {
			return pluginsdk.Invalid("choose another with "+r.flag("col"), "column %s of %s holds no numbers", quoted(sh.cols[i].Name), r.where())
		}
	}
	if r.opts.By != "" {
		if i, err := sh.byName(r.opts.By); err == nil && !slices.Contains(sh.dims, i) && !slices.Contains(sh.amounts, i) && i != sh.period {
			sh.dims = append(sh.dims, i)
		}
	}
	for _, key := range r.opts.Keys {
		if i, err := sh.byName(key); err == nil && !slices.Contains(sh.dims, i) && !slices.Contains(sh.amounts, i) && i != sh.period {
			sh.dims = append(sh.dims, i)
		}
	}
	if len(sh.dims) == 0 {
		for i, c := range sh.cols {
			if c.Kind == table.KindInteger && !slices.Contains(sh.amounts, i) && i != sh.quantity && i != sh.price {
				sh.dims = append(sh.dims, i)
			}
		}
	}
	if len(sh.dims) == 0 {
		return pluginsdk.Invalid("give a file with a row for each account or line item",
			"%s has amounts but no column that says what they are for; its columns are %s", r.where(), list(describe(sh)))
	}
	if len(sh.dims) > maxDims {
		rank := func(i int) int {
			if slices.ContainsFunc(append(slices.Clone(r.opts.Keys), r.opts.By), func(w string) bool { return normal(w) == normal(sh.cols[i].Name) }) {
				return -1
			}
			return dimRank(sh.cols[i].class)
		}
		slices.SortStableFunc(sh.dims, func(a, b int) int { return cmp.Compare(rank(a), rank(b)) })
		sh.dims = sh.dims[:maxDims]
		slices.Sort(sh.dims)
	}
	r.shape = sh
	return nil
}

// explain names the file in an error about a column.
func (r *reader) explain(err error, flag string) error {
	var u *unknownColumn
	if errors.As(err, &u) {
		return pluginsdk.Invalid("choose one with "+flag, "%s has no column %s; the nearest are %s", r.where(), quoted(u.want), list(u.near))
	}
	return err
}

// describe lists columns with what they hold.
func describe(sh *shape) []string {
	out := make([]string, 0, len(sh.cols))
	for _, c := range sh.cols {
		out = append(out, fmt.Sprintf("%s (%s)", clipRunes(c.Name, 40), c.Kind))
	}
	return out
}

// list joins names for a message, at most eight.
func list(names []string) string {
	const most = 8
	rest := ""
	if len(names) > most {
		rest = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return strings.Join(names, ", ") + rest
}

// dimRank orders classes by how well they name a line.
func dimRank(c Class) int {
	order := []Class{
		ClassAccount, ClassCode, ClassItem, ClassUnit, ClassCategory, ClassProject, ClassRegion,
		ClassEntity, ClassType, ClassNone,
	}
	if i := slices.Index(order, c); i >= 0 {
		return i
	}
	return len(order)
}
