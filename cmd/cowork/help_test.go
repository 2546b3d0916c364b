package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHelp holds the help of every verb to testdata/help.txt.
func TestHelp(t *testing.T) {
	t.Parallel()
	p := newInstallation(t)
	var out bytes.Buffer
	for _, verb := range append([][]string{{}}, verbs(reflect.TypeFor[cli](), nil)...) {
		stdout, stderr, code := p.all(append(verb, "--help")...)
		if code != exitDone || len(stderr) > 0 {
			t.Errorf("%v --help: exit code %d, %s", verb, code, stderr)
		}
		out.WriteString("==== cowork " + strings.Join(append(verb, "--help"), " ") + "\n")
		out.Write(stdout)
		for _, line := range strings.Split(string(stdout), "\n") {
			if columns := len([]rune(line)); columns > 100 {
				t.Errorf("%v: a line of %d columns: %s", verb, columns, line)
			}
		}
	}
	golden := filepath.Join("testdata", "help.txt")
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("help has changed (-was +is); run with -update if that is meant:\n%s", d)
	}
}

// verbs lists the commands below a struct of kong's.
func verbs(typ reflect.Type, above []string) [][]string {
	var out [][]string
	for i := range typ.NumField() {
		f := typ.Field(i)
		if _, ok := f.Tag.Lookup("cmd"); !ok {
			continue
		}
		verb := append(append([]string{}, above...), strings.ToLower(f.Name))
		if _, hidden := f.Tag.Lookup("hidden"); !hidden {
			out = append(out, verb)
		}
		out = append(out, verbs(f.Type, verb)...)
	}
	return out
}
