package artifact_test

import (
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// office is the log of a task in an office: what it asked, read, computed and
// wrote.
func office(t testing.TB) *log {
	k := newLog(t)
	k.add(event.TaskCreated{Input: "Build the Q3 variance report from budget.xlsx and actuals.csv. Our target margin is 12.5%."})
	k.add(event.TurnStarted{Turn: 1, Origin: "person", Text: "Build the Q3 variance report from budget.xlsx and actuals.csv. Our target margin is 12.5%."})
	k.call("read", "read", "/d/actuals.csv", "region,actual\nNorth,1234567.89\nSouth,456789\nEast,89012.4\nchurn,0.034\nheadcount,1250\n", nil,
		event.Seen{Path: "/d/actuals.csv", SHA256: "aa"})
	k.call("read", "read", "/d/budget.xlsx", "North | $1,150,000.00 | South | € 500 000,50 | Rate 7.25 %", nil)
	k.add(event.StepResult{Step: "3", Facts: []pluginsdk.Fact{
		{Name: "total actual", Value: "1780369.29", Type: pluginsdk.FactDecimal, Unit: "USD"},
		{Name: "variance", Value: "-84567.89", Type: pluginsdk.FactDecimal, Unit: "USD"},
		{Name: "variance share", Value: "7.3537", Type: pluginsdk.FactPercent},
		{Name: "rows", Value: "10432", Type: pluginsdk.FactInteger},
	}})
	k.call("write", "write", "/d/out/Q3 report.docx", "wrote Q3 report.docx", []event.Change{{Path: "/d/out/Q3 report.docx", Change: "created"}},
		event.Seen{Path: "/d/out/Q3 report.docx", SHA256: sum("report")})
	k.call("edit", "write", "/d/budget.xlsx", "edited budget.xlsx", []event.Change{{Path: "/d/budget.xlsx", Change: "modified"}})
	k.call("write", "write", "/d/out/summary (2).md", "wrote", []event.Change{{Path: "/d/out/summary (2).md", Change: "created"}})
	return k
}

// TestClaims gives final texts as models write them. Each want is a part of
// one line of the record, in order; none means that nothing is doubted.
func TestClaims(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		// Numbers that are there.
		{"exact facts", "Total actual spend was $1,780,369.29, a variance of -$84,567.89.", nil},
		{"rounded to dollars", "Total: $1,780,369. Variance: ($84,568).", nil},
		{"rounded to millions", "We spent $1.78 million, or about $1.8M.", nil},
		{"rounded to thousands", "The overrun is roughly $85k (7.4%).", nil},
		{"written with a European comma", "Gesamt: 1.780.369,29 USD, Abweichung 7,35 %.", nil},
		{"no-break spaces", "Total 1\u00a0780\u00a0369,29 €.", nil},
		{"from the person", "The margin stays below your 12.5% target.", nil},
		{"from a tool", "North came in at $1,234,567.89 against $1,150,000.", nil},
		{"with spaces in the source", "South's budget was €500,000.50.", nil},
		{"a ratio shown as percent", "Churn was 3.4%.", nil},
		{"hedged", "We processed over 10,000 rows for nearly 1,300 people.", nil},
		{"a table in thousands", "| Region | Actual ($ thousands) |\n|---|---|\n| North | 1,235 |\n| South | 457 |\n", nil},
		{"a range in millions", "Expect $1.2-1.8 million in total.", nil},
		{"a count with a separator", "All 10,432 rows were read.", nil},
		{"years, dates, times, lists", "1. In 2024 and 2025, as of 2026-05-06 (14:30), 12.05.2026 and 5/6/26.\n2. Step 3.2 and Section 4.1, version 2.10.3.\n3.1 Overview\n## 4.2 Results", nil},
		{"plain counts", "I compared 3 regions in 2 files and found 17 differences.", nil},
		{"ordinals and names", "The 3rd quarter, ISO 27001.5, B12.5, mp3, 2x and 1.5x.", nil},
		{"code and links", "See [docs](https://example.com/v1.25/a?b=9.99).\n```\ntotal = 99.99\n```\n> $5,555.55 was quoted", nil},
		{"whole and nothing", "100% of the rows matched; 0% failed; $0 is open.", nil},
		{"a question", "Would you like me to add a 10.5% buffer, or $2,000?", nil},
		{"an offer", "If you want, I can apply a 3.75% uplift.", nil},
		{"statistics' own", "The 95% confidence interval is wide.", nil},
		{"a phone number and an address", "Call +49 30 1234.567 or write to a.1.5@example.com.", nil},

		// Numbers that are not.
		{"made-up money", "Total actual spend was $1,870,369.29.", []string{"$1,870,369.29:"}},
		{"made-up percent", "Churn fell by 12.7%.", []string{"12.7%:"}},
		{"wrongly rounded", "We spent $1.79 million.", []string{"$1.79 million:"}},
		{"made-up euros", "Das Budget beträgt 512.345,00 €.", []string{"512.345,00 €:"}},
		{"a difference done in the head", "North is $84,000.00 over budget.", []string{"$84,000.00:"}},
		{"only one of two", "North: $1,234,567.89; South: $465,789.", []string{"$465,789:"}},
		{"in a table", "| Region | Share |\n|---|---|\n| North | 69.3% |\n", []string{"69.3%:"}},
		{"in a list item", "- 41.2% growth in the North", []string{"41.2%:"}},
		{"said twice, listed once", "It is $777.77. Again: $777.77.", []string{"$777.77:"}},
		{"in words of size", "That saves EUR 2.4 million a year.", []string{"EUR 2.4 million:"}},
		{"a decimal alone", "The average rating is 4.37.", []string{"4.37:"}},

		// Files.
		{"files that were written", "I've created `Q3 report.docx` and updated budget.xlsx.", nil},
		{"a name cut off at a space", "Saved the report as report.docx.", nil},
		{"a name that got a number", "The summary has been saved to summary.md.", nil},
		{"sources are not claimed", "I created Q3 report.docx from actuals.csv, using the rates in rates.xlsx.", nil},
		{"somebody else's file", "plan.xlsx was created by Finance. The updated forecast.xlsx shows more. Anna updated notes.docx yesterday.", nil},
		{"not done", "I have not updated forecast.xlsx, and no chart.png was created.", nil},
		{"to be done", "forecast.xlsx should be updated, and deck.pptx will be created once you agree.", nil},
		{"the person's own", "The file you sent, notes.docx, is empty.", nil},
		{"a file that was not written", "I created deck.pptx with the main figures.", []string{"deck.pptx: it is said to be created"}},
		{"passive", "The workbook forecast.xlsx has been updated.", []string{"forecast.xlsx: it is said to be updated"}},
		{"at the beginning", "✅ Saved: deck.pptx\n- Updated `data/forecast.xlsx`", []string{"deck.pptx:", "data/forecast.xlsx:"}},
		{"one of several", "I wrote Q3 report.docx, deck.pptx and summary.md.", []string{"deck.pptx:"}},
		{"a conversion", "I converted actuals.csv to actuals.xlsx.", []string{"actuals.xlsx:"}},
		{"a conversion that was made", "I copied actuals.csv to budget.xlsx.", nil},

		// Actions.
		{"sent, and nothing was", "I've sent the report to Anna.", []string{"nothing was sent"}},
		{"emailed", "The email has been sent.", []string{"nothing was sent"}},
		{"a heading about mail", "Sent: 120, opened: 30. Published figures agree. The invoice was sent to Acme in May.", nil},
		{"deleted files", "I deleted the old files.", []string{"no call of this task deleted a file"}},
		{"deleted one", "I removed old.xlsx.", []string{"no call of this task deleted old.xlsx"}},
		{"deleted rows", "I removed the duplicate rows and deleted the empty column.", nil},
		{"checked what was read", "I checked that all regions have a budget.", nil},
		{"checked after writing, and did not", "I verified `Q3 report.docx` in full.", []string{"nothing looked at Q3 report.docx after it was written"}},
		{"asked to check", "Please have the numbers checked before you send them.", nil},
		{"parted by plain spaces", "Le total est de 1 780 369,29 € et le budget de € 500 000,50.", nil},
		{"made up, parted by plain spaces", "Le total est de 1 987 369,29 €.", []string{"369,29 €:"}},
		{"sizes and durations", "The file has 1.2 KB and took 3.5 seconds.", nil},
		{"a list under a heading", "**Files created:**\n- `Q3 report.docx`: the report\n- `deck.pptx`: slides\n\nSources:\n- rates.xlsx", []string{"deck.pptx: it is said to be created"}},
		{"a list under a sentence", "I've updated the following files:\n\n1. **budget.xlsx** (totals)\n2. **forecast.xlsx** (rates)\n\nI read these:\n- other.xlsx", []string{"forecast.xlsx: it is said to be updated"}},
		{"a list of offers", "I could create these:\n- deck.pptx", nil},
		{"facts about sources", "rates.xlsx is saved in the archive folder, is updated monthly, and has been updated since May.", nil},
		{"splitting and merging", "I split big.csv into parts and merged the results.", nil},
		{"rows in a file", "I removed column B in budget.xlsx and deleted the blank rows from actuals.csv.", nil},
		{"entries and thoughts", "I posted the entries to the ledger sheet and shared my reasoning below.", nil},
		{"posted to a channel", "I posted the summary to the Slack channel.", []string{"nothing was sent"}},
		{"reviewed what was read before", "I reviewed actuals.csv and checked budget.xlsx.", nil},
		{"negations of sending", "I drafted the mail in summary.md but have not sent it.", nil},
		{"what others did", "Marketing published the list, Anna emailed it, and you shared notes.docx.", nil},
		{"bold and mixed", "**Total:** $1,780,369.29 (**7.4%** over)\n\n*Saved to:* `out/Q3 report.docx`", nil},
		{"a scaled table that is wrong", "| ($k) | Q3 |\n|---|---|\n| North | 1,999 |", []string{"1,999:"}},
		{"lakh and Swiss marks", "That is ₹12,34,567.89, or CHF 1'234'567.89.", nil},
		{"identifiers and ratios", "Invoice INV-2024.001, SKU 12-345.6, a ratio of 2.5:1.", nil},
		{"files that are gone", "The old files have been deleted.", []string{"no call of this task deleted a file"}},
		{"rows that are gone", "The blank rows have been deleted.", nil},
		{"foretold", "By tomorrow, deck.pptx will have been created.", nil},
		{"not sure", "I'm not sure whether I created deck.pptx.", nil},
		{"a plain answer", "Here is the report. It covers three regions.", nil},
		{"nothing", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := office(t)
			k.say(c.text)
			var got []string
			for _, line := range k.record().NotVerified {
				if !strings.HasPrefix(line, "/d/") { // what the disk says is tested elsewhere
					got = append(got, line)
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("%q\ngot  %q\nwant %q", c.text, got, c.want)
			}
			for i := range got {
				if !strings.Contains(got[i], c.want[i]) {
					t.Errorf("%q\ngot  %q\nwant %q", c.text, got[i], c.want[i])
				}
			}
		})
	}
}

