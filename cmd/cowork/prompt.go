package main

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

// prompt asks the person at the terminal, one question after the other.
type prompt struct {
	app    *app
	client *host.Client
	task   string

	open     map[string]context.CancelFunc // by questionKey; used by show alone
	turn     sync.Mutex                    // held by the question on the screen
	once     sync.Once
	lines    chan string // what the person types; closed at the end of it
	standing atomic.Bool // the cursor stands behind "your answer:"
}

func questionKey(q host.Question) string { return q.Step + "\x00" + q.ID }

// breakLine ends the line on which an answer is awaited.
func (p *prompt) breakLine() {
	if p.standing.Swap(false) {
		fmt.Fprintln(p.app.stderr)
	}
}

// ask puts a question to the person and returns at once. The answer goes to
// the host; leave is called when the person types the end of input instead.
func (p *prompt) ask(ctx context.Context, q host.Question, leave func(q host.Question)) {
	ctx, cancel := context.WithCancel(ctx)
	if p.open == nil {
		p.open = map[string]context.CancelFunc{}
	}
	p.open[questionKey(q)] = cancel
	go func() {
		defer cancel()
		p.turn.Lock()
		defer p.turn.Unlock()
		if p.put(ctx, q) {
			leave(q)
		}
	}()
}

// settle takes a question off the screen that has its answer.
func (p *prompt) settle(answer host.Answer) {
	key := questionKey(host.Question{Step: answer.Step, Question: pluginsdk.Question{ID: answer.ID}})
	if cancel := p.open[key]; cancel != nil {
		cancel()
		delete(p.open, key)
	}
}

// put shows the question until it is answered; left says that the person ended
// the input.
func (p *prompt) put(ctx context.Context, q host.Question) (left bool) {
	out := p.app.stderr
	fmt.Fprintf(out, "\n  ? %s\n", clean(q.Text))
	for i, c := range q.Choices {
		fmt.Fprintf(out, "    %d) %s  %s\n", i+1, clean(c.Label), clean(c.Detail))
	}
	for {
		fmt.Fprint(out, "  your answer: ")
		p.standing.Store(true)
		select {
		case <-ctx.Done():
			return false
		case text, ok := <-p.typed():
			if !ok {
				p.breakLine()
				return true
			}
			p.standing.Store(false) // the person ended the line
			value, problem := choose(q.Choices, text)
			if problem == "" {
				err := p.client.Answer(ctx, p.task, q.ID, value)
				if err == nil || ctx.Err() != nil {
					return false
				}
				problem = problemOf(err).Message
			}
			fmt.Fprintf(out, "  %s\n", clean(problem))
		}
	}
}

// typed yields the lines the person types. One reader serves all questions.
func (p *prompt) typed() <-chan string {
	p.once.Do(func() {
		p.lines = make(chan string)
		go func() {
			defer close(p.lines)
			in := bufio.NewReader(p.app.stdin)
			for {
				text, err := in.ReadString('\n')
				if err != nil {
					return
				}
				p.lines <- text
			}
		}()
	})
	return p.lines
}

// choose finds the choice a person means by its number, its value or its
// label. A question without choices takes any text that is not empty.
func choose(choices []pluginsdk.Choice, typed string) (value, problem string) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return "", "type an answer, or Ctrl-D to leave"
	}
	if len(choices) == 0 {
		return typed, ""
	}
	if n, err := strconv.Atoi(typed); err == nil && n >= 1 && n <= len(choices) {
		return choices[n-1].Value, ""
	}
	var found []string
	for _, c := range choices {
		if c.Value == typed {
			return c.Value, ""
		}
		if strings.EqualFold(c.Value, typed) || strings.EqualFold(c.Label, typed) {
			found = append(found, c.Value)
		}
	}
	if len(found) == 1 {
		return found[0], ""
	}
	return "", fmt.Sprintf("type a number from 1 to %d, or one of the answers as it stands there", len(choices))
}
