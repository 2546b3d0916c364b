package jail

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// errNotELF is what isDynamic says about anything it cannot start.
var errNotELF = errors.New("not an executable of this machine (ELF, 64 bit)")

// isDynamic reports whether an executable names an interpreter, that is,
// whether it needs the system's libraries. It reads the program headers and
// nothing else, for the file is a stranger's.
func isDynamic(r io.ReaderAt) (bool, error) {
	var h elf.Header64
	head := make([]byte, binary.Size(h))
	if _, err := r.ReadAt(head, 0); err != nil {
		return false, fmt.Errorf("%w: %w", errNotELF, err)
	}
	if string(head[:4]) != elf.ELFMAG || elf.Class(head[elf.EI_CLASS]) != elf.ELFCLASS64 ||
		elf.Data(head[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return false, errNotELF
	}
	if _, err := binary.Decode(head, binary.LittleEndian, &h); err != nil {
		return false, fmt.Errorf("%w: %w", errNotELF, err)
	}
	var p elf.Prog64
	size := binary.Size(p)
	if int(h.Phentsize) != size || h.Phoff > 1<<40 {
		return false, errNotELF
	}
	entry := make([]byte, size)
	for i := range int64(h.Phnum) {
		if _, err := r.ReadAt(entry, int64(h.Phoff)+i*int64(size)); err != nil {
			return false, fmt.Errorf("%w: %w", errNotELF, err)
		}
		if elf.ProgType(binary.LittleEndian.Uint32(entry)) == elf.PT_INTERP {
			return true, nil
		}
	}
	return false, nil
}
