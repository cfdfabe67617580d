//go:build real

package fleet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit/internal/fleet"
)

// imprest is the command line, as a person at a shell runs it.
type imprest struct {
	t    *testing.T
	path string
	env  []string
}

func buildImprest(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "imprest")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/imprest-go/imprest/functions/imprest").CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// run runs a command, and holds it to its exit status.
func (i imprest) run(status int, args ...string) (stdout, stderr string) {
	i.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(i.t.Context(), i.path, args...)
	cmd.Env = append(os.Environ(), i.env...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	exit, failed := errors.AsType[*exec.ExitError](err)
	if err != nil && !failed {
		require.NoError(i.t, err)
	}
	require.Equal(i.t, status, cmd.ProcessState.ExitCode(), "%v: %v %s%s", args, exit, &out, &errs)
	return out.String(), errs.String()
}

// An operator's tools do the same on every store, from a server that has nothing.
func TestTheOperatorsToolsOnEveryStore(t *testing.T) {
	path := buildImprest(t)
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		store, err := fleet.StartPostgres(t.Context())
		require.NoError(t, err)
		t.Cleanup(store.Close)
		_, url, _ := strings.Cut(store.Env[0], "=")
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		_, err = conn.PgConn().Exec(t.Context(), "DROP TABLE imprest_records, imprest_schema").ReadAll()
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))

		i := imprest{t, path, store.Env}
		for _, args := range [][]string{{"ls"}, {"show", "p/1"}, {"stats"}, {"purge"}, {"retry", "p/1"}} {
			_, stderr := i.run(1, append([]string{"journal"}, args...)...)
			assert.Contains(t, stderr, "run imprest journal migrate", args)
		}
		stdout, _ := i.run(0, "journal", "migrate")
		assert.Equal(t, "the schema is there now, of version 1\n", stdout)
		stdout, _ = i.run(0, "journal", "migrate")
		assert.Equal(t, "nothing to do: the schema is of version 1\n", stdout)
		i.run(2, "journal", "migrate", "--create")
		operate(t, i, store.Journal)
	})
	t.Run("dynalite", func(t *testing.T) {
		t.Parallel()
		store, err := fleet.StartDynalite(t.Context())
		require.NoError(t, err)
		t.Cleanup(store.Close)
		const table = "operators"
		env := map[string]string{}
		for _, v := range store.Env {
			name, value, _ := strings.Cut(v, "=")
			env[name] = value
		}
		i := imprest{t, path, append(slices.Clone(store.Env), "IMPREST_JOURNAL=dynamodb:"+table)}
		_, stderr := i.run(1, "journal", "migrate")
		assert.Contains(t, stderr, "--create makes it")
		stdout, _ := i.run(0, "journal", "migrate", "--create")
		assert.Contains(t, stdout, "the table was made")
		stdout, _ = i.run(0, "journal", "migrate", "--create")
		assert.Contains(t, stdout, "nothing to do")
		made, err := dynamostore.New(dynamostore.Config{
			Table: table, Region: env["AWS_REGION"], Endpoint: env["AWS_ENDPOINT_URL_DYNAMODB"], Credentials: dynamostore.Environment(func(name string) string { return env[name] }),
		})
		require.NoError(t, err)
		operate(t, i, made)
	})
}

