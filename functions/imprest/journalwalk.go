package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core/journal"
)

// walkPage is how many records a walk asks for at once.
const walkPage = 500

// walkPages calls use with every page of the records whose ids begin with prefix,
// in the order of the ids. A record that exists throughout is seen once, whatever
// others write meanwhile.
func walkPages(ctx context.Context, store journal.Store, prefix string, use func([]journal.Record) error) error {
	for after := ""; ; {
		page, err := listPage(ctx, store, prefix, after, walkPage)
		if err != nil {
			return err
		}
		if err := use(page); err != nil {
			return err
		}
		if len(page) < walkPage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

// ticker shows a person at a terminal how far a long work is, in one line that is
// written over.
type ticker struct {
	p      *program
	on     bool
	mu     sync.Mutex
	last   time.Time
	stands bool // a line does
}

func (p *program) newTicker() *ticker {
	return &ticker{p: p, on: isTerminal(p.stderr) && os.Getenv("TERM") != "dumb", last: p.now()}
}

// show writes a line, at most twice a second. It is safe for use by many
// goroutines.
func (t *ticker) show(format string, args ...any) {
	if !t.on {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.p.now(); now.Sub(t.last) >= 500*time.Millisecond {
		t.last, t.stands = now, true
		fmt.Fprintf(t.p.stderr, "\r\x1b[K"+format, args...)
	}
}

// done takes the line away.
func (t *ticker) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stands {
		t.stands = false
		fmt.Fprint(t.p.stderr, "\r\x1b[K")
	}
}

// kindOf is the part of an id that tells what the record is, "" if it has none.
func kindOf(id string) string {
	kind, _, ok := strings.Cut(id, "/")
	if !ok {
		return ""
	}
	return kind + "/"
}

// kindNames says what the records of a kind are.
var kindNames = map[string]string{
	"p/": "purchases", "r/": "receipts of notifications", "trade/": "claims of payments", "refunds/": "refunds of a day",
	"order/": "claims of the mall's orders", "grant/": "claims of the mall's services", "mall/": "places in the mall",
	"codes/": "codes to redeem", "state/": "logins that are done", "sandbox/": "of the sandbox",
}
