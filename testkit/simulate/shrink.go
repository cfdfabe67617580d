package simulate

import "slices"

// mostReplays bounds the work of a shrinking.
const mostReplays = 3000

// shrink looks for a smaller schedule that breaks the same invariant: fewer
// departures first, then earlier ones, then smaller choices.
func shrink(cfg *Config, plan *plan, found *Failure) *Failure {
	cache := newCache()
	best := replay(cfg, plan, cache, found.Choices)
	if best == nil {
		// Code that does not do the same when it is told the same.
		found.Schedule = "the schedule does not play again: something in the code does not follow from what it is told\n"
		return found
	}
	replays := 0
	better := func(choices []int) bool {
		if replays++; replays > mostReplays {
			return false
		}
		choices = trim(choices)
		if !smaller(choices, best.Choices) {
			return false
		}
		again := replay(cfg, plan, cache, choices)
		if again == nil || again.Invariant != best.Invariant || !smaller(again.Choices, best.Choices) {
			return false
		}
		best = again
		return true
	}
	for improved := true; improved && replays < mostReplays; {
		improved = false
		// Halves, quarters, … become "all goes on".
		for size := len(best.Choices); size > 0; size /= 2 {
			for from := 0; from < len(best.Choices); from += size {
				part := slices.Clone(best.Choices)
				clear(part[from:min(from+size, len(part))])
				improved = better(part) || improved
			}
		}
		// A choice less: what follows comes earlier.
		for i := 0; i < len(best.Choices); i++ {
			improved = better(slices.Delete(slices.Clone(best.Choices), i, i+1)) || improved
		}
		for i := 0; i < len(best.Choices); i++ {
			for less := 1; i < len(best.Choices) && less < best.Choices[i]; less++ {
				part := slices.Clone(best.Choices)
				part[i] = less
				if better(part) {
					improved = true
				}
			}
		}
	}
	best.Seed, best.After = found.Seed, found.After
	return best
}

// smaller orders schedules: by departures, by length, by the choices.
func smaller(a, b []int) bool {
	if x, y := departures(a), departures(b); x != y {
		return x < y
	}
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return slices.Compare(a, b) < 0
}

func departures(choices []int) (n int) {
	for _, c := range choices {
		if c != 0 {
			n++
		}
	}
	return n
}

// trim drops the end, where all goes on.
func trim(choices []int) []int {
	end := len(choices)
	for end > 0 && choices[end-1] == 0 {
		end--
	}
	return slices.Clone(choices[:end])
}
