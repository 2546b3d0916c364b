package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc/pb"
)

// Client is the host's side of a running plugin process. Its methods may be
// called concurrently, in the order [pluginsdk.Plugin] states.
type Client struct {
	broker *plugin.GRPCBroker
	plugin pb.PluginClient
	host   *hostServer
	once   sync.Once
	serve  *grpc.Server
	mu     sync.Mutex
	calls  atomic.Uint64
}

func newClient(broker *plugin.GRPCBroker, p pb.PluginClient) *Client {
	return &Client{broker: broker, plugin: p, host: newHostServer()}
}

// Describe asks the process what it is. It has no side effects there.
func (c *Client) Describe(ctx context.Context) (*Descriptor, error) {
	resp, err := c.plugin.Describe(ctx, &pb.DescribeRequest{})
	if err != nil {
		return nil, fmt.Errorf("describe: %w", decodeError(ctx, err))
	}
	if v := resp.GetProtocol(); v != ProtocolVersion {
		return nil, fmt.Errorf("describe: %w: it agreed on version %d and answers in version %d", ErrVersion, ProtocolVersion, v)
	}
	var d Descriptor
	if err := json.Unmarshal(resp.GetDescriptorJson(), &d); err != nil {
		return nil, fmt.Errorf("describe: %w: it is not a descriptor: %w", ErrGarbage, err)
	}
	return &d, nil
}

// Start gives the plugin its host for the time between calls. It is called
// once, before the first command or tool.
func (c *Client) Start(ctx context.Context, host pluginsdk.Host) error {
	c.host.enter(0, host)
	id := c.broker.NextId()
	go c.broker.AcceptAndServe(id, func(opts []grpc.ServerOption) *grpc.Server {
		s := grpc.NewServer(append(opts, serverLimits()...)...)
		pb.RegisterHostServer(s, c.host)
		c.mu.Lock()
		c.serve = s
		c.mu.Unlock()
		return s
	})
	if _, err := c.plugin.Start(ctx, &pb.StartRequest{HostBroker: id}); err != nil {
		return fmt.Errorf("start: %w", decodeError(ctx, err))
	}
	return nil
}

// RunCommand runs the handler of a command. inv.Host serves what the handler
// asks for during the call and is not used after RunCommand returned: open
// handles are closed, whatever the plugin does. Cancelling ctx cancels the
// handler's context; RunCommand then returns when the handler has, or with
// [ErrStuck] when it has not within stopTimeout.
func (c *Client) RunCommand(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
	call := c.calls.Add(1)
	c.host.enter(call, inv.Host)
	defer c.host.leave(call)
	resp, err := c.plugin.RunCommand(ctx, &pb.RunCommandRequest{
		Call: call, Command: inv.Command, Args: inv.Args, Values: inv.Values,
	})
	if err != nil {
		return nil, c.ended(ctx, call, err)
	}
	var res pluginsdk.Result
	if err := json.Unmarshal(resp.GetResultJson(), &res); err != nil {
		return nil, fmt.Errorf("command %s: %w: it is not a result: %w", inv.Command, ErrGarbage, err)
	}
	return &res, nil
}

// CallTool calls one of the plugin's tools with JSON input, like RunCommand.
func (c *Client) CallTool(ctx context.Context, host pluginsdk.Host, tool string, input []byte) (*pluginsdk.ToolResult, error) {
	call := c.calls.Add(1)
	c.host.enter(call, host)
	defer c.host.leave(call)
	resp, err := c.plugin.CallTool(ctx, &pb.CallToolRequest{Call: call, Tool: tool, InputJson: input})
	if err != nil {
		return nil, c.ended(ctx, call, err)
	}
	return &pluginsdk.ToolResult{Text: resp.GetText(), JSON: resp.GetJson()}, nil
}

// stopTimeout is how long a cancelled handler may take to return.
const stopTimeout = time.Second

// ended decodes the error of a call. When the caller has cancelled it, the
// other side may still be at it: ended waits for it.
func (c *Client) ended(ctx context.Context, call uint64, err error) error {
	err = decodeError(ctx, err)
	if ctx.Err() == nil {
		return err
	}
	c.host.leave(call) // it may go on, but reaches nothing
	idle, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if _, idleErr := c.plugin.Idle(idle, &pb.IdleRequest{Call: call}); idleErr != nil {
		return errors.Join(ErrStuck, err)
	}
	return err
}

// Close tells the plugin to let go of what it holds and stops serving its
// host. The process itself is ended by whoever started it. It may be called
// more than once; only the first call reaches the plugin.
func (c *Client) Close(ctx context.Context) error {
	var err error
	c.once.Do(func() {
		if _, callErr := c.plugin.Close(ctx, &pb.CloseRequest{}); callErr != nil {
			err = fmt.Errorf("close: %w", decodeError(ctx, callErr))
		}
		c.Abandon()
	})
	return err
}

// Abandon stops serving the plugin's host without telling the plugin, for a
// process that is already gone.
func (c *Client) Abandon() {
	c.mu.Lock()
	s := c.serve
	c.mu.Unlock()
	if s != nil {
		s.Stop()
	}
	c.host.leaveAll()
}
