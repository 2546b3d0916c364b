package engine

import (
	"context"
	"fmt"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/window"
)

// keepShare is the part of the context window that stays as it is in a
// compaction: the last messages.
const keepShare = 0.15

// bytesPerToken is about how long a token is; what stays need not be exact.
const bytesPerToken = 4

// compact replaces the older part of the conversation by the ledger and a
// summary when the window is nearly full, or when forced. It may happen in the
// middle of a turn. The log keeps everything.
func (r *run) compact(ctx context.Context, force bool) error {
	req := r.request()
	before := r.meter.Measure(req, r.brief.skills, readers()...).Total
	info := r.brief.info
	if !force && !window.Due(before, info.ContextWindow, req.MaxTokens) {
		return nil
	}
	upto, old := r.older(int64(float64(info.ContextWindow) * keepShare))
	if len(old) == 0 {
		return nil // one exchange fills the window; the next call says so
	}
	ledger, err := r.ledgerNow(ctx)
	if err != nil {
		return err
	}
	var summary string
	ask := window.SummaryRequest(old, ledger, int(info.ContextWindow))
	ask.Model, ask.Effort = r.conn.Name, "low"
	compacted := func(summary string) event.Compacted {
		text := window.Text(ledger, summary)
		kept := before - r.meter.Tokens(joined(old))
		return event.Compacted{Upto: upto, Text: text, Before: before, After: max(0, kept) + r.meter.Tokens(text)}
	}
	_, err = r.caller().call(ctx, forCompaction, ask, event.ModelCalled{}, func(res *model.Response, _ event.ModelUsage) event.Payload {
		summary = res.Message.Text()
		return compacted(summary)
	})
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	// The ledger stands in alone: the work does not end for want of a summary.
	r.e.opts.Logger.Warn("summarise the conversation", "task", r.t.ID, "error", err)
	return r.t.Record(ctx, compacted(""))
}

// ledgerNow is the ledger of the log up to now. What was folded for an earlier
// compaction is not read again.
func (r *run) ledgerNow(ctx context.Context) (string, error) {
	for e, err := range r.t.EventsAfter(ctx, r.noted) {
		if err != nil {
			return "", fmt.Errorf("read the log for the ledger: %w", err)
		}
		r.ledger.Fold(e)
		r.noted = e.Seq
	}
	return r.ledger.Text(), nil
}

// older returns the messages that a compaction replaces, and the sequence of
// the last event in them: all but the last ones of about keep tokens. A tool
// call and its result always stay together.
func (r *run) older(keep int64) (upto int64, old []model.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	messages := r.conv.Messages()
	cut := window.Cut(messages, int(keep*bytesPerToken))
	at := len(messages)
	for i := len(r.conv.items) - 1; i >= 0; i-- {
		if at <= cut {
			return r.conv.items[i].seq, messages[:at]
		}
		at--
		if len(r.conv.items[i].asked) > 0 {
			at--
		}
	}
	return 0, nil
}

func joined(messages []model.Message) string {
	var b []byte
	for _, m := range messages {
		b = append(b, m.Raw...)
	}
	return string(b)
}
