package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"github.com/hashicorp/go-plugin"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc/pb"
)

// server is the plugin's side of the Plugin service.
type server struct {
	pb.UnimplementedPluginServer
	impl   pluginsdk.Plugin
	broker *plugin.GRPCBroker
	stderr *os.File

	mu      sync.Mutex
	host    pb.HostClient
	started bool
	closed  bool
	running map[uint64]chan struct{} // closed when the call has returned
}

func newServer(impl pluginsdk.Plugin, broker *plugin.GRPCBroker, stderr *os.File) *server {
	return &server{impl: impl, broker: broker, stderr: stderr, running: map[uint64]chan struct{}{}}
}

func (s *server) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	d, err := Describe(s.impl)
	if err != nil {
		return nil, encodeError(err)
	}
	data, err := json.Marshal(d)
	if err != nil {
		return nil, encodeError(err)
	}
	return &pb.DescribeResponse{DescriptorJson: data, Protocol: ProtocolVersion}, nil
}

func (s *server) Start(ctx context.Context, req *pb.StartRequest) (*pb.StartResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return nil, encodeError(fmt.Errorf("start: %w: the plugin is already started", pluginsdk.ErrConflict))
	}
	if s.stderr != nil {
		// go-plugin sends standard error over the wire, where the last words of
		// a process that exits are lost. Its own goes to the host directly.
		os.Stderr = s.stderr
	}
	conn, err := s.broker.DialWithOptions(req.GetHostBroker(), DialOptions()...)
	if err != nil {
		return nil, encodeError(fmt.Errorf("connect back to the host: %w", err))
	}
	s.host, s.started = pb.NewHostClient(conn), true
	err = guard(func() error { return s.impl.Start(ctx, newHostClient(context.WithoutCancel(ctx), s.host, 0)) })
	return &pb.StartResponse{}, encodeError(err)
}

func (s *server) RunCommand(ctx context.Context, req *pb.RunCommandRequest) (*pb.RunCommandResponse, error) {
	host, err := s.hostClient()
	if err != nil {
		return nil, encodeError(err)
	}
	defer s.enter(req.GetCall())()
	cp, _ := s.impl.(pluginsdk.CommandProvider)
	if cp == nil {
		return nil, encodeError(fmt.Errorf("command %s: %w", req.GetCommand(), pluginsdk.ErrNotFound))
	}
	for _, c := range cp.Commands() {
		if c.Name != req.GetCommand() || c.Run == nil {
			continue
		}
		inv := &pluginsdk.Invocation{
			Command: c.Name, Args: req.GetArgs(), Values: req.GetValues(),
			Host: newHostClient(ctx, host, req.GetCall()),
		}
		var res *pluginsdk.Result
		if err := guard(func() (err error) { res, err = c.Run(ctx, inv); return err }); err != nil {
			return nil, encodeError(err)
		}
		if res == nil {
			res = &pluginsdk.Result{}
		}
		data, err := json.Marshal(res)
		return &pb.RunCommandResponse{ResultJson: data}, encodeError(err)
	}
	return nil, encodeError(fmt.Errorf("command %s: %w", req.GetCommand(), pluginsdk.ErrNotFound))
}

func (s *server) CallTool(ctx context.Context, req *pb.CallToolRequest) (*pb.CallToolResponse, error) {
	host, err := s.hostClient()
	if err != nil {
		return nil, encodeError(err)
	}
	defer s.enter(req.GetCall())()
	if tp, ok := s.impl.(pluginsdk.ToolProvider); ok {
		for _, t := range tp.Tools() {
			if t.Name != req.GetTool() || t.Call == nil {
				continue
			}
			var res *pluginsdk.ToolResult
			err := guard(func() (err error) {
				res, err = t.Call(ctx, newHostClient(ctx, host, req.GetCall()), req.GetInputJson())
				return err
			})
			if err != nil {
				return nil, encodeError(err)
			}
			if res == nil {
				res = &pluginsdk.ToolResult{}
			}
			return &pb.CallToolResponse{Text: res.Text, Json: res.JSON}, nil
		}
	}
	return nil, encodeError(fmt.Errorf("tool %s: %w", req.GetTool(), pluginsdk.ErrNotFound))
}

// enter notes that a call runs; the function it returns notes its end.
func (s *server) enter(call uint64) func() {
	done := make(chan struct{})
	s.mu.Lock()
	s.running[call] = done
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		delete(s.running, call)
		s.mu.Unlock()
		close(done)
	}
}

func (s *server) Idle(ctx context.Context, req *pb.IdleRequest) (*pb.IdleResponse, error) {
	s.mu.Lock()
	done, running := s.running[req.GetCall()]
	s.mu.Unlock()
	if running {
		select {
		case <-done:
		case <-ctx.Done():
			return nil, encodeError(ctx.Err())
		}
	}
	return &pb.IdleResponse{}, nil
}

func (s *server) Close(context.Context, *pb.CloseRequest) (*pb.CloseResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &pb.CloseResponse{}, nil
	}
	s.closed = true
	return &pb.CloseResponse{}, encodeError(guard(s.impl.Close))
}

func (s *server) hostClient() (pb.HostClient, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started || s.closed {
		return nil, fmt.Errorf("%w: the plugin is not started", pluginsdk.ErrUnavailable)
	}
	return s.host, nil
}

// guard turns a panic of the author's code into an error with its place, so
// that the person is told instead of seeing the process vanish.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the plugin panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
