package simulate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit/simulate"
)

// Every scenario, exhaustively to a bound. The race detector, which slows this
// down tenfold, gets a smaller one: nothing runs in parallel in a run, so it has
// to see each path once. The whole amount is in the run without it.
func TestExhaustively(t *testing.T) {
	bounds := []simulate.Bound{{Faults: 0, Preemptions: 1}, {Faults: 1, Preemptions: 0}, {Faults: 1, Preemptions: 1}}
	if !raceEnabled && !testing.Short() {
		bounds = append(bounds, simulate.Bound{Faults: 1, Preemptions: 2})
	}
	for _, scenario := range simulate.Scenarios() {
		t.Run(string(scenario), func(t *testing.T) {
			t.Parallel()
			for _, bound := range bounds {
				report, err := simulate.Explore(t.Context(), simulate.Config{Scenario: scenario}, bound)
				require.NoError(t, err)
				assert.Greater(t, report.Schedules, int64(15))
				t.Logf("%-12s bound (%d,%d): %7d schedules, %8d steps, %v", scenario, bound.Faults, bound.Preemptions, report.Schedules, report.Steps, report.Took.Round(time.Millisecond))
			}
		})
	}
}

// Beyond the bound, by seed.
func TestBySeed(t *testing.T) {
	seeds := uint64(200_000)
	if raceEnabled || testing.Short() {
		seeds = 5_000
	}
	scenarios := simulate.Scenarios()
	for _, scenario := range scenarios {
		share := seeds / uint64(len(scenarios))
		report, err := simulate.Random(t.Context(), simulate.Config{Scenario: scenario}, 1, share+1)
		require.NoError(t, err)
		t.Logf("%-12s %6d seeds, %8d steps, %v", scenario, report.Schedules, report.Steps, report.Took.Round(time.Millisecond))
	}
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
