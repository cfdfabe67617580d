package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit/storetest"
)

// mydriver stands for an engine of your own; its stores keep a file each.
var mydriver struct {
	Open func(path string) (journal.Store, error)
}

// The test that a driver needs, for an engine within the process. TestMain of
// the same package, before m.Run:
//
//	if path := os.Getenv("MYDRIVER_SERVE"); path != "" {
//		s, err := mydriver.Open(path)
//		if err == nil {
//			err = storetest.Serve(s, os.Stdin, os.Stdout)
//		}
//		…
//	}
func ExampleRun() {
	var t *testing.T // of func TestStore(t *testing.T)

	open := func(t testing.TB, path string) journal.Store {
		s, err := mydriver.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	serve := func(t testing.TB, path string) *storetest.Process {
		cmd := exec.Command(os.Args[0]) // this test again, as another process
		cmd.Env = append(os.Environ(), "MYDRIVER_SERVE="+path)
		return storetest.Start(t, cmd)
	}
	paths := map[journal.Store]string{}
	harness := storetest.Harness{
		Open: func(t testing.TB) journal.Store {
			path := filepath.Join(t.TempDir(), "journal")
			s := open(t, path)
			paths[s] = path
			return s
		},
		Reopen: func(t testing.TB, s journal.Store) journal.Store { return open(t, paths[s]) },
		Crash: func(t testing.TB) (journal.Store, func() journal.Store) {
			path := filepath.Join(t.TempDir(), "journal")
			p := serve(t, path)
			return p, func() journal.Store {
				p.Kill()
				p = serve(t, path)
				return p
			}
		},
		Lacks: map[string]string{
			"Through": "nothing is between a file and its caller",
			"PutAll":  "the engine writes one record at a time",
		},
		DueLag: 0, // how long an index may take, such as 2 * time.Second
	}
	if t != nil {
		storetest.Run(t, harness)
	}
}

// What a caller makes of ErrUnknown is tested with a store that fails as a
// script says.
func ExampleFaulty() {
	ctx := context.Background()

	store := storetest.Faulty(journal.NewMemory(), storetest.Writes(storetest.Late))

	_, err := store.Put(ctx, journal.Record{ID: "p/1", Body: []byte("paid")})
	fmt.Println("unknown:", errors.Is(err, journal.ErrUnknown))
	_, err = store.Get(ctx, "p/1") // the caller looks, and the write is still on its way
	fmt.Println("absent:", errors.Is(err, journal.ErrNotFound))
	stored, err := store.Put(ctx, journal.Record{ID: "p/1", Body: []byte("paid")})
	fmt.Printf("the second attempt loses to the first: %t, %s\n", errors.Is(err, journal.ErrConflict), stored.Body)
	// Output:
	// unknown: true
	// absent: true
	// the second attempt loses to the first: true, paid
}

// A sweeper is tested with a Due that shows old versions, leaves records out,
// and keeps no order.
func ExampleLagging() {
	ctx := context.Background()
	due := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	store := storetest.Lagging(journal.NewMemory(), 1)
	if _, err := store.Put(ctx, journal.Record{ID: "p/1", Due: due}); err != nil {
		log.Fatal(err)
	}
	shown := 0
	for range 4 {
		found, err := store.Due(ctx, due, 10)
		if err != nil {
			log.Fatal(err)
		}
		shown += len(found)
	}
	fmt.Println("forgotten for ever:", shown == 0)
	// Output: forgotten for ever: false
}
