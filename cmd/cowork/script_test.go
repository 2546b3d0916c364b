package main

import (
	"bytes"
	"errors"
	"flag"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cowork-host/cowork/sandbox/all"
	"github.com/cowork-host/cowork/sandbox/jail"
)

// TestMain makes the tests' binary be the program itself when it is called as
// one: by a script as "cowork", by the host as plugin server, by the jail as
// init.
func TestMain(m *testing.M) {
	if jail.IsInit(os.Args) || len(os.Args) > 1 && os.Args[1] == pluginServerVerb {
		os.Exit(program())
	}
	if raceBinary {
		os.Exit(withBuilt(m))
	}
	testscript.Main(m, map[string]func(){"cowork": func() { os.Exit(program()) }})
}

// withBuilt runs the tests with a program built for them.
func withBuilt(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cowork-test-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, "cowork"), ".") //nolint:noctx // go test bounds it
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		log.Fatalf("build the program: %v\n%s", err, out)
	}
	if err := os.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		log.Fatal(err)
	}
	return m.Run()
}

// TestScript runs testdata/script/*.txtar; -update rewrites what they expect.
func TestScript(t *testing.T) {
	t.Parallel()
	update := flag.Lookup("update")
	jailed := jailError(t)
	if jailed != nil {
		t.Logf("no sandbox works here, scripts that need one are skipped: %v", jailed)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       update != nil && update.Value.String() == "true",
		Setup:               setUp,
		Cmds:                scriptCommands(),
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "jail":
				return jailed == nil, nil
			case "root":
				return os.Geteuid() == 0, nil
			}
			return false, errors.New("unknown condition " + cond)
		},
	})
}

var _ = flag.Bool("update", false, "rewrite the expected output in testdata/script")

// jailError says why no sandbox works on this machine, nil if one does.
func jailError(t *testing.T) error {
	t.Helper()
	_, _, err := all.Select(t.Context(), all.Auto, all.Backends(all.Options{}))
	return err
}

// setUp gives every script a home, a data folder and a work folder of its own.
// What runs on when the script is over is ended.
func setUp(env *testscript.Env) error {
	work := env.WorkDir
	for _, dir := range []string{"user", "data"} {
		if err := os.MkdirAll(filepath.Join(work, dir), 0o700); err != nil {
			return err
		}
	}
	env.Setenv("HOME", filepath.Join(work, "user"))
	env.Setenv("XDG_DATA_HOME", filepath.Join(work, "data"))
	env.Setenv("COWORK_HOME", filepath.Join(work, "home"))
	env.Setenv("TZ", "UTC")
	env.Setenv("GOCACHE", goEnv("GOCACHE"))
	env.Setenv("GOMODCACHE", goEnv("GOMODCACHE"))
	env.Setenv("GOFLAGS", "-mod=mod")
	env.Setenv("GOPROXY", "off")
	source, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	env.Setenv("SOURCE", source)
	env.Defer(func() {
		cmd := exec.Command("cowork", "stop", "--force") //nolint:noctx // the test's context is over here
		cmd.Env = slices.Clone(env.Vars)
		if out, err := cmd.CombinedOutput(); err != nil && !bytes.Contains(out, []byte("cowork: ")) {
			env.T().Log("end the script's host:", err, string(out))
		}
	})
	return nil
}

func goEnv(name string) string {
	out, err := exec.Command("go", "env", name).Output() //nolint:noctx // it prints one line
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(out))
}
