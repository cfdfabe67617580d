package sqlitestore

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// file is a look that a test lets through, one at a time.
type file struct {
	reads *reads
	looks [][]string
	let   chan string // the body of what is found
}

func newFile() *file {
	f := &file{let: make(chan string)}
	f.reads = newReads(func(gather func() []*read) {
		group := gather()
		var ids []string
		for _, r := range group {
			ids = append(ids, r.id)
		}
		f.looks = append(f.looks, ids)
		body := <-f.let
		if body == "panic" {
			panic("a fault of the driver")
		}
		for _, r := range group {
			r.found, r.err = journal.Record{ID: r.id, Body: []byte(body)}, nil
		}
	})
	return f
}

// get starts a caller, and returns when it waits.
func (f *file) get(ctx context.Context, id string) *answer {
	a := &answer{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		defer func() {
			if p := recover(); p != nil {
				a.err = fmt.Errorf("panic: %v", p)
			}
		}()
		a.r, a.err = f.reads.get(ctx, id)
	}()
	synctest.Wait()
	return a
}

func (f *file) permit(body string) {
	f.let <- body
	synctest.Wait()
}

// Who comes while somebody looks is told what a later look finds: what was
// written between the two is in it.
func TestReadsThatWaitShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile()
		first := f.get(t.Context(), "p/0")
		most := readSizes[len(readSizes)-1]
		var rest []*answer
		for i := range most + 3 {
			rest = append(rest, f.get(t.Context(), fmt.Sprintf("p/%d", i+1)))
		}
		require.Len(t, f.looks, 1)
		f.permit("earlier")
		require.True(t, first.given())
		require.Equal(t, "earlier", string(first.r.Body))
		f.permit("later")
		f.permit("last")
		require.Len(t, f.looks, 3)
		require.Len(t, f.looks[1], most)
		require.Len(t, f.looks[2], 3)
		for i, a := range rest {
			require.True(t, a.given())
			require.NoError(t, a.err)
			require.Equal(t, fmt.Sprintf("p/%d", i+1), a.r.ID)
			require.Equal(t, i < most, string(a.r.Body) == "later")
		}
		again := f.get(t.Context(), "p/again")
		f.permit("")
		require.True(t, again.given())
	})
}

func TestAReaderThatLeavesHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile()
		ctx, cancel := context.WithCancel(t.Context())
		first, leaves, stays := f.get(t.Context(), "p/1"), f.get(ctx, "p/2"), f.get(t.Context(), "p/3")
		cancel()
		synctest.Wait()
		require.True(t, leaves.given())
		require.ErrorIs(t, leaves.err, context.Canceled)
		f.permit("1")
		require.True(t, first.given())
		require.Equal(t, [][]string{{"p/1"}, {"p/3"}}, f.looks)

		// And one that leaves while another looks for it.
		ctx, cancel = context.WithCancel(t.Context())
		last, leaves := f.get(t.Context(), "p/4"), f.get(ctx, "p/5")
		f.permit("3")
		require.NoError(t, stays.err)
		require.Equal(t, []string{"p/4", "p/5"}, f.looks[2])
		cancel()
		synctest.Wait()
		require.True(t, leaves.given())
		require.ErrorIs(t, leaves.err, context.Canceled)
		require.False(t, last.given())
		f.permit("4")
		require.NoError(t, last.err)
		require.Equal(t, "p/4", last.r.ID)
		require.Zero(t, leaves.r, "and it is not told any more")
	})
}

func TestALookThatPanicsLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile()
		first, leads, follows := f.get(t.Context(), "p/1"), f.get(t.Context(), "p/2"), f.get(t.Context(), "p/3")
		f.permit("1")
		require.True(t, first.given())
		f.permit("panic")
		require.True(t, leads.given() && follows.given())
		require.EqualError(t, leads.err, "panic: a fault of the driver", "the panic is the leader's")
		require.Equal(t, errNoLook, follows.err)
		later := f.get(t.Context(), "p/4")
		f.permit("4")
		require.NoError(t, later.err)
	})
}

// A group of every size finds each of its records, of every id as often as it
// was asked for, and nobody shares memory.
func TestALookFindsEachOfItsRecords(t *testing.T) {
	s := openStore(t)
	for i := range 80 {
		_, err := s.Put(t.Context(), journal.Record{ID: fmt.Sprintf("p/%d", i), Body: fmt.Append(nil, i)})
		require.NoError(t, err)
	}
	for n := 1; n <= readSizes[len(readSizes)-1]; n++ {
		var group []*read
		for i := range n {
			group = append(group, &read{id: fmt.Sprintf("p/%d", (i*7)%(2*n/3+1)), err: errNoLook})
		}
		group[n/2].id = "p/none"
		s.lookThere(group)
		for i, r := range group {
			if r.id == "p/none" {
				require.Equal(t, journal.ErrNotFound, r.err)
				continue
			}
			require.NoError(t, r.err)
			require.Equal(t, r.id, r.found.ID)
			require.Equal(t, r.id, "p/"+string(r.found.Body), "%d of %d", i, n)
			r.found.Body[0] = 'x'
		}
	}
	require.NoError(t, s.readers.Close())
	s.session.torn = true // so that it is not read there
	_, err := s.Get(t.Context(), "p/1")
	require.Equal(t, core.CodeInternal, core.CodeOf(err), "what cannot be read is not taken for absent")
}

// Each caller reads what it has just written, whoever looks for it.
func TestManyReadersSeeTheirWrites(t *testing.T) {
	const callers, each = 32, 40
	s := openStore(t)
	var done sync.WaitGroup
	for i := range callers {
		done.Go(func() {
			r := journal.Record{ID: fmt.Sprintf("p/%d", i)}
			for n := range each {
				written, err := s.Put(t.Context(), journal.Record{ID: r.ID, Version: r.Version, Body: fmt.Append(nil, n)})
				if !assert.NoError(t, err) {
					return
				}
				if r, err = s.Get(t.Context(), r.ID); !assert.NoError(t, err) || !assert.Equal(t, written, r) {
					return
				}
			}
		})
	}
	done.Wait()
}
