package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// disk is a commit that a test lets through, one at a time.
type disk struct {
	group   *group
	batches [][]string // the ids of each commit, in order
	let     chan error // what the next commit returns
}

func newDisk() *disk {
	d := &disk{let: make(chan error)}
	d.group = newGroup(func(batch []*write) error {
		var ids []string
		for _, w := range batch {
			ids = append(ids, w.records[0].ID)
		}
		d.batches = append(d.batches, ids)
		err := <-d.let
		for _, w := range batch {
			w.stored, w.err = w.records, err
		}
		return err
	})
	return d
}

// answer is what a caller of do was given.
type answer struct {
	done chan struct{}
	r    journal.Record
	err  error
}

func (a *answer) given() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// put starts a caller, and returns when it waits.
func (d *disk) put(ctx context.Context, id string) *answer {
	a := &answer{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.r, a.err = one(d.group.do(ctx, &write{records: []journal.Record{{ID: id}}}))
	}()
	synctest.Wait()
	return a
}

// permit lets one commit through and returns when everybody waits again.
func (d *disk) permit(err error) {
	d.let <- err
	synctest.Wait()
}

func TestWritesThatWaitShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		first := d.put(t.Context(), "p/0")
		var rest []*answer
		var ids []string
		for i := range 2*batchLimit + 10 {
			id := fmt.Sprintf("p/%d", i+1)
			ids = append(ids, id)
			rest = append(rest, d.put(t.Context(), id))
		}
		d.permit(nil)
		require.True(t, first.given())
		for commit, n := range []int{batchLimit, batchLimit, 10} {
			for _, a := range rest[commit*batchLimit:] {
				require.False(t, a.given(), "nobody is answered before the commit")
			}
			require.Equal(t, ids[commit*batchLimit:commit*batchLimit+n], d.batches[commit+1], "a batch is what waits, in the order in which it came")
			d.permit(nil)
			for _, a := range rest[commit*batchLimit : commit*batchLimit+n] {
				require.True(t, a.given())
				require.NoError(t, a.err)
			}
		}
		require.Len(t, d.batches, 4)

		// The lead is free again.
		last := d.put(t.Context(), "p/last")
		d.permit(nil)
		require.True(t, last.given())
	})
}

func TestACallerThatLeavesWhileItWaitsWasNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		ctx, cancel := context.WithCancel(t.Context())
		first, leaves, stays := d.put(t.Context(), "p/1"), d.put(ctx, "p/2"), d.put(t.Context(), "p/3")
		cancel()
		synctest.Wait()
		require.True(t, leaves.given())
		require.ErrorIs(t, leaves.err, context.Canceled)
		require.NotErrorIs(t, leaves.err, journal.ErrUnknown)
		require.True(t, core.Retryable(leaves.err))

		d.permit(nil)
		d.permit(nil)
		require.True(t, first.given() && stays.given())
		require.Equal(t, [][]string{{"p/1"}, {"p/3"}}, d.batches)
	})
}

func TestACallerThatLeavesDuringTheCommitCannotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		ctx, cancel := context.WithCancel(t.Context())
		first, leaves, stays := d.put(t.Context(), "p/1"), d.put(ctx, "p/2"), d.put(t.Context(), "p/3")
		d.permit(nil)
		require.True(t, first.given())

		// p/2 leads its batch and cannot leave; p/3 is committed by it.
		cancel()
		synctest.Wait()
		require.False(t, leaves.given(), "the leader stays with its batch")
		d.permit(nil)
		require.NoError(t, leaves.err, "and so it knows")
		require.NoError(t, stays.err)

		ctx, cancel = context.WithCancel(t.Context())
		first, stays, leaves = d.put(t.Context(), "p/4"), d.put(t.Context(), "p/5"), d.put(ctx, "p/6")
		d.permit(nil)
		require.True(t, first.given())
		cancel()
		synctest.Wait()
		require.True(t, leaves.given())
		require.ErrorIs(t, leaves.err, journal.ErrUnknown)
		require.ErrorIs(t, leaves.err, context.Canceled)
		require.Equal(t, core.CodeUnknown, core.CodeOf(leaves.err))

		// Who looks now waits for the commit, if only for that id.
		require.NoError(t, d.group.settled(t.Context(), "p/5"))
		ended, end := context.WithCancel(t.Context())
		end()
		require.ErrorIs(t, d.group.settled(ended, "p/6"), context.Canceled)
		looked := make(chan error, 1)
		go func() { looked <- d.group.settled(t.Context(), "p/6") }()
		synctest.Wait()
		require.Empty(t, looked)
		d.permit(nil)
		require.NoError(t, <-looked)
		require.NoError(t, stays.err, "those who stayed are not harmed")
		require.NoError(t, d.group.settled(t.Context(), "p/6"))
	})
}