// TestClaimsProved does what the text says: nothing is doubted.
func TestClaimsProved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		do         func(k *log)
	}{
		{"sent", "I've sent the report to Anna.", func(k *log) { k.call("mail", "send", "anna@example.com", "sent", nil) }},
		{"deleted", "I deleted old.xlsx and removed the other files.", func(k *log) {
			k.call("request_delete", "delete", "/d/old.xlsx", "done", []event.Change{{Path: "/d/old.xlsx", Change: "deleted"}})
		}},
		{"verified by reading", "I verified Q3 report.docx in full.", func(k *log) {
			k.call("read", "read", "/d/out/Q3 report.docx", "text", nil, event.Seen{Path: "/d/out/Q3 report.docx", SHA256: sum("report")})
		}},
		{"verified by a check", "I verified Q3 report.docx in full.", func(k *log) {
			k.add(event.StepResult{Step: "9", Artifacts: []event.Artifact{{Path: "/d/out/Q3 report.docx", Checks: []pluginsdk.Check{{Name: "opens", Status: pluginsdk.Passed}}}}})
		}},
		{"a number of a sub-agent's tool", "The rate is 8.125%.", func(k *log) {
			k.task = "child"
			k.call("read", "read", "/d/x", "8.125", nil)
			k.task = "task"
		}},
		{"a number of a page the provider read", "The rate is 8.125%.", func(k *log) {
			k.add(event.ModelMessage{Raw: `{"content":[{"type":"web_search_tool_result","content":[{"title":"8.125 %"}]}]}`, StopReason: "tool_use"})
		}},
		{"a number as spreadsheets write it", "The total is $2,345,678.9, the rate 0.00012.", func(k *log) { k.call("read", "read", "/d/x", "2.3456789E6\t1.2e-4", nil) }},
		{"a passage that is cited", "The rate is 8.125%.", func(k *log) {
			k.add(event.ModelMessage{Raw: `{"content":[{"type":"text","text":"8.125","citations":[{"cited_text":"8.125 percent"}]}]}`, StopReason: "tool_use"})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := office(t)
			c.do(k)
			k.say(c.text)
			for _, line := range k.record().NotVerified {
				if !strings.HasPrefix(line, "/d/") {
					t.Errorf("doubted: %s", line)
				}
			}
		})
	}
}

