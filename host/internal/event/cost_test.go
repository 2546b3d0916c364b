package event_test

import (
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
)

func TestAddCost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want string }{
		{"", "", ""},
		{"", "0.5", "0.5"},
		{"0.5", "", "0.5"},
		{"0", "0", "0"},
		{"0.1", "0.2", "0.3"},
		{"1.999999999999", "0.000000000001", "2"},
		{"12.5", "100", "112.5"},
		{"0.0000000000001", "0.5", "0.5"}, // too small to count
		{"-1", "2", "2"},
		{"1e9", "2", "2"},
		{"NaN", "x", ""},
		{".5", "1", "1"},
		{"1.", "1", "2"},
		{"1.5x", "1", "1"},
		{"0.0000000000009x", "1", "1"},
		{"+1", "1", "1"},
		{" 1", "1", "1"},
		{"999999999999", "1", "1"},
		{strings.Repeat("9", 100), "1", "1"},
		{"9223372", "9223372", "9223372.036854775807"},
		{"9223372.036854775807", "1", "9223372.036854775807"},
	} {
		if got := event.AddCost(c.a, c.b); got != c.want {
			t.Errorf("%q + %q = %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

func FuzzAddCost(f *testing.F) {
	f.Add("0.1", "0.2")
	f.Add("", "9223372.036854775807")
	f.Fuzz(func(t *testing.T, a, b string) {
		sum := event.AddCost(a, b)
		if sum != event.AddCost(b, a) {
			t.Errorf("%q + %q = %q, the other way round %q", a, b, sum, event.AddCost(b, a))
		}
		if again := event.AddCost(sum, ""); again != sum {
			t.Errorf("%q is read as %q", sum, again)
		}
	})
}
