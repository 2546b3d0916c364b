package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

// scriptKey is what a script's model asks for; no output may have it.
const scriptKey = "sk-script-secret"

// model FILE serves a scripted model for the rest of the script and connects
// the programs of the script to it. "model" alone takes the connection away.
func cmdModel(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Setenv(envBaseURL, "")
		ts.Setenv(envAPIKey, "")
		return
	}
	script, err := plugintest.ParseScript([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	script.Key = scriptKey
	var lc net.ListenConfig
	ctx, cancel := context.WithCancel(context.Background())
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	ts.Check(err)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := plugintest.ServeScript(ctx, l, script); err != nil {
			ts.Logf("%v", err)
		}
	})
	ts.Defer(func() {
		cancel()
		wg.Wait()
	})
	ts.Setenv(envBaseURL, "http://"+l.Addr().String())
	ts.Setenv(envAPIKey, scriptKey)
}

// release GATE lets a reply of the scripted model go on.
func cmdRelease(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := testContext()
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, ts.Getenv(envBaseURL)+"/script/release?gate="+url.QueryEscape(args[0]), nil)
	ts.Check(err)
	req.Header.Set("x-api-key", scriptKey)
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("release %s: %s", args[0], resp.Status)
	}
}

// await PATTERN PROGRAM ARGS... runs a program again and again until its output
// matches.
func cmdAwait(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile("(?m)" + args[0])
	ctx, cancel := testContext()
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		cmd := exec.CommandContext(ctx, args[1], args[2:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
		out, _ := cmd.CombinedOutput() // it may fail until it does not
		if pattern.Match(out) {
			return
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			ts.Fatalf("%v never printed %s; the last time:\n%s", args[1:], args[0], out)
		}
	}
}
