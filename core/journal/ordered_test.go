package journal

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The set must agree with a plain sorted slice through any inserts and
// removals, across the splits of its chunks too.
func TestOrderedIsASortedSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := ordered[int]{compare: cmp.Compare[int]}
		var plain []int
		// Runs of neighbours fill and empty whole chunks; single steps alone
		// would hardly ever reach a split.
		for range rapid.IntRange(1, 12).Draw(t, "runs") {
			start := rapid.IntRange(0, 3000).Draw(t, "start")
			length := rapid.IntRange(1, 900).Draw(t, "length")
			step := rapid.SampledFrom([]int{-3, -1, 1, 2, 7}).Draw(t, "step")
			remove := rapid.Bool().Draw(t, "remove")
			for i := range length {
				k := start + i*step
				at, found := slices.BinarySearch(plain, k)
				switch {
				case remove && found:
					plain = slices.Delete(plain, at, at+1)
				case !remove && !found:
					plain = slices.Insert(plain, at, k)
				}
				if remove {
					set.remove(k)
				} else {
					set.insert(k)
				}
			}
			from := rapid.IntRange(-3000, 9000).Draw(t, "from")
			at, _ := slices.BinarySearch(plain, from)
			require.True(t, slices.Equal(plain[at:], slices.Collect(set.from(from))), "from %d", from)
			for _, chunk := range set.chunks {
				require.NotEmpty(t, chunk)
				require.LessOrEqual(t, len(chunk), chunkSize)
			}
		}
	})
}
