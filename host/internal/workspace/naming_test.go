package workspace_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestNumbered(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 127) // 254 bytes
	tests := []struct {
		name string
		n    int
		want string
	}{
		{"report.xlsx", 1, "report.xlsx"},
		{"report.xlsx", 2, "report (2).xlsx"},
		{"report", 10, "report (10)"},
		{"data.tar.gz", 2, "data (2).tar.gz"},
		{".profile", 2, ".profile (2)"},
		{"v1.2 final", 2, "v1.2 final (2)"},
		{"a (2).csv", 2, "a (2) (2).csv"},
		{long, 2, strings.Repeat("ü", 125) + " (2)"},
		{strings.Repeat("a", 251) + ".csv", 3, strings.Repeat("a", 247) + " (3).csv"},
	}
	for _, tt := range tests {
		if got := workspace.Numbered(tt.name, tt.n); got != tt.want {
			t.Errorf("Numbered(%q, %d) = %q, want %q", tt.name, tt.n, got, tt.want)
		}
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"report.xlsx", ".profile", "a b", "COM10.txt", "console.log", "nullify", "данные.csv", "100%.txt", "a;b&c", strings.Repeat("a", 255),
	} {
		if err := workspace.CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", ".", "..", "a/b", `a\b`, "a:b", "a?", "a*", `a"b`, "a<b", "a|b", "tab\t", "nl\n", "nul\x00", "\x7f", "dot.", "space ",
		"CON", "con.txt", "Aux.tar.gz", "nul", "prn .txt", "COM1", "lpt9.x", "com¹", "\xff", strings.Repeat("a", 256), workspace.TempName(),
	} {
		err := workspace.CheckName(bad)
		if !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"Report.XLSX", "report.xlsx"}, {"caf\u00e9", "cafe\u0301"}, {"STRASSE", "straße"}, {"\u212bngstrom", "ångstrom"},
	} {
		if workspace.Fold(pair[0]) != workspace.Fold(pair[1]) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
	if workspace.Fold("a.csv") == workspace.Fold("b.csv") {
		t.Error("different names are the same")
	}
}

func FuzzNaming(f *testing.F) {
	for _, seed := range []string{"report.xlsx", "a.tar.gz", ".x", "ü", "...", "a. ", strings.Repeat("a.", 127)} {
		f.Add(seed, 2)
	}
	f.Fuzz(func(t *testing.T, name string, n int) {
		if workspace.CheckName(name) != nil {
			return
		}
		n = 2 + int(uint(n)%100_000)
		got := workspace.Numbered(name, n)
		if got == name || len(got) > 255 || !utf8.ValidString(got) {
			t.Fatalf("Numbered(%q, %d) = %q", name, n, got)
		}
		if err := workspace.CheckName(got); err != nil {
			t.Fatalf("Numbered(%q, %d) = %q: %v", name, n, got, err)
		}
		if workspace.Numbered(name, n+1) == got {
			t.Fatalf("%q: numbers %d and %d are the same name", name, n, n+1)
		}
		if workspace.Fold(workspace.Fold(name)) != workspace.Fold(name) {
			t.Fatalf("fold of %q is not stable", name)
		}
	})
}

// TestDeepPath refuses at once what every folder on the way would be asked for.
func TestDeepPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := workspace.Open(t.Context(), workspace.Options{Dir: filepath.Join(dir, "store"), TrashDir: filepath.Join(dir, "trash")})
	if err != nil {
		t.Fatal(err)
	}
	ws, err := store.Workspace("t", []workspace.Grant{{Path: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	v := ws.View()
	defer func() {
		v.Close()
		if err := errors.Join(ws.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	}()
	for name, p := range map[string]string{
		"deep": strings.Repeat("d/", 3000) + "x", "backslashes": strings.Repeat(`d\`, 3000), "long": strings.Repeat("d", 5000),
	} {
		if _, err := ws.Resolve(p, ""); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := v.Target(p); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("%s as a target: %v", name, err)
		}
	}
}
