package plugintest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

// A program that is tested from outside is given the address of a scripted
// model, here of one that is busy at first, then calls a tool.
func ExampleServeScript() {
	script, err := plugintest.ParseScript([]byte(`{"replies": [
		{"status": 529, "error": "overloaded_error", "message": "busy", "header": {"Retry-After": "0"}},
		{"when": {"call": 1}, "content": [
			{"type": "text", "text": "I look."},
			{"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "budget.csv"}}
		]},
		{"when": {"last": "1,200"}, "content": [{"type": "text", "text": "It says 1,200."}]}
	]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- plugintest.ServeScript(ctx, l, script) }()

	begin := `{"role": "user", "content": "what is the budget?"}`
	call := `{"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "read", "input": {}}]}`
	result := `{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "travel: 1,200"}]}`
	for _, messages := range []string{begin, begin, begin + "," + call + "," + result} {
		body := `{"model": "m", "max_tokens": 100, "stream": true, "messages": [` + messages + `]}`
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.Addr().String()+"/v1/messages", strings.NewReader(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(res.StatusCode)
		for sc := bufio.NewScanner(res.Body); sc.Scan(); {
			if _, text, ok := strings.Cut(sc.Text(), `"text_delta","text":`); ok {
				fmt.Println(text)
			}
		}
		res.Body.Close()
	}
	cancel()
	fmt.Println(<-served)
	// Output:
	// 529
	// 200
	// "I look."}}
	// 200
	// "It says 1,200."}}
	// <nil>
}
