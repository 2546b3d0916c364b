package anthropic

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	sdk "github.com/anthropics/anthropic-sdk-go"

	"github.com/cowork-host/cowork/host/internal/model"
)

// eventError is an error event in a stream.
type eventError struct{ kind, message, requestID string }

// Error returns the provider's words.
func (e *eventError) Error() string { return e.kind + ": " + e.message }

// fail says what an attempt's error means for the person, and whether it
// passes.
func (m *Model) fail(err error, w *watch) *failure {
	var api *sdk.Error
	var event *eventError
	var to *redirect
	switch {
	case w.idled.Load():
		return &failure{
			advice: -1, retry: true, begun: true, // paid for, perhaps
			err: m.failed(model.ErrorIdle, fmt.Sprintf("%s sent nothing for %s", m.host, round(w.idle)), "try again, or ask for less at once", nil),
		}
	case errors.As(err, &api):
		return m.refused(api)
	case errors.As(err, &event):
		f := m.told(statusOf(event.kind), event.kind, event.message, http.Header{})
		f.setRequestID(event.requestID)
		return f
	case errors.As(err, &to):
		where := "elsewhere"
		if u, err := url.Parse(to.to); err == nil && u.Host != "" {
			where = "to " + u.Host
		}
		return &failure{advice: -1, err: m.failed(model.ErrorNotModel, fmt.Sprintf("%s does not answer as a model: it redirects %s", m.host, where), nextURL, nil)}
	case errors.Is(err, errGone):
		return &failure{advice: -1, err: err}
	case errors.Is(err, errTooLarge):
		return &failure{advice: -1, err: m.failed(model.ErrorNotModel, fmt.Sprintf("the message %s sends is larger than %d MiB", m.host, m.opts.MaxMessage>>20), "ask for less at once", err)}
	case errors.Is(err, errMalformed):
		return &failure{advice: -1, retry: true, begun: true, err: m.failed(model.ErrorNotModel, fmt.Sprintf("%s does not answer as a model: %s", m.host, m.clean(err.Error())), nextURL, err)}
	case errors.Is(err, errCut):
		return &failure{advice: -1, retry: true, err: m.failed(model.ErrorCut, fmt.Sprintf("%s broke the answer off: %s", m.host, m.clean(err.Error())), "try again", err)}
	}
	return m.broken(err)
}

const nextURL = "check the base URL of the model, and proxies on the way"

func (m *Model) failed(kind model.ErrorKind, message, next string, err error) *model.Error {
	return &model.Error{Kind: kind, Message: message, Next: next, Err: err}
}

func (f *failure) setRequestID(id string) {
	var e *model.Error
	if id != "" && errors.As(f.err, &e) && e.RequestID == "" {
		e.RequestID = clip(id)
	}
}

// broken is a connection that did not come about, or broke.
func (m *Model) broken(err error) *failure {
	f := &failure{advice: -1, retry: true}
	var dns *net.DNSError
	var op *net.OpError
	var creds *credentialsError
	var cert *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	what, next := "the connection to %s broke off", "try again"
	const network = "check the base URL of the model, and the network"
	switch {
	case errors.As(err, &creds):
		f.retry = false
		f.err = m.failed(model.ErrorAuth, fmt.Sprintf("there are no credentials for %s: %s", m.host, m.clean(creds.Error())), "sign in with the cloud's own tool", nil)
		return f
	case errors.As(err, &dns):
		what, next, f.retry = "there is no way to %s", network, !dns.IsNotFound
	case errors.As(err, &cert), errors.As(err, &plain):
		what, next, f.retry = "there is no safe connection to %s", nextURL, false
	case errors.As(err, &op) && op.Op == "dial":
		what, next = "%s cannot be reached", network
	}
	cause := m.clean(last(err).Error())
	f.err = m.failed(model.ErrorCut, fmt.Sprintf(what+": %s", m.host, cause), next, errors.New(m.clean(err.Error())))
	return f
}

