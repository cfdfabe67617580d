package stores

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

func TestAFileIsMadeByOpenAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a:b.db")
	for _, open := range []func() error{
		func() error { _, _, err := Look(t.Context(), "sqlite:"+file); return err },
		func() error { _, _, err := Change(t.Context(), "sqlite:"+file); return err },
	} {
		assert.Equal(t, core.CodeInvalid, core.CodeOf(open()))
		assert.NoFileExists(t, file)
	}
	store, closing, err := Open(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	_, err = store.Put(t.Context(), journal.Record{ID: "p/1"})
	require.NoError(t, err)
	require.NoError(t, closing())

	store, closing, err = Change(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	_, err = store.Put(t.Context(), journal.Record{ID: "p/1", Version: 1})
	require.NoError(t, err)
	require.NoError(t, closing())

	store, closing, err = Look(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	r, err := store.Get(t.Context(), "p/1")
	require.NoError(t, err)
	assert.Equal(t, int64(2), r.Version)
	_, err = store.Put(t.Context(), r)
	assert.Error(t, err, "who looks changes nothing")
	require.NoError(t, closing())
}

func TestWhatIsNoJournalIsSaidWithoutASecret(t *testing.T) {
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION",
	} {
		t.Setenv(name, "hunter2")
	}
	for _, name := range []string{
		"", "hunter", "mysql://user:hunter2@db/x", "postgres", "postgres:", "postgres://user:hunter2@db:port/x", "postgresql://user:hunter2@db/x?sslmode=hunter2",
		"sqlite", "sqlite:", "dynamodb", "dynamodb:",
	} {
		for _, open := range []func() error{
			func() error { _, _, err := Open(t.Context(), name); return err },
			func() error { _, _, err := Look(t.Context(), name); return err },
		} {
			err := open()
			require.Error(t, err, name)
			assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "%s: %v", name, err)
			assert.NotContains(t, err.Error(), "hunter2")
		}
		assert.NotContains(t, Shown(name), "hunter2")
	}
	_, _, err := Look(t.Context(), "memory")
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	assert.Equal(t, "sqlite:shop.db", Shown("sqlite:shop.db"))
}
