package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cowork-host/cowork/host"
)

// usageReport is a report as the host answers it.
func usageReport(t *testing.T, text string) host.UsageReport {
	t.Helper()
	var r host.UsageReport
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPrintUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, report, want string }{
		{"nothing", `{"by":"day","since":"2026-11-01","rows":[],"total":{"calls":0}}`, "No model was called since 2026-11-01.\n"},
		{
			"days", `{"by":"day","since":"2026-11-01","zone":"CET","rows":[
				{"key":"2026-11-22","calls":12,"input_tokens":1000,"cache_read_tokens":99000,"output_tokens":1234,"cost":"1.2345"},
				{"key":"2026-11-21","calls":1,"input_tokens":5,"output_tokens":0,"cost":"0.00001"}],
				"total":{"calls":13,"input_tokens":1005,"cache_read_tokens":99000,"output_tokens":1234,"cost":"1.23451"},
				"today":"1.2345","caps":{"task":"2","day":"20"},"prices":"2026-10-24"}`,
			`DAY                                   CALLS   INPUT  CACHED  OUTPUT       COST
2026-11-22                               12  100.0k     99%    1.2k      $1.23
2026-11-21                                1       5      0%       0     <$0.01
total since 2026-11-01                   13  100.0k     98%    1.2k      $1.23

Today $1.23 of $20.00 a day; it resets at midnight (CET).
A task pauses and asks at $2.00.
Prices as of 2026-10-24.
`,
		},
		{
			"tasks", `{"by":"task","zone":"UTC","rows":[
				{"key":"abcdefghijkl","title":"Turn these receipts into an expense report for October","calls":3,"input_tokens":1234567,"output_tokens":1,"cost":"3.5","unpriced":1},
				{"key":"mnopqrstuvwx","parent":"abcdefghijkl","title":"look up the \u001b[31mrates","calls":1,"input_tokens":10,"output_tokens":1,"cost":"","unpriced":1},
				{"key":"ponmlkjihgfe","calls":1,"input_tokens":999999,"output_tokens":2500000000,"cost":"1234.995"}],
				"total":{"calls":4,"input_tokens":2,"output_tokens":1,"cost":"1238.495","unpriced":1},
				"today":"","caps":{"task":"","day":"5"},"prices":"2026-10-24, own 2026-11-01","unpriced_models":["local"]}`,
			`TASK                                  CALLS   INPUT  CACHED  OUTPUT       COST
abcdefghijkl Turn these receipts in…      3    1.2M      0%       1     $3.50+
  └ look up the [31mrates                 1      10      0%       1        $0+
ponmlkjihgfe                              1    1.0M      0%    2.5G   $1235.00
total                                     4       2      0%       1  $1238.50+

Today $0 of $5.00 a day; it resets at midnight (UTC).
+ without the calls (1) of models that have no price: local
Prices as of 2026-10-24, own 2026-11-01.
`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := printUsage(&app{environment: environment{stdout: &out}}, usageReport(t, c.report)); err != nil {
				t.Fatal(err)
			}
			got := trimLines(out.String())
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			for l := range strings.Lines(got) {
				if utf8.RuneCountInString(strings.TrimSuffix(l, "\n")) > 80 {
					t.Errorf("more than 80 columns: %s", l)
				}
			}
		})
	}
}

// trimLines takes spaces off the ends of lines.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func TestShort(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1.0k", 999_949: "999.9k", 999_950: "1.0M", 1_250_000: "1.2M", 999_949_999: "999.9M", 999_950_000: "1.0G", 1 << 62: "4611686018.4G",
	} {
		if got := short(n); got != want {
			t.Errorf("short(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestDollars(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"": "$0", "0": "$0.00", "1": "$1.00", "0.005": "<$0.01", "0.01": "$0.01", "0.015": "$0.02", "2.994999": "$2.99", "odd\x1b": "$odd",
	} {
		if got := dollars(s); got != want {
			t.Errorf("dollars(%q) = %s, want %s", s, got, want)
		}
	}
}

// TestUsageJSON holds a report with all its members to the schema.
func TestUsageJSON(t *testing.T) {
	t.Parallel()
	sum := `"calls":1,"input_tokens":1,"cache_read_tokens":2,"cache_write_5m_tokens":3,"cache_write_1h_tokens":4,"output_tokens":5,` +
		`"thinking_tokens":1,"web_searches":1,"web_fetches":1,"cost":"0.5","unpriced":1`
	line := `{"by":"task","since":"2026-11-01","zone":"CET","rows":[{"key":"a","parent":"b","title":"x",` + sum + `}],"total":{` + sum +
		`},"today":"0.5","caps":{"task":"1","day":"2.50"},"prices":"2026-10-24","unpriced_models":["m"]}`
	out, err := json.Marshal(usageReport(t, line))
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != line {
		t.Errorf("members are lost:\n%s\n%s", line, out)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if err := compile(t, "usage").Validate(v); err != nil {
		t.Error(err)
	}
}
