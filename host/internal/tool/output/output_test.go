package output_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/tool/output"
	"github.com/cowork-host/cowork/host/internal/tool/tooltest"
	"github.com/cowork-host/cowork/pluginsdk"
)

func reader(texts map[string]string) output.Reader {
	return func(_ context.Context, call string) (string, error) {
		if text, ok := texts[call]; ok {
			return text, nil
		}
		return "", &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "no call " + call}
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	tooltest.Run(t, tooltest.Case{
		Valid: `{"call":"c"}`,
		New: func(*testing.T) (tool.Tool, func() string) {
			return output.New(reader(map[string]string{"c": "text"})), nil
		},
	})
}

func read(t *testing.T, texts map[string]string, in string) (string, error) {
	t.Helper()
	p, err := output.New(reader(texts)).Prepare(t.Context(), tool.Call{Input: json.RawMessage(in)})
	if err != nil {
		return "", err
	}
	res, err := p.Run(t.Context())
	if err != nil {
		return "", err
	}
	return res.Text, nil
}

func TestOutput(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"c": "abcäef", "long": strings.Repeat("x", 50_000), "none": ""}
	for _, c := range []struct{ in, want string }{
		{`{"call":"c"}`, "abcäef"},
		{`{"call":"c","offset":1,"limit":2}`, "bc\n[bytes 1 to 3 of 7; go on with offset 3]"},
		{`{"call":"c","offset":3,"limit":1}`, "ä\n[bytes 3 to 5 of 7; go on with offset 5]"},
		{`{"call":"c","offset":4}`, "äef"}, // in the middle of a character
		{`{"call":"c","limit":4}`, "abc\n[bytes 0 to 3 of 7; go on with offset 3]"},
		{`{"call":"none"}`, ""},
	} {
		if got, err := read(t, texts, c.in); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", c.in, got, err)
		}
	}
	if got, err := read(t, texts, `{"call":"long"}`); err != nil || !strings.HasSuffix(got, "[bytes 0 to 20000 of 50000; go on with offset 20000]") {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for in, kind := range map[string]error{
		`{"call":"c","offset":7}`: pluginsdk.ErrInvalid, `{"call":"c","offset":-1}`: pluginsdk.ErrInvalid, `{"call":"d"}`: pluginsdk.ErrNotFound, `{"call":"c","limit":100001}`: pluginsdk.ErrInvalid,
	} {
		if _, err := read(t, texts, in); !errors.Is(err, kind) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func FuzzOutput(f *testing.F) {
	f.Add("abcäef", 1, 2)
	f.Add("\xe4\xbd", 0, 1)
	f.Fuzz(func(t *testing.T, text string, offset, limit int) {
		got, err := read(t, map[string]string{"c": text}, fmt.Sprintf(`{"call":"c","offset":%d,"limit":%d}`, offset, limit))
		if err == nil && utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Fatalf("%q gives %q", text, got)
		}
	})
}
