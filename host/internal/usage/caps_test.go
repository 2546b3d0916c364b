package usage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cowork-host/cowork/host/internal/usage"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestReached(t *testing.T) {
	t.Parallel()
	now := noon.In(berlin)
	midnight := time.Date(2026, 11, 23, 0, 0, 0, 0, berlin)
	both := usage.Caps{Task: "2", Day: "5.00"}
	for _, c := range []struct {
		name      string
		caps      usage.Caps
		task, day string
		want      *usage.Reached
	}{
		{"no caps", usage.Caps{}, "1000", "1000", nil},
		{"nothing spent", both, "", "", nil},
		{"room", both, "1.999999", "4.999999", nil},
		{"task reached", both, "2.00", "3", &usage.Reached{Cap: "task", Limit: "2", Spent: "2"}},
		{"task passed", both, "2.000001", "3", &usage.Reached{Cap: "task", Limit: "2", Spent: "2.000001"}},
		{"day reached", both, "1", "5", &usage.Reached{Cap: "day", Limit: "5", Spent: "5", Resets: midnight}},
		{"both reached", both, "3", "6", &usage.Reached{Cap: "task", Limit: "2", Spent: "3"}},
		{"day only", usage.Caps{Day: "5"}, "100", "6", &usage.Reached{Cap: "day", Limit: "5", Spent: "6", Resets: midnight}},
		{"nothing may be spent", usage.Caps{Task: "0"}, "", "", &usage.Reached{Cap: "task", Limit: "0", Spent: "0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := c.caps.Reached(c.task, c.day, now)
			if d := cmp.Diff(c.want, got, cmpopts.IgnoreUnexported(usage.Reached{})); err != nil || d != "" {
				t.Errorf("%v (-want +got):\n%s", err, d)
			}
		})
	}
	for name, call := range map[string]func() (*usage.Reached, error){
		"cap":   func() (*usage.Reached, error) { return usage.Caps{Task: "five"}.Reached("1", "1", now) },
		"spent": func() (*usage.Reached, error) { return both.Reached("NaN", "1", now) },
		"day":   func() (*usage.Reached, error) { return both.Reached("1", "-1", now) },
	} {
		if _, err := call(); err == nil {
			t.Errorf("a broken amount of the %s lets the task go on", name)
		}
	}
}

func TestReachedSays(t *testing.T) {
	t.Parallel()
	at := func(h, m int) time.Time { return time.Date(2026, 11, 22, h, m, 0, 0, berlin) }
	for _, c := range []struct {
		caps      usage.Caps
		task, day string
		now       time.Time
		want      string
	}{
		{usage.Caps{Task: "2"}, "2.10", "", at(9, 0), "This task has cost $2.10, and its limit is $2.00. The limit does not reset with time."},
		{usage.Caps{Day: "5"}, "", "5.01734", at(20, 50), "Today's work has cost $5.02, and the limit for a day is $5.00. It resets at 00:00 CET on 23 November, in 3 h 10 min."},
		{usage.Caps{Day: "5"}, "", "5", at(23, 59), "Today's work has cost $5.00, and the limit for a day is $5.00. It resets at 00:00 CET on 23 November, in 1 min."},
		{usage.Caps{Day: "0.05"}, "", "1200.5", at(0, 0), "Today's work has cost $1200.50, and the limit for a day is $0.05. It resets at 00:00 CET on 23 November, in 24 h."},
		{usage.Caps{Day: "0.0012345"}, "", "0.002", at(12, 0), "Today's work has cost $0.0020, and the limit for a day is $0.0012. It resets at 00:00 CET on 23 November, in 12 h."},
	} {
		r, err := c.caps.Reached(c.task, c.day, c.now)
		if err != nil || r == nil || r.String() != c.want {
			t.Errorf("says %q, %v\nwant %q", r, err, c.want)
		}
	}
}

func TestNextCap(t *testing.T) {
	t.Parallel()
	for limit, want := range map[string]string{"2": "4.1", "0": "2.1", "0.5": "2.6"} {
		r, err := usage.Caps{Task: limit}.Reached("2.1", "", noon)
		if err != nil || r.Next() != want {
			t.Errorf("cap %s, next %s, want %s, %v", limit, r.Next(), want, err)
		}
	}
}

// TestResetsWhereTheClockIsChanged holds the reset to the place's own midnight.
func TestResetsWhereTheClockIsChanged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, now, want string }{
		{"Europe/Berlin", "2026-03-28T12:00:00", "2026-03-29T00:00:00+01:00"},
		{"Europe/Berlin", "2026-03-29T12:00:00", "2026-03-30T00:00:00+02:00"},
		{"Europe/Berlin", "2026-10-25T12:00:00", "2026-10-26T00:00:00+01:00"},
		{"America/New_York", "2026-12-31T23:59:59", "2027-01-01T00:00:00-05:00"},
		{"Asia/Kathmandu", "2028-02-28T12:00:00", "2028-02-29T00:00:00+05:45"},
		// in 2018 Brazil's summer time began at midnight, which did not exist
		{"America/Sao_Paulo", "2018-11-03T12:00:00", "2018-11-04T01:00:00-02:00"},
		{"America/Sao_Paulo", "2018-11-04T12:00:00", "2018-11-05T00:00:00-02:00"},
		{"UTC", "2026-11-22T00:00:00", "2026-11-23T00:00:00Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Skipf("no time zones here: %v", err)
		}
		now, err := time.ParseInLocation("2006-01-02T15:04:05", c.now, zone)
		if err != nil {
			t.Fatal(err)
		}
		r, err := usage.Caps{Day: "1"}.Reached("", "1", now)
		if err != nil || r.Resets.Format(time.RFC3339) != c.want {
			t.Errorf("%s %s resets at %v, want %s, %v", c.zone, c.now, r.Resets, c.want, err)
		}
	}
}

func TestCaps(t *testing.T) {
	t.Parallel()
	if got := (usage.Caps{Task: "2", Day: "5"}).ForTask("1"); got != (usage.Caps{Task: "1", Day: "5"}) {
		t.Errorf("with a budget: %+v", got)
	}
	if got := (usage.Caps{Task: "2", Day: "5"}).ForTask(""); got != (usage.Caps{Task: "2", Day: "5"}) {
		t.Errorf("without a budget: %+v", got)
	}
	for _, c := range []usage.Caps{{}, {Task: "0"}, {Day: "1000000"}, {Task: "0.01", Day: "2.50"}} {
		if err := c.Check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, c := range []usage.Caps{{Task: "-1"}, {Day: "x"}, {Task: "1", Day: "1.2.3"}, {Task: " 1"}} {
		if err := c.Check(); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
