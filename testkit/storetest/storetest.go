package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
)

// Harness tells the suite how to reach the store under test, and what its
// engine promises. Only Open is required of every store; of the other hooks,
// Lacks says why one is not there.
type Harness struct {
	// Open returns a fresh, empty store. It is called once or more per case;
	// what must be closed is closed by t.Cleanup.
	Open func(t testing.TB) journal.Store
	// Reopen closes s and opens the same data again, as a process does that
	// was restarted.
	Reopen func(t testing.TB, s journal.Store) journal.Store
	// Crash returns a fresh, empty store like Open's, and what ends its engine
	// as kill -9 does, while calls are under way, and then opens the data
	// again. Where the engine is a server, crash kills that; where it lives
	// within the process, the store is a [Process]. crash may be called again.
	Crash func(t testing.TB) (s journal.Store, crash func() journal.Store)
	// Through opens the data of s a second time, over a link that the cases
	// cut; [NewLink] makes one to the engine's server. One call at a time goes
	// through it.
	Through func(t testing.TB, s journal.Store) (journal.Store, *Link)
	// Share opens the data of s a second time while s stays open, as another
	// process would, and closes that by t.Cleanup. The cases that race use
	// both then. Nil: the store is for one process.
	Share func(t testing.TB, s journal.Store) journal.Store
	// Lacks says why Reopen, Crash or Through, by that name, is nil: "Reopen":
	// "it lives as long as the process"; and why the store is no
	// journal.AtomicStore: "PutAll": "the engine writes one record at a time".
	// The cases that need it are left out then, and the reason is logged;
	// without a reason Run fails.
	Lacks map[string]string
	// DueLag is how long Due may take to show a change. Zero: Due is exact
	// at once, in what it shows and in its order. Otherwise the cases wait
	// that long at most for what Due has to show in the end, and do not look
	// at its order.
	DueLag time.Duration
}

// Run runs every case of the suite as a subtest of t.
func Run(t *testing.T, h Harness) {
	require.NotNil(t, h.Open, "Harness.Open")
	for name, there := range h.hooks() {
		require.True(t, there != (h.Lacks[name] != ""), "Harness.%s is set, or Harness.Lacks says why it is not", name)
	}
	if h.Lacks["PutAll"] != "" {
		t.Run("PutAll is lacking", func(t *testing.T) {
			_, err := journal.PutAll(t.Context(), h.Open(t))
			require.ErrorIs(t, err, errors.ErrUnsupported, "Harness.Lacks says that the store has no PutAll")
		})
	}
	for _, c := range cases {
		if lack := h.lack(c); lack != "" {
			t.Logf("left out: %s: %s is lacking: %s", c.title(), lack, h.Lacks[lack])
			continue
		}
		t.Run(c.title(), func(t *testing.T) { c.run(t, h) })
	}
}

// lack is the first thing that a case needs and h has not, or "".
func (h Harness) lack(c conformance) string {
	for _, need := range strings.Fields(c.needs) {
		if there, isHook := h.hooks()[need]; isHook && !there || !isHook && h.Lacks[need] != "" {
			return need
		}
	}
	return ""
}

// hooks tells which of the hooks are there that a store may lack.
func (h Harness) hooks() map[string]bool {
	return map[string]bool{"Reopen": h.Reopen != nil, "Crash": h.Crash != nil, "Through": h.Through != nil}
}

// conformance is one case: what it is called, the rule it stands for, how it is
// tried, and the hooks, or "PutAll", without which it is left out.
type conformance struct {
	rule  int
	name  string
	try   func(t testing.TB, h Harness)
	needs string
}

