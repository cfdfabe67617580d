package planted_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit/simulate"
	"github.com/imprest-go/imprest/testkit/simulate/internal/planted"
)

// Every bug of a store, of a platform or of a deliverer is caught, at the seam
// where it would be met.
func TestABugBehindASeamIsCaught(t *testing.T) {
	store := func(wrap func(journal.Store) journal.Store) func(*simulate.Config) {
		return func(c *simulate.Config) { c.Store = wrap }
	}
	goods := func(wrap func(purchase.Deliverer) purchase.Deliverer) func(*simulate.Config) {
		return func(c *simulate.Config) { c.Goods = wrap }
	}
	var caught table
	t.Run("bug", func(t *testing.T) {
		for _, bug := range []struct {
			name   string
			plant  func(*simulate.Config)
			breaks string
		}{
			{"store: blind put", store(func(s journal.Store) journal.Store { return blindPut{s} }), "only the table's transitions happen"},
			{"store: dirty read", store(func(s journal.Store) journal.Store { return dirtyRead{s, map[string]journal.Record{}} }), "success only after commit"},
			{"store: write behind", store(func(s journal.Store) journal.Store { return writeBehind{s, new([]journal.Record)} }), "success only after commit"},
			{"store: versions forgotten", store(func(s journal.Store) journal.Store { return forgottenVersions{s, map[string]bool{}} }), "only the table's transitions happen"},
			{"store: conflict with own write", store(func(s journal.Store) journal.Store { return ownConflict{s} }), "every paid purchase settles in a bounded number of sweeps"},
			{"store: unknown is done", store(func(s journal.Store) journal.Store { return unknownIsDone{s} }), "success only after commit"},
			{"store: putall is split", store(func(s journal.Store) journal.Store { return splitsLast{s} }), "success only for a payment"},
			{"store: putall loses a record", store(func(s journal.Store) journal.Store { return losesOne{s} }), "success only for a payment"},
			{"store: due is shown once", store(func(s journal.Store) journal.Store { return forgetfulDue{s, map[string]bool{}} }), "every paid purchase settles in a bounded number of sweeps"},
			{"store: reads are stale", store(func(s journal.Store) journal.Store { return staleRead{s, map[string]journal.Record{}} }), "every paid purchase settles in a bounded number of sweeps"},
			{"goods: delivers again", goods(func(d purchase.Deliverer) purchase.Deliverer { return deliversAgain{d} }), "granted at most once"},
			{"goods: never delivered", goods(func(d purchase.Deliverer) purchase.Deliverer { return neverDelivered{d} }), "granted at most once"},
			{"goods: unknown is done", goods(func(d purchase.Deliverer) purchase.Deliverer { return deliveryCode{d, ""} }), "the record says what happened"},
			{"goods: unknown is unreached", goods(func(d purchase.Deliverer) purchase.Deliverer { return deliveryCode{d, core.CodeUnreached} }), "granted at most once"},
			{"mall: redeems again", func(c *simulate.Config) {
				c.Mall = func(m purchase.RedeemMall) purchase.RedeemMall { return redeemsAgain{m} }
			}, "one code for one purchase"},
			{"platform: everything is paid", func(c *simulate.Config) {
				c.Platform = func(p purchase.Platform) purchase.Platform { return everythingIsPaid{p} }
			}, "never granted without a genuine payment"},
			{"platform: payouts are sent again", func(c *simulate.Config) {
				c.Payer = func(p purchase.Payer) purchase.Payer { return sendsPayoutsAgain{p} }
			}, "refunded at most once"},
		} {
			t.Run(bug.name, func(t *testing.T) {
				t.Parallel()
				found, err := planted.Hunt(t.Context(), func(c simulate.Config) simulate.Config {
					bug.plant(&c)
					return c
				})
				require.NoError(t, err)
				require.NotEmpty(t, found.Invariant, "not caught in %d schedules", found.Schedules)
				assert.Equal(t, bug.breaks, found.Invariant, found.Schedule)
				caught.add(bug.name, found)
			})
		}
	})
	caught.print(t)
}
