package web_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/pluginsdk"
)

// story is a task half way: a plan, steps, sub-agents, a message that waits and
// an approval that is asked.
func story(t testing.TB, f *fixture) {
	t.Helper()
	report := filepath.Join(f.docs, "Expense report.xlsx")
	f.append(t, "old", "", event.TaskCreated{Title: "Reconcile the March bank statement", Input: "Reconcile the March bank statement", Folders: []string{f.docs}},
		event.TaskDone{Status: event.StatusDone, Sandbox: "jail"})
	f.append(t, "bad", "", event.TaskCreated{Title: "Forecast cash for thirteen weeks", Input: "/finance:cash-forecast ledger.csv", Folders: []string{f.docs}},
		event.TaskDone{Status: event.StatusFailed, Sandbox: "jail", Error: &event.Error{Code: "needs_model", Message: "the command needs a model", Next: "set ANTHROPIC_API_KEY"}})
	f.append(t, "t1", "", event.TaskCreated{Title: "Turn the receipts into an expense report", Input: "Turn the receipts in this folder into an expense report, by month and category. Flag anything odd.", Folders: []string{f.docs}, Mode: "ask"},
		event.SandboxReady{Sandbox: "jail"},
		event.TurnStarted{Turn: 1, Text: "Turn the receipts…", Origin: "person"},
		event.ModelCalled{Call: 1, Model: "m", Purpose: "turn", Context: map[string]int64{"system": 3100, "tools": 5200, "history": 900}, Window: 200_000},
		event.ModelMessage{
			Call: 1, Model: "m", StopReason: "tool_use", Text: "I will read the receipts first, then build the workbook with a sheet per month.",
			Raw: `{"role":"assistant","content":[{"type":"thinking","thinking":"Fourteen receipts. Two have no date."},{"type":"text","text":"I will"}]}`,
		},
		event.ModelUsage{Call: 1, Purpose: "turn", Model: "m", Usage: model.Usage{Input: 9200, Output: 240, CacheWrite5m: 8100}, Cost: "0.0412"},
		event.PlanEdited{By: "model", Ops: []event.PlanOp{
			{Op: "add", ID: "1", Text: "Read the 14 receipts"},
			{Op: "add", ID: "2", Text: "Match them with the card statement"},
			{Op: "add", ID: "3", Text: "Write the workbook, a sheet for each month"},
			{Op: "add", ID: "4", Text: "Check the totals"},
			{Op: "add", ID: "5", Text: "Remove the duplicate scans"},
			{Op: "status", ID: "1", Status: event.PlanDone},
			{Op: "status", ID: "2", Status: event.PlanActive},
		}},
		call("c1", "1", "list docs"), result("c1", "1", event.ResultOK, "receipt-01.pdf\nreceipt-02.pdf", 12),
		call("c2", "2", "read receipt-01.pdf"), result("c2", "2", event.ResultOK, "Taxi 18.40", 310),
		call("c3", "3", "search the web for exchange rates"), result("c3", "3", event.ResultDenied, "the task has no internet access", 0),
		event.ChildStarted{Child: "t1a", Call: "c4", Agent: "reader", Title: "Read receipts 1 to 7"},
		event.ChildStarted{Child: "t1b", Call: "c5", Agent: "reader", Title: "Read receipts 8 to 14"},
		event.Finding{Rule: "instructions-in-file", Severity: "warning", Message: "receipt-09.pdf contains an instruction to the assistant; it was not followed"},
		event.ModelMessage{Call: 2, Model: "m", StopReason: "tool_use", Raw: "{}", Text: "All receipts are read. The totals by category:\n\n| Category | March | April |\n|---|---:|---:|\n| Travel | 412.80 | 96.00 |\n| Meals | 138.15 | 240.35 |\n| Software | 59.00 | 59.00 |\n\nTwo things look **odd**:\n\n1. `receipt-05` and `receipt-12` are the same scan.\n2. The hotel bill has no date; I took the card statement's."},
		event.MessageQueued{ID: "q1", Text: "Use the company's colours for the headings", When: event.WhenNext},
		event.MessageQueued{ID: "q2", Text: "Also add a column for VAT", When: event.WhenNext},
		event.ApprovalAsked{ID: "ap1", Call: "c9", Digest: "abc", Card: event.Card{
			About: "tool", Tool: "request_delete", Action: "Delete 2 files", Target: "~/docs/scans", Risk: "Moved to the trash; it can be restored for 30 days",
			Details: []string{"receipt-12.pdf  184 kB", "receipt-12 (copy).pdf  184 kB"}, Scopes: []string{"once", "task"}, Rule: "delete-asks", Reason: "Deleting is never done unasked",
		}})
	f.append(t, "t1a", "t1", event.TaskCreated{Title: "Read receipts 1 to 7", Agent: "reader"}, call("x1", "1", "read receipt-03.pdf"))
	f.append(t, "t1b", "t1", event.TaskCreated{Title: "Read receipts 8 to 14", Agent: "reader"}, call("x2", "1", "read receipt-11.pdf"),
		event.ModelUsage{Call: 1, Model: "m", Usage: model.Usage{Input: 4100, Output: 380}, Cost: "0.0093"})
	f.api.changed("t1", report, "created")
	f.api.changed("t1", filepath.Join(f.docs, "statement.csv"), "modified")
}

