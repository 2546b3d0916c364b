package grant_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/grant"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

func place(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "grants.json")
}

func always(tool, target string) grant.Grant {
	return grant.Grant{Tool: tool, Target: target, Scope: "always"}
}

func forTask(task, tool, target string) grant.Grant {
	return grant.Grant{Tool: tool, Target: target, Scope: "task", Task: task}
}

func add(t *testing.T, s *grant.Store, g grant.Grant) grant.Grant {
	t.Helper()
	out, err := s.Add(noon, g)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func list(t *testing.T, s *grant.Store, now time.Time) []string {
	t.Helper()
	gs, err := s.List(now)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, g := range gs {
		out = append(out, g.ID+" "+g.String())
	}
	return out
}

func ids(gs []policy.Grant) string {
	var out []string
	for _, g := range gs {
		out = append(out, g.ID)
	}
	return strings.Join(out, " ")
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAddListRemove(t *testing.T) {
	t.Parallel()
	path := place(t)
	s := grant.Open(path)
	if got := list(t, s, noon); len(got) != 0 {
		t.Errorf("a new store has %v", got)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("looking made a file")
	}
	g := add(t, s, grant.Grant{Tool: "web_fetch", Target: "HTTPS://Example.com:443/x", Effect: "fetch", Scope: "always", From: "approval of task t1"})
	want := grant.Grant{ID: "1", Tool: "web_fetch", Target: "example.com", Effect: "fetch", Scope: "always", Created: noon, From: "approval of task t1"}
	if d := cmp.Diff(want, g); d != "" {
		t.Errorf("grant (-want +got):\n%s", d)
	}
	add(t, s, always("*", "bücher.example"))
	add(t, s, forTask("t1", "send", "Slack"))
	want3 := []string{"1 web_fetch on example.com", "2 xn--bcher-kva.example", "3 send on Slack"}
	if d := cmp.Diff(want3, list(t, s, noon)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want3, list(t, grant.Open(path), noon)); d != "" {
		t.Errorf("another store of the file: %s", d)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := s.Remove(noon, "2"); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(noon, "2"); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if d := cmp.Diff([]string{want3[0], want3[2]}, list(t, grant.Open(path), noon)); d != "" {
		t.Error(d)
	}
	if err := s.Remove(noon, "3"); err != nil {
		t.Fatal(err)
	}
	if g := add(t, grant.Open(path), always("x", "y")); g.ID != "4" {
		t.Errorf("id %s was used before", g.ID)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v left beside the file", entries, err)
	}
}

func TestSameGrantTwice(t *testing.T) {
	t.Parallel()
	s := grant.Open(place(t))
	g := always("web_fetch", "example.com")
	g.Expires = after(time.Hour)
	first := add(t, s, g)
	g.Target, g.Expires = "EXAMPLE.com.", after(2*time.Hour)
	longer := add(t, s, g)
	g.Expires = after(time.Minute)
	shorter := add(t, s, g)
	g.Expires = time.Time{}
	ever := add(t, s, g)
	if longer.ID != first.ID || shorter.ID != first.ID || ever.ID != first.ID {
		t.Errorf("ids %s %s %s %s", first.ID, longer.ID, shorter.ID, ever.ID)
	}
	if !longer.Expires.Equal(after(2*time.Hour)) || !shorter.Expires.Equal(after(2*time.Hour)) || !ever.Expires.IsZero() {
		t.Errorf("expires %v, %v, %v", longer.Expires, shorter.Expires, ever.Expires)
	}
	for _, other := range []grant.Grant{
		always("web_fetch", "example.org"), always("web_fetch", "example.com:8443"), always("browse", "example.com"),
		forTask("t1", "web_fetch", "example.com"), forTask("t2", "web_fetch", "example.com"),
		{Tool: "web_fetch", Target: "example.com", Effect: "send", Scope: "always"},
	} {
		if g := add(t, s, other); g.ID == first.ID {
			t.Errorf("%+v is taken for the first", other)
		}
	}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		g    grant.Grant
	}{
		{"nothing", grant.Grant{}},
		{"no tool", always("", "example.com")},
		{"no target", always("web_fetch", "")},
		{"no scope", grant.Grant{Tool: "web_fetch", Target: "example.com"}},
		{"scope once", grant.Grant{Tool: "web_fetch", Target: "example.com", Scope: "once"}},
		{"task without its id", grant.Grant{Tool: "web_fetch", Target: "example.com", Scope: "task"}},
		{"always with a task", grant.Grant{Tool: "web_fetch", Target: "example.com", Scope: "always", Task: "t1"}},
		{"all targets of all tools", always("*", "*")},
		{"a wildcard tool", always("web_*", "example.com")},
		{"a wildcard host", always("*", "*.example.com")},
		{"a user name before the host", always("*", "https://example.com@evil.org")},
		{"the same for a tool", always("web_fetch", "https://example.com@evil.org")},
		{"a file address", always("*", "file:///etc/passwd")},
		{"deleting for always", grant.Grant{Tool: "request_delete", Target: "a", Effect: "delete", Scope: "always"}},
		{"deleting for always, by the tool's name", grant.Grant{Tool: "request_delete", Target: "/a/b", Scope: "always"}},
		{"deleting all for always", grant.Grant{Tool: "request_delete", Target: "*", Scope: "always"}},
		{"deleting all", grant.Grant{Tool: "request_delete", Target: "*", Effect: "delete", Scope: "task", Task: "t1"}},
		{"unknown effect", grant.Grant{Tool: "x", Target: "a", Effect: "burn", Scope: "always"}},
		{"hidden characters in the target", always("send", "a\u202eb")},
		{"hidden characters in the tool", always("se\nnd", "a")},
		{"a path that goes up", grant.Grant{Tool: "write", Target: "a/../b", Effect: "write", Scope: "always"}},
		{"over before it begins", grant.Grant{Tool: "web_fetch", Target: "example.com", Scope: "always", Expires: noon}},
		{"too long", always("web_fetch", strings.Repeat("a", 5000))},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := place(t)
			_, err := grant.Open(path).Add(noon, c.g)
			if !errors.Is(err, pluginsdk.ErrInvalid) {
				t.Errorf("error: %v", err)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("a file was made")
			}
		})
	}
}

