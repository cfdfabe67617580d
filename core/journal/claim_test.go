package journal_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit/storetest"
)

// forgetful says of its first Put that it does not know, applied or not.
type forgetful struct {
	journal.Store
	applied, asked bool
}

func (f *forgetful) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if f.asked {
		return f.Store.Put(ctx, r)
	}
	f.asked = true
	if f.applied {
		if _, err := f.Store.Put(ctx, r); err != nil {
			return journal.Record{}, err
		}
	}
	return journal.Record{}, journal.ErrUnknown
}

func TestClaim(t *testing.T) {
	store := journal.NewMemory()
	for _, holder := range []string{"first", "second", "second", "first"} {
		got, err := journal.Claim(t.Context(), store, "trade/t1", holder)
		require.NoError(t, err)
		assert.Equal(t, "first", got, "a claim is for ever, and one's own is success")
	}

	for _, applied := range []bool{true, false} {
		got, err := journal.Claim(t.Context(), &forgetful{Store: journal.NewMemory(), applied: applied}, "trade/t2", "me")
		require.NoError(t, err)
		assert.Equal(t, "me", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := journal.Claim(ended, store, "trade/t3", "me")
	assert.ErrorIs(t, err, context.Canceled)
}

func TestClaimsUnderARace(t *testing.T) {
	store := journal.NewMemory()
	holders := make(chan string, 32)
	var wg sync.WaitGroup
	for i := range cap(holders) {
		wg.Go(func() {
			holder, err := journal.Claim(context.Background(), store, "trade/t1", string(rune('A'+i)))
			assert.NoError(t, err)
			holders <- holder
		})
	}
	wg.Wait()
	first := <-holders
	for range cap(holders) - 1 {
		assert.Equal(t, first, <-holders)
	}
}

// singles hides PutAll, as an engine that writes one record at a time.
type singles struct{ journal.Store }

// A claim and what it is for, under every fault at every call, on a store that
// writes both at once and on one that does not. The caller tries until it is told.
func TestClaimAndPutWhateverFails(t *testing.T) {
	for name, store := range map[string]func() journal.Store{
		"at once":           func() journal.Store { return journal.NewMemory() },
		"one after another": func() journal.Store { return singles{journal.NewMemory()} },
	} {
		t.Run(name, func(t *testing.T) {
			for fault := storetest.Refused; fault <= storetest.Held; fault++ {
				for at := 1; at <= 4; at++ {
					inner := store()
					created, err := inner.Put(t.Context(), journal.Record{ID: "p/1", Body: []byte("unpaid")})
					require.NoError(t, err)
					faulty := storetest.Faulty(inner, func(c storetest.Call) storetest.Fault {
						if c.N != at {
							return storetest.None
						}
						if !c.Writes() {
							return storetest.Refused
						}
						return fault
					})
					paid := created
					paid.Body = []byte("paid")
					told := false
					for range 3 {
						owner, stored, err := journal.ClaimAndPut(t.Context(), faulty, "trade/t1", "1", paid)
						if err != nil {
							continue
						}
						told = true
						require.Equal(t, "1", owner)
						require.EqualValues(t, 2, stored.Version, "%s at call %d: however often it is tried, it counts once", fault, at)
					}
					require.True(t, told, "%s at call %d", fault, at)
					faulty.Land()
					got, err := inner.Get(t.Context(), "p/1")
					require.NoError(t, err)
					require.Equal(t, "paid", string(got.Body))
					require.EqualValues(t, 2, got.Version)

					// Another purchase of the same payment, and another write of this one.
					owner, _, err := journal.ClaimAndPut(t.Context(), inner, "trade/t1", "2", journal.Record{ID: "p/2", Body: []byte("paid")})
					require.NoError(t, err)
					require.Equal(t, "1", owner)
					_, err = inner.Get(t.Context(), "p/2")
					require.ErrorIs(t, err, journal.ErrNotFound, "what lost its claim is not written")
					_, _, err = journal.ClaimAndPut(t.Context(), inner, "trade/t1", "1", journal.Record{ID: "p/1", Version: 1, Body: []byte("other")})
					require.ErrorIs(t, err, journal.ErrConflict)
				}
			}
		})
	}
}
