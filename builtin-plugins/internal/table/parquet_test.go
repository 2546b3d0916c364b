package table_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

type parquetRow struct {
	Name   string    `parquet:"name,dict"`
	Amount int64     `parquet:"amount,decimal(2:18)"`
	Rate   *float64  `parquet:"rate,optional"`
	Day    int32     `parquet:"day,date"`
	At     time.Time `parquet:"at,timestamp(microsecond)"`
	Flag   bool      `parquet:"flag"`
	Tags   []string  `parquet:"tags,list"`
	In     struct {
		N uint64 `parquet:"n"`
	} `parquet:"in"`
}

func parquetOf(t testing.TB, n int) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetRow](&b, parquet.Compression(&parquet.Zstd))
	half := 0.5
	for i := range n {
		r := parquetRow{
			Name: "a", Amount: int64(12345 - i), Day: int32(20484 + i), Flag: i%2 == 0,
			At: time.Date(2026, 1, 31, 10, 20, 30, 0, time.UTC), Tags: []string{"x", "y"}[:i%3],
		}
		if i%2 == 0 {
			r.Rate = &half
		}
		r.In.N = 1<<63 + uint64(i)
		if _, err := w.Write([]parquetRow{r}); err != nil {
			t.Fatal(err)
		}
	}
	must(t, w.Close())
	return b.String()
}

func TestParquet(t *testing.T) {
	t.Parallel()
	s := open(t, "x.parquet", parquetOf(t, 3)).Sheets[0]
	if got, want := header(s), "name:text, amount:decimal, rate:decimal, day:date, at:datetime, flag:bool, tags:text, in.n:integer"; got != want {
		t.Errorf("header %s, want %s", got, want)
	}
	want := []string{
		`1 data: a|#123.45|#0.5|@2026-01-31|@2026-01-31T10:20:30|?true|∅|#9223372036854775808`,
		`2 data: a|#123.44|∅|@2026-02-01|@2026-01-31T10:20:30|?false|["x"]|#9223372036854775809`,
		`3 data: a|#123.43|#0.5|@2026-02-02|@2026-01-31T10:20:30|?true|["x","y"]|#9223372036854775810`,
	}
	for range 2 {
		if diff := cmp.Diff(want, rows(t, s)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestDamagedParquet flips bytes: every outcome but a crash is fine.
func TestDamagedParquet(t *testing.T) {
	t.Parallel()
	good := parquetOf(t, 200)
	failed := 0
	for i := 4; i < len(good)-8; i += 7 {
		bad := []byte(good)
		bad[i] ^= 0x55
		b, err := table.Open(t.Context(), source("x.parquet", string(bad)), table.Options{})
		if err != nil {
			failed++
			continue
		}
		for _, err := range b.Sheets[0].Rows(t.Context()) {
			if err != nil {
				failed++
				break
			}
		}
	}
	if failed == 0 {
		t.Error("no damage was ever noticed")
	}
}

func FuzzParquet(f *testing.F) {
	f.Add([]byte(parquetOf(f, 2)))
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, "f.parquet", data) })
}
