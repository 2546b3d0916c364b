package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc"
	"github.com/cowork-host/cowork/pluginsdk/rpc/pb"
	"github.com/cowork-host/cowork/sandbox/jail"
)

// TestMain lets this binary be the jail's init and the plugins under test.
func TestMain(m *testing.M) {
	if jail.IsInit(os.Args) {
		jail.Init()
	}
	if len(os.Args) == 3 && os.Args[1] == "plugin-under-test" {
		behave(os.Args[2])
		os.Exit(0)
	}
	if root := os.Getenv("CLAUDE_PLUGIN_ROOT"); root != "" && len(os.Args) == 1 {
		how, err := os.ReadFile(filepath.Join(root, "how"))
		if err != nil {
			panic(err)
		}
		behave(string(how))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// behave is a plugin process that behaves as named.
func behave(how string) {
	switch how {
	case "exit at start":
		fmt.Fprintln(os.Stderr, "no licence for this planet")
		os.Exit(7)
	case "silent at start":
		select {}
	case "not a plugin":
		fmt.Println("Usage: frobnicate [-v] FILE")
		os.Exit(0)
	case "flood before the hand-shake":
		line := bytes.Repeat([]byte("x"), 1<<20)
		for {
			if _, err := os.Stdout.Write(line); err != nil {
				os.Exit(1)
			}
		}
	case "other version":
		fmt.Println("1|99|unix|/run/plugin/nothing|grpc||true")
		select {}
	case "tcp address":
		fmt.Println("1|1|tcp|127.0.0.1:1|grpc||true")
		select {}
	case "linked socket":
		dir := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
		if err := os.Symlink("/run/somebody-elses.sock", filepath.Join(dir, "s")); err != nil {
			panic(err)
		}
		fmt.Printf("1|1|unix|%s/s|grpc||true\n", dir)
		select {}
	case "lies about the version":
		serveRaw(liar{})
	case "garbage":
		serveRaw(garbage{})
	default:
		rpc.Serve(&good{how: how})
	}
}

// serveRaw serves what is no pluginsdk.Plugin.
func serveRaw(p plugin.Plugin) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  rpc.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{rpc.ProtocolVersion: {"cowork": p}},
		GRPCServer:       plugin.DefaultGRPCServer,
	})
}

// liar agrees on one version of the contract and answers in another.
type liar struct{ garbage }

func (liar) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterPluginServer(s, liarServer{})
	return nil
}

type liarServer struct{ garbageServer }

func (liarServer) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return &pb.DescribeResponse{DescriptorJson: []byte(`{"name":"good"}`), Protocol: 99}, nil
}

// garbage answers every call with nonsense.
type garbage struct{ plugin.NetRPCUnsupportedPlugin }

func (garbage) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterPluginServer(s, garbageServer{})
	return nil
}

func (garbage) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

type garbageServer struct{ pb.UnimplementedPluginServer }

func (garbageServer) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return &pb.DescribeResponse{DescriptorJson: []byte("\x00\xff not json"), Protocol: rpc.ProtocolVersion}, nil
}

func (garbageServer) Start(context.Context, *pb.StartRequest) (*pb.StartResponse, error) {
	return &pb.StartResponse{}, nil
}

func (garbageServer) RunCommand(context.Context, *pb.RunCommandRequest) (*pb.RunCommandResponse, error) {
	return &pb.RunCommandResponse{ResultJson: []byte(`{"facts": 3}`)}, nil
}

// good is a plugin that comes up; its command then behaves as named.
type good struct{ how string }

func (g *good) Manifest() *pluginsdk.Manifest {
	name := "good"
	if g.how == "other name" {
		name = "bad"
	}
	return &pluginsdk.Manifest{Name: name, Version: "1.0.0"}
}

func (g *good) Start(context.Context, pluginsdk.Host) error {
	if g.how == "refuses to start" {
		return pluginsdk.Invalid("buy one", "there is no licence")
	}
	return nil
}

func (g *good) Close() error {
	if g.how == "close fails" {
		return errors.New("the door is stuck")
	}
	return nil
}

func (g *good) Commands() []pluginsdk.Command {
	name := "go"
	if g.how == "odd command name" {
		name = "Go Fast!"
	}
	c := pluginsdk.Command{Name: name, Summary: "does it", Run: g.run}
	if g.how == "command twice" {
		return []pluginsdk.Command{c, c}
	}
	return []pluginsdk.Command{c}
}

func (g *good) run(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
	switch g.how {
	case "crash":
		fmt.Fprintln(os.Stderr, "cannot go on")
		os.Exit(3)
	case "panic elsewhere":
		go panic("in a goroutine of its own")
		select {}
	case "ignore cancel":
		inv.Host.Report().Log("running")
		select {}
	case "flood":
		go func() {
			line := append(bytes.Repeat([]byte("y"), 1<<16), '\n')
			for {
				if _, err := os.Stdout.Write(line); err != nil {
					return
				}
			}
		}()
		<-ctx.Done()
		return nil, ctx.Err()
	case "look around":
		return &pluginsdk.Result{Brief: lookAround()}, nil
	}
	data, err := fs.ReadFile(inv.Host.Files(), "in.txt")
	if err != nil {
		return nil, err
	}
	return &pluginsdk.Result{Brief: strings.ToUpper(string(data))}, nil
}

// lookAround tries what a plugin must not be able to do and says what worked.
func lookAround() string {
	var got []string
	note := func(what string, err error) {
		if err == nil {
			got = append(got, what)
		}
	}
	for _, path := range []string{"/etc/shadow", "/etc/passwd", "/proc/1/environ", "/root/.bashrc", "/proc/sys/kernel/core_pattern"} {
		data, err := os.ReadFile(path)
		if err == nil && path == "/proc/1/environ" && !bytes.Contains(data, []byte("HOST_SECRET")) {
			err = errors.New("only its own")
		}
		if path == "/proc/sys/kernel/core_pattern" {
			err = os.WriteFile(path, []byte("|/bin/false"), 0)
		}
		note("read or write "+path, err)
	}
	for _, kv := range os.Environ() {
		if strings.Contains(kv, "HOST_SECRET") {
			got = append(got, "the host's environment")
		}
	}
	entries, err := os.ReadDir("/run/plugin")
	if err == nil && len(entries) > 1 {
		got = append(got, "another plugin's socket")
	}
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", "127.0.0.1:22")
	if conn != nil {
		conn.Close()
	}
	note("the network", err)
	note("a file in /", os.WriteFile("/x", nil, 0o600))
	return strings.Join(got, ", ")
}
