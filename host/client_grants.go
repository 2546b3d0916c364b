package host

import (
	"context"
	"net/http"
	"net/url"

	"github.com/cowork-host/cowork/host/internal/api"
)

// What clients and hosts exchange about permissions and costs.
type (
	// Grant is one thing the person opened.
	Grant = api.Grant
	// GrantRequest opens something for always.
	GrantRequest = api.GrantRequest
	// TryRequest asks what policy would decide.
	TryRequest = api.TryRequest
	// TryResponse is what policy decides, and about which call.
	TryResponse = api.TryResponse
	// UsageReport sums up what models used and cost.
	UsageReport = api.UsageReport
)

// Grants lists what is open now.
func (c *Client) Grants(ctx context.Context) ([]Grant, error) {
	var out []Grant
	err := c.call(ctx, http.MethodGet, "/v1/grants", nil, &out)
	return out, err
}

// AddGrant opens something for always, or until it expires.
func (c *Client) AddGrant(ctx context.Context, req GrantRequest) (Grant, error) {
	var out Grant
	err := c.call(ctx, http.MethodPost, "/v1/grants", req, &out)
	return out, err
}

// RemoveGrant takes a grant back.
func (c *Client) RemoveGrant(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, "/v1/grants/"+url.PathEscape(id)+"/remove", nil, &struct{}{})
}

// TryPolicy asks what policy would decide about a request.
func (c *Client) TryPolicy(ctx context.Context, req TryRequest) (TryResponse, error) {
	var out TryResponse
	err := c.call(ctx, http.MethodPost, "/v1/policy/try", req, &out)
	return out, err
}

// Usage sums up what models used since a day, by day, task or model. Empty is
// the last thirty days, by day.
func (c *Client) Usage(ctx context.Context, since, by string) (UsageReport, error) {
	var out UsageReport
	err := c.call(ctx, http.MethodGet, "/v1/usage?"+url.Values{"since": {since}, "by": {by}}.Encode(), nil, &out)
	return out, err
}