func TestRulesOfATask(t *testing.T) {
	t.Parallel()
	path := place(t)
	s := grant.Open(path)
	add(t, s, always("web_fetch", "a.com"))
	add(t, s, forTask("t1", "web_fetch", "b.com"))
	add(t, s, forTask("t2", "web_fetch", "c.com"))
	for task, want := range map[string]string{"t1": "1 2", "t2": "1 3", "t3": "1", "": "1"} {
		// A task that is resumed by another host still has what it was given.
		for _, s := range []*grant.Store{s, grant.Open(path)} {
			if got := ids(s.Rules(noon, task)); got != want {
				t.Errorf("task %q has grants %q, want %q", task, got, want)
			}
		}
	}
	call := policy.Call{Tool: "web_fetch", Effect: policy.Fetch, Targets: []string{"b.com"}, Internet: true}
	if d := policy.Decide(policy.Rules{Grants: s.Rules(noon, "t1")}, call); d.Verdict != policy.Allow || d.Rule != "grant 2" {
		t.Errorf("the task's own grant: %+v", d)
	}
	if d := policy.Decide(policy.Rules{Grants: s.Rules(noon, "t2")}, call); d.Verdict != policy.AskUser {
		t.Errorf("another task's grant: %+v", d)
	}
}

func TestApprove(t *testing.T) {
	t.Parallel()
	s := grant.Open(place(t))
	fetch := policy.Call{Tool: "web_fetch", Effect: policy.Fetch, Targets: []string{"https://a.com/x", "b.com:8443"}, Internet: true}
	if gs, err := s.Approve(noon, fetch, policy.Once, "t1", ""); err != nil || gs != nil {
		t.Errorf("once: %v, %v", gs, err)
	}
	gs, err := s.Approve(noon, fetch, policy.Always, "t1", "approval of task t1")
	if err != nil || len(gs) != 2 || gs[0].Target != "a.com" || gs[1].Target != "b.com:8443" || gs[0].Task != "" || gs[0].Effect != "fetch" || gs[0].From == "" {
		t.Fatalf("always: %+v, %v", gs, err)
	}
	if d := policy.Decide(policy.Rules{Grants: s.Rules(noon, "other")}, fetch); d.Verdict != policy.Allow {
		t.Errorf("after an approval for always: %+v", d)
	}
	post := fetch
	post.Effect = policy.Send
	if d := policy.Decide(policy.Rules{Grants: s.Rules(noon, "other")}, post); d.Verdict != policy.AskUser {
		t.Errorf("an approval to fetch allows to send: %+v", d)
	}
	rm := policy.Call{Tool: "request_delete", Effect: policy.Delete, Targets: []string{"a.txt", "b.txt"}, Internet: true}
	if _, err := s.Approve(noon, rm, policy.Always, "t1", ""); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("deleting for always: %v", err)
	}
	if _, err := s.Approve(noon, rm, policy.Task, "t1", ""); err != nil {
		t.Errorf("deleting for the task: %v", err)
	}
	for task, want := range map[string]policy.Verdict{"t1": policy.Allow, "t2": policy.AskUser} {
		if d := policy.Decide(policy.Rules{Grants: s.Rules(noon, task)}, rm); d.Verdict != want {
			t.Errorf("deleting in %s: %+v", task, d)
		}
	}
	for name, c := range map[string]policy.Call{
		"no target": {Tool: "web_search", Effect: policy.Fetch}, "no effect": {Tool: "x", Targets: []string{"a"}},
		"unknown effect": {Tool: "x", Effect: "burn", Targets: []string{"a"}}, "broken target": {Tool: "x", Effect: policy.Fetch, Targets: []string{"a.com", "x@y"}},
	} {
		before := list(t, s, noon)
		if _, err := s.Approve(noon, c, policy.Always, "t1", ""); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(before, list(t, s, noon)); d != "" {
			t.Errorf("%s: half of it was kept: %s", name, d)
		}
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	path := place(t)
	s := grant.Open(path)
	g := always("web_fetch", "example.com")
	g.Expires = after(24 * time.Hour)
	add(t, s, g)
	add(t, s, always("web_fetch", "ever.com"))
	for _, c := range []struct {
		at   time.Duration
		want string
	}{{0, "1 2"}, {24*time.Hour - 1, "1 2"}, {-time.Minute, "1 2"}, {-time.Hour, "2"}} {
		if got := ids(grant.Open(path).Rules(after(c.at), "")); got != c.want {
			t.Errorf("after %v: %q, want %q", c.at, got, c.want)
		}
	}
	if got := ids(s.Rules(after(24*time.Hour), "")); got != "2" {
		t.Errorf("at its end: %q", got)
	}
	if got := ids(s.Rules(noon, "")); got != "2" {
		t.Errorf("the clock set back revives it: %q", got)
	}
	if got := ids(grant.Open(path).Rules(noon, "")); got != "2" {
		t.Errorf("the clock set back and another host revive it: %q", got)
	}
	if strings.Contains(read(t, path), "example.com") {
		t.Error("it is still in the file")
	}
	again := add(t, s, g)
	if got := ids(s.Rules(after(time.Hour), "")); again.ID == "1" || got != "2 "+again.ID {
		t.Errorf("granted again as %s: %q", again.ID, got)
	}
}

