package runtime_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/none"
)

// BenchmarkStartToFirstCall: a plugin process in the jail answers its first
// call in under 150 ms; beside it, what that costs without a jail.
func BenchmarkStartToFirstCall(b *testing.B) {
	for _, backend := range []sandbox.Backend{jailBackend(nil), none.New()} {
		b.Run(backend.Name(), func(b *testing.B) {
			box := benchBox(b, backend)
			for b.Loop() {
				p := benchStart(b, box)
				b.StopTimer()
				if err := p.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkCall: calls of a running plugin that read a small file through the
// host; the 99th percentile stays under 2 ms.
func BenchmarkCall(b *testing.B) {
	p := benchStart(b, benchBox(b, jailBackend(nil)))
	h := plugintest.NewHost(map[string][]byte{"in.txt": []byte("hello")})
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := p.Run(b.Context(), &pluginsdk.Invocation{Command: "go", Host: h}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	if err := p.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func benchBox(b *testing.B, backend sandbox.Backend) sandbox.Sandbox {
	b.Helper()
	if _, err := backend.Probe(b.Context()); err != nil {
		b.Skip(err)
	}
	box, err := backend.Create(b.Context(), sandbox.Config{Name: b.Name(), Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := box.Close(); err != nil {
			b.Error(err)
		}
	})
	return box
}

func benchStart(b *testing.B, box sandbox.Sandbox) *runtime.Process {
	b.Helper()
	src := runtime.Source{Name: "good", Exe: "/proc/self/exe", Args: []string{"plugin-under-test", ""}}
	p, err := runtime.Start(b.Context(), box, src, runtime.Options{SocketDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	h := plugintest.NewHost(map[string][]byte{"in.txt": []byte("hello")})
	if err := p.Attach(b.Context(), h); err != nil {
		b.Fatal(err)
	}
	if _, err := p.Run(b.Context(), &pluginsdk.Invocation{Command: "go", Host: h}); err != nil {
		b.Fatal(err)
	}
	return p
}
