package host

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/cowork-host/cowork/host/internal/api"
	"github.com/cowork-host/cowork/host/internal/event"
)

// DecodeEvent returns an event's payload, the zero value if it is of another
// kind.
func DecodeEvent[P EventPayload](e Event) P {
	p, err := event.Decode[P](e)
	if err != nil {
		var zero P
		return zero
	}
	return p
}

// ErrNoHost says that no host answers on the socket.
var ErrNoHost = errors.New("no host is running")

// RemoteError is an error the host answered with.
type RemoteError struct{ Problem }

// Error returns the message and the next step.
func (e *RemoteError) Error() string {
	if e.Next == "" {
		return e.Message
	}
	return e.Message + "; " + e.Next
}

// Client talks to a host over its socket. Its methods may be called
// concurrently; errors of the host are [*RemoteError].
type Client struct {
	http   *http.Client
	socket string
}

// Dial returns a client of the host on the socket. It does not connect yet.
func Dial(socket string) *Client {
	dialer := &net.Dialer{}
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
	}}}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// do sends a request and returns the answer's body; the caller closes it.
func (c *Client) do(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	req, err := request(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	return c.send(req)
}

// send sends a request and returns the body of an answer that is a success.
func (c *Client) send(req *http.Request) (io.ReadCloser, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" && req.Context().Err() == nil {
			return nil, fmt.Errorf("%w at %s", ErrNoHost, c.socket)
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var p api.Problem
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&p); err != nil || p.Error == nil {
		return nil, fmt.Errorf("%s %s: the host answered %s", req.Method, req.URL.Path, resp.Status)
	}
	return nil, &RemoteError{Problem: *p.Error}
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	body, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}

// Health asks who answers.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	err := c.call(ctx, http.MethodGet, "/v1/health", nil, &h)
	return h, err
}

// Quit ends the host; with tasks at work only when forced.
func (c *Client) Quit(ctx context.Context, force bool) error {
	path := "/v1/quit"
	if force {
		path += "?force=1"
	}
	return c.call(ctx, http.MethodPost, path, nil, &struct{}{})
}

// Run starts a task and returns its id.
func (c *Client) Run(ctx context.Context, req RunRequest) (string, error) {
	var resp api.RunResponse
	err := c.call(ctx, http.MethodPost, "/v1/tasks", req, &resp)
	return resp.Task, err
}

// Events returns a task's events from sequence from on. With follow it goes on
// with new and transient ones until the task is over.
func (c *Client) Events(ctx context.Context, id string, from int64, follow bool) iter.Seq2[Event, error] {
	return c.stream(ctx, id, map[string]int64{id: from}, follow, false)
}

// Tree is [Client.Events] with the events of all sub-agents, each behind the
// event that started it where that is among them. Of each task the events are
// those from its sequence in from on, or else all. The task's own end comes
// last.
func (c *Client) Tree(ctx context.Context, id string, from map[string]int64, follow bool) iter.Seq2[Event, error] {
	return c.stream(ctx, id, from, follow, true)
}

