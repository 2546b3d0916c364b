package anthropic

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/cowork-host/cowork/host/internal/model"
)

// DefaultModel is used when neither the options nor the request name one.
const DefaultModel = string(sdk.ModelClaudeSonnet5_5)

// Options say how to reach a model. Nothing is read from the environment but
// by a cloud's own credentials, see Profile.
type Options struct {
	// BaseURL is the server's address; empty: Anthropic's. A last "/v1" is left
	// out.
	BaseURL string
	// APIKey and AuthToken are the credentials, as x-api-key and as a bearer
	// token. A server of one's own may need none.
	APIKey    string
	AuthToken string
	// Model is used by requests that name none; empty: [DefaultModel].
	Model string
	// Profile is empty, "bedrock:REGION" or "vertex:REGION:PROJECT"; what is
	// left out of it comes from the cloud's own settings, as do the credentials.
	// APIKey and AuthToken are not sent to a cloud.
	Profile string
	// HTTPClient carries the requests; nil: one that follows no redirects, so
	// that credentials never reach another host.
	HTTPClient *http.Client
	// IdleTimeout ends a call when nothing, not even a ping, comes for so long;
	// 0: 3 minutes.
	IdleTimeout time.Duration
	// MaxRetries is how often a call is tried again; 0: 4, below 0: never.
	MaxRetries int
	// RetryCap is the longest wait between two tries; 0: one minute. When the
	// server asks for more the call fails, and the error says until when.
	RetryCap time.Duration
	// MaxMessage bounds a message, in bytes; 0: 64 MiB.
	MaxMessage int64
	// Now is the clock; nil: the system's.
	Now func() time.Time
	// Wait waits between two tries; nil: on a timer. It returns early with the
	// context's error.
	Wait func(ctx context.Context, d time.Duration) error
}

// Model calls one model of one provider. Its methods may be called
// concurrently.
type Model struct {
	client  sdk.Client
	opts    Options
	host    string // shown in errors
	secrets []string

	mu    sync.Mutex
	infos map[string]model.Info // by model
	lacks map[string]features   // by model: what the server refused
}

var (
	_ model.Model    = (*Model)(nil)
	_ model.Counter  = (*Model)(nil)
	_ model.Informer = (*Model)(nil)
)

// New returns a model. It does not connect, but for a cloud's search for its
// credentials, which is given five seconds.
func New(opts Options) (*Model, error) {
	opts.APIKey, opts.AuthToken = strings.TrimSpace(opts.APIKey), strings.TrimSpace(opts.AuthToken)
	if opts.BaseURL == "" && opts.APIKey == "" && opts.AuthToken == "" && opts.Profile == "" {
		return nil, &model.Error{
			Kind: model.ErrorAuth, Message: "no model is set up",
			Next: "set an API key, or the base URL of a compatible server",
		}
	}
	if strings.ContainsFunc(opts.APIKey+opts.AuthToken, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, &model.Error{
			Kind: model.ErrorAuth, Message: "the API key or token holds characters that no key has",
			Next: "copy it again",
		}
	}
	base, err := baseURL(opts.BaseURL)
	if err != nil {
		return nil, err
	}
	m := &Model{
		opts: opts.filled(), host: base.Host,
		infos: map[string]model.Info{}, lacks: map[string]features{},
	}
	for _, s := range []string{opts.APIKey, opts.AuthToken} {
		if s != "" {
			m.secrets = append(m.secrets, s)
		}
	}
	sdkOpts := []option.RequestOption{
		option.WithoutEnvironmentDefaults(), option.WithoutOpenTelemetry(),
		option.WithHTTPClient(m.opts.HTTPClient), option.WithMaxRetries(0),
	}
	if opts.Profile != "" {
		cloud, err := profile(opts.Profile, m.opts.HTTPClient)
		if err != nil {
			return nil, err
		}
		sdkOpts = append(sdkOpts, cloud.option)
		m.host, m.lacks[""] = cloud.host, cloud.lacks
	}
	if opts.Profile == "" || opts.BaseURL != "" {
		sdkOpts = append(sdkOpts, option.WithBaseURL(base.String()))
		m.host = base.Host
	}
	// A cloud never sees the key of another provider.
	if opts.APIKey != "" && opts.Profile == "" {
		sdkOpts = append(sdkOpts, option.WithAPIKey(opts.APIKey))
	}
	if opts.AuthToken != "" && opts.Profile == "" {
		sdkOpts = append(sdkOpts, option.WithAuthToken(opts.AuthToken))
	}
	m.client = sdk.NewClient(sdkOpts...)
	return m, nil
}

// baseURL reads an address as people write it.
func baseURL(s string) (*url.URL, error) {
	if s == "" {
		s = "https://api.anthropic.com"
	}
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &model.Error{
			Kind: model.ErrorRequest, Message: "the base URL of the model is not a web address",
			Next: "write it as https://host or http://host:port",
		}
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v1") + "/"
	u.RawQuery, u.Fragment = "", ""
	return u, nil
}

