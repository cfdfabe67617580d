package simulate_test

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit/simulate"
)

// A run leaves much behind and keeps little: with room to spare the collector
// takes a quarter less of the time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// Every scenario, exhaustively to a bound. The three that are made of others, and
// those of the mall rail, are longer, and have a smaller one. So has everything under the race detector,
// which slows this down tenfold: nothing runs in parallel in a run, so it has to
// see each path once. The whole amount is in the run without it, which make test
// does too.
func TestExhaustively(t *testing.T) {
	for _, scenario := range simulate.Scenarios() {
		bounds := []simulate.Bound{{Faults: 0, Preemptions: 1}, {Faults: 1, Preemptions: 0}}
		switch {
		case raceEnabled || testing.Short():
		case scenario == simulate.TwoSales, scenario == simulate.TwoRedemptions, scenario == simulate.RefusedRedemption:
			bounds = append(bounds, simulate.Bound{Faults: 0, Preemptions: 2}, simulate.Bound{Faults: 1, Preemptions: 1})
		case strings.HasPrefix(string(scenario), "mall "), scenario == simulate.TwoMallSales:
			bounds = append(bounds, simulate.Bound{Faults: 1, Preemptions: 1})
		default:
			bounds = append(bounds, simulate.Bound{Faults: 1, Preemptions: 2})
		}
		t.Run(string(scenario), func(t *testing.T) {
			t.Parallel()
			for _, bound := range bounds {
				report, err := simulate.Explore(t.Context(), simulate.Config{Scenario: scenario}, bound)
				require.NoError(t, err)
				assert.Greater(t, report.Schedules, int64(10))
				t.Logf("%-18s bound (%d,%d): %7d schedules, %8d steps, %v", scenario, bound.Faults, bound.Preemptions, report.Schedules, report.Steps, report.Took.Round(time.Millisecond))
			}
		})
	}
}

// Beyond the bound, by seed: more of them for the scenarios that are short.
func TestBySeed(t *testing.T) {
	thousands := map[simulate.Scenario]uint64{
		simulate.Sale: 34, simulate.Once: 34, simulate.Workers: 20, simulate.Queue: 20, simulate.PaidTwice: 10, simulate.LatePayment: 15,
		simulate.SlowWorker: 10, simulate.Silence: 9, simulate.Stranger: 9, simulate.MixUp: 5, simulate.StolenKey: 5, simulate.Refund: 7,
		simulate.Redemption: 6, simulate.TwoSales: 5, simulate.TwoRedemptions: 2, simulate.RefusedRedemption: 2,
		simulate.MallSale: 3, simulate.TwoMallSales: 1, simulate.MallMixUp: 2, simulate.MallAndCode: 1,
	}
	one := uint64(1000)
	if raceEnabled || testing.Short() {
		one = 15
	}
	total := int64(0)
	for _, scenario := range simulate.Scenarios() {
		report, err := simulate.Random(t.Context(), simulate.Config{Scenario: scenario}, 1, thousands[scenario]*one)
		require.NoError(t, err)
		total += report.Schedules
		t.Logf("%-18s %6d seeds, %8d steps, %v", scenario, report.Schedules, report.Steps, report.Took.Round(time.Millisecond))
	}
	assert.Equal(t, int64(200*one), total)
}

// The same choices are the same run.
func TestTheSameChoicesAreTheSameRun(t *testing.T) {
	for _, scenario := range simulate.Scenarios() {
		cfg := simulate.Config{Scenario: scenario}
		for _, choices := range [][]int{nil, {0, 0, 2, 0, 0, 1}, {0, 4, 0, 1, 0, 3, 0, 0, 2, 1, 1, 1}} {
			first, err := simulate.Trace(cfg, choices)
			require.NoError(t, err)
			second, err := simulate.Trace(cfg, choices)
			require.NoError(t, err)
			assert.Equal(t, first, second)
			assert.Contains(t, first, "faults are off")
		}
	}
}

// The same seed finds the same thing, and shrinks it to the same schedule.
func TestTheSameSeedIsTheSameRun(t *testing.T) {
	cfg := simulate.Config{Deliverer: newLicences}
	var found [2]*simulate.Failure
	for i := range found {
		_, err := simulate.Random(t.Context(), cfg, 1, 20_000)
		require.ErrorAs(t, err, &found[i])
	}
	assert.Equal(t, found[0], found[1])
	alone := &simulate.Failure{}
	_, err := simulate.Random(t.Context(), cfg, found[0].Seed, 1)
	require.ErrorAs(t, err, &alone)
	assert.Equal(t, found[0].Schedule, alone.Schedule)
}

// table is a merchant's Deliverer as it should be: one statement that inserts
// the licence unless it is there.
type table struct{ licences }

func newTable(w *simulate.World) purchase.Deliverer {
	return &table{licences{w, w.Keep("licences", func() any { return map[string]int{} }).(map[string]int)}}
}

func (d *table) Deliver(ctx context.Context, p purchase.Purchase) error {
	return d.world.Call(ctx, "insert if absent", func() error {
		if d.rows[p.ID] == 0 {
			d.rows[p.ID]++
			d.world.Granted(p.ID)
		}
		return nil
	})
}

// recorder is a test that goes on after it has failed.
type recorder struct {
	testing.TB
	failed string
	logs   int
}

func (r *recorder) Fatalf(format string, args ...any) { r.failed = fmt.Sprintf(format, args...) }
func (r *recorder) Logf(string, ...any)               { r.logs++ }

func TestAMerchantsDelivererIsTested(t *testing.T) {
	good := &recorder{TB: t}
	simulate.Test(good, simulate.Config{Deliverer: newTable})
	assert.Empty(t, good.failed)
	assert.Equal(t, 2, good.logs)

	bad := &recorder{TB: t}
	simulate.Test(bad, simulate.Config{Deliverer: newLicences})
	assert.Contains(t, bad.failed, "granted at most once")
	assert.Contains(t, bad.failed, "STALLED")
	assert.Contains(t, bad.failed, "simulate.Replay(cfg, []int{")
}

func TestWhatCannotBeSimulatedIsRefused(t *testing.T) {
	_, err := simulate.Explore(t.Context(), simulate.Config{Scenario: "x"}, simulate.Bound{})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	_, err = simulate.Explore(t.Context(), simulate.Config{}, simulate.Bound{Faults: -1})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = simulate.Random(ended, simulate.Config{}, 1, 10)
	assert.ErrorIs(t, err, context.Canceled)
}