func (c *Client) stream(ctx context.Context, id string, from map[string]int64, follow, tree bool) iter.Seq2[Event, error] {
	q := url.Values{}
	for task, seq := range from {
		q.Add("from", task+":"+strconv.FormatInt(seq, 10))
	}
	return func(yield func(Event, error) bool) {
		if follow {
			q.Set("follow", "1")
		}
		if tree {
			q.Set("tree", "1")
		}
		body, err := c.do(ctx, http.MethodGet, taskPath(id, "events")+"?"+q.Encode(), nil)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer body.Close()
		lines := bufio.NewReaderSize(body, 64<<10)
		for {
			line, err := lines.ReadBytes('\n')
			if len(line) == 0 && errors.Is(err, io.EOF) {
				return
			}
			var e Event
			if err == nil {
				err = json.Unmarshal(line, &e)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// State returns what is known of a task.
func (c *Client) State(ctx context.Context, id string) (*TaskState, error) {
	var s TaskState
	if err := c.call(ctx, http.MethodGet, "/v1/tasks/"+url.PathEscape(id), nil, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// Tasks lists tasks, the newest first; limit 0 is a hundred, negative all.
func (c *Client) Tasks(ctx context.Context, limit int) ([]TaskSummary, error) {
	var out []TaskSummary
	err := c.call(ctx, http.MethodGet, "/v1/tasks?limit="+strconv.Itoa(limit), nil, &out)
	return out, err
}

// TasksWithCost is [Client.Tasks] with what each cost.
func (c *Client) TasksWithCost(ctx context.Context, limit int) ([]TaskSummary, error) {
	var out []TaskSummary
	err := c.call(ctx, http.MethodGet, "/v1/tasks?cost=1&limit="+strconv.Itoa(limit), nil, &out)
	return out, err
}

// Resume runs an ended task again.
func (c *Client) Resume(ctx context.Context, id string, interactive bool) error {
	return c.call(ctx, http.MethodPost, taskPath(id, "resume"), api.ResumeRequest{Interactive: interactive}, &api.RunResponse{})
}

// Answer answers an open question of a task.
func (c *Client) Answer(ctx context.Context, id, question, value string) error {
	return c.call(ctx, http.MethodPost, taskPath(id, "answers"), api.AnswerRequest{ID: question, Value: value}, &struct{}{})
}

// Changes lists what a task changed.
func (c *Client) Changes(ctx context.Context, id string) ([]Change, error) {
	var out []Change
	err := c.call(ctx, http.MethodGet, taskPath(id, "changes"), nil, &out)
	return out, err
}

// Undo takes back what a task changed.
func (c *Client) Undo(ctx context.Context, id string, req UndoRequest) ([]Reversal, error) {
	var out []Reversal
	err := c.call(ctx, http.MethodPost, taskPath(id, "undo"), req, &out)
	return out, err
}

// Plugins lists plugins: shipped, installed, and the bundles in dirs.
func (c *Client) Plugins(ctx context.Context, dirs ...string) ([]Plugin, error) {
	var out []Plugin
	err := c.call(ctx, http.MethodGet, "/v1/plugins?"+url.Values{"dir": dirs}.Encode(), nil, &out)
	return out, err
}

// InstallPlugin installs the bundle in the folder dir.
func (c *Client) InstallPlugin(ctx context.Context, dir string) (Plugin, error) {
	var out Plugin
	err := c.call(ctx, http.MethodPost, "/v1/plugins/install", api.PluginRequest{Dir: dir}, &out)
	return out, err
}

// UpdatePlugin describes an installed plugin anew and accepts what it is now.
func (c *Client) UpdatePlugin(ctx context.Context, name string) (Plugin, error) {
	var out Plugin
	err := c.call(ctx, http.MethodPost, "/v1/plugins/update", api.PluginRequest{Name: name}, &out)
	return out, err
}

// RemovePlugin removes an installed plugin.
func (c *Client) RemovePlugin(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodPost, "/v1/plugins/remove", api.PluginRequest{Name: name}, &struct{}{})
}

// Trash lists what undo and approved deletions put into the trash.
func (c *Client) Trash(ctx context.Context) ([]TrashItem, error) {
	var out []TrashItem
	err := c.call(ctx, http.MethodGet, "/v1/trash", nil, &out)
	return out, err
}

// RestoreTrash puts an item back and returns where it is now.
func (c *Client) RestoreTrash(ctx context.Context, id string) (TrashItem, error) {
	var out TrashItem
	err := c.call(ctx, http.MethodPost, "/v1/trash/"+url.PathEscape(id)+"/restore", nil, &out)
	return out, err
}

// OpenWeb serves the web page and returns a link to it.
func (c *Client) OpenWeb(ctx context.Context, req WebRequest) (WebResponse, error) {
	var out WebResponse
	err := c.call(ctx, http.MethodPost, "/v1/web", req, &out)
	return out, err
}

// EmptyTrash deletes for good what cowork put into the trash and returns how
// many files that were.
func (c *Client) EmptyTrash(ctx context.Context) (int, error) {
	var out api.EmptyResponse
	err := c.call(ctx, http.MethodPost, "/v1/trash/empty", nil, &out)
	return out.Deleted, err
}

func taskPath(id, verb string) string { return "/v1/tasks/" + url.PathEscape(id) + "/" + verb }
