package main

import (
	"bytes"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	delete := host.Card{About: "tool", Scopes: []string{"once", "task"}}
	page := host.Card{About: "tool", Scopes: []string{"once", "task", "always"}}
	taskOnly := host.Card{About: "tool", Scopes: []string{"task"}}
	plan := host.Card{About: "plan"}
	allow := func(scope string) decision {
		return decision{answer: &host.ApprovalRequest{ID: "p", Allow: true, Scope: scope, Digest: "d", By: "terminal"}}
	}
	deny := func(reason string) decision {
		return decision{answer: &host.ApprovalRequest{ID: "p", Reason: reason, Digest: "d", By: "terminal"}}
	}
	for _, c := range []struct {
		name   string
		card   host.Card
		reason bool
		typed  string
		want   decision
	}{
		{"allow", delete, false, "a", allow("once")},
		{"allow in capitals, with spaces", delete, false, " A ", allow("once")},
		{"allow as a word", delete, false, "yes", allow("once")},
		{"for the task", delete, false, "t", allow("task")},
		{"always", page, false, "l", allow("always")},
		{"always where it is not offered", delete, false, "l", decision{problem: "type"}},
		{"once where it is not offered", taskOnly, false, "a", decision{problem: "type"}},
		{"a card without scopes", host.Card{}, false, "a", allow("once")},
		{"deny", delete, false, "d", decision{reason: true}},
		{"deny with a reason", delete, false, "d not this one", deny("not this one")},
		{"the reason", delete, true, "a", deny("a")},
		{"no reason", delete, true, "", deny("")},
		{"nothing", delete, false, "", decision{problem: "type"}},
		{"a sentence that begins with a letter", delete, false, "a small thing first", decision{problem: "type"}},
		{"another word", delete, false, "allright", decision{problem: "type"}},
		{"approve a plan", plan, false, "a", allow("once")},
		{"deny a plan", plan, false, "d too long", deny("too long")},
		{"add to a plan", plan, false, "+ check the totals", decision{plan: []host.PlanOp{{Op: "add", Text: "check the totals"}}}},
		{"edit a plan", plan, false, "2. only May", decision{plan: []host.PlanOp{{Op: "edit", ID: "2", Text: "only May"}}}},
		{"cut a plan", plan, false, "-3", decision{plan: []host.PlanOp{{Op: "remove", ID: "3"}}}},
		{"nonsense at a plan", plan, false, "make it better", decision{problem: "type"}},
		{"an edit without words", plan, false, "2", decision{problem: "type"}},
		{"edit where there is no plan", delete, false, "+ more", decision{problem: "type"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := &ask{approval: &host.ApprovalAsked{ID: "p", Digest: "d", Card: c.card}, reason: c.reason}
			got := k.decide(c.typed)
			if got.problem != "" {
				got.problem = got.problem[:4]
			}
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(decision{})); d != "" {
				t.Error(d)
			}
		})
	}
}

// FuzzDecide wants nothing to be allowed but by the words for it.
func FuzzDecide(f *testing.F) {
	f.Add("a")
	f.Add("d why")
	f.Fuzz(func(t *testing.T, typed string) {
		k := &ask{approval: &host.ApprovalAsked{Card: host.Card{Scopes: []string{"once"}}}}
		d := k.decide(typed)
		words := []string{"a", "allow", "approve", "y", "yes"}
		if d.answer != nil && d.answer.Allow && !slices.Contains(words, strings.ToLower(strings.TrimSpace(typed))) {
			t.Errorf("%q allows it", typed)
		}
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		card   host.Card
		want   string
		prompt bool
	}{
		{"deletion", host.Card{Scopes: []string{"once", "task"}}, "[a]llow once · [t]ask · [d]eny", true},
		{"all", host.Card{Scopes: []string{"once", "task", "always"}}, "[a]llow once · [t]ask · a[l]ways · [d]eny", true},
		{"the task alone", host.Card{Scopes: []string{"task"}}, "[t]ask · [d]eny", true},
		{"no scopes", host.Card{}, "[a]llow once · [d]eny", true},
		{"plan", host.Card{About: "plan"}, `[a]pprove · [d]eny · or "+ new step", "2 other words", "-2"`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := options(c.card); got != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestReadKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"text", "aé売\n", "aé売\n"},
		{"arrows and function keys", "a\x1b[A\x1bOP\x1b[15~\x1b[1;5Cb", "ab"},
		{"a lone escape takes one key with it", "\x1bxy", "y"},
		{"broken UTF-8", "a\xffb", "ab"},
		{"pasted lines are one", "\x1b[200~one\r\ntwo\x1b[201~\n", "one⏎⏎two\n"},
		{"control characters in a paste", "\x1b[200~a\x03\x04b\x1b[201~", "ab"},
		{"an endless sequence", "\x1b[" + strings.Repeat("1", 100) + "x", strings.Repeat("1", 69) + "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			keys := make(chan key, 200)
			readKeys(bytes.NewReader([]byte(c.in)), keys)
			close(keys)
			var got strings.Builder
			ended := false
			for k := range keys {
				if k.end {
					ended = true
				} else {
					got.WriteRune(k.r)
				}
			}
			if got.String() != c.want || !ended {
				t.Errorf("got %q, ended %v", got.String(), ended)
			}
		})
	}
}

