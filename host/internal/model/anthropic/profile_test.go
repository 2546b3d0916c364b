package anthropic_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
)

// tripper answers requests without a network.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// frames packs the events of a stream as Bedrock does.
func frames(t *testing.T, events string) []byte {
	t.Helper()
	var out bytes.Buffer
	for line := range strings.Lines(events) {
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok {
			continue
		}
		payload, err := json.Marshal(map[string][]byte{"bytes": []byte(data)})
		if err != nil {
			t.Fatal(err)
		}
		err = eventstream.NewEncoder().Encode(&out, eventstream.Message{Payload: payload, Headers: eventstream.Headers{
			{Name: ":message-type", Value: eventstream.StringValue("event")},
			{Name: ":event-type", Value: eventstream.StringValue("chunk")},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// awsEnv makes the machine's own settings invisible.
func awsEnv(t *testing.T) {
	t.Helper()
	for k, v := range map[string]string{
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_BEARER_TOKEN_BEDROCK": "",
	} {
		t.Setenv(k, v)
	}
}

func TestBedrock(t *testing.T) {
	awsEnv(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	var got *http.Request
	var body []byte
	answer := frames(t, stream(3))
	client := &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
		got = r
		body, _ = io.ReadAll(r.Body)
		return &http.Response{StatusCode: 200, Request: r, Header: http.Header{"Content-Type": {"application/vnd.amazon.eventstream"}}, Body: io.NopCloser(bytes.NewReader(answer))}, nil
	})}
	m, err := anthropic.New(anthropic.Options{Profile: "bedrock:eu-north-1", APIKey: key, Model: "eu.anthropic.claude-x-v1:0", HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	o := generate(t, m, t.Context(), hello())
	if s := raw(t, o); !strings.Contains(s, "hello world hello world hello world") || len(o.deltas) != 3 {
		t.Errorf("%s after %d deltas", s, len(o.deltas))
	}
	if got.URL.Host != "bedrock-runtime.eu-north-1.amazonaws.com" || !strings.HasSuffix(got.URL.Path, "/invoke-with-response-stream") ||
		!strings.Contains(got.Header.Get("Authorization"), "AKIATEST") || got.Header.Get("X-Api-Key") != "" {
		t.Errorf("%s %v", got.URL, got.Header)
	}
	if s := string(body); !strings.Contains(s, `"text":"hello","cache_control"`) || !strings.Contains(s, `"anthropic_version":"bedrock-`) {
		t.Error(s)
	}
}

func TestBedrockWithoutCredentials(t *testing.T) {
	awsEnv(t)
	client := &http.Client{Transport: tripper(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("no network in this test")
	})}
	_, err := anthropic.New(anthropic.Options{Profile: "bedrock", HTTPClient: client})
	var e *model.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "region") {
		t.Errorf("no region: %v", err)
	}
	var w waits
	m, err := anthropic.New(anthropic.Options{Profile: "bedrock:us-east-1", HTTPClient: client, Wait: w.wait})
	if err != nil {
		t.Fatal(err)
	}
	o := generate(t, m, t.Context(), hello())
	if !errors.As(o.err, &e) || e.Kind != model.ErrorAuth || len(w.got()) != 0 {
		t.Errorf("no credentials: %v after %d retries", o.err, len(w.got()))
	}
}

func TestVertex(t *testing.T) {
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"tok-1","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(tokens.Close)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", account(t, tokens.URL))
	var got *http.Request
	client := &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(tokens.URL, "http://"+r.URL.Host) {
			return http.DefaultTransport.RoundTrip(r)
		}
		got = r
		return mute{stream(2)}.RoundTrip(r)
	})}
	m, err := anthropic.New(anthropic.Options{Profile: "vertex:europe-west1", AuthToken: "not for google", Model: "claude-x@1", HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	if s := raw(t, generate(t, m, t.Context(), hello())); !strings.Contains(s, "hello world hello world") {
		t.Error(s)
	}
	if got.URL.Host != "europe-west1-aiplatform.googleapis.com" || !strings.HasSuffix(got.URL.Path, "/projects/proj/locations/europe-west1/publishers/anthropic/models/claude-x@1:streamRawPredict") ||
		got.Header.Get("Authorization") != "Bearer tok-1" {
		t.Errorf("%s %v", got.URL, got.Header)
	}
	for spec, want := range map[string]string{"vertex": "region", "vertex:../x": "region", "vertex:us:a/b": "project"} {
		var e *model.Error
		if _, err := anthropic.New(anthropic.Options{Profile: spec}); !errors.As(err, &e) || !strings.Contains(e.Message, want) {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

// account writes the key file of a service account.
func account(t *testing.T, tokenURL string) string {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "proj", "client_email": "a@b.example", "token_uri": tokenURL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})),
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
