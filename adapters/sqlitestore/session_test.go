package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/imprest-go/imprest/core/journal"
)

// A batch of any writes does what they do one after the other, whatever ids
// they share and whichever of them lose.
func TestABatchDoesWhatItsWritesDoInTurn(t *testing.T) {
	s := openStore(t)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		model := journal.NewMemory()
		ids := make([]string, 4)
		for i := range ids {
			ids[i] = fmt.Sprintf("p/%d/%d", run, i)
		}
		id, version := rapid.SampledFrom(ids), rapid.Int64Range(0, 3)
		record := func(id string) journal.Record {
			at := func(what string) time.Time {
				if n := rapid.Int64Range(0, 3).Draw(t, what); n > 0 {
					return time.UnixMilli(n).UTC()
				}
				return time.Time{}
			}
			return journal.Record{
				ID: id, Version: version.Draw(t, "version"), Due: at("due"), Expires: at("expires"),
				Body: rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "body"),
			}
		}
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			var batch []*write
			for range rapid.IntRange(1, 8).Draw(t, "writes") {
				w := &write{}
				switch rapid.IntRange(0, 3).Draw(t, "kind") {
				case 0:
					w.remove = true
					w.records = []journal.Record{{ID: id.Draw(t, "id"), Version: version.Draw(t, "version")}}
				case 1:
					for _, id := range rapid.SliceOfNDistinct(id, 2, len(ids), rapid.ID).Draw(t, "ids") {
						w.records = append(w.records, kept(record(id)))
					}
				default:
					w.records = []journal.Record{kept(record(id.Draw(t, "id")))}
				}
				batch = append(batch, w)
			}
			type outcome struct {
				stored []journal.Record
				err    error
			}
			var want []outcome
			for _, w := range batch {
				var o outcome
				if w.remove {
					o.err = model.Delete(t.Context(), w.records[0].ID, w.records[0].Version)
				} else {
					o.stored, o.err = model.PutAll(t.Context(), w.records...)
				}
				want = append(want, o)
			}
			require.NoError(t, s.commit(batch))
			for i, w := range batch {
				require.Equal(t, want[i].err, w.err, "write %d", i)
				if w.remove {
					continue // what it found is nobody's business
				}
				require.Len(t, w.stored, len(w.records))
				for k, r := range want[i].stored {
					require.True(t, equal(r, w.stored[k]), "write %d: %v, not %v", i, w.stored[k], r)
				}
			}
			prefix := fmt.Sprintf("p/%d/", run)
			there, err := s.List(t.Context(), prefix, "", 100)
			require.NoError(t, err)
			expected, err := model.List(t.Context(), prefix, "", 100)
			require.NoError(t, err)
			require.Len(t, there, len(expected))
			for i, r := range expected {
				require.True(t, equal(r, there[i]), "%v, not %v", there[i], r)
				got, err := s.Get(t.Context(), r.ID)
				require.NoError(t, err)
				require.True(t, equal(r, got), "%v, not %v", got, r)
			}
		}
	})
}

func equal(a, b journal.Record) bool {
	return a.ID == b.ID && a.Version == b.Version && a.Due.Equal(b.Due) && a.Expires.Equal(b.Expires) && string(a.Body) == string(b.Body)
}

// hold takes the connection that writes until the test is over.
func hold(t testing.TB, s *Store) {
	s.session.hold(0)
	t.Cleanup(s.session.release)
}

// A commit that takes for ever, on a disk that hangs, keeps nobody from reading.
func TestReadingGoesOnWhileTheWriterIsHeld(t *testing.T) {
	s := openStore(t)
	r, err := s.Put(t.Context(), journal.Record{ID: "p/1", Body: []byte("written")})
	require.NoError(t, err)
	hold(t, s)
	got, err := s.Get(t.Context(), "p/1")
	require.NoError(t, err)
	require.Equal(t, r, got)
	_, err = s.Get(t.Context(), "p/2")
	require.ErrorIs(t, err, journal.ErrNotFound)
}

// What a transaction that could not be ended has written is on no disk, and is
// not shown.
func TestATornTransactionIsNotRead(t *testing.T) {
	s := openStore(t)
	r, err := s.Put(t.Context(), journal.Record{ID: "p/1", Body: []byte("written")})
	require.NoError(t, err)
	require.NoError(t, s.session.use(func() error {
		_, err := s.session.begin.exec()
		require.NoError(t, err)
		s.session.torn = true
		changed, err := s.session.change(journal.Record{ID: "p/1", Version: 1, Body: []byte("torn")}, false)
		require.True(t, changed)
		return err
	}))
	got, err := s.Get(t.Context(), "p/1")
	require.NoError(t, err)
	require.Equal(t, r, got)
	_, err = s.Put(t.Context(), r)
	require.ErrorIs(t, err, ErrBroken, "and nothing can be written after it")
	got, err = s.Get(t.Context(), "p/1")
	require.NoError(t, err)
	require.Equal(t, r, got)
}

// A transaction that fails leaves the connection as it was before, to be read
// and to be written.
func TestATransactionThatFailsIsTakenBack(t *testing.T) {
	s := openStore(t)
	fault := errors.New("a fault")
	committing := false
	require.ErrorIs(t, s.session.use(func() (err error) {
		committing, err = s.session.within(&s.session.begin, func() error {
			changed, err := s.session.change(kept(journal.Record{ID: "p/1"}), false)
			require.NoError(t, err)
			require.True(t, changed)
			return fault
		})
		return err
	}), fault)
	require.False(t, committing)
	require.True(t, s.session.sees())
	_, err := s.Get(t.Context(), "p/1")
	require.ErrorIs(t, err, journal.ErrNotFound)
	_, err = s.Put(t.Context(), journal.Record{ID: "p/1"})
	require.NoError(t, err)
}

// After a panic its connection is gone, and others are read.
func TestReadingGoesOnAfterAPanic(t *testing.T) {
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "journal.db")})
	require.NoError(t, err)
	r, err := s.Put(t.Context(), journal.Record{ID: "p/1", Body: []byte("written")})
	require.NoError(t, err)
	s.session.insert.compiled = nil
	require.Panics(t, func() { _, _ = s.Put(t.Context(), journal.Record{ID: "p/2"}) })
	require.False(t, s.session.sees())
	got, err := s.Get(t.Context(), "p/1")
	require.NoError(t, err)
	require.Equal(t, r, got)
	_, err = s.Get(t.Context(), "p/2")
	require.ErrorIs(t, err, journal.ErrUnknown)
	require.NoError(t, s.Close())
	_, err = s.Get(t.Context(), "p/1")
	require.ErrorIs(t, err, ErrClosed)
}

// Gets, writes and the end of the store meet, and nobody is told of another
// cause than the end.
func TestCloseWhileOthersReadAndWrite(t *testing.T) {
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "journal.db")})
	require.NoError(t, err)
	_, err = s.Put(t.Context(), journal.Record{ID: "p/there"})
	require.NoError(t, err)
	var done sync.WaitGroup
	begun := make(chan struct{}, 16)
	for i := range 16 {
		done.Go(func() {
			for n := range 1_000_000 {
				_, err := s.Get(context.Background(), "p/there")
				if err == nil && i%2 == 0 {
					_, err = s.Put(context.Background(), journal.Record{ID: fmt.Sprintf("p/%d/%d", i, n)})
				}
				if err != nil {
					assert.ErrorIs(t, err, ErrClosed)
					return
				}
				if n == 3 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range 16 {
		<-begun
	}
	require.NoError(t, s.Close())
	done.Wait()
}
