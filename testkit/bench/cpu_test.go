package main

import (
	"errors"
	"slices"
	"testing"
)

var kept [][]byte

func TestMeasureCountsAndTakesTurns(t *testing.T) {
	var order []string
	named := func(name string, allocs int) contender {
		return contender{name, func() error {
			if len(order) == 0 || order[len(order)-1] != name {
				order = append(order, name)
			}
			kept = kept[:0]
			for range allocs {
				kept = append(kept, make([]byte, 64))
			}
			return nil
		}}
	}
	found, err := measure(3, []contender{named("none", 0), named("two", 2), named("twenty", 20)})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0, 2, 20} {
		f := found[i]
		if f.allocs < want || f.allocs > want+0.02 || f.ns <= 0 || len(f.rounds) != 3 {
			t.Errorf("%+v, want %g allocations", f, want)
		}
	}
	// To calibrate, then three rounds; where two turns of one meet, they look like one.
	if want := []string{"none", "two", "twenty", "none", "two", "twenty", "two", "twenty", "none", "twenty", "none", "two"}; !slices.Equal(order, want) {
		t.Errorf("turns %q, want %q", order, want)
	}
	if r := found[2].over(found[1]); r <= 1 {
		t.Errorf("twenty allocations cost %g × two", r)
	}
}

func TestMeasureEndsAtAnError(t *testing.T) {
	failed := errors.New("failed")
	if _, err := measure(2, []contender{{"x", func() error { return failed }}}); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
}
