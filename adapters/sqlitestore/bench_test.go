package sqlitestore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
)

const benchBody = 512 // bytes; about what a purchase takes

// report prints what a caller waits: the median and the 99th percentile.
func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	at := func(p int) float64 { return float64(took[len(took)*p/100].Microseconds()) }
	b.ReportMetric(at(50), "p50-µs")
	b.ReportMetric(at(99), "p99-µs")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}

// BenchmarkAppendSync is what there is to be had without a group: each caller
// appends to one file and syncs it.
func BenchmarkAppendSync(b *testing.B) {
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(b, err)
	defer f.Close()
	body := make([]byte, benchBody)
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		start := time.Now()
		_, err := f.Write(body)
		require.NoError(b, err)
		require.NoError(b, f.Sync())
		took = append(took, time.Since(start))
	}
	report(b, took)
}

// BenchmarkPut is a callback's write, by 1, 16 and 64 callers at once. Compare
// puts/s with those of BenchmarkAppendSync.
func BenchmarkPut(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "journal.db"))
			due := time.Now()
			var next atomic.Int64
			took := make([][]time.Duration, callers)
			var done sync.WaitGroup
			b.ResetTimer()
			for i := range callers {
				done.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						start := time.Now()
						_, err := s.Put(b.Context(), journal.Record{ID: fmt.Sprintf("p/%016x", uint64(n)*0x9e3779b97f4a7c15), Due: due, Body: make([]byte, benchBody)})
						if err != nil {
							b.Error(err)
							return
						}
						took[i] = append(took[i], time.Since(start))
					}
				})
			}
			done.Wait()
			b.StopTimer()
			report(b, slices.Concat(took...))
		})
	}
}