func (o Options) filled() Options {
	if o.Model == "" {
		o.Model = DefaultModel
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 3 * time.Minute
	}
	switch {
	case o.MaxRetries == 0:
		o.MaxRetries = 4
	case o.MaxRetries < 0:
		o.MaxRetries = 0
	}
	if o.RetryCap <= 0 {
		o.RetryCap = time.Minute
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = 64 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	client := http.Client{}
	if o.HTTPClient != nil {
		client = *o.HTTPClient
	}
	if client.CheckRedirect == nil {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	o.HTTPClient = &client
	return o
}

// Generate sends one request, see [model.Model]. A call that fails in a way
// that passes is made again: nothing of its message has been acted upon, its
// deltas were for showing. After a [model.Retry] deltas begin anew.
func (m *Model) Generate(ctx context.Context, req *model.Request) iter.Seq2[model.Chunk, error] {
	return func(yield func(model.Chunk, error) bool) {
		gone := false
		show := func(c model.Chunk) bool {
			gone = gone || !yield(c, nil)
			return !gone
		}
		var res *model.Response
		err := m.call(ctx, req, show, func(ctx context.Context, attempt int) *failure {
			body, err := m.body(req, true)
			if err != nil {
				return &failure{err: err}
			}
			var f *failure
			res, f = m.stream(ctx, body, attempt, func(d model.Delta) bool { return show(model.Chunk{Delta: &d}) })
			return f
		})
		switch {
		case gone:
		case err != nil:
			yield(model.Chunk{}, err)
		default:
			yield(model.Chunk{Response: res}, nil)
		}
	}
}

// errGone says that nobody listens any more.
var errGone = errors.New("the caller has left")

// call makes a call as often as it takes. Features of the request that the
// server refuses are left out from then on.
func (m *Model) call(ctx context.Context, req *model.Request, show func(model.Chunk) bool, try func(context.Context, int) *failure) error {
	restarts := 0
	for attempt := 1; ; attempt++ {
		f := try(ctx, attempt)
		if f == nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return f.stopped(err)
		}
		if errors.Is(f.err, errGone) {
			return f.err
		}
		if m.learn(req, f) {
			attempt--
			continue
		}
		wait, again := m.plan(f, attempt, restarts)
		if !again {
			return f.last()
		}
		if f.begun {
			restarts++
		}
		if !show(model.Chunk{Retry: &model.Retry{Attempt: attempt, Wait: wait, Reason: f.err.Error(), Usage: f.usage}}) {
			return errGone
		}
		if err := m.opts.Wait(ctx, wait); err != nil {
			return fmt.Errorf("call the model: %w", err)
		}
	}
}

// Count returns the input tokens of a request. It is an error when the server
// does not count.
func (m *Model) Count(ctx context.Context, req *model.Request) (int64, error) {
	var count struct {
		InputTokens int64 `json:"input_tokens"`
	}
	err := m.call(ctx, req, func(model.Chunk) bool { return true }, func(ctx context.Context, attempt int) *failure {
		body, err := m.body(req, false)
		if err != nil {
			return &failure{err: err}
		}
		return m.fetch(ctx, http.MethodPost, "v1/messages/count_tokens", body, attempt, &count)
	})
	if err != nil {
		return 0, err
	}
	return count.InputTokens, nil
}

// Info returns the limits of a model; an empty name is the connection's own. A
// server that does not tell is taken for one with a window of 200,000 tokens.
// The answer is kept.
func (m *Model) Info(ctx context.Context, name string) (model.Info, error) {
	if name == "" {
		name = m.opts.Model
	}
	m.mu.Lock()
	info, ok := m.infos[name]
	m.mu.Unlock()
	if ok {
		return info, nil
	}
	var got struct {
		MaxInputTokens int64 `json:"max_input_tokens"`
		MaxTokens      int64 `json:"max_tokens"`
	}
	f := m.fetch(ctx, http.MethodGet, "v1/models/"+url.PathEscape(name), nil, 1, &got)
	if f != nil {
		if err := ctx.Err(); err != nil {
			return model.Info{}, fmt.Errorf("ask for the model %s: %w", name, err)
		}
		if kind := f.kind(); kind != model.ErrorRequest && kind != model.ErrorNotModel {
			return model.Info{}, f.err
		}
	}
	info = model.Info{Name: name, ContextWindow: 200_000, MaxOutput: 32_000}
	if got.MaxInputTokens > 0 {
		info.ContextWindow = got.MaxInputTokens
	}
	if got.MaxTokens > 0 {
		info.MaxOutput = got.MaxTokens
	}
	m.mu.Lock()
	m.infos[name] = info
	m.mu.Unlock()
	return info, nil
}
