//go:build real

package pgstore_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/pgstore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit/storetest"
)

var schemas atomic.Int64

// empty returns the address of an empty journal.
func empty(t testing.TB) string {
	t.Helper()
	s := postgres(t)
	name := fmt.Sprintf("test%d", schemas.Add(1))
	s.exec(t, "public", "CREATE SCHEMA "+name)
	for range 2 { // to apply it again changes nothing
		s.exec(t, name, pgstore.Schema)
	}
	return s.url(name)
}

func open(t testing.TB, url string) *pgstore.Store {
	t.Helper()
	s, err := pgstore.Open(pgstore.Config{URL: core.NewSecret(url)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestStore(t *testing.T) {
	var urls sync.Map
	remember := func(url string, s *pgstore.Store) *pgstore.Store {
		urls.Store(s, url)
		return s
	}
	urlOf := func(s journal.Store) string {
		url, _ := urls.Load(s)
		return url.(string)
	}
	storetest.Run(t, storetest.Harness{
		Open: func(t testing.TB) journal.Store {
			url := empty(t)
			return remember(url, open(t, url))
		},
		Reopen: func(t testing.TB, s journal.Store) journal.Store {
			require.NoError(t, s.(*pgstore.Store).Close())
			return remember(urlOf(s), open(t, urlOf(s)))
		},
		Crash: func(t testing.TB) (journal.Store, func() journal.Store) {
			url := empty(t)
			return open(t, url), func() journal.Store {
				postgres(t).crash(t)
				return open(t, url)
			}
		},
		Through: func(t testing.TB, s journal.Store) (journal.Store, *storetest.Link) {
			link := storetest.NewLink(t, "127.0.0.1:"+postgres(t).port)
			_, port, err := net.SplitHostPort(link.Addr())
			require.NoError(t, err)
			return open(t, urlOf(s)+"&host=127.0.0.1&port="+port), link
		},
		Share: func(t testing.TB, s journal.Store) journal.Store { return remember(urlOf(s), open(t, urlOf(s))) },
	})
}

func TestWithoutASchema(t *testing.T) {
	postgres(t).exec(t, "public", "CREATE SCHEMA bare")
	s := open(t, postgres(t).url("bare"))
	_, err := s.Get(t.Context(), "p/1")
	require.ErrorIs(t, err, pgstore.ErrSchema)
	_, err = s.Put(t.Context(), journal.Record{ID: "p/1"})
	require.ErrorIs(t, err, pgstore.ErrSchema)
	require.NotErrorIs(t, err, journal.ErrUnknown)
}

// Whatever the database's default is, a write waits for the log.
func TestCommitsAreSynchronous(t *testing.T) {
	url := empty(t)
	postgres(t).exec(t, "public", `CREATE TABLE seen (setting text)`)
	// A trigger sees the setting of the connection that writes.
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	for _, sql := range []string{
		`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$`,
		`CREATE TRIGGER note BEFORE INSERT ON imprest_records FOR EACH ROW EXECUTE FUNCTION note()`,
	} {
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	_, err = open(t, url).Put(t.Context(), journal.Record{ID: "p/1"})
	require.NoError(t, err)
	var setting string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT setting FROM public.seen").Scan(&setting))
	assert.Equal(t, "on", setting)
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&setting))
	assert.Equal(t, "off", setting, "the default of this server, or the test shows nothing")
}

// lossy stands before the server, and once it is told to swallow passes nothing
// back any more: the statement is done, and its answer lost.
type lossy struct {
	addr    string
	swallow atomic.Bool
}

func startLossy(t *testing.T) *lossy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	l := &lossy{addr: ln.Addr().String()}
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", "127.0.0.1:"+postgres(t).port)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() {
				defer in.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := out.Read(buf)
					if err != nil || l.swallow.Load() {
						return
					}
					if _, err := in.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l
}

func TestALostAnswerIsUnknown(t *testing.T) {
	url := empty(t)
	direct := open(t, url)
	for name, c := range map[string]struct{ change func(s *pgstore.Store) error }{
		"insert": {func(s *pgstore.Store) error {
			_, err := s.Put(t.Context(), journal.Record{ID: "p/new"})
			return err
		}},
		"update": {func(s *pgstore.Store) error {
			_, err := s.Put(t.Context(), journal.Record{ID: "p/old", Version: 1})
			return err
		}},
		"delete": {func(s *pgstore.Store) error { return s.Delete(t.Context(), "p/gone", 1) }},
	} {
		t.Run(name, func(t *testing.T) {
			for _, id := range []string{"p/old", "p/gone"} {
				_, _ = direct.Put(t.Context(), journal.Record{ID: id})
			}
			l := startLossy(t)
			through, err := pgstore.Open(pgstore.Config{URL: core.NewSecret(url + "&host=127.0.0.1&port=" + l.addr[len("127.0.0.1:"):])})
			require.NoError(t, err)
			defer through.Close()
			_, err = through.Get(t.Context(), "p/none") // the connection is there
			require.ErrorIs(t, err, journal.ErrNotFound)
			l.swallow.Store(true)
			err = c.change(through)
			require.ErrorIs(t, err, journal.ErrUnknown)
			assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
		})
	}
}

func TestNobodyListens(t *testing.T) {
	s := open(t, "postgres://imprest:hunter2@127.0.0.1:1/postgres?sslmode=disable")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := s.Put(ctx, journal.Record{ID: "p/1"})
	require.Error(t, err)
	assert.NotErrorIs(t, err, journal.ErrUnknown, "nothing was sent")
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
	assert.NotContains(t, err.Error(), "hunter2")
	_, err = s.Get(ctx, "p/1")
	require.Error(t, err)
	assert.True(t, core.Retryable(err))
}

// As behind PgBouncer: no statement is prepared.
func TestWithoutPreparedStatements(t *testing.T) {
	s := open(t, empty(t)+"&default_query_exec_mode=exec")
	due := time.UnixMilli(1700000000123).UTC()
	r, err := s.Put(t.Context(), journal.Record{ID: "p/1", Body: []byte{0, 0xff}, Due: due})
	require.NoError(t, err)
	r.Body = []byte("{}")
	r, err = s.Put(t.Context(), r)
	require.NoError(t, err)
	found, err := s.Due(t.Context(), due, 10)
	require.NoError(t, err)
	assert.Equal(t, []journal.Record{r}, found)
	found, err = s.List(t.Context(), "p/", "", 10)
	require.NoError(t, err)
	assert.Equal(t, []journal.Record{r}, found)
	require.NoError(t, s.Delete(t.Context(), "p/1", 2))
}

// A table of the same name and another form is no journal: every call says so, and
// nothing is left open.
func TestASchemaOfAnotherForm(t *testing.T) {
	for name, columns := range map[string]string{
		"a column too few":   "id text PRIMARY KEY, version bigint NOT NULL, due bigint, body bytea NOT NULL",
		"a time":             "id text PRIMARY KEY, version bigint NOT NULL, due timestamptz, expires bigint, body bytea NOT NULL",
		"a text":             "id text PRIMARY KEY, version bigint NOT NULL, due bigint, expires bigint, body text NOT NULL",
		"a document":         "id text PRIMARY KEY, version bigint NOT NULL, due bigint, expires bigint, body jsonb NOT NULL",
		"a number":           "id bigint PRIMARY KEY, version bigint NOT NULL, due bigint, expires bigint, body bytea NOT NULL",
		"ids that are twice": "id text, version bigint NOT NULL, due bigint, expires bigint, body bytea NOT NULL",
		"a column too many":  "id text PRIMARY KEY, version bigint NOT NULL, due bigint, expires bigint, body bytea NOT NULL, shop text NOT NULL",
	} {
		t.Run(name, func(t *testing.T) {
			schema := "other_" + strings.ReplaceAll(name, " ", "_")
			postgres(t).exec(t, "public", "CREATE SCHEMA "+schema)
			postgres(t).exec(t, schema, "CREATE TABLE imprest_records ("+columns+")")
			_, _, err := pgstore.Migrate(t.Context(), pgstore.Config{URL: core.NewSecret(postgres(t).url(schema))})
			if name != "a column too many" { // that shows when something is written
				require.ErrorIs(t, err, pgstore.ErrSchema)
				postgres(t).exec(t, schema, "CREATE TABLE imprest_schema (version integer); INSERT INTO imprest_schema VALUES (1)")
			}
			s := open(t, postgres(t).url(schema))
			_, err = s.Put(t.Context(), journal.Record{ID: "p/1", Due: time.UnixMilli(1), Body: []byte("{\xff")})
			require.ErrorIs(t, err, pgstore.ErrSchema)
			require.NotErrorIs(t, err, journal.ErrUnknown)
			_, err = s.Put(t.Context(), journal.Record{ID: "p/1", Version: 1, Due: time.UnixMilli(1), Body: []byte("{}")})
			assert.NotErrorIs(t, err, journal.ErrUnknown)
			if name == "a text" {
				postgres(t).exec(t, schema, "INSERT INTO imprest_records VALUES ('p/2', 1, 1, 1, '{}')")
				_, err = s.Get(t.Context(), "p/2")
				assert.ErrorIs(t, err, pgstore.ErrSchema)
				_, err = s.Due(t.Context(), time.Now(), 1)
				assert.ErrorIs(t, err, pgstore.ErrSchema)
			}
		})
	}
}

// What stands between a program and its database may want another way of sending
// statements; several that are sent at once are a transaction in each.
func TestPutAllIsWholeHoweverItIsSent(t *testing.T) {
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			s := open(t, empty(t)+"&default_query_exec_mode="+mode)
			both := []journal.Record{{ID: "trade/1", Body: []byte{0, 255}}, {ID: "p/1", Due: time.UnixMilli(1).UTC(), Body: []byte("'\\")}}
			stored, err := s.PutAll(t.Context(), both...)
			require.NoError(t, err)
			for i, r := range stored {
				require.EqualValues(t, 1, r.Version)
				got, err := s.Get(t.Context(), both[i].ID)
				require.NoError(t, err)
				require.Equal(t, r, got)
			}
			for _, lost := range [][]journal.Record{
				{{ID: "a/1"}, stored[1], {ID: "trade/1"}},
				{{ID: "a/1"}, stored[1], {ID: "trade/1", Version: 7}},
			} {
				found, err := s.PutAll(t.Context(), lost...)
				require.ErrorIs(t, err, journal.ErrConflict)
				require.Equal(t, []journal.Record{{}, stored[1], stored[0]}, found)
				got, err := s.Get(t.Context(), "p/1")
				require.NoError(t, err)
				require.Equal(t, stored[1], got, "what stood before the loser is taken back")
			}
			_, err = s.PutAll(t.Context(), journal.Record{ID: "a/1"}, stored[1], stored[0])
			require.NoError(t, err, "and the connection goes on")
		})
	}
}
