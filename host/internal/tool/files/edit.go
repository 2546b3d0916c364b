package files

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

// maxEdit bounds the file that is edited in memory, in bytes.
const maxEdit = 16 << 20

type editInput struct {
	Path       string `json:"path" jsonschema:"the file"`
	OldText    string `json:"old_text" jsonschema:"the text to replace, exactly as it stands in the file, without the line numbers of read"`
	NewText    string `json:"new_text" jsonschema:"what stands there afterwards"`
	ReplaceAll bool   `json:"replace_all,omitempty" jsonschema:"replace every occurrence; otherwise old_text must occur exactly once"`
}

func (f *Files) edit() tool.Tool {
	spec := tool.Spec{Name: "edit", Description: text("edit"), Effect: policy.Write}
	return tool.Define(spec, func(_ context.Context, call tool.Call, in editInput) (*tool.Prepared, error) {
		settle := &tool.Prepared{Settle: f.settle(call)}
		switch in.OldText {
		case "":
			return settle, pluginsdk.Invalid("give the text to replace; a new file is made with write", "old_text is empty")
		case in.NewText:
			return settle, pluginsdk.Invalid("give a new_text that differs", "old_text and new_text are the same")
		}
		name, err := f.find(in.Path)
		if err != nil {
			return settle, err
		}
		v := f.opts.Workspace.View()
		defer v.Close()
		at, err := f.target(v, name)
		if err != nil {
			return settle, err
		}
		return &tool.Prepared{
			Summary: "edit " + at.name, Targets: []string{at.host}, Settle: settle.Settle,
			Run: func(ctx context.Context) (*tool.Result, error) { return f.editFile(ctx, call, at, in) },
		}, nil
	})
}

func (f *Files) editFile(ctx context.Context, call tool.Call, at place, in editInput) (*tool.Result, error) {
	var done edited
	changes, err := f.step(ctx, call, []place{at}, func(s *workspace.Step) error {
		data, err := f.whole(ctx, s, at)
		if err != nil {
			return err
		}
		if done, err = replace(at.name, data, in); err != nil {
			return err
		}
		file, err := s.Write(at.name)
		if err != nil {
			return err
		}
		return put(file, done.content)
	})
	if err != nil {
		return nil, err
	}
	return f.result(fmt.Sprintf("edited %s: %s replaced\n%s", at.name, count(done.n, "occurrence"), done.around), changes), nil
}