// TestExpiryOnAFullDisk has a grant end while nothing can be written.
func TestExpiryOnAFullDisk(t *testing.T) {
	t.Parallel()
	path := place(t)
	s := grant.Open(path)
	g := always("web_fetch", "example.com")
	g.Expires = after(time.Hour)
	add(t, s, g)
	s.FailAt("write", syscall.ENOSPC)
	if got := ids(s.Rules(after(time.Hour), "")); got != "" {
		t.Errorf("at its end: %q", got)
	}
	if got := ids(s.Rules(noon, "")); got != "" {
		t.Errorf("the clock set back revives it: %q", got)
	}
	s.FailAt("", nil)
	again := g
	again.Expires = after(2 * time.Hour)
	if out := add(t, s, again); out.ID != "2" {
		t.Errorf("granted again as %+v", out)
	}
	if d := cmp.Diff([]string{"2 web_fetch on example.com"}, list(t, grant.Open(path), noon)); d != "" {
		t.Error(d)
	}
}

// TestWriteFails lets each step of a write fail: what was granted stays as it
// was, and nothing is lost.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"create", "write", "sync", "rename"} {
		for name, c := range map[string]struct {
			cause error
			kind  error
			says  string
		}{
			"full":      {syscall.ENOSPC, pluginsdk.ErrUnavailable, "no space left"},
			"read-only": {syscall.EROFS, pluginsdk.ErrDenied, "cannot be written"},
			"denied":    {os.ErrPermission, pluginsdk.ErrDenied, "cannot be written"},
			"broken":    {syscall.EIO, pluginsdk.ErrUnavailable, "cannot be used"},
		} {
			t.Run(step+" "+name, func(t *testing.T) {
				t.Parallel()
				path := place(t)
				s := grant.Open(path)
				add(t, s, always("web_fetch", "a.com"))
				before := read(t, path)
				s.FailAt(step, c.cause)
				_, err := s.Add(noon, always("web_fetch", "b.com"))
				var e *pluginsdk.Error
				if !errors.As(err, &e) || !errors.Is(err, c.kind) || !strings.Contains(e.Message, c.says) || !strings.Contains(e.Message, path) || e.Next == "" {
					t.Errorf("add: %v", err)
				}
				if err := s.Remove(noon, "1"); !errors.Is(err, c.kind) {
					t.Errorf("remove: %v", err)
				}
				if got := ids(s.Rules(noon, "")); got != "1" {
					t.Errorf("in force: %q", got)
				}
				if read(t, path) != before {
					t.Error("the file changed")
				}
				if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
					t.Errorf("%v left beside the file, %v", entries, err)
				}
				s.FailAt("", nil)
				add(t, s, always("web_fetch", "b.com"))
				if got := ids(grant.Open(path).Rules(noon, "")); got != "1 2" {
					t.Errorf("afterwards: %q", got)
				}
			})
		}
	}
}

