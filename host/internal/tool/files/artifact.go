package files

import (
	"context"
	"fmt"
	"mime"
	"path"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/pluginsdk"
)

type artifactInput struct {
	Path  string `json:"path" jsonschema:"the finished file"`
	Title string `json:"title,omitempty" jsonschema:"what it is, in a few words for the person" maxlen:"200"`
}

func (f *Files) artifact() tool.Tool {
	spec := tool.Spec{Name: "artifact", Description: text("artifact"), Effect: policy.Write}
	return tool.Define(spec, func(_ context.Context, _ tool.Call, in artifactInput) (*tool.Prepared, error) {
		// Marking has no effect but its receipt.
		settle := func(context.Context) (*tool.Result, error) { return nil, nil }
		name, err := f.find(in.Path)
		if err != nil {
			return &tool.Prepared{Settle: settle}, err
		}
		return &tool.Prepared{
			Summary: "deliver " + name, Targets: []string{f.opts.Workspace.HostPath(name)}, Settle: settle,
			Run: func(ctx context.Context) (*tool.Result, error) { return f.deliver(ctx, name, in.Title) },
		}, nil
	})
}

func (f *Files) deliver(ctx context.Context, name, title string) (*tool.Result, error) {
	v := f.opts.Workspace.View()
	defer v.Close()
	file, err := v.Open(name)
	if err != nil {
		return nil, told(err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, told(err)
	}
	if info.IsDir() {
		return nil, pluginsdk.Invalid("name the files one by one", "%s is a folder", name)
	}
	digest, err := digestOf(ctx, file)
	if err != nil {
		return nil, told(err)
	}
	host, err := v.HostPath(name)
	if err != nil {
		return nil, told(err)
	}
	return &tool.Result{
		Text:      fmt.Sprintf("delivered %s, %s, sha256 %s", name, size(info.Size()), digest),
		Artifacts: []event.Artifact{{Path: host, MediaType: mediaType(name), SHA256: digest, Title: strings.TrimSpace(oneLine(title))}},
	}, nil
}

// mediaType is what a file's extension says. The system's own tables are not
// asked first: the same file has the same type everywhere.
func mediaType(name string) string {
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".md":
		return "text/markdown"
	case ".csv":
		return "text/csv"
	case ".txt", ".log":
		return "text/plain"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case ".docx":
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	case ".pptx":
		return "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	default:
		if t, _, err := mime.ParseMediaType(mime.TypeByExtension(ext)); err == nil {
			return t
		}
	}
	return "application/octet-stream"
}
