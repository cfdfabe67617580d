package main

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// contender is one of those that [measure] lets take turns.
type contender struct {
	name string
	// do is one operation. Whatever it starts in this process counts as its cost.
	do func() error
}

// figures are what one contender cost.
type figures struct {
	name string
	// ns is the processor time of one operation in nanoseconds, of all threads of
	// this process, collecting the garbage included: the median of the rounds.
	ns float64
	// allocs is how often one operation asked for memory, and bytes for how much.
	allocs, bytes float64
	// rounds are the nanoseconds of each round, in the order of the rounds.
	rounds []float64
}

// over returns how many times the cost of other this is: the median of the
// rounds' ratios. The two of a round were measured within a moment of each other,
// so that a machine that is busy for a while is busy for both.
func (f figures) over(other figures) float64 {
	ratios := make([]float64, len(f.rounds))
	for i := range f.rounds {
		ratios[i] = f.rounds[i] / other.rounds[i]
	}
	return median(ratios)
}

// cells returns a row of a table: the name, ns/op, allocs/op, and × floor.
func (f figures) cells(floor figures) []string {
	return []string{f.name, fmt.Sprintf("%.0f", f.ns), strconv.FormatFloat(f.allocs, 'f', -1, 64), fmt.Sprintf("%.2f", f.over(floor))}
}

// turn is how long a contender works before the next one does.
const turn = 20 * time.Millisecond

// measure lets all contenders take turns, each once in every round, and returns
// their figures in the same order. A round begins with another contender than the
// one before it, so that none has always the same neighbour.
//
// It uses one processor, as a small function has: on several, what the collector
// and the scheduler spend on looking for work depends on who else is busy.
func measure(rounds int, all []contender) ([]figures, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	found := make([]figures, len(all))
	times := make([]int, len(all))
	for i, c := range all {
		found[i] = figures{name: c.name, rounds: make([]float64, rounds)}
		n, err := found[i].calibrate(c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		times[i] = n
	}
	for round := range rounds {
		for k := range all {
			i := (k + round) % len(all)
			runtime.GC() // what others left behind is not this one's cost
			begun := processor()
			if err := repeat(all[i], times[i]); err != nil {
				return nil, err
			}
			found[i].rounds[round] = float64(processor()-begun) / float64(times[i])
		}
	}
	for i := range found {
		found[i].ns = median(slices.Clone(found[i].rounds))
	}
	return found, nil
}

// calibrate finds how many operations make a turn, and how often and for how much
// memory one of them asks.
func (f *figures) calibrate(c contender) (n int, err error) {
	for n = 1; ; n *= 2 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := processor()
		if err := repeat(c, n); err != nil {
			return 0, err
		}
		took := processor() - begun
		runtime.ReadMemStats(&after)
		if took >= turn/2 {
			f.bytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
			f.allocs = float64(after.Mallocs-before.Mallocs) / float64(n)
			// To the hundredth: the runtime asks for memory now and then too.
			f.allocs, err = strconv.ParseFloat(strconv.FormatFloat(f.allocs, 'f', 2, 64), 64)
			return max(1, int(float64(n)*float64(turn)/float64(took))), err
		}
	}
}

func repeat(c contender, n int) error {
	for range n {
		if err := c.do(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// processor is the time that this process has had of the processors.
func processor() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
