package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

// owed is a paid purchase that was due a while ago.
func owed(t *testing.T, id string) journal.Record {
	t.Helper()
	now := journal.Millis(time.Now())
	body, err := json.Marshal(purchase.Purchase{
		ID: id, State: purchase.Delivering, AppID: "test", StoreNo: "s1234", Amount: 100, CreatedAt: now, PayUntil: now.Add(time.Hour),
		Payment: &purchase.Payment{TradeNo: "T" + id, By: purchase.ByNotification, At: now},
	})
	require.NoError(t, err)
	return journal.Record{ID: purchase.Prefix + id, Due: now.Add(-time.Minute), Body: body}
}

// shop sets the environment of a shop whose warehouse grants everything but what is
// called NEVER, and returns its journal.
func shop(t *testing.T, records ...journal.Record) (file string, granted *atomic.Int64) {
	t.Helper()
	granted = new(atomic.Int64)
	warehouse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Idempotency-Key") == "NEVER" {
			w.WriteHeader(http.StatusGone)
			return
		}
		granted.Add(1)
	}))
	t.Cleanup(warehouse.Close)
	file = filepath.Join(t.TempDir(), "shop.db")
	require.NoError(t, writeJournal(file, records...))
	for name, value := range map[string]string{
		"IMPREST_APP_ID": "test", "IMPREST_APP_KEY": "a-key-of-sixteen-characters", "IMPREST_STORE_NO": "s1234", "IMPREST_BASE_URL": "http://127.0.0.1:1",
		"IMPREST_NOTIFY_URL": "http://127.0.0.1/callbacks/payment", "IMPREST_JOURNAL": "sqlite:" + file,
		"IMPREST_DELIVER_URL": warehouse.URL, "IMPREST_DELIVER_KEY": strings.Repeat("k", 32),
	} {
		t.Setenv(name, value)
	}
	return file, granted
}

func stateIn(t *testing.T, file, id string) purchase.State {
	t.Helper()
	store, closing, err := stores.Look(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	defer func() { require.NoError(t, closing()) }()
	r, err := store.Get(t.Context(), purchase.Prefix+id)
	require.NoError(t, err)
	var p purchase.Purchase
	require.NoError(t, json.Unmarshal(r.Body, &p))
	return p.State
}

func TestReconcileMakesOneSweep(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	file, granted := shop(t, owed(t, "A"), owed(t, "B"), owed(t, "NEVER"),
		journal.Record{ID: "r/pay/A", Due: past, Expires: past}, journal.Record{ID: "p/BROKEN", Due: past, Body: []byte("x")})
	r := invoke(t, "", "reconcile")
	require.Equal(t, exitDone, r.status, r.stderr)
	assert.Regexp(t, `^\S+Z  due 5, advanced 3, delivered 2, refunded 0, attention 1, purged 1, errors 1\n$`, r.stdout)
	assert.Contains(t, r.stderr, "a purchase could not be advanced", "what an operator should know")
	assert.NotContains(t, r.stderr, "level=INFO")
	assert.Equal(t, int64(2), granted.Load())
	assert.Equal(t, purchase.Delivered, stateIn(t, file, "A"))
	assert.Equal(t, purchase.Attention, stateIn(t, file, "NEVER"))

	r = invoke(t, "", "reconcile", "--once", "--json")
	require.Equal(t, exitDone, r.status, r.stderr)
	assert.Contains(t, r.stdout, `"due":1,"advanced":0,"delivered":0,"refunded":0,"attention":0,"purged":0,"errors":1,`)
	assert.Equal(t, 1, strings.Count(r.stdout, "\n"))
}

func TestReconcileIsConfiguredByTheEnvironment(t *testing.T) {
	file, _ := shop(t)
	for _, tt := range []struct {
		args        []string
		name, value string
		says        string
	}{
		{nil, "IMPREST_APP_ID", "", "IMPREST_APP_ID must be set"},
		{nil, "IMPREST_JOURNAL", "memory", "IMPREST_JOURNAL: a journal in memory ends with its process"},
		{nil, "IMPREST_JOURNAL", "sqlite:" + file + ".none", "IMPREST_JOURNAL: open "},
		{nil, "IMPREST_JOURNAL", "postgres://user:hunter2@127.0.0.1:port/x", "IMPREST_JOURNAL: URL cannot be read"},
		{nil, "IMPREST_DELIVER_URL", "ftp://x", "IMPREST_DELIVER_URL"},
		{nil, "IMPREST_DELIVER_KEY", "hunter2", "IMPREST_DELIVER_KEY"},
		{nil, "IMPREST_SWEEP_EVERY", "often", "IMPREST_SWEEP_EVERY must be"},
		{[]string{"--every", "5s"}, "IMPREST_LOG", "", "--every goes with --watch"},
		{[]string{"--watch", "--every", "5ms"}, "IMPREST_LOG", "", "--every: a second at least"},
		{[]string{"--watch", "--once"}, "IMPREST_LOG", "", "--once and --watch: give one"},
		{[]string{"now"}, "IMPREST_LOG", "", `unexpected argument "now"`},
	} {
		t.Run(tt.says, func(t *testing.T) {
			t.Setenv(tt.name, tt.value)
			r := invoke(t, "", append([]string{"reconcile"}, tt.args...)...)
			assert.Equal(t, exitUsage, r.status)
			assert.True(t, strings.HasPrefix(r.stderr, "imprest reconcile: "+tt.says), r.stderr)
			assert.Equal(t, 1, strings.Count(r.stderr, "\n"), r.stderr)
			assert.NotContains(t, r.stderr, "hunter2")
			assert.Empty(t, r.stdout)
		})
	}
	t.Run("a secret of AWS", func(t *testing.T) {
		t.Setenv("IMPREST_APP_KEY", "")
		t.Setenv("IMPREST_APP_KEY_SECRET", "imprest/app-key")
		r := invoke(t, "", "reconcile")
		assert.Equal(t, "imprest reconcile: IMPREST_APP_KEY_SECRET: is read by a function on AWS Lambda alone: set IMPREST_APP_KEY\n", r.stderr)
		assert.Equal(t, exitUsage, r.status)
	})
	t.Run("a journal that fails", func(t *testing.T) {
		t.Setenv("IMPREST_JOURNAL", "postgres://user:hunter2@127.0.0.1:1/x")
		r := invoke(t, "", "reconcile")
		assert.Equal(t, exitFailed, r.status)
		assert.Contains(t, r.stdout, "broke off: ")
		assert.NotContains(t, r.stdout+r.stderr, "hunter2")
	})
}

// A sweep that breaks off is told of, and the next one is made.
func TestAWatchOutlivesASweepThatBreaksOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	p := &program{stdout: &out, stderr: &out, now: time.Now}
	made := 0
	r := &reconciler{p: p, tick: p.newTicker(), sweep: func(context.Context) (purchase.Sweep, error) {
		made++
		if made == 1 {
			return purchase.Sweep{Seen: 3, States: map[purchase.State]int{purchase.Refunded: 1}}, journal.ErrUnknown
		}
		cancel()
		return purchase.Sweep{Seen: 1}, ctx.Err()
	}}
	require.NoError(t, r.watch(ctx, time.Millisecond))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	assert.Contains(t, lines[0], "due 3, advanced 1, delivered 0, refunded 1, attention 0, purged 0, errors 0  broke off: the write was perhaps applied")
	assert.NotContains(t, lines[1], "broke off")
	assert.Equal(t, "ended after 2 sweeps, 1 of which broke off: due 4, advanced 1, delivered 0, refunded 1, attention 0, purged 0, errors 0", lines[2])
}
