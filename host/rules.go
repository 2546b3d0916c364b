package host

import (
	"path/filepath"
	"time"

	"github.com/cowork-host/cowork/host/internal/api"
	"github.com/cowork-host/cowork/host/internal/config"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/grant"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/usage"
)

// rules are what the person decided: settings, grants and prices, each a file
// in the home.
type rules struct {
	settings *config.File
	grants   *grant.Store
	prices   *usage.Prices
}

func openRules(home string) (*rules, error) {
	prices, err := usage.LoadPrices(filepath.Join(home, "prices.json"))
	if err != nil {
		return nil, err
	}
	return &rules{
		settings: config.Open(filepath.Join(home, "settings.json")),
		grants:   grant.Open(filepath.Join(home, "grants.json")), prices: prices,
	}, nil
}

// forTree is the policy of a tree of tasks. Settings that cannot be read deny
// everything: a rule that denies would be missing.
func (r *rules) forTree(root string) policy.Rules {
	s, err := r.settings.Current()
	if err != nil {
		return policy.Rules{Broken: err.Error()}
	}
	return policy.Rules{Rules: s.Policy, Grants: r.grants.Rules(time.Now(), root)}
}

// approved keeps what an approval opens beyond the call.
func (r *rules) approved(root string, call policy.Call, asked event.ApprovalAsked, answer event.ApprovalAnswered) error {
	_, err := r.grants.Approve(time.Now(), call, policy.Scope(answer.Scope), root, "approval "+asked.ID+" of task "+root)
	return err
}

// named reports whether the person opened a host by naming it, which may then
// have a private address. What was allowed on a card is not enough: whoever
// owns that name decides where it leads.
func (r *rules) named(host string) bool {
	list, err := r.grants.List(time.Now())
	if err != nil {
		return false
	}
	for _, g := range list {
		if g.From != api.GrantedByHand {
			continue
		}
		if target, err := policy.Canonical(policy.Fetch, g.Target); err == nil && target == host {
			return true
		}
	}
	return false
}

// price is what a call of a model cost, and the date of the prices.
func (r *rules) price(name string, u model.Usage) (cost, asOf string) {
	return r.prices.Cost(name, u), r.prices.AsOf
}

// caps are the amounts at which a task pauses and asks.
func (r *rules) caps() (usage.Caps, error) {
	s, err := r.settings.Current()
	return s.Caps, err
}

// reporter sums up what the log says was used.
func (r *rules) reporter(log event.Log) *usage.Reporter {
	return &usage.Reporter{Events: log, Heads: log, Prices: r.prices, Caps: r.caps, Now: time.Now}
}
