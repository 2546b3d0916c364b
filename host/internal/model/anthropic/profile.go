package anthropic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/anthropics/anthropic-sdk-go/bedrock"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/vertex"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/cowork-host/cowork/host/internal/model"
)

// cloud is a provider that offers the models under its own address and
// credentials.
type cloud struct {
	option option.RequestOption
	host   string
	lacks  features
}

// profileTime bounds the search for a cloud's credentials.
const profileTime = 5 * time.Second

// profile returns the cloud a profile names. Its credentials are found where
// the cloud's own tools keep them; client fetches those of Google.
func profile(spec string, client *http.Client) (cloud, error) {
	ctx, cancel := context.WithTimeout(context.Background(), profileTime)
	defer cancel()
	name, rest, _ := strings.Cut(spec, ":")
	switch name {
	case "bedrock":
		return onBedrock(ctx, rest)
	case "vertex":
		region, project, _ := strings.Cut(rest, ":")
		return onVertex(ctx, region, project, client)
	}
	return cloud{}, &model.Error{
		Kind: model.ErrorRequest, Message: fmt.Sprintf("there is no profile %q", clip(name)),
		Next: "use bedrock:REGION or vertex:REGION:PROJECT",
	}
}

func onBedrock(ctx context.Context, region string) (cloud, error) {
	var opts []func(*config.LoadOptions) error
	if region != "" {
		opts = append(opts, config.WithRegion(region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return cloud{}, &model.Error{
			Kind: model.ErrorAuth, Message: "the settings of AWS cannot be read: " + clip(err.Error()),
			Next: "mend ~/.aws/config", Err: err,
		}
	}
	if !isName(cfg.Region) {
		return cloud{}, &model.Error{Kind: model.ErrorRequest, Message: "it is not known which region of Bedrock to use", Next: "write the profile as bedrock:REGION"}
	}
	if cfg.Credentials != nil {
		cfg.Credentials = awsCredentials{cfg.Credentials}
	}
	return cloud{
		option: bedrock.WithConfig(cfg), host: "bedrock-runtime." + cfg.Region + ".amazonaws.com",
		lacks: features{autoCache: true, search: true, fetch: true},
	}, nil
}

func onVertex(ctx context.Context, region, project string, client *http.Client) (cloud, error) {
	if !isName(region) {
		return cloud{}, &model.Error{Kind: model.ErrorRequest, Message: "it is not known which region of Vertex AI to use", Next: "write the profile as vertex:REGION:PROJECT"}
	}
	// The credentials renew themselves for as long as the model is used.
	creds, err := google.FindDefaultCredentials(context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, client), "https://www.googleapis.com/auth/cloud-platform")
	if err != nil {
		return cloud{}, &model.Error{
			Kind: model.ErrorAuth, Message: "there are no credentials of Google Cloud",
			Next: "run gcloud auth application-default login", Err: err,
		}
	}
	if project == "" {
		project = creds.ProjectID
	}
	if !isName(project) {
		return cloud{}, &model.Error{Kind: model.ErrorRequest, Message: "it is not known which project of Google Cloud to use", Next: "write the profile as vertex:REGION:PROJECT"}
	}
	host := region + "-aiplatform.googleapis.com"
	if region == "global" {
		host = "aiplatform.googleapis.com"
	}
	creds.TokenSource = googleTokens{creds.TokenSource}
	return cloud{
		option: vertex.WithCredentials(context.Background(), region, project, creds), host: host,
		lacks: features{autoCache: true, fetch: true},
	}, nil
}

// isName reports whether s can be a part of a host's name or a path.
func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}

// credentialsError says that a cloud's credentials cannot be had.
type credentialsError struct{ err error }

// Error returns the cause.
func (e *credentialsError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *credentialsError) Unwrap() error { return e.err }

// awsCredentials marks errors as what they are about.
type awsCredentials struct{ aws.CredentialsProvider }

// Retrieve returns the credentials.
func (c awsCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		err = &credentialsError{err}
	}
	return got, err
}

// googleTokens marks errors as what they are about.
type googleTokens struct{ oauth2.TokenSource }

// Token returns a token.
func (g googleTokens) Token() (*oauth2.Token, error) {
	got, err := g.TokenSource.Token()
	if err != nil {
		err = &credentialsError{err}
	}
	return got, err
}
