package anthropic_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/packages/ssestream"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
)

// recordings returns the folder of recorded exchanges. It lies beside one of
// the folders this one is in, and is not part of the repository.
func recordings(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		path := filepath.Join(dir, "shared", "data", "wire", "anthropic")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if dir == filepath.Dir(dir) {
			t.Skip("the recorded exchanges (shared/data/wire) are not here: nothing is replayed")
		}
		dir = filepath.Dir(dir)
	}
}

// exchange is one recorded request and its answer.
type exchange struct {
	Response struct {
		Body    string
		Headers map[string][]string
		Code    int
	}
}

func load(t testing.TB, path string) []exchange {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Interactions []exchange }
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Interactions) == 0 {
		t.Fatal("no exchange in it")
	}
	return file.Interactions
}

// playback answers every request with a recorded body, in pieces of n bytes.
type playback struct {
	exchange
	n int
}

func (p playback) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: p.Response.Code, Header: p.Response.Headers, Request: req,
		Body: io.NopCloser(&pieces{strings.NewReader(p.Response.Body), p.n}),
	}, nil
}

type pieces struct {
	r io.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

func TestReplay(t *testing.T) {
	t.Parallel()
	root := recordings(t)
	files, exchanges := 0, 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		files++
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for i, x := range load(t, path) {
			exchanges++
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
				t.Parallel()
				replay(t, x)
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d exchanges in %d files", exchanges, files)
	if files < 28 {
		t.Errorf("%d files of recorded exchanges, want 28", files)
	}
}

// replay reads one answer in pieces of several sizes, and compares it with
// what the SDK makes of it.
func replay(t *testing.T, x exchange) {
	var first *model.Response
	var firstDeltas []model.Delta
	for _, n := range []int{1, 7, 4096} {
		m, err := anthropic.New(anthropic.Options{
			APIKey: "k", MaxRetries: -1, HTTPClient: &http.Client{Transport: playback{x, n}},
		})
		if err != nil {
			t.Fatal(err)
		}
		o := generate(t, m, t.Context(), hello())
		if o.err != nil {
			t.Fatalf("in pieces of %d: %v", n, o.err)
		}
		if first == nil {
			first, firstDeltas = o.response, o.deltas
			continue
		}
		if diff := cmp.Diff(first, o.response); diff != "" {
			t.Errorf("in pieces of %d: %s", n, diff)
		}
		if diff := cmp.Diff(firstDeltas, o.deltas); diff != "" {
			t.Errorf("in pieces of %d: %s", n, diff)
		}
	}
	want, content := oracle(t, x)
	var got struct {
		Role    string
		Content json.RawMessage
	}
	if err := json.Unmarshal(first.Message.Raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(value(t, content), value(t, got.Content)); diff != "" {
		t.Errorf("content: %s", diff)
	}
	u := want.Usage
	wantUsage := model.Usage{
		Input: u.InputTokens, Output: u.OutputTokens, CacheRead: u.CacheReadInputTokens,
		CacheWrite5m: u.CacheCreation.Ephemeral5mInputTokens, CacheWrite1h: u.CacheCreation.Ephemeral1hInputTokens,
		Thinking: u.OutputTokensDetails.ThinkingTokens, WebSearches: u.ServerToolUse.WebSearchRequests, WebFetches: u.ServerToolUse.WebFetchRequests,
	}
	if diff := cmp.Diff(wantUsage, first.Usage); diff != "" {
		t.Errorf("usage: %s", diff)
	}
	if first.ID != want.ID || first.Model != string(want.Model) || string(first.StopReason) != string(want.StopReason) || got.Role != "assistant" {
		t.Errorf("%+v, want %s %s %s", first, want.ID, want.Model, want.StopReason)
	}
	var text strings.Builder
	calls := 0
	for _, b := range want.Content {
		text.WriteString(b.Text + b.Thinking)
		if b.Type == "tool_use" {
			calls++
		}
	}
	if n := len(first.Message.Calls()); n != calls {
		t.Errorf("%d calls, want %d", n, calls)
	}
	var shown strings.Builder
	for _, d := range firstDeltas {
		if d.Kind != model.DeltaInput {
			shown.WriteString(d.Text)
		}
	}
	if len(firstDeltas) > 0 && shown.String() != text.String() {
		t.Errorf("shown %q, want %q", shown.String(), text.String())
	}
}

// oracle reads an answer in another way than ours, and returns the message and
// the JSON of its content.
func oracle(t *testing.T, x exchange) (sdk.Message, json.RawMessage) {
	t.Helper()
	var m sdk.Message
	if strings.HasPrefix(x.Response.Body, "{") {
		if err := json.Unmarshal([]byte(x.Response.Body), &m); err != nil {
			t.Fatal(err)
		}
	} else {
		res := &http.Response{Header: x.Response.Headers, Body: io.NopCloser(strings.NewReader(x.Response.Body))}
		s := ssestream.NewStream[sdk.MessageStreamEventUnion](ssestream.NewDecoder(res), nil)
		for s.Next() {
			if err := m.Accumulate(s.Current()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
	}
	var body struct{ Content json.RawMessage }
	if err := json.Unmarshal([]byte(m.RawJSON()), &body); err != nil {
		t.Fatal(err)
	}
	return m, body.Content
}

// value is some JSON with its numbers as they are written.
func value(t *testing.T, raw json.RawMessage) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