// A caller may be appointed at the moment in which it leaves. The lead must
// pass on then, or everybody behind it would wait for ever.
func TestAnAppointedLeaderThatLeavesPassesTheLeadOn(t *testing.T) {
	g := newGroup(nil)
	g.leading = true
	leaves, next := &write{turn: make(chan turn, 1)}, &write{turn: make(chan turn, 1)}
	g.waiting = []*write{leaves, next}
	g.appoint()
	require.Same(t, leaves, g.appointed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, g.leave(ctx, leaves), context.Canceled)
	require.Same(t, next, g.appointed)
	require.Equal(t, leads, <-next.turn)

	require.ErrorIs(t, g.leave(ctx, next), context.Canceled)
	require.False(t, g.leading, "nobody is left")
}

func TestAFailedCommitStopsTheGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		first := d.put(t.Context(), "p/1")
		second, waits := d.put(t.Context(), "p/2"), d.put(t.Context(), "p/3")
		d.permit(nil)
		require.True(t, first.given())
		behind := d.put(t.Context(), "p/4")

		fault := errors.New("no space left on device")
		d.permit(fault)
		for _, a := range []*answer{second, waits, behind} {
			require.True(t, a.given())
			require.ErrorIs(t, a.err, fault)
		}
		require.Equal(t, [][]string{{"p/1"}, {"p/2", "p/3"}}, d.batches, "what was behind never came to the disk")
		later := d.put(t.Context(), "p/5")
		require.True(t, later.given())
		require.ErrorIs(t, later.err, fault)
		require.Len(t, d.batches, 2)
	})
}

func TestAPanicLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		commit := d.group.commit
		d.group.commit = func(batch []*write) error {
			_ = commit(batch) // with outcomes that the panic makes untrue
			if len(batch) > 1 {
				panic("a fault of the driver")
			}
			return nil
		}
		first := d.put(t.Context(), "p/1")

		leader := make(chan any, 1)
		go func() {
			defer func() { leader <- recover() }()
			_, _ = d.group.do(t.Context(), &write{records: []journal.Record{{ID: "p/2"}}})
		}()
		synctest.Wait()
		follows := d.put(t.Context(), "p/3")
		d.permit(nil)
		require.True(t, first.given())
		behind := d.put(t.Context(), "p/4")
		d.permit(nil)

		require.Equal(t, "a fault of the driver", <-leader, "the panic is the leader's")
		require.True(t, follows.given())
		require.Equal(t, journal.ErrUnknown, follows.err)
		require.Zero(t, follows.r)
		require.True(t, behind.given())
		require.ErrorIs(t, behind.err, ErrBroken)
		later := d.put(t.Context(), "p/5")
		require.True(t, later.given())
		require.ErrorIs(t, later.err, ErrBroken)
		d.group.close(ErrClosed) // and it does not wait for anybody
	})
}

func TestCloseWaitsForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		first, second := d.put(t.Context(), "p/1"), d.put(t.Context(), "p/2")
		closed := make(chan struct{})
		go func() {
			d.group.close(ErrClosed)
			close(closed)
		}()
		synctest.Wait()
		late := d.put(t.Context(), "p/3")
		require.True(t, late.given())
		require.ErrorIs(t, late.err, ErrClosed)

		d.permit(nil)
		require.True(t, first.given())
		require.NoError(t, first.err)
		select {
		case <-closed:
			t.Fatal("p/2 came before close, and is not answered yet")
		default:
		}
		d.permit(nil)
		require.NoError(t, second.err)
		<-closed
	})
}

// Callers that come and leave as they please: each is answered, and what it is
// told is what the disk has seen.
func TestCallersThatComeAndLeave(t *testing.T) {
	const callers, each = 32, 200
	var mu sync.Mutex
	committed := map[string]bool{}
	g := newGroup(func(batch []*write) error {
		mu.Lock()
		defer mu.Unlock()
		for _, w := range batch {
			committed[w.records[0].ID] = true
			w.stored = w.records
		}
		return nil
	})
	told := make([]map[string]error, callers)
	var done sync.WaitGroup
	for i := range callers {
		told[i] = map[string]error{}
		done.Go(func() {
			for n := range each {
				id := fmt.Sprintf("p/%d/%d", i, n)
				ctx, cancel := context.WithCancel(t.Context())
				if i%2 == 0 {
					go cancel()
				}
				_, told[i][id] = g.do(ctx, &write{records: []journal.Record{{ID: id}}})
				cancel()
			}
		})
	}
	done.Wait()
	g.close(ErrClosed)
	outcomes := map[string]int{}
	for _, answers := range told {
		for id, err := range answers {
			switch {
			case err == nil:
				outcomes["written"]++
				assert.True(t, committed[id], "%s was answered", id)
			case errors.Is(err, journal.ErrUnknown):
				outcomes["unknown"]++
				assert.True(t, committed[id], "every commit here succeeds in the end")
			default:
				outcomes["taken back"]++
				assert.ErrorIs(t, err, context.Canceled)
				assert.False(t, committed[id], "%s was taken back", id)
			}
		}
	}
	t.Log(outcomes)
	require.False(t, g.leading)
	require.Empty(t, g.waiting)
}
