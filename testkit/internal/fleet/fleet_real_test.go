//go:build real && unix

package fleet_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit/internal/fleet"
)

// A small fleet on each store is killed some times under load, and one process
// sleeps through its lease. The end is exact. `make soak` is the same at length.
func TestTheFleet(t *testing.T) {
	binaries, err := fleet.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	for _, tt := range []struct {
		name                      string
		start                     func(context.Context) (*fleet.Store, error)
		callbacks, kills, workers int
	}{
		{"postgres", fleet.StartPostgres, 1000, 10, 8},
		{"dynalite", fleet.StartDynalite, 300, 4, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store, err := tt.start(t.Context())
			require.NoError(t, err)
			t.Cleanup(store.Close)
			report, err := fleet.Run(t.Context(), fleet.Config{
				Store: store, Binaries: binaries, PayCallbacks: 3, Reconciles: 2, Workers: tt.workers,
				Callbacks: tt.callbacks, Kills: tt.kills, Stops: 1, Cuts: 1,
				Lease: 2 * time.Second, InFlight: time.Second, Later: 2 * time.Second, Load: time.Minute, Settle: time.Minute, Brief: true,
				Seed:     uint64(time.Now().Unix()),
				Progress: func(p fleet.Progress) { t.Log(p) },
			})
			require.NoError(t, err)
			t.Log(report.Around())
			t.Log(report)
			require.NoError(t, report.Err())
			assert.GreaterOrEqual(t, report.Kills, int64(tt.kills))
			assert.GreaterOrEqual(t, report.Sent, int64(tt.callbacks))
			assert.Positive(t, report.Granted)
			assert.Equal(t, report.Purchases, report.Granted+report.Refunded+report.Unpaid+report.WithAPerson, "every purchase has one end")
		})
	}
}
