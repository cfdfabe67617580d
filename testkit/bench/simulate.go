package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// What the tests of the simulation tell with -v.
var (
	exploredLine = regexp.MustCompile(`bound (\(\d+,\d+\)): +(\d+) schedules, +(\d+) steps, (\S+)`)
	seedsLine    = regexp.MustCompile(` (\d+) seeds, +(\d+) steps, (\S+)`)
	totalLine    = regexp.MustCompile(`(?m)^ok\s+\S*/testkit/simulate\s+([0-9.]+)s$`)
	caughtLine   = regexp.MustCompile(`(?m)^\s*(\S+)\s+caught after +(\d+) schedules, (.+ \(\d+,\d+\)) +(\S.*)$`)
)

// limitOfSimulation is how many seconds both halves may take together.
const limitOfSimulation = 60

// exploration counts what the simulation plays in make test, by bound, and how
// long that takes.
func exploration(ctx context.Context, progress io.Writer) (table, error) {
	say(progress, "simulate: about a minute")
	out, err := goTest(ctx, progress, "-run", "TestExhaustively|TestBySeed", "./testkit/simulate")
	if err != nil {
		return table{}, err
	}
	type sum struct {
		scenarios        int
		schedules, steps int64
		took             time.Duration
	}
	sums := map[string]*sum{}
	add := func(what, schedules, steps, took string) error {
		n, err := strconv.ParseInt(schedules, 10, 64)
		if err != nil {
			return err
		}
		m, err := strconv.ParseInt(steps, 10, 64)
		if err != nil {
			return err
		}
		d, err := time.ParseDuration(took)
		if err != nil {
			return err
		}
		if sums[what] == nil {
			sums[what] = &sum{}
		}
		s := sums[what]
		s.scenarios, s.schedules, s.steps, s.took = s.scenarios+1, s.schedules+n, s.steps+m, s.took+d
		return nil
	}
	for _, m := range exploredLine.FindAllStringSubmatch(out, -1) {
		if err := add("every schedule to "+m[1], m[2], m[3], m[4]); err != nil {
			return table{}, err
		}
	}
	for _, m := range seedsLine.FindAllStringSubmatch(out, -1) {
		if err := add("by seed", m[1], m[2], m[3]); err != nil {
			return table{}, err
		}
	}
	total := totalLine.FindStringSubmatch(out)
	if len(sums) < 2 || total == nil {
		return table{}, fmt.Errorf("the tests of the simulation tell nothing: %.200s", out)
	}
	seconds, err := strconv.ParseFloat(total[1], 64)
	if err != nil {
		return table{}, err
	}
	t := table{
		title:   "What the simulation plays",
		columns: []string{"schedules (faults, pre-emptions)", "scenarios", "schedules", "steps", "s, summed"},
		notes:   []string{"Two explorations run side by side, so the sums are greater than the time that passes: " + total[1] + " s for all of it."},
		bars:    []bar{{what: "all of it, s", value: seconds, limit: limitOfSimulation}},
	}
	for _, what := range slices.Sorted(maps.Keys(sums)) {
		s := sums[what]
		t.rows = append(t.rows, []string{what, fmt.Sprint(s.scenarios), fmt.Sprint(s.schedules), fmt.Sprint(s.steps), fmt.Sprintf("%.1f", s.took.Seconds())})
	}
	return t, nil
}

// planted lists the bugs that are put in on purpose, and when each is caught.
func planted(ctx context.Context, progress io.Writer) (table, error) {
	say(progress, "planted: about a minute")
	out, err := goTest(ctx, progress, "./testkit/simulate/internal/planted")
	if err != nil {
		return table{}, err
	}
	t := table{
		title:   "Planted bugs",
		columns: []string{"bug", "caught after schedules", "in", "by the invariant"},
		notes:   []string{"Patches of the code are in `testkit/simulate/testdata/bugs`; the others are wrappers of a store or of a remote."},
	}
	for _, m := range caughtLine.FindAllStringSubmatch(out, -1) {
		t.rows = append(t.rows, []string{m[1], m[2], m[3], m[4]})
	}
	slices.SortFunc(t.rows, slices.Compare)
	t.bars = []bar{{what: "planted bugs that are caught", value: float64(len(t.rows)), limit: 12, least: true}}
	return t, nil
}

// goTest runs tests of the module beside this one, anew, and returns what they
// tell.
func goTest(ctx context.Context, progress io.Writer, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-v", "-count=1"}, args...)...)
	cmd.Dir, cmd.Stderr = "../..", progress
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out[max(0, len(out)-1000):])
	}
	return string(out), nil
}