// whole reads a text whose present content the task has seen.
func (f *Files) whole(ctx context.Context, s *workspace.Step, at place) ([]byte, error) {
	file, err := s.Open(at.name)
	if err != nil {
		return nil, err
	}
	defer shut(file)
	data, err := io.ReadAll(io.LimitReader(&ctxReader{ctx, file}, maxEdit+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxEdit {
		return nil, &pluginsdk.Error{
			Kind: pluginsdk.ErrUnsupported, Message: fmt.Sprintf("%s is larger than %s", at.name, size(maxEdit)),
			Next: "write the changed part to a new file",
		}
	}
	if err := notText(at.name, data[:min(len(data), sniffed)]); err != nil {
		return nil, err
	}
	if utf16Order(data) != nil {
		return nil, &pluginsdk.Error{
			Kind: pluginsdk.ErrUnsupported, Message: at.name + " is in UTF-16", Next: "write the new content to another file, in UTF-8",
		}
	}
	digest, err := digestOf(ctx, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return data, f.current(at, digest)
}

// edited is what an edit makes of a file.
type edited struct {
	content string
	n       int
	around  string
}

// replace edits a text. A byte order mark and the way lines end stay as they
// are.
func replace(name string, data []byte, in editInput) (edited, error) {
	content, marked := strings.CutPrefix(string(data), bom)
	old, with := strings.TrimPrefix(in.OldText, bom), in.NewText
	if crlf := strings.Count(content, "\r\n"); crlf > 0 && crlf*2 >= strings.Count(content, "\n") {
		// The model sees lines without their ends.
		if o := toCRLF(old); strings.Contains(content, o) {
			old = o
			with = toCRLF(with)
		}
	}
	n := strings.Count(content, old)
	switch {
	case old == "" || n == 0:
		return edited{}, missed(name, content, old)
	case n > 1 && !in.ReplaceAll:
		return edited{}, pluginsdk.Invalid("add the lines around it to old_text, or set replace_all",
			"old_text occurs %d times in %s, at lines %s", n, name, places(content, old))
	case old == with:
		return edited{}, pluginsdk.Invalid("give a new_text that differs", "the edit changes nothing")
	}
	first := strings.Index(content, old)
	content = strings.ReplaceAll(content, old, with)
	if len(content) > 2*maxEdit {
		return edited{}, pluginsdk.Invalid("replace fewer occurrences", "%s would have %s", name, size(int64(len(content))))
	}
	out := edited{n: n, around: around(content, first, len(with))}
	if marked {
		content = bom + content
	}
	out.content = content
	return out, nil
}

func toCRLF(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// places are the lines where a text occurs, the first few.
func places(content, old string) string {
	var at []string
	line, from := 1, 0
	for len(at) < 10 {
		i := strings.Index(content[from:], old)
		if i < 0 {
			return strings.Join(at, ", ")
		}
		line += strings.Count(content[from:from+i], "\n")
		at = append(at, strconv.Itoa(line))
		line += strings.Count(old, "\n")
		from += i + len(old)
	}
	return strings.Join(at, ", ") + ", …"
}

// around shows what now stands at a place, with two lines before and after.
func around(content string, at, length int) string {
	from := at
	for range 3 {
		from = strings.LastIndexByte(content[:max(0, from)], '\n')
		if from < 0 {
			break
		}
	}
	from++
	to := at + min(length, 2000)
	for range 3 {
		i := strings.IndexByte(content[min(to, len(content)):], '\n')
		if i < 0 {
			to = len(content)
			break
		}
		to += i + 1
	}
	line := strings.Count(content[:from], "\n") + 1
	var b strings.Builder
	for i, l := range strings.Split(strings.TrimSuffix(content[from:min(to, len(content))], "\n"), "\n") {
		if i == 40 {
			b.WriteString("…\n")
			break
		}
		fmt.Fprintf(&b, "%6d\t%s\n", line+i, shown([]byte(strings.TrimSuffix(l, "\r")), 300))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// numbered is a line as read shows it.
var numbered = regexp.MustCompile(`(?m)^ *\d+\t`)

// missed says why an edit finds nothing: what is nearest, and where.
func missed(name, content, old string) error {
	if bare := numbered.ReplaceAllString(old, ""); bare != old && bare != "" && strings.Contains(content, bare) {
		return pluginsdk.Invalid("leave out the line numbers and the tab behind them", "old_text has the line numbers that read shows, which are not in %s", name)
	}
	want := ""
	for l := range strings.SplitSeq(old, "\n") {
		if want = strings.TrimSpace(l); want != "" {
			break
		}
	}
	best, bestAt, bestLine := 0.5, 0, ""
	at := 0
	for l := range strings.SplitSeq(content, "\n") {
		if at++; at > 50_000 {
			break
		}
		if s := alike(want, strings.TrimSpace(l)); s > best {
			best, bestAt, bestLine = s, at, l
		}
	}
	if bestAt == 0 {
		return pluginsdk.Invalid("read the file again and copy the text exactly", "old_text does not occur in %s", name)
	}
	bestLine = strings.TrimSuffix(bestLine, "\r")
	if strings.TrimSpace(bestLine) == want {
		return pluginsdk.Invalid("read the lines from there and copy them exactly, with their spaces",
			"old_text does not occur in %s; its first line is line %d (%q), but the spaces or the lines behind it differ", name, bestAt, clip(bestLine, 200))
	}
	return pluginsdk.Invalid("read the lines around it and copy them exactly", "old_text does not occur in %s; the nearest line is %d: %q", name, bestAt, clip(bestLine, 200))
}

// alike is how many pairs of letters two lines share, from 0 to 1.
func alike(a, b string) float64 {
	const most = 400
	a, b = a[:min(len(a), most)], b[:min(len(b), most)]
	if a == b {
		return 1
	}
	if len(a) < 2 || len(b) < 2 || len(a) > 4*len(b) || len(b) > 4*len(a) {
		return 0
	}
	pairs := map[[2]byte]int{}
	for i := range len(a) - 1 {
		pairs[[2]byte{a[i], a[i+1]}]++
	}
	shared := 0
	for i := range len(b) - 1 {
		p := [2]byte{b[i], b[i+1]}
		if pairs[p] > 0 {
			pairs[p]--
			shared++
		}
	}
	return 2 * float64(shared) / float64(len(a)+len(b)-2)
}
