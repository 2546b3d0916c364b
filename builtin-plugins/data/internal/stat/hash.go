package stat

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Hash is a running 64-bit hash. It has no secret: the same bytes give the
// same hash in every run, as sketches and re-runs need. What is built on it
// bounds what values made to collide can cost.
type Hash uint64

const (
	prime1 = 0x9E3779B97F4A7C15
	prime2 = 0xC2B2AE3D27D4EB4F
)

// String adds s and its length.
func (h Hash) String(s string) Hash {
	x := uint64(h) ^ uint64(len(s))*prime2
	for len(s) >= 8 {
		x = fold(x^load64(s), prime1)
		s = s[8:]
	}
	var tail uint64
	for i := len(s) - 1; i >= 0; i-- {
		tail = tail<<8 | uint64(s[i])
	}
	return Hash(fold(x^tail, prime2))
}

// Uint64 adds v.
func (h Hash) Uint64(v uint64) Hash { return Hash(fold(uint64(h)^v, prime1) ^ v<<1) }

// Sum returns the finished hash, never 0.
func (h Hash) Sum() uint64 { return mix(uint64(h)) | uint64(b2i(mix(uint64(h)) == 0)) }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func load64(s string) uint64 {
	var b [8]byte
	copy(b[:], s)
	return binary.LittleEndian.Uint64(b[:])
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^prime2, b)
	return hi ^ lo
}

// mix spreads every bit over all others.
func mix(x uint64) uint64 {
	x += prime1
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// Set counts different hashes: exactly up to a limit, then by a sketch.
type Set struct {
	limit int
	table []uint64
	n     int
	hll   *HLL
}

// maxProbes is how far a table is searched before it gives up as overfull or
// under attack.
const maxProbes = 512

// NewSet returns a set that is exact up to limit hashes.
func NewSet(limit int) *Set { return &Set{limit: limit, table: make([]uint64, 1024)} }

// Add adds a hash that is not 0 and reports whether it is new. Once the set is
// a sketch it always reports false.
func (s *Set) Add(h uint64) bool {
	if s.hll != nil {
		s.hll.Add(h)
		return false
	}
	if 2*(s.n+1) > len(s.table) {
		s.grow()
	}
	mask := uint64(len(s.table) - 1)
	for i := range uint64(maxProbes) {
		switch slot := &s.table[(h+i)&mask]; *slot {
		case h:
			return false
		case 0:
			*slot = h
			if s.n++; s.n > s.limit {
				s.sketch()
			}
			return true
		}
	}
	s.sketch()
	s.hll.Add(h)
	return false
}

func (s *Set) grow() {
	old := s.table
	s.table = make([]uint64, 2*len(old))
	mask := uint64(len(s.table) - 1)
	for _, h := range old {
		if h == 0 {
			continue
		}
		for i := h & mask; ; i = (i + 1) & mask {
			if s.table[i] == 0 {
				s.table[i] = h
				break
			}
		}
	}
}

func (s *Set) sketch() {
	s.hll = NewHLL()
	for _, h := range s.table {
		if h != 0 {
			s.hll.Add(h)
		}
	}
	s.table = nil
}

// Count returns the number of different hashes.
func (s *Set) Count() int64 {
	if s.hll != nil {
		return s.hll.Count()
	}
	return int64(s.n)
}

// Exact reports whether the count is exact.
func (s *Set) Exact() bool { return s.hll == nil }

// HLLError is the standard error of [HLL.Count], as a share of the count.
const HLLError = 0.0082

const hllBits = 14

// HLL counts different hashes with 16 KiB.
type HLL struct {
	regs [1 << hllBits]uint8
}

// NewHLL returns an empty counter.
func NewHLL() *HLL { return &HLL{} }

// Add adds a well-mixed hash.
func (l *HLL) Add(h uint64) {
	i := h >> (64 - hllBits)
	rank := uint8(bits.LeadingZeros64(h<<hllBits|1<<(hllBits-1)) + 1)
	l.regs[i] = max(l.regs[i], rank)
}

// Count returns the estimate.
func (l *HLL) Count() int64 {
	const m = 1 << hllBits
	sum, zeros := 0.0, 0
	for _, r := range l.regs {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			zeros++
		}
	}
	alpha := 0.7213 / (1 + 1.079/m)
	est := alpha * m * m / sum
	if est <= 2.5*m && zeros > 0 {
		est = m * math.Log(float64(m)/float64(zeros))
	}
	return int64(math.Round(est))
}
