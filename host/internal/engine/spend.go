package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/usage"
	"github.com/cowork-host/cowork/pluginsdk"
)

// purse is what a tree of tasks has spent. All its tasks share one.
type purse struct {
	turn chan struct{} // held by the task that asks whether to go on

	mu     sync.Mutex
	users  int
	budget string            // the root's own, if it has one
	cost   map[string]string // by task
}

// purse returns the purse of the run's tree. Give it back.
func (e *Engine) purse(r *run) *purse {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.purses[r.root()]
	if p == nil {
		p = &purse{turn: make(chan struct{}, 1), cost: map[string]string{}}
		if e.purses == nil {
			e.purses = map[string]*purse{}
		}
		e.purses[r.root()] = p
	}
	p.users++
	if r.t.ID == r.root() {
		p.budget = r.t.Spec.Budget
	}
	return p
}

func (e *Engine) putBack(r *run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.purse.users--; r.purse.users == 0 {
		delete(e.purses, r.root())
	}
}

// fold counts what a task spent, and what its sub-agents spent that this host
// has not seen at work.
func (p *purse) fold(task string, e *event.Opened) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case event.KindTaskCreated:
		p.cost[task] = "" // its log is read from the start
	case event.KindUsage:
		u, _ := event.As[event.ModelUsage](e)
		p.cost[task] = event.AddCost(p.cost[task], u.Cost)
	case event.KindChildDone:
		c, _ := event.As[event.ChildDone](e)
		if _, known := p.cost[c.Child]; !known {
			p.cost[c.Child] = c.Usage.Cost
		}
	}
}

// spent is what one task, and what the tree, has cost so far.
func (p *purse) spent(task string) (own, tree string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.cost {
		tree = event.AddCost(tree, c)
	}
	return p.cost[task], tree
}

// capped is what the log says of limits that were reached: how often the person
// let the task go on.
type capped struct {
	count int
	open  event.ApprovalAsked // not answered yet
	on    map[string]int      // by kind of cap, that of a day with its date
	// refused is an answer that ends the run, given while it was parked.
	refused bool
}

func (c *capped) fold(e *event.Opened) {
	switch e.Kind {
	case event.KindApprovalAsked:
		if a, _ := event.As[event.ApprovalAsked](e); a.Card.About == aboutCap {
			c.count++
			c.open = a
		}
	case event.KindApprovalAnswered:
		a, _ := event.As[event.ApprovalAnswered](e)
		if c.open.ID == "" || a.ID != c.open.ID {
			return
		}
		if a.Allow {
			if c.on == nil {
				c.on = map[string]int{}
			}
			c.on[c.open.Card.Target]++
		}
		c.refused = !a.Allow
		c.open = event.ApprovalAsked{}
	case event.KindTaskDone:
		if d, _ := event.As[event.TaskDone](e); d.Status != event.StatusParked {
			c.refused = false
		}
	}
}

// limit is one cap a run is held to.
type limit struct {
	name   string // the approval's target: the same for the same occasion
	amount string
	spent  string
	caps   func(amount string) usage.Caps
}

// withinCaps is asked before every call of the model. A limit that is reached
// is put to the person, one task of a tree at a time; going on means as much
// again.
func (r *run) withinCaps(ctx context.Context) error {
	select {
	case r.purse.turn <- struct{}{}:
		defer func() { <-r.purse.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := r.unpriced(ctx); err != nil {
		return err
	}
	for {
		reached, name, err := r.reached()
		if err != nil || reached == nil {
			return err
		}
		r.mu.Lock()
		id, refused := r.past.caps.open.ID, r.past.caps.refused
		if id == "" {
			id = fmt.Sprintf("cap-%d", r.past.caps.count+1)
		}
		r.mu.Unlock()
		if refused {
			return r.atLimit(reached)
		}
		answer, err := r.t.Approval(ctx, event.ApprovalAsked{ID: id, Card: event.Card{
			About: aboutCap, Action: "go on beyond the limit of $" + reached.Limit, Target: name,
			Reason: reached.String(), Risk: "it costs up to as much again before you are asked the next time",
			Rule: "cap", Scopes: []string{"once"},
		}})
		if err != nil {
			return err
		}
		if !answer.Allow {
			return r.atLimit(reached)
		}
	}
}

// unpriced says once that a limit does not hold, because nobody knows what the
// model costs.
func (r *run) unpriced(ctx context.Context) error {
	settings, err := r.e.opts.Caps()
	if err != nil {
		return err
	}
	limit := settings.ForTask(r.purse.budget).Task
	if limit == "" {
		limit = settings.Day
	}
	if cost, _ := r.e.opts.Price(r.conn.Name, model.Usage{Input: 1_000_000}); limit == "" || cost != "" {
		return nil
	}
	f := event.Finding{
		Rule: "cap.unpriced", Severity: "warning",
		Message: fmt.Sprintf("the limit of $%s does not hold: there is no price for the model %.80s; add it to prices.json", limit, r.conn.Name),
	}
	if r.found(f) {
		return nil
	}
	return r.t.Record(ctx, f)
}

func (r *run) atLimit(reached *usage.Reached) error {
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrDenied, Message: "the task was ended at its spending limit. " + reached.String(),
		Next: "go on later with `cowork task resume " + r.t.ID + "`",
	}
}

// reached returns the first limit that is reached, nil when there is room.
func (r *run) reached() (*usage.Reached, string, error) {
	settings, err := r.e.opts.Caps()
	if err != nil {
		return nil, "", err
	}
	now := r.e.opts.Now()
	own, tree := r.purse.spent(r.t.ID)
	forTask := func(a string) usage.Caps { return usage.Caps{Task: a} }
	limits := []limit{
		{"the task and its sub-agents", settings.ForTask(r.purse.budget).Task, tree, forTask},
		{"today, " + now.Format(time.DateOnly), settings.Day, r.e.opts.Today(), func(a string) usage.Caps { return usage.Caps{Day: a} }},
	}
	if r.agent != nil {
		limits = append(limits, limit{"the sub-agent", r.t.Spec.Budget, own, forTask})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range limits {
		if l.amount == "" {
			continue
		}
		on := r.past.caps.on[l.name]
		if free, err := usage.Add(l.amount, ""); on > 0 && err == nil && free == "0" {
			continue // a limit of nothing asks once
		}
		amount := l.amount
		for range on {
			amount = event.AddCost(amount, l.amount)
		}
		reached, err := l.caps(amount).Reached(l.spent, l.spent, now)
		if err != nil || reached != nil {
			return reached, l.name, err
		}
	}
	return nil, "", nil
}
