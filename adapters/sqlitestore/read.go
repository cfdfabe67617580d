package sqlitestore

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// readSizes are how many ids one look takes, in statements of their own: a
// look for n takes the least of them that is not below n.
var readSizes = [...]int{1, 4, 16, 64}

// read is one Get on its way to the file. Only who leads touches found and err,
// before done is closed.
type read struct {
	id    string
	found journal.Record
	err   error
	done  chan struct{}
}

// reads turns concurrent Gets into few looks at the file: locks, a snapshot and
// a statement cost several times what one more record does. One of the waiting
// callers leads, and looks for all that have come by then. So each sees
// whatever was durable before its call. There is no goroutine of its own, and
// nobody is owed the lead: all that wait reach for it, and who leaves does not.
type reads struct {
	// look reads the records of a group and sets what came of each. It asks for
	// the group when it is about to read, once: the later, the more have come.
	look func(group func() []*read)

	lead    chan struct{} // holds one while somebody leads
	mu      sync.Mutex
	waiting []*read
}

func newReads(look func(group func() []*read)) *reads {
	return &reads{look: look, lead: make(chan struct{}, 1)}
}

// get returns what is stored under id, or the error of ctx if that ends while
// another caller looks.
func (g *reads) get(ctx context.Context, id string) (journal.Record, error) {
	r := &read{id: id, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, r)
	g.mu.Unlock()
	for {
		select {
		case <-r.done:
			return r.found, r.err
		case g.lead <- struct{}{}:
			g.take(r)
		case <-ctx.Done():
			g.mu.Lock()
			defer g.mu.Unlock()
			if i := slices.Index(g.waiting, r); i >= 0 {
				g.waiting = slices.Delete(g.waiting, i, i+1)
			}
			return journal.Record{}, ended(ctx)
		}
	}
}

// take looks for all that wait, if own is among them.
func (g *reads) take(own *read) {
	defer func() { <-g.lead }()
	g.mu.Lock()
	waits := slices.Contains(g.waiting, own)
	g.mu.Unlock()
	if !waits {
		return // it was answered by the leader before
	}
	var group []*read
	defer func() {
		for _, r := range group {
			close(r.done)
		}
	}()
	g.look(func() []*read {
		group = g.gather()
		return group
	})
}

// gather takes who waits, as many as one look takes. Of those that came when
// own did, nobody is left out unless they are too many.
func (g *reads) gather() []*read {
	g.mu.Lock()
	defer g.mu.Unlock()
	group := g.waiting
	if most := readSizes[len(readSizes)-1]; len(group) > most {
		group = slices.Clone(group[:most])
		g.waiting = slices.Delete(g.waiting, 0, most)
	} else {
		g.waiting = nil
	}
	for _, r := range group {
		r.err = errNoLook
	}
	return group
}

// errNoLook is what is left to the others if a look panics.
var errNoLook error = &core.Error{Op: "sqlitestore.get", Code: core.CodeInternal, Safe: true, Err: errors.New("a read panicked")}

// lookFor is a statement that finds n records.
func lookFor(n int) string {
	if n == 1 {
		return "SELECT " + columns + " FROM records WHERE id = ?"
	}
	return "SELECT " + columns + " FROM records WHERE id IN (?" + strings.Repeat(", ?", n-1) + ")"
}

// look reads where the writer does, if that is soon free, and elsewhere if not.
//
// No caller's context comes here, since it would end the look of all; and one that
// can end costs the driver two goroutines, which is more than the look.
func (s *Store) look(group func() []*read) {
	if s.session != nil && s.session.hold(patience) {
		defer s.session.release()
		if s.session.sees() {
			s.lookHere(group())
			return
		}
	}
	// Who can run comes first: a look takes less time than it takes them to
	// come, so it would be for one alone. Where nobody else runs this is nothing.
	runtime.Gosched()
	s.lookThere(group())
}

// patience is how long a look waits for the writer: for a commit, but not for a
// disk that hangs, or while another process keeps the file locked.
const patience = 20 * time.Millisecond

// lookHere reads a group on the connection that writes, between two batches, so
// that what it sees is on the disk.
func (s *Store) lookHere(group []*read) {
	each := func() error {
		for _, r := range group {
			found, err := s.session.get(r.id)
			if err != nil {
				return err
			}
			r.found, r.err = found, nil
			if found.Version == 0 {
				r.err = journal.ErrNotFound
			}
		}
		return nil
	}
	err := s.session.use(func() error {
		if len(group) == 1 {
			return each()
		}
		_, err := s.session.within(&s.session.snapshot, each) // one lock for all
		return err
	})
	if err != nil {
		s.unseen(group, err)
	}
}

// unseen is what came of a group that could not be read.
func (s *Store) unseen(group []*read, err error) {
	for _, r := range group {
		r.found, r.err = journal.Record{}, s.unread(context.Background(), "get", err)
	}
}

// lookThere reads a group on a connection that only reads, in one statement,
// which sees one state of the file.
func (s *Store) lookThere(group []*read) {
	ctx := context.Background()
	size := slices.IndexFunc(readSizes[:], func(n int) bool { return n >= len(group) })
	ids := make([]any, readSizes[size]) // what is left over is NULL, and equal to nothing
	for i, r := range group {
		ids[i] = r.id
	}
	rows, err := s.get[size].QueryContext(ctx, ids...)
	if err != nil {
		s.unseen(group, err)
		return
	}
	defer rows.Close()
	for _, r := range group {
		r.err = journal.ErrNotFound
	}
	for rows.Next() {
		found, err := scan(rows)
		if err != nil {
			s.unseen(group, err)
			return
		}
		given := false
		for _, r := range group {
			if r.id != found.ID {
				continue
			}
			r.found, r.err = found, nil
			if given {
				r.found.Body = slices.Clone(found.Body) // callers share no memory
			}
			given = true
		}
	}
	if err := rows.Err(); err != nil {
		s.unseen(group, err)
	}
}
