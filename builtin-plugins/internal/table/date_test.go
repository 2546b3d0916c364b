package table_test

import (
	"testing"
	"time"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

func TestParseDate(t *testing.T) {
	t.Parallel()
	const jan31 = "2026-01-31T00:00:00Z"
	cases := []struct {
		in    string
		order table.DateOrder
		want  string
	}{
		{"2026-01-31", "", jan31},
		{"2026/01/31", "", jan31},
		{"2026/1/31", "", jan31},
		{"31/01/2026", "", jan31},
		{"01/31/2026", "", jan31},
		{"1/31/26", "", jan31},
		{"31.01.2026", "", jan31},
		{"31.1.26", "", jan31},
		{"31-01-2026", "", jan31},
		{"31 Jan 2026", "", jan31},
		{"31-Jan-26", "", jan31},
		{"31. Januar 2026", "", jan31},
		{"31 janvier 2026", "", jan31},
		{"31 de enero de 2026", "", jan31},
		{"Jan 31, 2026", "", jan31},
		{"January 31st, 2026", "", jan31},
		{"Sat, 31 Jan 2026", "", jan31},
		{"Saturday, January 31, 2026", "", jan31},
		{"2026-01-31T00:00:00Z", "", jan31},
		{"2026-01-31T10:20:30Z", "", "2026-01-31T10:20:30Z"},
		{"2026-01-31T10:20:30.5+02:00", "", "2026-01-31T08:20:30.5Z"},
		{"2026-01-31 10:20", "", "2026-01-31T10:20:00Z"},
		{"31/01/2026 10:20 PM", "", "2026-01-31T22:20:00Z"},
		{"01/31/2026 12:00:00 AM", "", jan31},
		{"Jan 2026", "", "2026-01-01T00:00:00Z"},
		{"Jan-26", "", "2026-01-01T00:00:00Z"},
		{"2026-01", "", "2026-01-01T00:00:00Z"},
		{"01/02/2026", "", "2026-01-02T00:00:00Z"},
		{"01/02/2026", table.DayFirst, "2026-02-01T00:00:00Z"},
		{"01-02-2026", "", "2026-02-01T00:00:00Z"},
		{"01-02-2026", table.MonthFirst, "2026-01-02T00:00:00Z"},
		{"13/02/2026", table.MonthFirst, "2026-02-13T00:00:00Z"},
		{"29.02.2024", "", "2024-02-29T00:00:00Z"},
		{"01.01.1970", "", "1970-01-01T00:00:00Z"},
		{"9999-12-31", "", "9999-12-31T00:00:00Z"},
	}
	for _, c := range cases {
		d, ok := table.ParseDate(c.in, c.order)
		if got := d.Time.Format(time.RFC3339Nano); !ok || got != c.want {
			t.Errorf("ParseDate(%q, %q) = %s, %t, want %s", c.in, c.order, got, ok, c.want)
		}
	}
	for _, in := range []string{
		"", "2026", "31", "2026-13-01", "2026-02-30", "29.02.2026", "31/31/2026", "00/01/2026", "1.2.3", "192.168.1.1", "May 5", "12 5 2026",
		"hello", "10:20:30", "2026-01-31T25:00:00Z", "2026-01-31x", "12/2026/01", "Monday", "1,2,2026", "+49 30 123456", "A-12-2026", "2026--01-31",
	} {
		if d, ok := table.ParseDate(in, ""); ok {
			t.Errorf("ParseDate(%q) = %s, want none", in, d.Time)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"2026-01-31", "31/01/2026 10:20 PM", "Jan 31st, 2026", "31 de enero de 2026", "2026-01-31T10:20:30.5+02:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := table.ParseDate(s, table.DayFirst)
		if ok && (d.Time.Year() < 0 || d.Time.Year() > 10000 || d.Time.Location() != time.UTC) {
			t.Fatalf("%q is %s", s, d.Time)
		}
	})
}
