package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

// What one search for text returns at most.
const (
	grepMatches = 200
	grepFiles   = 500
	grepLine    = 300      // bytes of a line
	grepSize    = 64 << 20 // bytes of a file that is searched
	grepTotal   = 2 << 30  // bytes that are searched
)

type grepInput struct {
	Pattern    string `json:"pattern" jsonschema:"a regular expression in RE2 syntax, matched line by line" maxlen:"1000"`
	Path       string `json:"path,omitempty" jsonschema:"the folder or file to search; left out: everything"`
	Glob       string `json:"glob,omitempty" jsonschema:"search only files that match, e.g. *.csv"`
	IgnoreCase bool   `json:"ignore_case,omitempty" jsonschema:"treat upper and lower case alike"`
	FilesOnly  bool   `json:"files_only,omitempty" jsonschema:"return only the names of the files with the number of their matches"`
	Context    int    `json:"context,omitempty" jsonschema:"how many lines to show before and after each match" min:"0" max:"10"`
}

func (f *Files) grep() tool.Tool {
	spec := tool.Spec{Name: "grep", Description: text("grep"), Effect: policy.Read}
	return tool.Define(spec, func(_ context.Context, _ tool.Call, in grepInput) (*tool.Prepared, error) {
		s := &search{in: in}
		expr := in.Pattern
		if in.IgnoreCase {
			expr = "(?i)" + expr
		}
		var err error
		if s.re, err = regexp.Compile(expr); err != nil || in.Pattern == "" {
			return nil, pluginsdk.Invalid("use RE2 syntax, which has no look-around and no back-references; escape ( [ { . * + ? with a backslash",
				"the pattern %q is not a regular expression: %v", clip(in.Pattern, 100), err)
		}
		if in.Glob != "" {
			if s.glob, err = parsePattern(in.Glob); err != nil {
				return nil, err
			}
		}
		name, err := f.find(in.Path)
		if err != nil {
			return nil, err
		}
		return &tool.Prepared{
			Summary: "search " + display(name) + " for " + in.Pattern, Targets: []string{f.opts.Workspace.HostPath(name)},
			Run: func(ctx context.Context) (*tool.Result, error) { return f.grepFiles(ctx, name, s) },
		}, nil
	})
}

// search is one search for text at work.
type search struct {
	in   grepInput
	re   *regexp.Regexp
	glob *pattern

	out     strings.Builder
	files   int
	matches int
	skipped int // too large or not to be read
	total   int64
	enough  string
}

func (f *Files) grepFiles(ctx context.Context, name string, s *search) (*tool.Result, error) {
	v := f.opts.Workspace.View()
	defer v.Close()
	w := &walk{view: v}
	info, err := v.Stat(name)
	if err != nil {
		return nil, told(err)
	}
	if !info.IsDir() {
		if err := s.file(ctx, v, name); err != nil {
			return nil, told(err)
		}
	} else {
		limited, cancel := context.WithTimeout(ctx, walkTime)
		defer cancel()
		var inner error
		err := w.each(limited, name, func(at string, d fs.DirEntry) bool {
			if !d.Type().IsRegular() || s.glob != nil && !s.glob.match(within(name, at)) {
				return true
			}
			inner = s.file(limited, v, at)
			return inner == nil && s.enough == ""
		})
		if err = errors.Join(err, inner); err != nil && (limited.Err() == nil || ctx.Err() != nil) {
			return nil, told(err)
		} else if err != nil {
			s.enough = fmt.Sprintf("stopped after %s", walkTime)
		}
	}
	return &tool.Result{Text: s.text(w)}, nil
}

func (s *search) text(w *walk) string {
	if s.enough != "" {
		w.partial = s.enough
	}
	if s.matches == 0 {
		s.out.WriteString("no line matches\n")
	}
	if s.skipped > 0 {
		fmt.Fprintf(&s.out, "[%s not searched: too large, or not to be read]\n", count(s.skipped, "file"))
	}
	if n := w.notes(); n != "" {
		s.out.WriteString(n + "\n")
	}
	return strings.TrimSuffix(s.out.String(), "\n")
}

// file searches one file. Only the end of ctx is an error.
func (s *search) file(ctx context.Context, v *workspace.View, name string) error {
	file, err := v.Open(name)
	if err != nil {
		s.skipped++
		return ctx.Err()
	}
	defer shut(file)
	info, err := file.Stat()
	if err != nil || info.Size() > grepSize {
		s.skipped++
		return ctx.Err()
	}
	if s.total += info.Size(); s.total > grepTotal {
		s.enough = "stopped after " + size(grepTotal)
		return nil
	}
	br := bufio.NewReaderSize(&ctxReader{ctx, file}, lineChunk)
	head, _ := br.Peek(sniffed)
	if _, binary := recognise(name, head); binary {
		return ctx.Err()
	}
	if order := utf16Order(head); order != nil && info.Size() <= maxUTF16 {
		data, err := io.ReadAll(br)
		if err != nil {
			s.skipped++
			return ctx.Err()
		}
		br = bufio.NewReaderSize(strings.NewReader(fromUTF16(data[2:], order)), lineChunk)
	}
	if err := s.lines(name, br); err != nil {
		s.skipped++
	}
	return ctx.Err()
}

// lines searches a text line by line; of a line that is too long, its
// beginning.
func (s *search) lines(name string, br *bufio.Reader) error {
	var before []string
	after, hits := 0, 0
	for n := 1; ; n++ {
		raw, err := nextLine(br)
		if len(raw) == 0 && err != nil {
			break
		}
		line := strings.TrimRight(strings.ToValidUTF8(string(raw), "\uFFFD"), "\r\n")
		hit := s.re.MatchString(line)
		switch {
		case hit && s.in.FilesOnly:
			hits++
		case hit:
			if s.matches == grepMatches {
				s.enough = fmt.Sprintf("stopped at %d matches", grepMatches)
				return nil
			}
			s.matches++
			hits++
			for i, b := range before {
				s.show(name, n-len(before)+i, '-', b)
			}
			before = before[:0]
			s.show(name, n, ':', line)
			after = s.in.Context
		case after > 0 && !s.in.FilesOnly:
			s.show(name, n, '-', line)
			after--
		case s.in.Context > 0 && !s.in.FilesOnly:
			if len(before) == s.in.Context {
				before = before[1:]
			}
			before = append(before, line)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if hits > 0 && s.in.FilesOnly {
		s.matches++
		fmt.Fprintf(&s.out, "%s\t%d\n", oneLine(name), hits)
	}
	if hits > 0 {
		if s.files++; s.files == grepFiles {
			s.enough = fmt.Sprintf("stopped at %d files", grepFiles)
		}
	}
	return nil
}

func (s *search) show(name string, n int, sign byte, line string) {
	fmt.Fprintf(&s.out, "%s%c%d%c%s\n", oneLine(name), sign, n, sign, shown([]byte(line), grepLine))
}
