package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interrupts hands the interrupts of the program to whoever deals with them.
// Nobody does at first: then the first one ends the program's context, and a
// second one the program, at once: the host keeps all that matters.
type interrupts struct {
	cancel context.CancelFunc
	exit   func(code int)
	over   chan struct{}

	mu      sync.Mutex
	handler func(os.Signal)
	restore func() // puts the terminal back before the program exits
	count   int
}

// newInterrupts returns the program's context and its interrupts, which listen
// until stop is called.
func newInterrupts() (ctx context.Context, in *interrupts, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	in = &interrupts{cancel: cancel, exit: os.Exit, over: make(chan struct{})}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for {
			select {
			case s := <-signals:
				in.interrupt(s)
			case <-in.over:
				return
			}
		}
	}()
	return ctx, in, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(in.over)
		cancel()
	})
}

func (in *interrupts) interrupt(s os.Signal) {
	in.mu.Lock()
	in.count++
	handler, first := in.handler, in.count == 1
	in.mu.Unlock()
	switch {
	case handler != nil:
		handler(s)
	case first:
		in.cancel()
	default:
		in.leave()
	}
}

// leave ends the program at once.
func (in *interrupts) leave() {
	in.mu.Lock()
	restore := in.restore
	in.mu.Unlock()
	if restore != nil {
		restore()
	}
	in.exit(exitInterrupted)
}

// take gives the interrupts from now on to the handler, which must not block,
// until release is called. restore is called before the program exits at once.
func (in *interrupts) take(handler func(os.Signal), restore func()) (release func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.handler, in.restore = handler, restore
	return func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.handler, in.restore = nil, nil
	}
}
