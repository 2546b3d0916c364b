package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"unicode/utf8"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc/pb"
)

// What a plugin may ask of the host at most. Beyond it the call is refused.
const (
	maxRead    = 4 << 20
	maxHandles = 256
	maxName    = 4096
	maxReport  = 64 << 10
	maxEntries = 100_000
)

// hostServer is the host's side of the Host service: it hands what a plugin
// asks to the pluginsdk.Host of the call it asks for. Nothing a plugin sends
// is trusted.
type hostServer struct {
	pb.UnimplementedHostServer
	mu      sync.Mutex
	calls   map[uint64]pluginsdk.Host
	handles map[uint64]*handle
	next    uint64
}

// handle is an open file of one call: in for reading or out for writing.
type handle struct {
	call uint64
	in   fs.File
	out  pluginsdk.File
	mu   sync.Mutex // one operation at a time
	done bool
}

func newHostServer() *hostServer {
	return &hostServer{calls: map[uint64]pluginsdk.Host{}, handles: map[uint64]*handle{}}
}

func (s *hostServer) enter(call uint64, h pluginsdk.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[call] = h
}

// leave ends a call: whatever it left open is closed.
func (s *hostServer) leave(call uint64) {
	s.mu.Lock()
	delete(s.calls, call)
	var open []*handle
	for id, h := range s.handles {
		if h.call == call {
			open = append(open, h)
			delete(s.handles, id)
		}
	}
	s.mu.Unlock()
	for _, h := range open {
		_ = h.close() // the call is over: nobody is left to tell
	}
}

func (s *hostServer) leaveAll() {
	s.mu.Lock()
	calls := make([]uint64, 0, len(s.calls))
	for call := range s.calls {
		calls = append(calls, call)
	}
	s.mu.Unlock()
	for _, call := range calls {
		s.leave(call)
	}
}

func (s *hostServer) host(call uint64) (pluginsdk.Host, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.calls[call]
	if !ok || h == nil {
		return nil, fmt.Errorf("%w: call %d is not running", pluginsdk.ErrDenied, call)
	}
	return h, nil
}

func (s *hostServer) files(call uint64, names ...string) (pluginsdk.Files, error) {
	for _, n := range names {
		if len(n) > maxName || !utf8.ValidString(n) || !fs.ValidPath(n) {
			return nil, &pluginsdk.Error{
				Kind: pluginsdk.ErrDenied, Message: fmt.Sprintf("%.80q is not a path inside the granted folders", n),
				Next: "use a relative path with slashes and without ..",
			}
		}
	}
	h, err := s.host(call)
	if err != nil {
		return nil, err
	}
	return h.Files(), nil
}

func (s *hostServer) keep(h *handle) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, running := s.calls[h.call]; !running {
		return 0, fmt.Errorf("%w: the call has ended", pluginsdk.ErrDenied)
	}
	if len(s.handles) >= maxHandles {
		return 0, fmt.Errorf("%w: more than %d open files", pluginsdk.ErrUnavailable, maxHandles)
	}
	s.next++
	s.handles[s.next] = h
	return s.next, nil
}

func (s *hostServer) handle(id uint64) (*handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.handles[id]
	if !ok {
		return nil, fmt.Errorf("%w: no open file %d", pluginsdk.ErrInvalid, id)
	}
	return h, nil
}

func (s *hostServer) Open(_ context.Context, req *pb.OpenRequest) (*pb.OpenResponse, error) {
	files, err := s.files(req.GetCall(), req.GetName())
	if err != nil {
		return nil, encodeError(err)
	}
	f, err := files.Open(req.GetName())
	if err != nil {
		return nil, encodeError(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, encodeError(err)
	}
	h := &handle{call: req.GetCall(), in: f}
	id, err := s.keep(h)
	if err != nil {
		f.Close()
		return nil, encodeError(err)
	}
	return &pb.OpenResponse{Handle: id, Info: encodeInfo(info)}, nil
}

func (s *hostServer) ReadAt(ctx context.Context, req *pb.ReadAtRequest) (*pb.ReadAtResponse, error) {
	h, err := s.handle(req.GetHandle())
	if err != nil {
		return nil, encodeError(err)
	}
	r, ok := h.in.(io.ReaderAt)
	if !ok || req.GetSize() < 0 || req.GetSize() > maxRead || req.GetOffset() < 0 {
		return nil, encodeError(fmt.Errorf("read: %w", pluginsdk.ErrInvalid))
	}
	if err := ctx.Err(); err != nil {
		return nil, encodeError(err)
	}
	buf := make([]byte, req.GetSize())
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return nil, encodeError(fs.ErrClosed)
	}
	n, err := r.ReadAt(buf, req.GetOffset())
	eof := errors.Is(err, io.EOF)
	if err != nil && !eof {
		return nil, encodeError(err)
	}
	return &pb.ReadAtResponse{Data: buf[:n], Eof: eof}, nil
}

func (s *hostServer) ReadDir(_ context.Context, req *pb.ReadDirRequest) (*pb.ReadDirResponse, error) {
	h, err := s.handle(req.GetHandle())
	if err != nil {
		return nil, encodeError(err)
	}
	d, ok := h.in.(fs.ReadDirFile)
	if !ok {
		return nil, encodeError(fmt.Errorf("%w: not a folder", pluginsdk.ErrInvalid))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	entries, err := d.ReadDir(maxEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, encodeError(err)
	}
	resp := &pb.ReadDirResponse{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // removed since it was listed
		}
		resp.Entries = append(resp.Entries, encodeInfo(info))
	}
	return resp, nil
}

