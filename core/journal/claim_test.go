package journal_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
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
