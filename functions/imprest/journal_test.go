package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

// writeJournals puts shop.db, a journal with a few records, and other.db,
// which is none, into dir.
func writeJournals(dir string) error {
	due := time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	err := writeJournal(filepath.Join(dir, "shop.db"),
		journal.Record{ID: "p/A", Body: []byte(`{"state":"delivered","title":"<猫>"}`)},
		journal.Record{ID: "p/B", Due: due, Expires: due.Add(time.Hour), Body: []byte(`{"state":"unpaid"}`)},
		journal.Record{ID: "r/pay/A", Body: []byte(`{"state":5}`)},
		journal.Record{ID: "x/binary", Body: []byte{0xff, 0x1b, 'x'}},
		journal.Record{ID: "x/empty"},
		journal.Record{ID: "x/hidden", Body: []byte(`{"state":"a\u001bb","note":"` + "\u202e" + `"}`)},
	)
	if err == nil {
		err = writeJournal(filepath.Join(dir, "till.db"), till()...)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "other.db"), []byte(strings.Repeat("no database ", 100)), 0o600)
}

// till is a journal with work for an operator. What is not due is due in 2999.
func till() []journal.Record {
	long, never := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC), time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	paid := &purchase.Payment{TradeNo: "T1", By: purchase.ByNotification, At: long}
	record := func(due time.Time, p purchase.Purchase) journal.Record {
		p.AppID, p.Amount, p.CreatedAt, p.PayUntil = "test", 3600, long, never
		body, err := json.Marshal(p)
		if err != nil {
			panic(err)
		}
		return journal.Record{ID: purchase.Prefix + p.ID, Due: due, Body: body}
	}
	return []journal.Record{
		record(never, purchase.Purchase{ID: "BUSY", State: purchase.Delivering, Payment: paid, Lease: &purchase.Lease{Owner: "x", Until: never}}),
		record(time.Time{}, purchase.Purchase{ID: "DONE", State: purchase.Delivered, Payment: paid, DeliveredAt: long}),
		record(never, purchase.Purchase{ID: "DOUBT", State: purchase.Delivering, Payment: paid, Doubt: true}),
		record(long, purchase.Purchase{ID: "DUE", State: purchase.Unpaid}),
		record(never, purchase.Purchase{ID: "LATER", State: purchase.Delivering, Payment: paid, Failures: 9}),
		record(time.Time{}, purchase.Purchase{ID: "STUCK", State: purchase.Attention, Payment: paid, Reason: "the delivery was\nrefused", History: []purchase.Event{{At: long, State: purchase.Attention}}}),
		{ID: "p/WRONG", Body: []byte("x")},
		{ID: "r/pay/NEW", Due: never, Expires: never, Body: []byte("{}")},
		{ID: "r/pay/OLD", Due: long, Expires: long, Body: []byte("{}")},
		{ID: "r/pay/app-1/ORDER", Body: []byte(`{"state":"open"}`)},
		{ID: "r/pay/test/DONE-1", Body: []byte(`{"state":"done"}`)},
		{ID: "r/pay/test/ORDER", Body: []byte(`{"state":"done"}`)},
		{ID: "state/OLD", Due: long.Add(time.Hour), Expires: long.Add(time.Hour)},
		{ID: "trade/T1", Body: []byte("DONE")},
		{ID: "x/job", Due: never},
	}
}

func writeJournal(file string, records ...journal.Record) (err error) {
	store, closing, err := stores.Open(context.Background(), "sqlite:"+file)
	if err != nil {
		return err
	}
	defer func() {
		if closed := closing(); err == nil {
			err = closed
		}
	}()
	for _, r := range records {
		if _, err := store.Put(context.Background(), r); err != nil {
			return fmt.Errorf("%s: %w", r.ID, err)
		}
	}
	return nil
}

func TestJournalListWalksAllPages(t *testing.T) {
	file := filepath.Join(t.TempDir(), "many.db")
	const total = 2*pageSize + 1
	var records []journal.Record
	for i := range total {
		records = append(records, journal.Record{ID: fmt.Sprintf("p/%04d", i), Body: []byte(`{"state":"paid"}`)})
	}
	require.NoError(t, writeJournal(file, records...))
	for _, limit := range []int{1, 2, pageSize - 1, pageSize, pageSize + 1, total - 1, total, total + 1, 10 * total} {
		r := invoke(t, "", "journal", "ls", "--journal", "sqlite:"+file, "--limit", fmt.Sprint(limit))
		require.Equal(t, exitDone, r.status, r.stderr)
		shown := strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n")
		require.Len(t, shown, min(limit, total))
		for i, line := range shown {
			require.Equal(t, fmt.Sprintf("p/%04d\t1\t-\tpaid", i), line)
		}
		if limit < total {
			assert.Equal(t, fmt.Sprintf("note: there are more: --after p/%04d shows them\n", limit-1), r.stderr)
		} else {
			assert.Empty(t, r.stderr)
		}
	}
}

func TestJournalAsJSONKeepsEveryBody(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeJournals(dir))
	t.Setenv("IMPREST_JOURNAL", "sqlite:"+filepath.Join(dir, "shop.db"))
	listed := invoke(t, "", "journal", "ls", "--json")
	require.Equal(t, exitDone, listed.status, listed.stderr)
	lines := strings.Split(strings.TrimSuffix(listed.stdout, "\n"), "\n")
	require.Len(t, lines, 6)
	assert.Equal(t, `{"id":"p/A","version":1,"body":{"state":"delivered","title":"<猫>"}}`, lines[0])
	assert.Equal(t, `{"id":"p/B","version":1,"due":"2026-02-03T04:05:06.789Z","expires":"2026-02-03T05:05:06.789Z","body":{"state":"unpaid"}}`, lines[1])
	var binary shownRecord
	require.NoError(t, json.Unmarshal([]byte(lines[3]), &binary))
	assert.Equal(t, []byte{0xff, 0x1b, 'x'}, binary.Base64)
	assert.Nil(t, binary.Body)
	for i, id := range []string{"p/A", "p/B", "r/pay/A", "x/binary", "x/empty", "x/hidden"} {
		shown := invoke(t, "", "journal", "show", "--json", id)
		assert.Equal(t, lines[i]+"\n", shown.stdout)
	}
}

func TestShownBodiesMeanTheSameAndHideNothing(t *testing.T) {
	for _, body := range []string{`{"a":"\u202e\u001b` + "\u202e\u009b\u200d\U000e0041" + `猫"}`, `[1, 2]`, `"x"`, `7`} {
		shown := shownBody([]byte(body))
		assert.JSONEq(t, body, shown)
		assert.Equal(t, strings.ReplaceAll(shown, "\n", ""), printable(strings.ReplaceAll(shown, "\n", "")))
	}
	assert.Equal(t, `"\xff\u001b"`, shownBody([]byte{0xff, 0x1b}))
	assert.Equal(t, "(empty body)", shownBody(nil))
}

func TestJournalListOnATerminalIsATable(t *testing.T) {
	var out strings.Builder
	print, flush := (&program{stdout: &out}).recordPrinter(false)
	due := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	require.NoError(t, print(journal.Record{ID: "p/A", Version: 12, Body: []byte(`{"state":"delivered"}`)}))
	require.NoError(t, print(journal.Record{ID: "trade/long", Version: 1, Due: due}))
	flush()
	assert.Equal(t, ""+
		"ID          VERSION  DUE                       STATE\n"+
		"p/A         12       -                         delivered\n"+
		"trade/long  1        2026-02-03T04:05:06.000Z  -\n", out.String())
}