func call(id, step, summary string) event.ToolCall {
	return event.ToolCall{Step: step, Call: id, Tool: "tool", Summary: summary, Effect: "read"}
}

func result(id, step string, status event.ResultStatus, text string, ms int64) event.ToolResult {
	return event.ToolResult{Step: step, Call: id, Tool: "tool", Status: status, Text: text, DurationMS: ms}
}

// show loads a task's page.
func (p *tab) show(task string) {
	p.t.Helper()
	p.eval(`location.hash = "#/task/` + task + `"`)
	p.until(`document.querySelector(".task-head") && document.querySelector(".transcript")`)
}

func TestPageInABrowser(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	t.Run("start a task", func(t *testing.T) {
		f := newFixture(t)
		p := newTab(t, b, f)
		p.shows(".chip", "docs")
		p.write("textarea", "/var")
		p.shows(".palette", "/finance:variance-analysis BUDGET ACTUALS")
		if got := string(p.eval(`document.querySelectorAll(".palette li").length`)); got != "1" {
			t.Errorf("the palette has %s entries: %s", got, p.text(".palette"))
		}
		p.write("textarea", "\t")
		p.shows(".hint-line", "BUDGET ACTUALS")
		p.write("textarea", "budget.xlsx actuals.csv")
		p.eval(`document.querySelector("input[value=act]").click()`)
		p.press(".composer", "Start")
		p.shows(".task-head", "/finance:variance-analysis")
		calls := f.api.got("/v1/tasks")
		if len(calls) != 1 {
			t.Fatalf("the API got %v", calls)
		}
		in := calls[0].Body
		if in["input"] != "/finance:variance-analysis budget.xlsx actuals.csv" || in["mode"] != "act" || in["interactive"] != true || in["cwd"] != f.docs || fmt.Sprint(in["folders"]) != "["+f.docs+"]" {
			t.Errorf("the API got %v", in)
		}
		p.shows(".sidebar", "/finance:variance-analysis") // by the stream
	})
	t.Run("watch, approve and steer", func(t *testing.T) {
		f := newFixture(t)
		story(t, f)
		p := newTab(t, b, f)
		p.shows(".sidebar", "Waiting for you")
		p.show("t1")
		p.shows(".panel", "1 of 5")
		p.shows(".transcript", "Flag anything odd")
		p.shows(".children", "read receipt-11.pdf")
		p.until(`document.title.startsWith("(1) Turn the receipts")`)
		for _, want := range []string{"Delete 2 files", "~/docs/scans", "Moved to the trash", "receipt-12.pdf", "Deleting is never done unasked"} {
			p.shows(".approval", want)
		}
		p.until(`!document.querySelector(".approval").innerText.includes("Always")`)
		p.shows(".panel:last-child", "$0.05") // 0.0412 + 0.0093, exactly added
		// Keys typed into a text are not answers.
		p.write(".dock textarea", "a d t: keep the originals")
		if n := len(f.api.got("/v1/tasks/t1/approvals")); n != 0 {
			t.Fatal("typing answered the card")
		}
		p.press(".composer.slim", "Send")
		p.shows(".queue", "keep the originals")
		if got := f.api.got("/v1/tasks/t1/messages"); len(got) != 1 || got[0].Body["when"] != "now" || got[0].Body["text"] != "a d t: keep the originals" {
			t.Errorf("the message: %v", got)
		}
		p.press(".queue li:nth-child(2)", "Move up")
		p.press(".queue li:nth-child(1)", "Send now")
		p.press(".approval", "Allow once")
		p.until(`!document.querySelector(".approval")`)
		p.shows(".transcript", "Allowed: Delete 2 files")
		if got := f.api.got("/v1/tasks/t1/approvals"); len(got) != 1 || got[0].Body["digest"] != "abc" || got[0].Body["id"] != "ap1" || got[0].Body["scope"] != "once" {
			t.Errorf("the answer: %v", got)
		}
		if got := f.api.got("/v1/tasks/t1/messages/q2"); len(got) != 1 || got[0].Body["before"] != "q1" {
			t.Errorf("the move: %v", got)
		}
		if got := f.api.got("/v1/tasks/t1/messages/q1"); len(got) != 1 || got[0].Body["when"] != "now" {
			t.Errorf("send now: %v", got)
		}
		// What comes now is shown as it comes.
		e, err := event.New(event.ModelDelta{Call: 3, What: model.DeltaText, Text: "Writing the work"})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.log.Publish("t1", e); err != nil {
			t.Fatal(err)
		}
		p.shows(".transcript", "Writing the work")
		f.append(t, "t1", "", event.ModelMessage{Call: 3, Model: "m", StopReason: "end_turn", Raw: "{}", Text: "Written to **Expense report.xlsx**."},
			event.PlanEdited{By: "model", Ops: []event.PlanOp{{Op: "status", ID: "2", Status: event.PlanDone}, {Op: "status", ID: "3", Status: event.PlanDone}}},
			event.Completion{
				Asked: []string{"expense report"}, PlanDone: 4, PlanTotal: 5, NotVerified: []string{"the exchange rate of 14 March: no source was read"},
				Delivered: []event.Delivered{{Path: filepath.Join(f.docs, "Expense report.xlsx"), SHA256: strings.Repeat("ab", 32), Size: 18240, Version: 2}},
				Checks:    []event.CheckRun{{Path: "Expense report.xlsx", Check: pluginsdk.Check{Name: "totals add up", Status: "passed"}, At: time.Now()}},
			},
			event.TaskDone{Status: event.StatusDone, Sandbox: "jail"})
		p.shows(".transcript", "Not verified")
		p.shows(".completion", "version 2")
		p.shows(".status-word", "Done")
		p.until(`!document.querySelector(".transcript").innerText.includes("Writing the work")`)
		p.shows(".panel", "3 of 5")
		p.audit("done")
		p.shot("done-1400-light")

		// Undo: first shown, then done.
		p.press(".rail", "Undo all")
		p.shows("dialog", "Move to the trash Expense report.xlsx")
		if got := f.api.got("/v1/tasks/t1/undo"); len(got) != 1 || got[0].Body["dry_run"] != true {
			t.Fatalf("before the person agreed: %v", got)
		}
		p.audit("undo")
		p.shot("undo-1400-light")
		p.press("dialog", "Undo 2 changes")
		p.shows(".transcript", "Undid 2 changes")
		p.until(`document.querySelector('.rail [aria-label^="Undo"]').disabled`)
	})
	t.Run("deny with a reason", func(t *testing.T) {
		f := newFixture(t)
		story(t, f)
		p := newTab(t, b, f)
		p.show("t1")
		p.shows(".approval", "Delete 2 files")
		p.eval(`document.activeElement.blur(); new Promise(r => setTimeout(r, 700))`) // the keys are not armed at once
		p.do(chromedp.KeyEvent("d"))
		p.until(`document.activeElement?.closest(".reason")`)
		p.write(".reason input", "keep both scans\r")
		p.until(`!document.querySelector(".approval")`)
		if got := f.api.got("/v1/tasks/t1/approvals"); len(got) != 1 || got[0].Body["allow"] != false || got[0].Body["reason"] != "keep both scans" {
			t.Errorf("the answer: %v", got)
		}
		p.shows(".transcript", "Denied: Delete 2 files (keep both scans)")
	})
	t.Run("edit a plan", func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "p1", "", event.TaskCreated{Title: "Plan first", Input: "Plan first", Mode: "plan"},
			event.PlanEdited{By: "model", Ops: []event.PlanOp{{Op: "add", ID: "1", Text: "Read"}, {Op: "add", ID: "2", Text: "Write"}, {Op: "add", ID: "3", Text: "Check"}}},
			event.ApprovalAsked{ID: "pl", Card: event.Card{About: "plan", Action: "Start with this plan?", Scopes: []string{"once"}}})
		p := newTab(t, b, f)
		p.show("p1")
		p.until(`document.querySelectorAll(".plan-editor li").length === 3`)
		p.shot("plan-1400-light")
		p.press(".plan-editor li:nth-child(3)", "Move step 3 up")
		p.press(".plan-editor li:nth-child(1)", "Remove step 1")
		p.write(".plan-editor .row input", "Send it\r")
		p.until(`document.querySelector(".plan-editor .row input").value === ""`)
		p.audit("plan card")
		p.press(".approval", "Start")
		var ops []string
		for _, c := range f.api.got("/v1/tasks/p1/plan") {
			b, err := json.Marshal(c.Body["ops"])
			if err != nil {
				t.Fatal(err)
			}
			ops = append(ops, string(b))
		}
		want := `[{"after":"1","id":"3","op":"move"}] [{"id":"1","op":"remove"}] [{"op":"add","text":"Send it"}]`
		if got := strings.Join(ops, " "); got != want {
			t.Errorf("the edits: %s", got)
		}
	})
	t.Run("question", func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "s1", "", event.TaskCreated{Title: "Ask", Input: "Ask"}, event.StepStarted{Step: "1", Plugin: "finance", Command: "variance-analysis"},
			event.Question{Step: "1", Question: pluginsdk.Question{ID: "q", Text: "Which column holds the amount?", Choices: []pluginsdk.Choice{{Value: "C", Label: "Net", Detail: "column C"}, {Value: "D", Label: "Gross"}}}})
		p := newTab(t, b, f)
		p.show("s1")
		p.shows(".question", "Which column")
		p.audit("question card")
		p.press(".question", "Gross")
		p.until(`!!document.querySelector(".question")`)
		if got := f.api.got("/v1/tasks/s1/answers"); len(got) != 1 || got[0].Body["value"] != "D" || got[0].Body["id"] != "q" {
			t.Errorf("the answer: %v", got)
		}
		f.append(t, "s1", "", event.Answer{Step: "1", ID: "q", Value: "D"})
		p.until(`!document.querySelector(".question")`)
		p.shows(".transcript", "Gross")
	})
	t.Run("looks", func(t *testing.T) {
		f := newFixture(t)
		story(t, f)
		p := newTab(t, b, f)
		for _, size := range [][2]int64{{1400, 900}, {390, 844}} {
			for _, scheme := range []string{"light", "dark"} {
				p.look(size[0], size[1], scheme)
				name := fmt.Sprintf("%d-%s", size[0], scheme)
				p.eval(`location.hash = "#/new"`)
				p.until(`document.querySelector(".home .examples button")`)
				p.audit("new task " + name)
				p.shot("new-" + name)
				p.show("t1")
				p.shows(".approval", "Delete 2 files")
				p.until(`document.querySelector(".children")`)
				p.audit("task " + name)
				p.shot("task-" + name)
				if wide := string(p.eval(`document.documentElement.scrollWidth > innerWidth`)); wide != "false" {
					t.Errorf("%s: the page is wider than the window", name)
				}
				if size[0] < 900 {
					p.press(".topbar", "Details")
					p.until(`getComputedStyle(document.querySelector(".rail")).display !== "none"`)
					p.audit("details " + name)
					p.shot("details-" + name)
					p.eval(`document.querySelector(".scrim").click()`)
					p.press(".topbar", "Tasks")
					p.shot("list-" + name)
					p.eval(`document.querySelector(".scrim").click()`)
				}
			}
		}
	})
}