// last is the innermost cause.
func last(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// notModel is an answer that no model gives.
func (m *Model) notModel(res *http.Response, what string) *failure {
	return &failure{
		advice: -1, status: res.StatusCode, retry: res.StatusCode >= http.StatusInternalServerError,
		err: m.failed(model.ErrorNotModel, fmt.Sprintf("%s does not answer as a model: it %s (status %d)", m.host, what, res.StatusCode), nextURL, nil),
	}
}

// refused is an answer of 400 or above.
func (m *Model) refused(api *sdk.Error) *failure {
	raw := api.RawJSON()
	h := http.Header{}
	if api.Response != nil {
		h = api.Response.Header
	}
	var body struct {
		Error struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"error"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
	}
	isJSON := json.Unmarshal([]byte(raw), &body) == nil
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if kind == "text/html" || strings.HasPrefix(strings.TrimSpace(raw), "<") {
		return m.notModel(api.Response, "answers with a web page")
	}
	if !isJSON && api.StatusCode < http.StatusInternalServerError && api.StatusCode != http.StatusTooManyRequests {
		return m.notModel(api.Response, "answers with something that is not JSON")
	}
	message := body.Error.Message
	if message == "" {
		message = body.Message // as clouds write it
	}
	f := m.told(api.StatusCode, body.Error.Type, message, h)
	if message == "" {
		f.detail = raw
	}
	f.setRequestID(api.RequestID)
	f.setRequestID(body.RequestID)
	return f
}

// told turns what a provider says into an error.
func (m *Model) told(status int, kind, message string, h http.Header) *failure {
	f := &failure{status: status, detail: message, retry: retryable(status, h), advice: advice(h, m.opts.Now())}
	said := m.clean(message)
	if said == "" {
		said = fmt.Sprintf("status %d %s", status, http.StatusText(status))
	}
	e := &model.Error{Err: errors.New(m.clean(strings.TrimSpace(fmt.Sprintf("%d %s: %s", status, kind, message))))}
	low := strings.ToLower(message)
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e.Kind, e.Message = model.ErrorAuth, fmt.Sprintf("%s refuses the credentials: %s", m.host, said)
		e.Next = "check the API key, and that it may use this model"
	case status == http.StatusPaymentRequired || kind == "billing_error" || strings.Contains(low, "credit balance"):
		e.Kind, e.Message = model.ErrorLimit, fmt.Sprintf("%s wants to be paid first: %s", m.host, said)
		e.Next, f.retry = "add credit at the provider", false
	case status == http.StatusTooManyRequests:
		e.Kind, e.Message = model.ErrorLimit, fmt.Sprintf("a limit at %s is reached: %s", m.host, said)
		e.Next = "try again later"
		if f.advice >= 0 {
			e.RetryAfter = f.advice
			e.Message += "; it resets " + m.when(f.advice)
			e.Next = "try again " + m.when(f.advice)
		}
	case status == http.StatusRequestEntityTooLarge, tooLong(low):
		e.Kind, e.Message = model.ErrorTooLong, fmt.Sprintf("the input is too long for the model: %s", said)
		e.Next, f.retry = "begin a new task, or give it fewer files", false
	case status >= http.StatusInternalServerError || status == http.StatusRequestTimeout || status == http.StatusConflict:
		e.Kind, e.Message = model.ErrorOverload, fmt.Sprintf("%s cannot answer at the moment: %s", m.host, said)
		e.Next, e.RetryAfter = "try again in a while", max(0, f.advice)
	default:
		e.Kind, e.Message = model.ErrorRequest, fmt.Sprintf("%s refuses the request: %s", m.host, said)
		e.Next = "change the request"
		if status == http.StatusNotFound {
			e.Next = "check the name of the model and the base URL"
		}
	}
	f.err = e
	return f
}

// tooLong recognizes a context window that does not suffice.
func tooLong(low string) bool {
	return strings.Contains(low, "prompt is too long") || strings.Contains(low, "exceed context limit") ||
		strings.Contains(low, "context window") && strings.Contains(low, "exceed")
}

// statusOf is the status that goes with a type of error.
func statusOf(kind string) int {
	switch kind {
	case "invalid_request_error":
		return http.StatusBadRequest
	case "authentication_error":
		return http.StatusUnauthorized
	case "billing_error":
		return http.StatusPaymentRequired
	case "permission_error":
		return http.StatusForbidden
	case "not_found_error":
		return http.StatusNotFound
	case "request_too_large":
		return http.StatusRequestEntityTooLarge
	case "rate_limit_error":
		return http.StatusTooManyRequests
	case "timeout_error":
		return http.StatusGatewayTimeout
	case "overloaded_error":
		return 529
	}
	return http.StatusInternalServerError
}

// when says when a wait is over.
func (m *Model) when(d time.Duration) string {
	t := m.opts.Now().Add(d)
	format := "15:04:05"
	if d >= 12*time.Hour {
		format = "2006-01-02 15:04"
	}
	return fmt.Sprintf("at %s, in %s", t.Format(format), round(d))
}

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}

// keyLike is what keys look like.
var keyLike = regexp.MustCompile(`\bsk-[A-Za-z0-9_-]{6,}`)

// clean makes words of a server fit to be shown: without credentials, on one
// line, not too long.
func (m *Model) clean(s string) string {
	for _, secret := range m.secrets {
		s = strings.ReplaceAll(s, secret, "***")
	}
	s = keyLike.ReplaceAllString(s, "***")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return clip(strings.Join(strings.Fields(s), " "))
}
