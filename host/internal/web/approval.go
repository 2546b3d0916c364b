package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"sync"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// maxAsks is how many tasks' questions are kept in memory.
const maxAsks = 256

// asks knows what tasks ask the person: a fold of their logs, continued where
// it stopped.
type asks struct {
	log Log

	mu    sync.Mutex
	tasks map[string]asked
}

// asked is what one task asked up to the event last.
type asked struct {
	last      int64
	approvals map[string]approval
	questions map[[2]string]bool // step and id: whether it was answered
}

type approval struct {
	digest   string
	answered bool
}

func newAsks(log Log) *asks { return &asks{log: log, tasks: map[string]asked{}} }

// of returns what a task asked until now.
func (a *asks) of(ctx context.Context, task string) (asked, error) {
	a.mu.Lock()
	old := a.tasks[task]
	a.mu.Unlock()
	t := asked{last: old.last, approvals: maps.Clone(old.approvals), questions: maps.Clone(old.questions)}
	if t.approvals == nil {
		t.approvals, t.questions = map[string]approval{}, map[[2]string]bool{}
	}
	for e, err := range a.log.Read(ctx, task, t.last+1) {
		if err != nil {
			return asked{}, err
		}
		t.fold(e)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.tasks) >= maxAsks {
		clear(a.tasks)
	}
	a.tasks[task] = t
	return t, nil
}

func (t *asked) fold(e event.Event) {
	t.last = e.Seq
	switch e.Kind {
	case event.KindApprovalAsked:
		p, err := event.Decode[event.ApprovalAsked](e)
		if _, again := t.approvals[p.ID]; err == nil && !again {
			t.approvals[p.ID] = approval{digest: p.Digest}
		}
	case event.KindApprovalAnswered:
		p, _ := event.Decode[event.ApprovalAnswered](e)
		if ap, ok := t.approvals[p.ID]; ok {
			ap.answered = true
			t.approvals[p.ID] = ap
		}
	case event.KindQuestion:
		p, err := event.Decode[event.Question](e)
		if _, again := t.questions[[2]string{p.Step, p.ID}]; err == nil && !again {
			t.questions[[2]string{p.Step, p.ID}] = false
		}
	case event.KindAnswer:
		p, _ := event.Decode[event.Answer](e)
		t.questions[[2]string{p.Step, p.ID}] = true
	case event.KindStepFailed:
		p, _ := event.Decode[event.StepFailed](e)
		for k := range t.questions {
			if k[0] == p.Step {
				delete(t.questions, k)
			}
		}
	}
}

// open counts what was not answered.
func (t asked) open() int {
	n := 0
	for _, ap := range t.approvals {
		if !ap.answered {
			n++
		}
	}
	for _, answered := range t.questions {
		if !answered {
			n++
		}
	}
	return n
}

// approveRequest answers an approval.
type approveRequest struct {
	ID     string `json:"id"`
	Allow  bool   `json:"allow"`
	Scope  string `json:"scope,omitempty"`
	Reason string `json:"reason,omitempty"`
	Digest string `json:"digest,omitempty"`
}

// approve passes an answer on if it is for what this very task asked, in these
// very words, and was not given before.
func (s *Server) approve(w http.ResponseWriter, r *http.Request) {
	var req approveRequest
	if !decode(w, r, &req) {
		return
	}
	t, err := s.asks.of(r.Context(), r.PathValue("task"))
	if err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	ap, ok := t.approvals[req.ID]
	switch {
	case !ok:
		denied(w, "this task does not ask for that", "reload the page")
	case ap.answered:
		denied(w, "that was answered already", "reload the page to see how")
	case ap.digest != req.Digest:
		denied(w, "the answer is for another call than the one that is asked", "reload the page and look at the card again")
	default:
		s.forward(w, r, struct {
			approveRequest
			By string `json:"by"`
		}{req, by}, nil)
	}
}

// undoRequest undoes what a task changed. Without Preview it only says what
// would be done; with the preview's digest it does exactly that.
type undoRequest struct {
	Step    string `json:"step,omitempty"`
	Path    string `json:"path,omitempty"`
	Preview string `json:"preview,omitempty"`
}

// undo shows first and does then, and only what was shown.
func (s *Server) undo(w http.ResponseWriter, r *http.Request) {
	var req undoRequest
	if !decode(w, r, &req) {
		return
	}
	ask := map[string]any{"dry_run": true}
	if req.Step != "" {
		ask["step"] = req.Step
	}
	if req.Path != "" {
		ask["path"] = req.Path
	}
	dry := newAnswer()
	s.forward(dry, r, ask, nil)
	if dry.status != http.StatusOK {
		dry.send(w)
		return
	}
	digest := sha256.Sum256(dry.body.Bytes())
	preview := hex.EncodeToString(digest[:])
	switch req.Preview {
	case "":
		reply(w, map[string]any{"reversals": json.RawMessage(dry.body.Bytes()), "preview": preview})
	case preview:
		delete(ask, "dry_run")
		done := newAnswer()
		s.forward(done, r, ask, nil)
		if done.status != http.StatusOK {
			done.send(w)
			return
		}
		reply(w, map[string]any{"reversals": json.RawMessage(done.body.Bytes())})
	default:
		fail(w, http.StatusConflict, &pluginsdk.Error{
			Kind: pluginsdk.ErrConflict, Message: "the files changed since the undo was shown", Next: "look at it again",
		})
	}
}
