package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/cowork-host/cowork/host/internal/api"
)

// Stop stops a task and its sub-agents and returns when it has; with after it
// returns at once, and the task ends when the running step is over.
func (c *Client) Stop(ctx context.Context, id string, after bool) error {
	return c.call(ctx, http.MethodPost, taskPath(id, "stop"), api.StopRequest{After: after}, &struct{}{})
}

// Pause lets a task end at its next boundary, to be resumed later.
func (c *Client) Pause(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, taskPath(id, "pause"), api.PauseRequest{By: "terminal"}, &struct{}{})
}

// Retry runs a failed or stopped sub-agent again.
func (c *Client) Retry(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, taskPath(id, "retry"), struct{}{}, &api.RunResponse{})
}

// Approve answers an approval of a task or one of its sub-agents; an empty ID
// is the only open one.
func (c *Client) Approve(ctx context.Context, id string, req ApprovalRequest) error {
	return c.call(ctx, http.MethodPost, taskPath(id, "approvals"), req, &struct{}{})
}

// Send queues a message for a task and returns the message's id. A task that
// is over takes it as the beginning of a new turn.
func (c *Client) Send(ctx context.Context, id string, req MessageRequest) (string, error) {
	var resp api.MessageResponse
	err := c.call(ctx, http.MethodPost, taskPath(id, "messages"), req, &resp)
	return resp.ID, err
}

// ChangeMessage edits a message that waits.
func (c *Client) ChangeMessage(ctx context.Context, id, message string, change MessageChange) error {
	return c.call(ctx, http.MethodPost, taskPath(id, "messages/")+url.PathEscape(message), change, &struct{}{})
}

// EditPlan edits a task's plan.
func (c *Client) EditPlan(ctx context.Context, id string, ops []PlanOp) error {
	return c.call(ctx, http.MethodPost, taskPath(id, "plan"), api.PlanRequest{Ops: ops}, &struct{}{})
}

// SetModel gives the host a connection to a model, which it keeps in memory.
func (c *Client) SetModel(ctx context.Context, settings ModelSettings) error {
	return c.call(ctx, http.MethodPut, "/v1/model", settings, &ModelStatus{})
}

// Import adds a task from its log, JSON lines as an export has them, and
// returns its id. It reads all of log.
func (c *Client) Import(ctx context.Context, log io.Reader) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://cowork/v1/tasks/import", log)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	body, err := c.send(req)
	if err != nil {
		return "", err
	}
	defer body.Close()
	var resp api.RunResponse
	if err := json.NewDecoder(body).Decode(&resp); err != nil {
		return "", fmt.Errorf("import: read the answer: %w", err)
	}
	return resp.Task, nil
}

// request makes a request with in as its JSON body, nil for none.
func request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	return http.NewRequestWithContext(ctx, method, "http://cowork"+path, body)
}