// TestSyncOfTheFolderFails is the one step after the new file is in place: the
// disk says what holds.
func TestSyncOfTheFolderFails(t *testing.T) {
	t.Parallel()
	path := place(t)
	s := grant.Open(path)
	s.FailAt("sync folder", syscall.EIO)
	if _, err := s.Add(noon, always("web_fetch", "a.com")); err == nil {
		t.Error("no error")
	}
	if mine, disk := ids(s.Rules(noon, "")), ids(grant.Open(path).Rules(noon, "")); mine != disk {
		t.Errorf("the store has %q, the disk %q", mine, disk)
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	one := `{"version":1,"next":2,"grants":[{"id":"1","tool":"*","target":"example.com","scope":"always","created":"2026-03-01T12:00:00Z"}]}`
	with := func(old, new string) string {
		if !strings.Contains(one, old) {
			t.Fatal(old)
		}
		return strings.Replace(one, old, new, 1)
	}
	for _, c := range []struct {
		name, text string
		kind       error
	}{
		{"empty", "", pluginsdk.ErrInvalid},
		{"cut off", one[:len(one)-3], pluginsdk.ErrInvalid},
		{"two documents", one + one, pluginsdk.ErrInvalid},
		{"zeros", strings.Repeat("\x00", 100), pluginsdk.ErrInvalid},
		{"null", "null", pluginsdk.ErrInvalid},
		{"list", "[]", pluginsdk.ErrInvalid},
		{"page", "<html>", pluginsdk.ErrInvalid},
		{"no version", with(`"version":1,`, ""), pluginsdk.ErrInvalid},
		{"version 0", with(`"version":1`, `"version":0`), pluginsdk.ErrInvalid},
		{"version -1", with(`"version":1`, `"version":-1`), pluginsdk.ErrInvalid},
		{"version as text", with(`"version":1`, `"version":"one"`), pluginsdk.ErrInvalid},
		{"newer", with(`"version":1`, `"version":2`), pluginsdk.ErrUnsupported},
		{"newer with other members", `{"version":3,"store":{"kind":"sqlite"}}`, pluginsdk.ErrUnsupported},
		{"much newer", with(`"version":1`, `"version":99999999999999999999`), pluginsdk.ErrUnsupported},
		{"unknown member", with(`"next":2`, `"next":2,"grunts":[]`), pluginsdk.ErrInvalid},
		{"unknown member of a grant", with(`"tool"`, `"until":"x","tool"`), pluginsdk.ErrInvalid},
		{"grant without an id", with(`"id":"1",`, ""), pluginsdk.ErrInvalid},
		{"grant without a tool", with(`"tool":"*",`, ""), pluginsdk.ErrInvalid},
		{"grant of everything", with(`"example.com"`, `"*"`), pluginsdk.ErrInvalid},
		{"grant of a wildcard", with(`"example.com"`, `"*.example.com"`), pluginsdk.ErrInvalid},
		{"grant of scope once", with(`"always"`, `"once"`), pluginsdk.ErrInvalid},
		{"deleting for always", with(`"tool":"*"`, `"effect":"delete","tool":"request_delete"`), pluginsdk.ErrInvalid},
		{"two of one id", with(`]}`, `,{"id":"1","tool":"x","target":"y","scope":"always","created":"2026-03-01T12:00:00Z"}]}`), pluginsdk.ErrInvalid},
		{"no time", with(`2026-03-01T12:00:00Z`, `yesterday`), pluginsdk.ErrInvalid},
		{"too large", `{"version":1,"next":1,"grants":[]}` + strings.Repeat(" ", 17<<20), pluginsdk.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := place(t)
			write(t, path, c.text)
			s := grant.Open(path)
			refused := func(what string, err error) {
				t.Helper()
				var e *pluginsdk.Error
				if !errors.As(err, &e) || !errors.Is(err, c.kind) || !strings.Contains(e.Message, path) || !strings.Contains(e.Message, "left as it is") || e.Next == "" {
					t.Errorf("%s: %v", what, err)
				}
			}
			refused("Err", s.Err())
			if gs := s.Rules(noon, "t1"); len(gs) != 0 {
				t.Errorf("it grants %v", gs)
			}
			_, err := s.List(noon)
			refused("List", err)
			_, err = s.Add(noon, always("web_fetch", "a.com"))
			refused("Add", err)
			refused("Remove", s.Remove(noon, "1"))
			_, err = s.Approve(noon, policy.Call{Tool: "x", Effect: policy.Fetch, Targets: []string{"a.com"}}, policy.Always, "", "")
			refused("Approve", err)
			if read(t, path) != c.text {
				t.Error("the file was written over")
			}
			// The person corrects it while the host runs.
			write(t, path, one)
			if got := ids(s.Rules(noon, "")); got != "1" {
				t.Errorf("corrected, it grants %q, %v", got, s.Err())
			}
		})
	}
}