func (s *hostServer) Create(_ context.Context, req *pb.CreateRequest) (*pb.CreateResponse, error) {
	files, err := s.files(req.GetCall(), req.GetName())
	if err != nil {
		return nil, encodeError(err)
	}
	create := files.Create
	if req.GetExact() {
		create = files.Write
	}
	f, err := create(req.GetName())
	if err != nil {
		return nil, encodeError(err)
	}
	id, err := s.keep(&handle{call: req.GetCall(), out: f})
	if err != nil {
		f.Close()
		return nil, encodeError(err)
	}
	return &pb.CreateResponse{Handle: id, Name: f.Name()}, nil
}

func (s *hostServer) Append(_ context.Context, req *pb.AppendRequest) (*pb.AppendResponse, error) {
	h, err := s.handle(req.GetHandle())
	if err != nil {
		return nil, encodeError(err)
	}
	if h.out == nil {
		return nil, encodeError(fmt.Errorf("%w: the file is open for reading", pluginsdk.ErrInvalid))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return nil, encodeError(fs.ErrClosed)
	}
	_, err = h.out.Write(req.GetData())
	return &pb.AppendResponse{}, encodeError(err)
}

func (s *hostServer) CloseFile(_ context.Context, req *pb.CloseFileRequest) (*pb.CloseFileResponse, error) {
	s.mu.Lock()
	h, ok := s.handles[req.GetHandle()]
	delete(s.handles, req.GetHandle())
	s.mu.Unlock()
	if !ok {
		return nil, encodeError(fs.ErrClosed)
	}
	return &pb.CloseFileResponse{}, encodeError(h.close())
}

func (h *handle) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return nil
	}
	h.done = true
	if h.out != nil {
		return h.out.Close()
	}
	return h.in.Close()
}

func (s *hostServer) Rename(_ context.Context, req *pb.RenameRequest) (*pb.RenameResponse, error) {
	files, err := s.files(req.GetCall(), req.GetOldName(), req.GetNewName())
	if err != nil {
		return nil, encodeError(err)
	}
	return &pb.RenameResponse{}, encodeError(files.Rename(req.GetOldName(), req.GetNewName()))
}

func (s *hostServer) Remove(_ context.Context, req *pb.RemoveRequest) (*pb.RemoveResponse, error) {
	files, err := s.files(req.GetCall(), req.GetName())
	if err != nil {
		return nil, encodeError(err)
	}
	return &pb.RemoveResponse{}, encodeError(files.Remove(req.GetName()))
}

func (s *hostServer) Tool(ctx context.Context, req *pb.HostToolRequest) (*pb.HostToolResponse, error) {
	h, err := s.host(req.GetCall())
	if err != nil {
		return nil, encodeError(err)
	}
	if !json.Valid(req.GetInputJson()) {
		return nil, encodeError(fmt.Errorf("tool %.80q: %w: the input is not JSON", req.GetTool(), pluginsdk.ErrInvalid))
	}
	res, err := h.Tool(ctx, req.GetTool(), json.RawMessage(req.GetInputJson()))
	if err != nil {
		return nil, encodeError(err)
	}
	return &pb.HostToolResponse{Text: res.Text, Json: res.JSON}, nil
}

func (s *hostServer) Generate(ctx context.Context, req *pb.GenerateRequest) (*pb.GenerateResponse, error) {
	h, err := s.host(req.GetCall())
	if err != nil {
		return nil, encodeError(err)
	}
	t, err := h.Generate(ctx, &pluginsdk.Prompt{
		ID: req.GetId(), System: req.GetSystem(), Text: req.GetText(), MaxTokens: int(req.GetMaxTokens()),
	})
	if err != nil {
		return nil, encodeError(err)
	}
	return &pb.GenerateResponse{Text: t.Text, Model: t.Model}, nil
}

func (s *hostServer) Ask(ctx context.Context, req *pb.AskRequest) (*pb.AskResponse, error) {
	h, err := s.host(req.GetCall())
	if err != nil {
		return nil, encodeError(err)
	}
	var q pluginsdk.Question
	if err := json.Unmarshal(req.GetQuestionJson(), &q); err != nil || q.ID == "" || q.Text == "" {
		return nil, encodeError(fmt.Errorf("ask: %w: a question needs an id and a text", pluginsdk.ErrInvalid))
	}
	a, err := h.Ask(ctx, q)
	return &pb.AskResponse{Value: a.Value}, encodeError(err)
}

func (s *hostServer) Report(_ context.Context, req *pb.ReportRequest) (*pb.ReportResponse, error) {
	h, err := s.host(req.GetCall())
	if err != nil {
		return &pb.ReportResponse{}, nil // a late report is dropped
	}
	r := h.Report()
	switch rep := req.GetReport().(type) {
	case *pb.ReportRequest_Plan:
		r.Plan(rep.Plan.GetSteps()...)
	case *pb.ReportRequest_Progress:
		r.Progress(clip(rep.Progress.GetLabel(), 200), rep.Progress.GetDone(), rep.Progress.GetTotal())
	case *pb.ReportRequest_Log:
		r.Log(clip(rep.Log, maxReport))
	case *pb.ReportRequest_FactJson:
		var f pluginsdk.Fact
		if json.Unmarshal(rep.FactJson, &f) == nil && f.Name != "" {
			r.Fact(f)
		}
	}
	return &pb.ReportResponse{}, nil
}

// clip cuts s to n bytes without tearing a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func encodeInfo(info fs.FileInfo) *pb.FileInfo {
	return &pb.FileInfo{Name: info.Name(), Size: info.Size(), Mode: uint32(info.Mode()), ModTimeNs: info.ModTime().UnixNano()}
}
