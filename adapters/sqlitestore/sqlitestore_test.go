package sqlitestore_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit/storetest"
)

func open(t testing.TB, path string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestStore(t *testing.T) {
	var paths sync.Map
	storetest.Run(t, storetest.Harness{
		Open: func(t testing.TB) journal.Store {
			path := filepath.Join(t.TempDir(), "journal.db")
			s := open(t, path)
			paths.Store(s, path)
			return s
		},
		Reopen: func(t testing.TB, s journal.Store) journal.Store {
			require.NoError(t, s.(*sqlitestore.Store).Close())
			path, _ := paths.Load(s)
			again := open(t, path.(string))
			paths.Store(again, path)
			return again
		},
		Crash: func(t testing.TB) (journal.Store, func() journal.Store) {
			path := filepath.Join(t.TempDir(), "journal.db")
			p := storetest.Start(t, child(t, "serve", path, 0))
			return p, func() journal.Store {
				p.Kill()
				p = storetest.Start(t, child(t, "serve", path, 0))
				return p
			}
		},
		Lacks: map[string]string{"Through": "there is no connection between a file and its caller: its own tests cut contexts and commits"},
		Share: func(t testing.TB, s journal.Store) journal.Store {
			path, _ := paths.Load(s)
			return open(t, path.(string))
		},
	})
}
