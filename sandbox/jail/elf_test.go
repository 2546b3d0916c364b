package jail

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"
)

// program is a 64-bit little-endian ELF header followed by program headers of
// these types.
func program(types ...uint32) []byte {
	b := make([]byte, 64+56*len(types))
	copy(b, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint64(b[32:], 64) // where the program headers are
	binary.LittleEndian.PutUint16(b[54:], 56)
	binary.LittleEndian.PutUint16(b[56:], uint16(len(types)))
	for i, t := range types {
		binary.LittleEndian.PutUint32(b[64+56*i:], t)
	}
	return b
}

func TestIsDynamic(t *testing.T) {
	t.Parallel()
	change := func(b []byte, at int, to ...byte) []byte {
		b = slices.Clone(b)
		copy(b[at:], to)
		return b
	}
	const load, interp = 1, 3
	good := program(load, interp, load)
	for _, c := range []struct {
		name string
		file []byte
		want bool
		bad  bool
	}{
		{"static", program(load, load), false, false},
		{"dynamic", good, true, false},
		{"no program headers", program(), false, false},
		{"empty", nil, false, true},
		{"a script", []byte("#!/bin/sh\n"), false, true},
		{"cut in the header", good[:40], false, true},
		{"cut in the program headers", good[:64+30], false, true},
		{"32 bit", change(good, 4, 1), false, true},
		{"big endian", change(good, 5, 2), false, true},
		{"entries of no size", change(good, 54, 0, 0), false, true},
		{"headers beyond the file", change(good, 32, 0xff, 0xff, 0xff), false, true},
		{"headers beyond all files", change(good, 32, bytes.Repeat([]byte{0xff}, 8)...), false, true},
		{"more headers than there are", change(program(load), 56, 0xff, 0xff), false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := isDynamic(bytes.NewReader(c.file))
			if got != c.want || errors.Is(err, errNotELF) != c.bad {
				t.Errorf("got %t, %v", got, err)
			}
		})
	}
}

func TestIsDynamicOnThisBinary(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("no ELF here")
	}
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := isDynamic(f); err != nil {
		t.Error(err)
	}
}

func FuzzIsDynamic(f *testing.F) {
	f.Add(program(1, 3))
	f.Add(program(1)[:70])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		dynamic, err := isDynamic(bytes.NewReader(file))
		if dynamic && (err != nil || len(file) < 64+56) {
			t.Errorf("dynamic in %d bytes, %v", len(file), err)
		}
	})
}
