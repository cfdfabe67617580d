package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// batchLimit is how many writes share a commit at most.
const batchLimit = 256

// write is one Put, PutAll or Delete on its way to the disk. Only the leader of
// its batch touches stored and err before the write is answered.
type write struct {
	records []journal.Record // of a delete: one, ID and Version
	remove  bool

	stored []journal.Record
	err    error

	batch *batch
	turn  chan turn // holds one, so that nobody waits to send
}

// turn is what a waiting caller is woken with.
type turn int

const (
	answered turn = iota // stored and err are set
	leads                // it commits the next batch, its own write in it
)

// batch is the writes of one commit.
type batch struct {
	writes []*write
	done   chan struct{} // closed when the outcome is on the disk, or is known to be unknown
}

// group turns concurrent writes into few commits. One of the waiting callers
// leads: it commits whatever has come in, hands the lead to the next that
// waits, and answers its batch. Nobody is answered before the commit. There is
// no goroutine of its own, and nothing to stop.
type group struct {
	// commit writes a batch and sets the outcome of each. An error that it
	// returns stops the group: every later write is refused with it.
	commit func([]*write) error

	mu        sync.Mutex
	waiting   []*write // in the order in which they came
	leading   bool     // somebody leads, or was appointed to
	appointed *write   // who was appointed and has not begun; it still waits
	running   *batch
	abandoned map[string]*batch // ids in the running batch whose callers have left
	refusal   error             // why no write is taken any more
	failed    bool              // commit said that nothing more can be written
	uncertain map[string]bool   // ids of which nobody knows whether the last write came to the disk
	idle      sync.Cond         // leading became false
}

func newGroup(commit func([]*write) error) *group {
	g := &group{commit: commit, abandoned: map[string]*batch{}, uncertain: map[string]bool{}}
	g.idle.L = &g.mu
	return g
}

// do returns when w is on the disk or has failed, or ctx has ended. In the last
// case it is journal.ErrUnknown if the commit was already under way; a write
// that was still waiting for its turn is taken back, and nothing is unknown.
func (g *group) do(ctx context.Context, w *write) ([]journal.Record, error) {
	w.turn = make(chan turn, 1)
	g.mu.Lock()
	if g.refusal != nil {
		defer g.mu.Unlock()
		return nil, g.refused(w.records...)
	}
	g.waiting = append(g.waiting, w)
	follows := g.leading
	g.leading = true
	g.mu.Unlock()

	if follows {
		select {
		case turn := <-w.turn:
			follows = turn != leads
		case <-ctx.Done():
			if err := g.leave(ctx, w); err != nil {
				return nil, err
			}
			<-w.turn // answered at this very moment
		}
	}
	if !follows {
		g.lead()
	}
	return w.stored, w.err
}

// leave takes w back, if it still waits, or leaves its outcome to whoever
// reads it next. It returns nil if w has just been answered.
func (g *group) leave(ctx context.Context, w *write) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, w); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		if g.appointed == w {
			g.appoint()
		}
		return &core.Error{Op: "sqlitestore", Code: core.CodeUnreached, Err: fmt.Errorf("nothing was written: %w", ctx.Err())}
	}
	if g.running == nil || g.running != w.batch {
		return nil
	}
	for i := range w.records { // the leader may be counting up their versions
		g.abandoned[w.records[i].ID] = g.running
	}
	return fmt.Errorf("%w: %w", journal.ErrUnknown, ctx.Err())
}

// settled waits, as long as ctx lasts, while a write of id is under way whose
// caller was told that it is unknown: who looks after that shall see. If the
// commit failed there is nothing to see, and it returns an error.
func (g *group) settled(ctx context.Context, id string) error {
	g.mu.Lock()
	b := g.abandoned[id]
	g.mu.Unlock()
	if b != nil {
		select {
		case <-b.done:
		case <-ctx.Done():
			return ended(ctx)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.uncertain[id] {
		return g.refused(journal.Record{ID: id})
	}
	return nil
}

// refused is why a call about records is refused. The caller holds mu.
//
// What a failed commit has left in the log is not in the database now, and may
// be there when the file is opened again. Who was told "unknown", looks and
// finds nothing, would take that for an answer; so it stays unknown.
func (g *group) refused(records ...journal.Record) error {
	for _, r := range records {
		if g.uncertain[r.ID] && g.refusal != ErrClosed {
			return fmt.Errorf("%w: %w", journal.ErrUnknown, g.refusal)
		}
	}
	return g.refusal
}

// lead commits one batch, in the goroutine of a caller. If the commit panics,
// the panic is the leader's; the others are told that they cannot know.
func (g *group) lead() {
	g.mu.Lock()
	n := min(len(g.waiting), batchLimit)
	b := &batch{writes: slices.Clone(g.waiting[:n]), done: make(chan struct{})}
	for _, w := range b.writes {
		w.batch = b
	}
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.appointed = nil
	g.running = b
	g.mu.Unlock()

	var refusal error
	panicked := true
	defer func() {
		if panicked {
			refusal = broken(errors.New("a write panicked"))
			for _, w := range b.writes {
				w.stored, w.err = nil, journal.ErrUnknown
			}
		}
		g.mu.Lock()
		g.running = nil
		clear(g.abandoned)
		if refusal != nil {
			g.failed = true
			for _, w := range b.writes {
				for _, r := range w.records {
					if errors.Is(w.err, journal.ErrUnknown) {
						g.uncertain[r.ID] = true
					}
				}
			}
			g.refuse(refusal)
		}
		g.appoint()
		g.mu.Unlock()
		close(b.done)
		for _, w := range b.writes {
			w.turn <- answered
		}
	}()
	refusal = g.commit(b.writes)
	panicked = false
}

// refuse makes every write fail with err that is not in a batch yet. The
// caller holds mu and leads, so that nobody is appointed.
func (g *group) refuse(err error) {
	if g.refusal == nil {
		g.refusal = err
	}
	for _, w := range g.waiting {
		w.err = err
		w.turn <- answered
	}
	g.waiting = nil
}

// appoint hands the lead to who has waited longest. The caller holds mu.
func (g *group) appoint() {
	g.appointed = nil
	if len(g.waiting) == 0 {
		g.leading = false
		g.idle.Broadcast()
		return
	}
	g.appointed = g.waiting[0]
	g.appointed.turn <- leads
}

// close refuses every further write with err and returns when those that came
// before have been answered: whether commit has failed by then.
func (g *group) close(err error) (failed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusal = err
	for g.leading {
		g.idle.Wait()
	}
	return g.failed
}

// closed reports whether close was called.
func (g *group) closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refusal == ErrClosed
}