func TestOddPlaces(t *testing.T) {
	t.Parallel()
	t.Run("a folder", func(t *testing.T) {
		t.Parallel()
		s := grant.Open(t.TempDir())
		if err := s.Err(); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Error(err)
		}
	})
	t.Run("a link", func(t *testing.T) {
		t.Parallel()
		path := place(t)
		if err := os.Symlink(filepath.Join(t.TempDir(), "x"), path); err != nil {
			t.Skip(err)
		}
		if _, err := grant.Open(path).Add(noon, always("x", "y")); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Error(err)
		}
	})
	t.Run("a folder that is not there", func(t *testing.T) {
		t.Parallel()
		s := grant.Open(filepath.Join(t.TempDir(), "no", "grants.json"))
		if _, err := s.Add(noon, always("x", "y")); err == nil {
			t.Error("no error")
		}
	})
	t.Run("others can write it", func(t *testing.T) {
		t.Parallel()
		if runtime.GOOS == "windows" {
			t.Skip("no modes")
		}
		path := place(t)
		s := grant.Open(path)
		add(t, s, always("web_fetch", "a.com"))
		if err := os.Chmod(path, 0o622); err != nil {
			t.Fatal(err)
		}
		s = grant.Open(path)
		if err := s.Err(); !errors.Is(err, pluginsdk.ErrDenied) || len(s.Rules(noon, "")) > 0 {
			t.Error(err)
		}
	})
	t.Run("removed while it is open", func(t *testing.T) {
		t.Parallel()
		path := place(t)
		s := grant.Open(path)
		add(t, s, always("web_fetch", "a.com"))
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if got := ids(s.Rules(noon, "")); got != "" {
			t.Errorf("it grants %q", got)
		}
		if g := add(t, s, always("web_fetch", "a.com")); g.ID != "2" {
			t.Errorf("id %s was used before", g.ID)
		}
	})
	t.Run("edited while it is open", func(t *testing.T) {
		t.Parallel()
		path := place(t)
		s := grant.Open(path)
		add(t, s, always("web_fetch", "a.com"))
		write(t, path, strings.Replace(read(t, path), "a.com", "longer.com", 1))
		add(t, s, always("web_fetch", "b.com"))
		if d := cmp.Diff([]string{"1 web_fetch on longer.com", "2 web_fetch on b.com"}, list(t, s, noon)); d != "" {
			t.Errorf("the person's edit is lost: %s", d)
		}
	})
}