var cases = []conformance{
	{1, "put creates at version 1 and replaces one version by the next", putCreatesAndReplaces, ""},
	{1, "put returns what get reads", putReturnsWhatIsStored, ""},
	{1, "of 64 racing puts one wins each version", racingPutsHaveOneWinner, ""},
	{1, "of 64 racing puts of the same record one wins", racingEqualPuts, ""},
	{1, "a counter loses no update", counterLosesNoUpdate, ""},
	{1, "random operations agree with a model", agreesWithModel, ""},
	{2, "a put at another version changes nothing", conflictChangesNothing, ""},
	{2, "a losing put returns the stored record", conflictReturnsStored, ""},
	{2, "a put at a version where there is no record", conflictWithAbsent, ""},
	{3, "reopening keeps everything", reopenKeepsEverything, "Reopen"},
	{3, "reopening keeps what was answered under load", reopenKeepsAnswered, "Reopen"},
	{3, "a crash keeps what was answered", crashKeepsAnswered, "Crash"},
	{4, "a crash takes back nothing that was read", crashKeepsRead, "Crash"},
	{4, "no reader ever goes back to an older version", readsNeverGoBack, ""},
	{5, "get of what is not there", getAbsent, ""},
	{5, "get sees the write that was just answered", getSeesLatest, ""},
	{6, "delete removes at its version only", deleteSemantics, ""},
	{6, "after a delete the id begins again at version 1", deleteThenCreate, ""},
	{6, "of 64 racing deletes and puts one wins", racingDeletes, ""},
	{7, "due shows what is due, the earliest first", dueOrder, ""},
	{7, "due keeps to its limit", dueLimit, ""},
	{7, "due follows every change of a record", dueFollowsChanges, ""},
	{7, "due goes by the caller's time alone", dueByTheCallersTime, ""},
	{7, "due shows no record twice among writers", dueAmongWriters, ""},
	{7, "working off what is due misses nothing", dueMissesNothing, ""},
	{7, "workers whose clocks differ miss nothing", dueWithSkewedClocks, ""},
	{7, "working off a due that lags takes each record once", dueThatLags, ""},
	{8, "list is in the order of ids and within its limit", listOrderAndLimit, ""},
	{8, "prefix and after mean their bytes", listPrefixesAndAfters, ""},
	{8, "a walk sees each record once while others come and go", listWalkWhileRecordsMove, ""},
	{8, "a walk sees each record once among writers", listWalkAmongWriters, ""},
	{9, "a write that was cut short is known, or unknown", cutShort, ""},
	{9, "a write whose connection was cut is unknown", cutOff, "Through"},
	{9, "after an unknown write there is one of two states", unknownIsOneOfTwo, ""},
	{9, "a claim has one holder whatever fails", claimsAmongFaults, ""},
	{9, "a counter counts once whatever fails", countsAmongFaults, ""},
	{9, "a purchase is paid and granted once whatever fails", purchasesAmongFaults, ""},
	{10, "bad ids, versions and bodies are refused", refusals, ""},
	{10, "every id within the limits is accepted", acceptedIDs, ""},
	{11, "times are cut to the millisecond and come back in UTC", times, ""},
	{11, "bodies come back as they were", bodies, ""},
	{11, "many of the greatest bodies come back at once", manyGreatBodies, ""},
	{11, "no memory is shared", noAliasing, ""},
	{12, "an ended context changes nothing", endedContext, ""},
	{12, "a context that ends after the answer takes nothing back", endedAfterwards, ""},
	{13, "putall writes all and returns what get reads", putAllWrites, "PutAll"},
	{13, "random putalls agree with a model", putAllAgreesWithModel, "PutAll"},
	{13, "putall shares no memory", putAllSharesNothing, "PutAll"},
	{13, "reopening keeps what putall wrote", putAllReopened, "PutAll Reopen"},
	{14, "a record that loses leaves the others unwritten", putAllConflict, "PutAll"},
	{14, "of 64 racing putalls and puts one wins, whole", racingPutAlls, "PutAll"},
	{14, "a claim that is somebody else's leaves the record unwritten", claimAndPut, "PutAll"},
	{15, "transfers among many records lose nothing", transfers, "PutAll"},
	{15, "no reader sees a part", putAllIsSeenWhole, "PutAll"},
	{15, "a putall that was cut short is whole, or nothing", putAllCutShort, "PutAll"},
	{15, "a putall whose connection was cut is whole, or nothing", putAllCutOff, "PutAll Through"},
	{15, "an unknown putall is whole, or nothing", putAllUnknown, "PutAll"},
	{15, "a crash leaves a putall whole, or nothing", crashKeepsWhole, "PutAll Crash"},
	{16, "too many records, an id twice, and bad ones are refused", putAllRefusals, "PutAll"},
	{16, "as many of the greatest bodies as putall takes", putAllGreatest, "PutAll"},
}

func (c conformance) title() string { return fmt.Sprintf("rule %02d %s", c.rule, c.name) }

func (c conformance) run(t testing.TB, h Harness) {
	defer func() { // also when the case ends early
		if t.Failed() {
			t.Logf("rule %d of journal.Store: %s", c.rule, rules[c.rule])
		}
	}()
	c.try(t, h)
}

