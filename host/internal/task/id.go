package task

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// idAlphabet has no letters that look like digits (Crockford's base 32).
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// newID returns an id of 12 characters: six that grow with time, to about a
// second, and six random ones.
func newID(now time.Time) string {
	var id [12]byte
	secs := uint64(now.Unix())
	for i := 5; i >= 0; i-- {
		id[i] = idAlphabet[secs&31]
		secs >>= 5
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails, by its contract
	n := binary.LittleEndian.Uint64(random[:])
	for i := 6; i < 12; i++ {
		id[i] = idAlphabet[n&31]
		n >>= 5
	}
	return string(id[:])
}