// operate goes through an operator's day on an empty journal.
func operate(t *testing.T, i imprest, store journal.Store) {
	const many = 600 // more than a page
	now := time.Now()
	put := func(r journal.Record) {
		t.Helper()
		_, err := store.Put(t.Context(), r)
		require.NoError(t, err)
	}
	sale := func(id string, due time.Time, p purchase.Purchase) {
		t.Helper()
		p.ID, p.AppID, p.Amount = id, "test", 100
		body, err := json.Marshal(p)
		require.NoError(t, err)
		put(journal.Record{ID: purchase.Prefix + id, Due: due, Body: body})
	}
	paid := &purchase.Payment{TradeNo: "T", At: now}
	for n := range many {
		put(journal.Record{ID: fmt.Sprintf("r/pay/%04d", n), Due: now.Add(-time.Hour), Expires: now.Add(-time.Hour), Body: []byte("{}")})
	}
	put(journal.Record{ID: "r/pay/new", Due: now.Add(time.Hour), Expires: now.Add(time.Hour), Body: []byte("{}")})
	sale("WAITS", now.Add(time.Hour), purchase.Purchase{State: purchase.Delivering, Payment: paid})
	sale("STUCK", time.Time{}, purchase.Purchase{State: purchase.Attention, Payment: paid, Reason: "refused"})

	stdout, _ := i.run(0, "journal", "ls", "--limit", "100000")
	assert.Equal(t, many+3, strings.Count(stdout, "\n"))
	stdout, _ = i.run(0, "journal", "show", "p/WAITS")
	assert.Contains(t, stdout, `"state": "delivering"`)

	stdout, _ = i.run(0, "journal", "stats", "--json")
	var counted struct {
		Records int
		Kinds   map[string]struct{ Records, Due, Expired int }
		Due     struct{ Now int }
		Owed    struct{ Count, Amount int }
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &counted))
	assert.Equal(t, many+3, counted.Records)
	assert.Equal(t, struct{ Records, Due, Expired int }{many + 1, many, many}, counted.Kinds["r/"])
	assert.Equal(t, many, counted.Due.Now)
	assert.Equal(t, struct{ Count, Amount int }{2, 200}, counted.Owed)

	for range 2 {
		i.run(0, "journal", "retry", "p/WAITS")
	}
	r, err := store.Get(t.Context(), "p/WAITS")
	require.NoError(t, err)
	assert.Equal(t, int64(2), r.Version)
	assert.False(t, r.Due.After(time.Now()))
	_, stderr := i.run(1, "journal", "retry", "p/STUCK")
	assert.Contains(t, stderr, "imprest journal resolve --as deliver|delivered|refunded")
	stdout, _ = i.run(0, "journal", "resolve", "--as", "delivered", "--note", "Li", "p/STUCK")
	assert.Equal(t, "p/STUCK\tdelivered\n", stdout)

	stdout, _ = i.run(0, "journal", "purge", "--dry-run")
	assert.Equal(t, fmt.Sprintf("%d records, %d expired (r/ %d), nothing removed\n", many+3, many, many), stdout)
	stdout, _ = i.run(0, "journal", "purge")
	assert.Equal(t, fmt.Sprintf("%d records, %d expired (r/ %d), %d removed, 0 kept since they changed, 0 failed\n", many+3, many, many, many), stdout)
	left, err := store.List(t.Context(), "", "", 10)
	require.NoError(t, err)
	assert.Len(t, left, 3)

	// What was made due is delivered by the next sweep.
	granted := atomic.Int64{}
	warehouse := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { granted.Add(1) }))
	defer warehouse.Close()
	shop := i
	shop.env = append(slices.Clone(i.env), "IMPREST_APP_ID=test", "IMPREST_APP_KEY=a-key-of-sixteen-characters", "IMPREST_STORE_NO=s1234", "IMPREST_BASE_URL=http://127.0.0.1:1",
		"IMPREST_NOTIFY_URL=http://127.0.0.1/callbacks/payment", "IMPREST_DELIVER_URL="+warehouse.URL, "IMPREST_DELIVER_KEY="+strings.Repeat("k", 32))
	stdout, stderr = shop.run(0, "reconcile")
	assert.Contains(t, stdout, "due 1, advanced 1, delivered 1, ", stderr)
	assert.Equal(t, int64(1), granted.Load())

	// And the sandbox lives there, too.
	url := ""
	for _, v := range i.env {
		if value, ok := strings.CutPrefix(v, "IMPREST_JOURNAL="); ok {
			url = value
		}
	}
	stdout, _ = i.run(0, "sandbox", "--once", "--journal", url)
	assert.Contains(t, stdout, `"state":"delivered"`)
	assert.NotContains(t, stdout, "imprest@", "an address with its user")
	stdout, _ = i.run(0, "journal", "ls", "--prefix", "sandbox/")
	assert.NotEmpty(t, stdout)
}
