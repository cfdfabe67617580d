package simulate

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/imprest-go/imprest/core/journal"
)

// The simulated disk does what journal.Memory does, which passes storetest.
func TestTheDiskIsAJournal(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		disk, memory, ctx := newDisk(), journal.NewMemory(), t.Context()
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			id := rapid.SampledFrom([]string{"a/1", "a/2", "b/1"}).Draw(rt, "id")
			version := rapid.Int64Range(0, 3).Draw(rt, "version")
			switch rapid.IntRange(0, 2).Draw(rt, "what") {
			case 0:
				r := journal.Record{ID: id, Version: version, Body: []byte(fmt.Sprint(version))}
				if due := rapid.Int64Range(0, 3).Draw(rt, "due"); due > 0 {
					r.Due = time.Unix(due, 5)
				}
				got, gotErr := disk.put(r)
				want, wantErr := memory.Put(ctx, r)
				require.Equal(rt, wantErr, gotErr)
				require.Equal(rt, want, got)
			case 1:
				require.Equal(rt, memory.Delete(ctx, id, version), disk.remove(id, version))
			case 2:
				got, gotErr := disk.get(id)
				want, wantErr := memory.Get(ctx, id)
				require.Equal(rt, wantErr, gotErr)
				require.Equal(rt, want, got)
			}
			list, err := memory.List(ctx, "a/", "a/1", 5)
			require.NoError(rt, err)
			require.Equal(rt, list, disk.list("a/", "a/1", 5))
			due, err := memory.Due(ctx, time.Unix(2, 0), 2)
			require.NoError(rt, err)
			got := disk.due(time.Unix(2, 0), 2)
			require.Equal(rt, len(due), len(got))
			for i := range due {
				require.Equal(rt, due[i].ID, got[i].ID)
			}
		}
		if len(disk.records) == 0 {
			require.Zero(rt, disk.sum)
		}
	})
}
