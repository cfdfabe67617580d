package storetest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
)

// recorder stands in for the testing.TB of a case, so that a case which fails
// can be looked at without failing. What it does not override (Cleanup,
// Context, TempDir) is the test's own.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	failed bool
	log    strings.Builder
}

func (r *recorder) Helper() {}

func (r *recorder) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.log, format+"\n", args...)
}

func (r *recorder) Errorf(format string, args ...any) {
	r.Logf(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) FailNow() {
	r.mu.Lock()
	r.failed = true
	r.mu.Unlock()
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// tried runs one case against h and returns what it recorded.
func tried(t testing.TB, c conformance, h Harness) *recorder {
	r := &recorder{TB: t}
	var done sync.WaitGroup
	done.Go(func() { c.run(r, h) }) // a goroutine of its own, which FailNow may end
	done.Wait()
	return r
}

// The recorder must not find fault where there is none, or the test of broken
// stores would prove nothing.
func TestASoundStorePassesUnderTheRecorder(t *testing.T) {
	for _, c := range cases {
		h := Harness{Open: func(testing.TB) journal.Store { return journal.NewMemory() }}
		if h.lack(c) != "" {
			continue // a store in memory has nothing to show there
		}
		r := tried(t, c, h)
		require.False(t, r.failed, "%s: %s", c.title(), r.log.String())
	}
}

var lacking = map[string]string{"Reopen": "in memory", "Crash": "in memory", "Through": "in memory"}

// What the proxies do is within the contract: a store behind them passes.
func TestAStoreThatLagsPasses(t *testing.T) {
	Run(t, Harness{
		Open:   func(testing.TB) journal.Store { return Lagging(journal.NewMemory(), 1) },
		Lacks:  lacking,
		DueLag: 5 * time.Second,
	})
}

func TestAFaultyStoreWithoutFaultsPasses(t *testing.T) {
	Run(t, Harness{Open: func(testing.TB) journal.Store { return Faulty(journal.NewMemory(), nil) }, Lacks: lacking})
}

// Each store breaks a promise in a way that drivers do. The suite must fail it
// on every rule that it breaks, and print that rule.
func TestBrokenStoresFail(t *testing.T) {
	for _, b := range slices.Concat(brokenStores, brokenUnderFaults, brokenPutAlls) {
		t.Run(b.name, func(t *testing.T) {
			require.NotEmpty(t, len(b.rules)+len(b.caught), "nothing would be asserted")
			for _, name := range b.caught {
				at := slices.IndexFunc(cases, func(c conformance) bool { return c.name == name })
				require.GreaterOrEqual(t, at, 0, "there is no case %q", name)
				told := false // a race may end well by chance
				for n := 0; n < 20 && !told; n++ {
					told = tried(t, cases[at], b.harness()).failed
				}
				require.True(t, told, "the case %q does not tell", name)
			}
			for _, rule := range b.rules {
				told := false
				for n := 0; n < 20 && !told; n++ {
					told = slices.ContainsFunc(cases, func(c conformance) bool {
						h := b.harness()
						if c.rule != rule || h.lack(c) != "" {
							return false
						}
						r := tried(t, c, h)
						if r.failed {
							require.Contains(t, r.log.String(), rules[rule], "a failing case prints its rule")
						}
						return r.failed
					})
				}
				require.True(t, told, "rule %d is broken, and no case of it failed", rule)
			}
		})
	}
}