// noon is where the cases place their times.
var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// mustPut stores r and returns it as stored.
func mustPut(t testing.TB, s journal.Store, r journal.Record) journal.Record {
	t.Helper()
	stored, err := s.Put(t.Context(), r)
	require.NoError(t, err, "put of %q at version %d", r.ID, r.Version)
	return stored
}

// requireStored asserts that Get and List show want for its id, and nothing
// else: the ways of reading must agree.
func requireStored(t testing.TB, s journal.Store, want journal.Record) {
	t.Helper()
	got, err := s.Get(t.Context(), want.ID)
	require.NoError(t, err, "get of %q", want.ID)
	requireSame(t, want, got, "what get reads")
	listed, err := s.List(t.Context(), want.ID, "", 1)
	require.NoError(t, err)
	require.Len(t, listed, 1, "list of the prefix %q", want.ID)
	requireSame(t, want, listed[0], "what list reads")
}

// requireAbsent asserts that no way of reading shows id.
func requireAbsent(t testing.TB, s journal.Store, id string) {
	t.Helper()
	got, err := s.Get(t.Context(), id)
	require.ErrorIs(t, err, journal.ErrNotFound, "get of %q", id)
	require.Zero(t, got, "the record that comes with ErrNotFound")
	listed, err := s.List(t.Context(), id, "", 1)
	require.NoError(t, err)
	for _, r := range listed {
		require.NotEqual(t, id, r.ID, "list shows a record that get does not find")
	}
}

// requireSame compares records. An empty body may come back as nil.
func requireSame(t testing.TB, want, got journal.Record, what string) {
	t.Helper()
	require.Equal(t, want.ID, got.ID, "id in %s", what)
	require.Equal(t, want.Version, got.Version, "version of %q in %s", want.ID, what)
	requireTime(t, want.Due, got.Due, fmt.Sprintf("due of %q in %s", want.ID, what))
	requireTime(t, want.Expires, got.Expires, fmt.Sprintf("expires of %q in %s", want.ID, what))
	require.Equal(t, string(want.Body), string(got.Body), "body of %q in %s", want.ID, what)
}

func requireTime(t testing.TB, want, got time.Time, what string) {
	t.Helper()
	want = journal.Millis(want)
	require.True(t, want.Equal(got), "%s: %s, want %s", what, got, want)
	require.Equal(t, time.UTC, got.Location(), "%s is in UTC", what)
	require.Equal(t, want.IsZero(), got.IsZero(), "%s: zero stays zero", what)
}

// requireDue asserts what Due shows: exactly want, in that order, where the
// engine is exact; otherwise the same records after the lag at most.
func requireDue(t testing.TB, h Harness, s journal.Store, before time.Time, want ...string) {
	t.Helper()
	read := func() []string {
		found, err := s.Due(t.Context(), before, 1000)
		require.NoError(t, err)
		ids := make([]string, 0, len(found))
		for _, r := range found {
			ids = append(ids, r.ID)
		}
		return ids
	}
	if h.DueLag == 0 {
		require.Equal(t, append([]string{}, want...), read(), "what is due at %s", before)
		return
	}
	var got []string
	if !h.within(t, func() bool {
		got = read()
		return assert.ElementsMatch(quiet{}, want, got)
	}) {
		require.ElementsMatch(t, want, got, "what is due at %s, %s later", before, h.DueLag)
	}
}

// within reports whether ok came true before DueLag had passed. It polls only
// engines that lag.
func (h Harness) within(t testing.TB, ok func() bool) bool { return eventually(t, h.DueLag, ok) }

// eventually reports whether ok came true before the time had passed.
func eventually(t testing.TB, within time.Duration, ok func() bool) bool {
	for deadline := time.Now().Add(within); ; {
		if ok() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		select {
		case <-t.Context().Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// quiet takes the failures of an assertion that is only asked, not meant.
type quiet struct{}

func (quiet) Errorf(string, ...any) {}

// handles returns the ways to the data of s that the goroutines of a case take
// in turn.
func (h Harness) handles(t testing.TB, s journal.Store) func(i int) journal.Store {
	t.Helper()
	if h.Share == nil {
		return func(int) journal.Store { return s }
	}
	both := [2]journal.Store{s, h.Share(t, s)}
	require.NotNil(t, both[1], "Harness.Share returns a store")
	return func(i int) journal.Store { return both[i%2] }
}

// together runs f in n goroutines that start at once, and waits for them. A
// goroutine reports with assert, not with require.
func together(n int, f func(i int)) {
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			f(i)
		})
	}
	start.Done()
	done.Wait()
}
