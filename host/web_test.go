package host_test

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host"
)

// webAnswer sends a request as a script does and returns the status and body.
func webAnswer(t *testing.T, r *running, method, path, body string) (int, string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.home, "run", "server.json"))
	if err != nil {
		t.Fatal(err)
	}
	var state struct{ URL, Token string }
	if err := json.Unmarshal(data, &state); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, state.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+state.Token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", rand.Text())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestOpenWeb(t *testing.T) {
	t.Parallel()
	r := newHost(t, nil)
	for _, addr := range []string{"0.0.0.0:0", "example.com:80", "x"} {
		_, err := r.OpenWeb(t.Context(), host.WebRequest{Addr: addr})
		wantCode(t, err, "invalid")
	}
	_, err := r.OpenWeb(t.Context(), host.WebRequest{Folders: []string{"relative"}})
	wantCode(t, err, "invalid")
	first, err := r.OpenWeb(t.Context(), host.WebRequest{Folders: []string{r.folder}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.OpenWeb(t.Context(), host.WebRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first.Page != second.Page || first.URL == second.URL {
		t.Errorf("opened %+v, then %+v", first, second)
	}
	_, err = r.OpenWeb(t.Context(), host.WebRequest{Addr: "127.0.0.1:1"})
	wantCode(t, err, "conflict")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	for range 2 { // the link, then the page of one that was let in
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, second.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", second.URL, resp.Status)
		}
		second.URL = second.Page
	}
}

// TestTaskFromThePage: what a page asks for is a task like any other.
func TestTaskFromThePage(t *testing.T) {
	t.Parallel()
	r := newHost(t, nil)
	if _, err := r.OpenWeb(t.Context(), host.WebRequest{Folders: []string{r.folder}}); err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(map[string]any{"input": "/work:go in.txt --ask", "folders": []string{r.folder}})
	if err != nil {
		t.Fatal(err)
	}
	status, text := webAnswer(t, r, http.MethodPost, "api/tasks", string(in))
	var made struct{ Task string }
	if err := json.Unmarshal([]byte(text), &made); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	r.until(made.Task, host.KindQuestion)
	path := "api/tasks/" + made.Task + "/"
	if status, text := webAnswer(t, r, http.MethodPost, path+"answers", `{"id":"word","value":"red"}`); status != http.StatusOK {
		t.Fatalf("answer: %d %s", status, text)
	}
	r.until(made.Task, "")
	if s := r.state(made.Task); s.Status != host.StatusDone {
		t.Fatalf("status %s, %+v", s.Status, s.Error)
	}
	_, text = webAnswer(t, r, http.MethodGet, path+"events", "")
	if !strings.Contains(text, `"kind":"task.done"`) {
		t.Errorf("events %s", text)
	}
	_, text = webAnswer(t, r, http.MethodPost, path+"undo", "{}")
	var shown struct {
		Preview   string
		Reversals []host.Reversal
	}
	if err := json.Unmarshal([]byte(text), &shown); err != nil || len(shown.Reversals) != manyFiles+2 { // the files, in.txt and a folder
		t.Fatalf("preview: %s", text)
	}
	if status, text := webAnswer(t, r, http.MethodPost, path+"undo", `{"preview":"`+shown.Preview+`"}`); status != http.StatusOK {
		t.Fatalf("undo: %d %s", status, text)
	}
	if got, err := os.ReadFile(filepath.Join(r.folder, "in.txt")); string(got) != "hello" {
		t.Errorf("the file is %.20q, %v", got, err)
	}
}

// TestAPageKeepsTheHost: an open page is work enough for a host to stay.
func TestAPageKeepsTheHost(t *testing.T) {
	t.Parallel()
	r := newHost(t, func(o *host.Options) { o.IdleAfter = time.Second })
	page, err := r.OpenWeb(t.Context(), host.WebRequest{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(r.home, "run", "server.json"))
	if err != nil {
		t.Fatal(err)
	}
	var state struct{ Token string }
	if err := json.Unmarshal(data, &state); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page.Page+"api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+state.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || !strings.HasPrefix(line, "retry:") {
		t.Fatalf("the stream begins with %q, %v", line, err)
	}
	select {
	case err := <-r.served:
		t.Fatalf("it left with a page open: %v", err)
	case <-time.After(2500 * time.Millisecond):
	}
	resp.Body.Close()
	select {
	case err := <-r.served:
		r.served <- err
	case <-time.After(30 * time.Second):
		t.Error("it does not leave when the page is closed")
	}
}