func TestEditor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, typed, want string }{
		{"plain", "hello\n", "hello"},
		{"backspace", "helo\x7flo\n", "hello"},
		{"more backspaces than there is", "a\x7f\x7f\x7fb\n", "b"},
		{"kill the line", "nonsense\x15hello\n", "hello"},
		{"kill a word", "hello big world\x17\x17all\n", "hello all"},
		{"tab", "a\tb\n", "a b"},
		{"return", "a\r", "a"},
		{"end with text is no end", "a\x04b\n", "ab"},
		{"other controls", "a\x01\x02b\n", "ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var e editor
			for _, r := range c.typed {
				line, done, end := e.press(key{r: r}, "")
				if end {
					t.Fatal("the input ended")
				}
				if done && line != c.want {
					t.Errorf("got %q", line)
				}
				if done {
					return
				}
			}
			t.Error("no line came")
		})
	}
	var e editor
	if _, _, end := e.press(key{r: keyEnd}, ""); !end {
		t.Error("Ctrl-D at an empty line is no end")
	}
	e.press(key{r: 'a'}, "nothing")
	if _, done, _ := e.press(key{r: '\n'}, "a question"); !done || e.began != "nothing" {
		t.Errorf("a line typed before the question belongs to %q", e.began)
	}
}

func TestShownOfTyped(t *testing.T) {
	t.Parallel()
	e := editor{text: []rune("one two 売上 three")}
	for _, columns := range []int{0, 1, 5, 8, 9, 40} {
		got, used := e.shown(columns), 0
		for _, r := range got {
			used += columnsOf(r)
		}
		if used > columns || !strings.HasSuffix(string(e.text), got) {
			t.Errorf("%d columns: %q", columns, got)
		}
	}
}

func TestForest(t *testing.T) {
	t.Parallel()
	sum := func(id, parent string) host.TaskSummary {
		s := host.TaskSummary{}
		s.Task, s.Parent = id, parent
		return s
	}
	show := func(in ...host.TaskSummary) (out []string) {
		for _, n := range forest(in) {
			out = append(out, strings.Repeat(" ", n.depth)+n.Task)
		}
		return out
	}
	for _, c := range []struct {
		name string
		in   []host.TaskSummary
		want []string
	}{
		{"no sub-agents", []host.TaskSummary{sum("b", ""), sum("a", "")}, []string{"b", "a"}},
		{"below their task, the oldest first", []host.TaskSummary{sum("z", ""), sum("k2", "a"), sum("g", "k1"), sum("k1", "a"), sum("a", "")}, []string{"z", "a", " k1", "  g", " k2"}},
		{"the task is not in the list", []host.TaskSummary{sum("k", "gone"), sum("a", "")}, []string{"k", "a"}},
		{"a circle", []host.TaskSummary{sum("a", "b"), sum("b", "a")}, []string{"a", " b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(c.want, show(c.in...)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	rat := func(s string) *big.Rat {
		r, _ := new(big.Rat).SetString(s)
		return r
	}
	for _, c := range []struct{ name, got, want string }{
		{"nothing", money(rat("0")), ""},
		{"next to nothing", money(rat("0.00001")), "<$0.0001"},
		{"cents", money(rat("0.0123")), "$0.0123"},
		{"dollars", money(rat("12.345")), "$12.35"},
		{"tokens", count(999), "999"},
		{"thousands", count(12345), "12.3k"},
		{"millions", count(4_100_000), "4.1M"},
		{"seconds, rounded up", seconds(3100 * time.Millisecond), "4 s"},
		{"minutes", seconds(125 * time.Second), "2 min 5 s"},
		{"hours", seconds(2*time.Hour + 90*time.Second), "2 h 1 min"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.got != c.want {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
		})
	}
}