// TestNoLaundering: what a model or a sub-agent only said is no evidence.
func TestNoLaundering(t *testing.T) {
	t.Parallel()
	k := office(t)
	k.add(event.ModelMessage{Text: "I think it is $9,876.54.", StopReason: "tool_use"})
	k.add(event.ToolCall{Call: "w", Tool: "write", Effect: "write", Input: []byte(`{"text":"$9,876.54"}`)})
	k.add(event.Compacted{Text: "the total is $9,876.54"})
	k.add(event.ToolCall{Call: "agent1", Tool: "agent", Effect: "spawn"})
	k.add(event.ChildStarted{Child: "child", Call: "agent1"})
	k.add(event.ToolResult{Call: "agent1", Tool: "agent", Status: event.ResultOK, Text: "The sub-agent says: $9,876.54"})
	k.say("The total is $9,876.54.")
	k.task = "child"
	k.add(event.TaskCreated{Input: "count", Agent: "general"})
	k.add(event.ModelMessage{Text: "$9,876.54", StopReason: "end_turn"})
	got := k.record()
	if len(got.NotVerified) == 0 || !strings.Contains(strings.Join(got.NotVerified, "\n"), "$9,876.54: no computed fact") {
		t.Errorf("not verified: %q", got.NotVerified)
	}
	if len(got.Asked) != 1 {
		t.Errorf("asked: %q", got.Asked)
	}
}

// TestManyClaims does not list them all.
func TestManyClaims(t *testing.T) {
	t.Parallel()
	k := newLog(t)
	k.add(event.TaskCreated{Input: "x"})
	var b strings.Builder
	for i := range 200 {
		b.WriteString("It costs $" + strings.Repeat("1", 1+i%3) + "," + string(rune('1'+i%9)) + "37." + string(rune('1'+i%7)) + "3.\n")
	}
	k.say(b.String())
	got := k.record().NotVerified
	if len(got) != 13 || !strings.HasSuffix(got[12], "more numbers without evidence") {
		t.Errorf("%d lines: %q", len(got), got)
	}
}
