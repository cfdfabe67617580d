package planted

import (
	"context"
	"errors"
	"fmt"

	"github.com/imprest-go/imprest/testkit/simulate"
)

// Found is what a hunt came to.
type Found struct {
	// Invariant is the one that failed; "" says that none did.
	Invariant string `json:"invariant"`
	// Schedules counts the runs until then, By says which was the last: a
	// scenario, and a bound or a seed.
	Schedules int64  `json:"schedules"`
	By        string `json:"by"`
	// Schedule is the failing run, to be read.
	Schedule string `json:"schedule"`
}

// bounds are explored one after the other, each in every scenario: most bugs
// need one thing to go wrong, others two; what needs more is left to the seeds.
var bounds = []simulate.Bound{{Faults: 1}, {Preemptions: 1}, {Faults: 1, Preemptions: 1}}

// seeds is how many random runs every scenario gets when no bound has found
// anything.
const seeds = 300

// Hunt runs every scenario, in the world that with makes of its configuration,
// until an invariant fails. It is told nothing of what it looks for.
func Hunt(ctx context.Context, with func(simulate.Config) simulate.Config) (Found, error) {
	var found Found
	try := func(by string, run func() (simulate.Report, error)) (bool, error) {
		report, err := run()
		found.Schedules += report.Schedules
		failure, ok := errors.AsType[*simulate.Failure](err)
		if !ok {
			return false, err
		}
		found.Invariant, found.By, found.Schedule = failure.Invariant, by, failure.Schedule
		if failure.Seed != 0 {
			found.By += fmt.Sprint(", seed ", failure.Seed)
		}
		return true, nil
	}
	for _, bound := range bounds {
		for _, scenario := range simulate.Scenarios() {
			cfg := with(simulate.Config{Scenario: scenario})
			by := fmt.Sprintf("%s (%d,%d)", scenario, bound.Faults, bound.Preemptions)
			if done, err := try(by, func() (simulate.Report, error) { return simulate.Explore(ctx, cfg, bound) }); done || err != nil {
				return found, err
			}
		}
	}
	for _, scenario := range simulate.Scenarios() {
		cfg := with(simulate.Config{Scenario: scenario})
		if done, err := try(string(scenario), func() (simulate.Report, error) { return simulate.Random(ctx, cfg, 1, seeds) }); done || err != nil {
			return found, err
		}
	}
	return found, nil
}
