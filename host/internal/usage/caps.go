package usage

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Caps are the amounts, in US dollars, at which a task pauses and asks. An
// empty one is no cap; "0" asks before anything is spent.
type Caps struct {
	// Task is for a task with its sub-agents, Day for all tasks of a day.
	Task string `json:"task"`
	Day  string `json:"day"`
}

// Check says what is wrong with the caps.
func (c Caps) Check() error {
	for _, f := range []struct{ name, text string }{{"task", c.Task}, {"day", c.Day}} {
		if _, err := parseAmount(f.text); err != nil {
			return pluginsdk.Invalid("write US dollars as 2.50", "the cap per %s is refused: %v", f.name, err)
		}
	}
	return nil
}

// ForTask returns the caps of a task with a budget of its own; empty: the
// person's.
func (c Caps) ForTask(budget string) Caps {
	c.Task = orElse(budget, c.Task)
	return c
}

// Reached is a cap that was reached.
type Reached struct {
	// Cap is "task" or "day".
	Cap   string `json:"cap"`
	Limit string `json:"limit"`
	Spent string `json:"spent"`
	// Resets is when the count begins anew; zero: never, for a task.
	Resets time.Time `json:"resets,omitzero"`
	now    time.Time
}

// Reached returns the cap that spending has reached, nil if there is room in
// both: that of the task, which does not pass with time, before the day's. An
// amount that cannot be read is an error, and reaches every cap: the task must
// not go on. The day is that of now's zone.
func (c Caps) Reached(task, day string, now time.Time) (*Reached, error) {
	for _, k := range []struct{ name, limit, spent string }{{"task", c.Task, task}, {"day", c.Day, day}} {
		if k.limit == "" {
			continue
		}
		limit, err := parseAmount(k.limit)
		if err != nil {
			return nil, fmt.Errorf("read the cap per %s: %w", k.name, err)
		}
		spent, err := parseAmount(k.spent)
		if err != nil {
			return nil, fmt.Errorf("read what the %s cost: %w", k.name, err)
		}
		if spent.Cmp(limit) < 0 {
			continue
		}
		r := &Reached{Cap: k.name, Limit: format(limit), Spent: format(spent), now: now}
		if k.name == "day" {
			r.Resets = nextMidnight(now)
		}
		return r, nil
	}
	return nil, nil //nolint:nilnil // nothing is reached
}

// Next is the cap if the person lets the work go on: as much again.
func (r Reached) Next() string {
	next, err := Add(r.Spent, r.Limit)
	if err != nil {
		return r.Limit // both were written by format
	}
	return next
}

// String says it in a sentence, with when it resets.
func (r Reached) String() string {
	if r.Cap == "task" {
		return fmt.Sprintf("This task has cost $%s, and its limit is $%s. The limit does not reset with time.", money(r.Spent), money(r.Limit))
	}
	return fmt.Sprintf("Today's work has cost $%s, and the limit for a day is $%s. It resets at %s, in %s.",
		money(r.Spent), money(r.Limit), r.Resets.Format("15:04 MST on 2 January"), span(r.Resets.Sub(r.now)))
}

// money rounds an amount to cents for reading; one below a cent keeps two
// digits.
func money(s string) string {
	d, err := parseAmount(s)
	if err != nil {
		return s
	}
	places := int32(-2)
	if lead := int32(d.NumDigits()) + d.Exponent; !d.IsZero() && lead < -1 {
		places = lead - 2
	}
	var out apd.Decimal
	if _, err := apd.BaseContext.WithPrecision(60).Quantize(&out, d, places); err != nil {
		return s
	}
	return out.Text('f')
}

func span(d time.Duration) string {
	d = d.Round(time.Minute)
	h, m := int(d.Hours()), int(d.Minutes())%60
	switch {
	case h == 0:
		return fmt.Sprintf("%d min", m)
	case m == 0:
		return fmt.Sprintf("%d h", h)
	}
	return fmt.Sprintf("%d h %d min", h, m)
}

// Meter counts what a day costs while it goes on. Its methods may be called
// concurrently.
type Meter struct {
	now func() time.Time

	mu  sync.Mutex
	day time.Time // its midnight
	sum sum
}

// NewMeter returns a meter that knows what was spent today. Now gives the time
// in the zone of the person's days.
func NewMeter(ctx context.Context, events Finder, now func() time.Time) (*Meter, error) {
	m := &Meter{now: now, day: midnight(now())}
	for e, err := range events.Find(ctx, event.KindUsage, m.day) {
		if err != nil {
			return nil, fmt.Errorf("read what was used today: %w", err)
		}
		if u, err := event.Decode[event.ModelUsage](e); err == nil {
			m.sum.add(u)
		}
	}
	return m, nil
}

// Add counts what a call used just now.
func (m *Meter) Add(u event.ModelUsage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn()
	m.sum.add(u)
}

// Today returns what was spent since midnight.
func (m *Meter) Today() Sum {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn()
	return m.sum.Sum
}

// turn begins a new day. A clock that is set back does not: what was spent
// stays counted.
func (m *Meter) turn() {
	if today := midnight(m.now()); today.After(m.day) {
		m.day, m.sum = today, sum{}
	}
}
