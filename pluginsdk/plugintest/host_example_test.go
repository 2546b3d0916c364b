package plugintest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

// A handler that asks the person what the input leaves open, and the model for
// a sentence it can do without.
func ExampleHost() {
	handler := func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		month, err := inv.Host.Ask(ctx, pluginsdk.Question{
			ID: "month", Text: "Which month?", Choices: []pluginsdk.Choice{{Value: "march", Label: "March"}, {Value: "april", Label: "April"}},
		})
		if errors.Is(err, pluginsdk.ErrUnavailable) {
			return nil, pluginsdk.Invalid("choose one with --month", "the month could be march or april")
		}
		if err != nil {
			return nil, err
		}
		res := &pluginsdk.Result{
			Facts: []pluginsdk.Fact{{Name: "total", Value: "200.00", Unit: "USD", Type: pluginsdk.FactDecimal, Source: "receipts.csv:2-3"}},
			Brief: "The receipts of " + month.Value + " come to 200.00 USD.",
		}
		text, err := inv.Host.Generate(ctx, &pluginsdk.Prompt{ID: "opening", Text: "Open a note on the expenses of " + month.Value + " in one sentence, without figures."})
		switch {
		case err == nil:
			res.Brief = text.Text + " " + res.Brief
		case !errors.Is(err, pluginsdk.ErrUnavailable):
			return nil, err
		}
		return res, nil
	}

	run := func(h *plugintest.Host) {
		res, err := handler(context.Background(), &pluginsdk.Invocation{Command: "expenses", Host: h})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(res.Brief)
	}
	h := plugintest.NewHost(nil)
	run(h) // nobody is there
	h.Answers = map[string]string{"month": "march"}
	run(h) // no model
	h.Texts = map[string]string{"opening": "Little was spent."}
	run(h)
	// Output:
	// the month could be march or april; choose one with --month
	// The receipts of march come to 200.00 USD.
	// Little was spent. The receipts of march come to 200.00 USD.
}
