//go:build real

package pgstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/pgstore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// nothing returns the configuration of a place in the database that has no tables.
func nothing(t testing.TB) (cfg pgstore.Config, schema string) {
	t.Helper()
	schema = fmt.Sprintf("migrated%d", schemas.Add(1))
	postgres(t).exec(t, "public", "CREATE SCHEMA "+schema)
	return pgstore.Config{URL: core.NewSecret(postgres(t).url(schema))}, schema
}

// everyCall makes each call on a store of its own, and returns the errors.
func everyCall(t testing.TB, cfg pgstore.Config) (all []error) {
	t.Helper()
	for _, call := range []func(*pgstore.Store) error{
		func(s *pgstore.Store) error {
			_, err := s.Put(t.Context(), journal.Record{ID: "p/new"})
			return err
		},
		func(s *pgstore.Store) error {
			_, err := s.Put(t.Context(), journal.Record{ID: "p/1", Version: 1})
			return err
		},
		func(s *pgstore.Store) error { _, err := s.Get(t.Context(), "p/1"); return err },
		func(s *pgstore.Store) error { return s.Delete(t.Context(), "p/1", 1) },
		func(s *pgstore.Store) error { _, err := s.Due(t.Context(), time.Now(), 1); return err },
		func(s *pgstore.Store) error { _, err := s.List(t.Context(), "", "", 1); return err },
	} {
		all = append(all, call(open(t, cfg.URL.Reveal())))
	}
	return all
}

func TestMigrateFromNothing(t *testing.T) {
	cfg, _ := nothing(t)
	for _, err := range everyCall(t, cfg) {
		require.ErrorIs(t, err, pgstore.ErrSchema)
		assert.ErrorContains(t, err, "imprest journal migrate")
		assert.NotErrorIs(t, err, journal.ErrUnknown)
	}
	early := open(t, cfg.URL.Reveal()) // a program that was started too early
	_, err := early.Get(t.Context(), "p/1")
	require.ErrorIs(t, err, pgstore.ErrSchema)

	from, to, err := pgstore.Migrate(t.Context(), cfg)
	require.NoError(t, err)
	assert.Equal(t, []int{0, pgstore.Version}, []int{from, to})
	_, err = early.Put(t.Context(), journal.Record{ID: "p/1"})
	require.NoError(t, err, "it need not be started again")

	from, to, err = pgstore.Migrate(t.Context(), cfg)
	require.NoError(t, err, "there is nothing to do")
	assert.Equal(t, []int{pgstore.Version, pgstore.Version}, []int{from, to})
	_, err = early.Get(t.Context(), "p/1")
	require.NoError(t, err, "and what was there is there")
}

// Schema and Migrate make the same.
func TestMigrateAfterTheSchemaWasApplied(t *testing.T) {
	from, to, err := pgstore.Migrate(t.Context(), pgstore.Config{URL: core.NewSecret(empty(t))})
	require.NoError(t, err)
	assert.Equal(t, []int{pgstore.Version, pgstore.Version}, []int{from, to})
}

func TestMigrateManyAtOnce(t *testing.T) {
	cfg, schema := nothing(t)
	steps := []string{pgstore.Schema, "ALTER TABLE imprest_records ADD COLUMN shop text", "CREATE TABLE third (a text)"}
	const many = 8
	var done sync.WaitGroup
	var froms [many]int
	for i := range many {
		done.Go(func() {
			from, to, err := pgstore.MigrateBy(t.Context(), cfg, steps)
			assert.NoError(t, err)
			assert.Equal(t, len(steps), to)
			froms[i] = from
		})
	}
	done.Wait()
	assert.Contains(t, froms, 0, "somebody began")
	postgres(t).exec(t, schema, "INSERT INTO third VALUES ('x'); INSERT INTO imprest_records (id, version, body, shop) VALUES ('p/1', 1, '', 'x')")
}

// A schema from before versions were counted is version 0, and keeps its records.
func TestMigrateWhatHasNoVersion(t *testing.T) {
	cfg, schema := nothing(t)
	postgres(t).exec(t, schema, pgstore.Schema)
	_, err := open(t, cfg.URL.Reveal()).Put(t.Context(), journal.Record{ID: "p/1", Body: []byte("{}")})
	require.NoError(t, err)
	postgres(t).exec(t, schema, "DROP TABLE imprest_schema")
	for _, err := range everyCall(t, cfg) {
		require.ErrorIs(t, err, pgstore.ErrSchema)
	}
	from, to, err := pgstore.Migrate(t.Context(), cfg)
	require.NoError(t, err)
	assert.Equal(t, []int{0, pgstore.Version}, []int{from, to})
	r, err := open(t, cfg.URL.Reveal()).Get(t.Context(), "p/1")
	require.NoError(t, err)
	assert.Equal(t, "{}", string(r.Body))
}

func TestOlderAndNewerSchemasAreSaidToBe(t *testing.T) {
	for version, says := range map[int]string{0: "run imprest journal migrate", pgstore.Version + 1: "update the program"} {
		cfg, schema := nothing(t)
		postgres(t).exec(t, schema, pgstore.Schema)
		_, err := open(t, cfg.URL.Reveal()).Put(t.Context(), journal.Record{ID: "p/1"})
		require.NoError(t, err)
		postgres(t).exec(t, schema, fmt.Sprintf("UPDATE imprest_schema SET version = %d", version))
		for _, err := range everyCall(t, cfg) {
			require.ErrorIs(t, err, pgstore.ErrSchema)
			assert.ErrorContains(t, err, fmt.Sprintf("version %d", version))
			assert.ErrorContains(t, err, says)
			assert.NotErrorIs(t, err, journal.ErrUnknown)
		}
		from, _, err := pgstore.Migrate(t.Context(), cfg)
		assert.Equal(t, version, from)
		if version > pgstore.Version {
			require.ErrorIs(t, err, pgstore.ErrSchema)
			continue
		}
		require.NoError(t, err)
		_, err = open(t, cfg.URL.Reveal()).Get(t.Context(), "p/1")
		require.NoError(t, err)
	}
}

// A step that fails leaves the version before it, whole; the next try goes on there.
func TestAStepThatFails(t *testing.T) {
	cfg, schema := nothing(t)
	steps := []string{pgstore.Schema, "ALTER TABLE imprest_records ADD COLUMN shop text; SELECT 1/0"}
	from, to, err := pgstore.MigrateBy(t.Context(), cfg, steps)
	require.Error(t, err)
	assert.Equal(t, []int{0, 1}, []int{from, to})
	var left int
	conn, err := pgx.Connect(t.Context(), cfg.URL.Reveal())
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM information_schema.columns WHERE table_schema = $1 AND column_name = 'shop'", schema).Scan(&left))
	assert.Zero(t, left, "half a step is none")

	steps[1] = "ALTER TABLE imprest_records ADD COLUMN shop text"
	from, to, err = pgstore.MigrateBy(t.Context(), cfg, steps)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2}, []int{from, to})
}

func TestMigrateIsRefused(t *testing.T) {
	_, _, err := pgstore.Migrate(t.Context(), pgstore.Config{})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	_, _, err = pgstore.Migrate(t.Context(), pgstore.Config{URL: core.NewSecret("postgres://imprest:hunter2@127.0.0.1:1/postgres"), Timeout: 5 * time.Second})
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
	assert.NotContains(t, err.Error(), "hunter2")
}
