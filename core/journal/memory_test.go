package journal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit/storetest"
)

const mortal = "it lives as long as the process"

func TestMemory(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open:  func(testing.TB) journal.Store { return journal.NewMemory() },
		Lacks: map[string]string{"Reopen": mortal, "Crash": mortal, "Through": "nothing is between it and its caller"},
	})
}

// The cost of each method at a size must stay about what it is at a hundredth
// of it: compare the sub-benchmarks.
func BenchmarkMemory(b *testing.B) {
	noon := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for _, size := range []int{1_000, 100_000} {
		store := journal.NewMemory()
		for i := range size {
			_, err := store.Put(b.Context(), journal.Record{ID: fmt.Sprintf("p/%08d", i*7919%size), Due: noon.Add(time.Duration(i) * time.Second)})
			require.NoError(b, err)
		}
		middle := fmt.Sprintf("p/%08d", size/2)
		b.Run(fmt.Sprintf("get/%d", size), func(b *testing.B) {
			for b.Loop() {
				_, _ = store.Get(b.Context(), middle)
			}
		})
		b.Run(fmt.Sprintf("put/%d", size), func(b *testing.B) {
			r, err := store.Get(b.Context(), middle)
			require.NoError(b, err)
			for i := 0; b.Loop(); i++ {
				r.Due = noon.Add(time.Duration(i%size) * time.Second)
				r, _ = store.Put(b.Context(), r)
			}
		})
		b.Run(fmt.Sprintf("due/%d", size), func(b *testing.B) {
			for b.Loop() {
				_, _ = store.Due(b.Context(), noon.Add(time.Hour), 16)
			}
		})
		b.Run(fmt.Sprintf("list/%d", size), func(b *testing.B) {
			for b.Loop() {
				_, _ = store.List(b.Context(), "p/", middle, 16)
			}
		})
	}
}