func TestManyGrants(t *testing.T) {
	t.Parallel()
	path := place(t)
	var b strings.Builder
	b.WriteString(`{"version":1,"next":1,"grants":[`)
	for i := range grant.MaxTask + grant.MaxAlways {
		if i > 0 {
			b.WriteByte(',')
		}
		scope := `"scope":"task","task":"t"`
		if i >= grant.MaxTask {
			scope = `"scope":"always"`
		}
		fmt.Fprintf(&b, `{"id":"%d","tool":"web_fetch","target":"h%d.com",%s,"created":"2026-03-01T12:00:00Z"}`, i+1, i, scope)
	}
	b.WriteString("]}")
	write(t, path, b.String())
	s := grant.Open(path)
	if _, err := s.Add(noon, always("web_fetch", "new.com")); !errors.Is(err, pluginsdk.ErrUnavailable) {
		t.Errorf("one more for always: %v", err)
	}
	g := add(t, s, forTask("t", "web_fetch", "new.com"))
	gs, err := s.List(noon)
	if err != nil || len(gs) != grant.MaxTask+grant.MaxAlways || gs[0].ID != "2" || gs[len(gs)-1].ID != g.ID {
		t.Errorf("%d grants from %s to %s, %v", len(gs), gs[0].ID, gs[len(gs)-1].ID, err)
	}
}

func TestConcurrently(t *testing.T) {
	t.Parallel()
	path := place(t)
	s := grant.Open(path)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 5 {
				g, err := s.Add(noon, always("web_fetch", fmt.Sprintf("h%d-%d.com", i, n)))
				if err != nil {
					t.Error(err)
					return
				}
				s.Rules(noon, "t")
				if n%2 == 1 {
					if err := s.Remove(noon, g.ID); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if got := list(t, grant.Open(path), noon); len(got) != 24 {
		t.Errorf("%d grants: %v", len(got), got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":1,"next":2,"grants":[{"id":"1","tool":"*","target":"example.com","scope":"always","created":"2026-03-01T12:00:00Z"}]}`))
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`{"version":1,"next":-5,"grants":[{"id":"9223372036854775807","tool":"x","target":"*","scope":"task","task":"t"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		gs, err := grant.Parse(data)
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "g")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s := grant.Open(path)
		for _, r := range s.Rules(noon, "t") {
			if r.Tool == "*" && r.Target == "*" || r.Effect == policy.Delete && r.Scope != policy.Task {
				t.Fatalf("it grants %+v", r)
			}
		}
		if g, err := s.Add(noon, forTask("t", "fuzz", "new")); err == nil {
			for _, old := range gs {
				if old.ID == g.ID && old.Tool != "fuzz" {
					t.Fatalf("id %s twice", g.ID)
				}
			}
			if err := grant.Open(path).Err(); err != nil {
				t.Fatalf("what was written cannot be read: %v", err)
			}
		}
	})
}
