package workspace_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/workspace"
)

// BenchmarkApply stages and applies one file. The axis is the size of the
// folder: the cost is that of the change.
func BenchmarkApply(b *testing.B) {
	for _, files := range []int{10, 1000} {
		for _, size := range []int{1 << 10, 16 << 20} {
			b.Run(fmt.Sprintf("folder=%d/size=%d", files, size), func(b *testing.B) {
				w := newBench(b)
				for n := range files {
					w.put(fmt.Sprintf("f%d.txt", n), "x")
				}
				ws := w.workspace("t")
				chunk := strings.Repeat("x", min(size, 1<<20))
				b.SetBytes(int64(size))
				for n := 0; b.Loop(); n++ {
					s, err := ws.Step(b.Context(), fmt.Sprint("s", n))
					if err != nil {
						b.Fatal(err)
					}
					f, err := s.Write("f0.txt")
					for left := size; err == nil && left > 0; left -= len(chunk) {
						_, err = io.WriteString(f, chunk)
					}
					if err == nil {
						err = f.Close()
					}
					if err == nil {
						_, err = s.Apply(b.Context())
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkUndo reverses one change.
func BenchmarkUndo(b *testing.B) {
	w := newBench(b)
	w.put("a.txt", "old")
	ws := w.workspace("t")
	for n := 0; b.Loop(); n++ {
		id := fmt.Sprint("s", n)
		s := w.step(ws, id)
		write(b, s, "a.txt", "new")
		w.apply(s)
		w.undo(workspace.UndoRequest{Task: "t", Step: id})
	}
}
