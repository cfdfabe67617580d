package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

func (p *program) journalStatsCommand() *cli.Command {
	return &cli.Command{
		Name:  "stats",
		Usage: "count what is in a journal, and what waits",
		Description: "Walks through all records, once, and counts them by kind; purchases by state,\n" +
			"with what is due and since when, what is owed (paid, and neither delivered nor\n" +
			"refunded), which wait for a person, and why, and receipts that are open: payments\n" +
			"that came in and that nobody took. It writes nothing, and may run\n" +
			"beside everything else: a record that exists throughout is counted once.",
		Flags: []cli.Flag{
			journalFlag(),
			&cli.IntFlag{Name: "attention", Value: 20, Usage: "list at most `N` purchases that wait for a person, and as many open receipts"},
			jsonFlag(asOneLine),
		},
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest journal stats --journal sqlite:shop.db
imprest journal stats --json | jq '.attention.purchases[] | .id + " " + .reason'`}, storesSection),
		Action: p.journalStats,
	}
}

// stats is what a journal holds. Amounts are fen, sizes are bytes of ids and bodies.
type stats struct {
	At      time.Time             `json:"at"`
	Records int                   `json:"records"`
	Bytes   int64                 `json:"bytes"`
	Kinds   map[string]*kindStats `json:"kinds"`
	// Purchases is by state.
	Purchases map[purchase.State]*stateStats `json:"purchases"`
	Due       dueStats                       `json:"due"`
	Owed      owedStats                      `json:"owed"`
	Receipts  receiptStats                   `json:"receipts"`
	Attention attentionStats                 `json:"attention"`
	// Unreadable are records that are called as purchases are, and are none.
	Unreadable []string `json:"unreadable,omitempty"`
}

type kindStats struct {
	Records int   `json:"records"`
	Bytes   int64 `json:"bytes"`
	// Due counts what a sweep would look at now, Expired what may be removed.
	Due     int `json:"due"`
	Expired int `json:"expired"`
}

type stateStats struct {
	Count  int      `json:"count"`
	Amount core.Fen `json:"amount"`
	Due    int      `json:"due"`
}

type dueStats struct {
	Now int `json:"now"`
	// Oldest is the one that has been due for longest; Next is when something
	// that is not due will be.
	Oldest   time.Time `json:"oldest,omitzero"`
	OldestID string    `json:"oldest_id,omitempty"`
	Next     time.Time `json:"next,omitzero"`
}

type owedStats struct {
	Count  int      `json:"count"`
	Amount core.Fen `json:"amount"`
	// Oldest is when the first of them was paid.
	Oldest time.Time `json:"oldest,omitzero"`
}

// receiptStats is what callback.NewOnce keeps.
type receiptStats struct {
	// Open counts payments that were notified and that nobody took: the order is
	// unknown, does not fit, or could not be stored.
	Open int `json:"open"`
	// OpenIDs are the first of them.
	OpenIDs []string `json:"open_ids,omitempty"`
}

type attentionStats struct {
	Count     int               `json:"count"`
	Purchases []attentionRecord `json:"purchases,omitempty"`
}

type attentionRecord struct {
	ID          string                `json:"id"`
	Since       time.Time             `json:"since,omitzero"`
	Amount      core.Fen              `json:"amount"`
	Paid        bool                  `json:"paid"`
	Reason      string                `json:"reason"`
	Resolutions []purchase.Resolution `json:"resolutions,omitempty"`
}

func (p *program) journalStats(ctx context.Context, cmd *cli.Command) error {
	if err := noArguments(cmd); err != nil {
		return err
	}
	listed := cmd.Int("attention")
	if listed < 0 {
		return usage("--attention: %d is less than none", listed)
	}
	return p.withJournal(ctx, cmd, stores.Look, func(store journal.Store) error {
		found, err := p.countJournal(ctx, store, listed)
		if err != nil {
			return err
		}
		if cmd.Bool("json") {
			return p.printJSON(found)
		}
		return p.showStats(found)
	})
}

func (p *program) countJournal(ctx context.Context, store journal.Store, listed int) (*stats, error) {
	s := &stats{At: journal.Millis(p.now()), Kinds: map[string]*kindStats{}, Purchases: map[purchase.State]*stateStats{}}
	tick := p.newTicker()
	defer tick.done()
	err := walkPages(ctx, store, "", func(page []journal.Record) error {
		for _, r := range page {
			s.add(r, listed)
		}
		tick.show("%d records …", s.Records)
		return nil
	})
	return s, err
}

// maxKinds bounds how many kinds are counted apart: what else is there is none.
const maxKinds = 64

func (s *stats) add(r journal.Record, listed int) {
	size := int64(len(r.ID) + len(r.Body))
	s.Records++
	s.Bytes += size
	kind := kindOf(r.ID)
	if s.Kinds[kind] == nil && len(s.Kinds) >= maxKinds {
		kind = ""
	}
	k := entry(s.Kinds, kind)
	k.Records++
	k.Bytes += size
	due := !r.Due.IsZero() && !r.Due.After(s.At)
	switch {
	case due:
		k.Due++
		s.Due.Now++
		if s.Due.Oldest.IsZero() || r.Due.Before(s.Due.Oldest) {
			s.Due.Oldest, s.Due.OldestID = r.Due, r.ID
		}
	case !r.Due.IsZero() && (s.Due.Next.IsZero() || r.Due.Before(s.Due.Next)):
		s.Due.Next = r.Due
	}
	if isExpired(r, s.At) {
		k.Expired++
	}
	switch {
	case kind == purchase.Prefix:
		s.addPurchase(r, due, listed)
	case strings.HasPrefix(r.ID, receiptPrefix):
		s.addReceipt(r, listed)
	}
}

// receiptPrefix is what the ids of receipts of payments begin with; the app_id,
// "/" and the out_trade_no follow.
const receiptPrefix = "r/pay/"

func (s *stats) addReceipt(r journal.Record, listed int) {
	var receipt struct {
		State string `json:"state"`
	}
	if json.Unmarshal(r.Body, &receipt) != nil || receipt.State != "open" {
		return
	}
	s.Receipts.Open++
	if len(s.Receipts.OpenIDs) < listed {
		s.Receipts.OpenIDs = append(s.Receipts.OpenIDs, r.ID)
	}
}

func (s *stats) addPurchase(r journal.Record, due bool, listed int) {
	var p purchase.Purchase
	if err := json.Unmarshal(r.Body, &p); err != nil || p.State == "" {
		if len(s.Unreadable) < max(listed, 1) {
			s.Unreadable = append(s.Unreadable, r.ID)
		}
		return
	}
	of := entry(s.Purchases, p.State)
	of.Count++
	of.Amount += p.Amount
	if due {
		of.Due++
	}
	if p.Payment != nil && p.DeliveredAt.IsZero() && (p.Refund == nil || p.Refund.RefundedAt.IsZero()) {
		s.Owed.Count++
		s.Owed.Amount += p.Amount
		if at := p.Payment.At; s.Owed.Oldest.IsZero() || at.Before(s.Owed.Oldest) {
			s.Owed.Oldest = at
		}
	}
	if p.State != purchase.Attention {
		return
	}
	s.Attention.Count++
	if len(s.Attention.Purchases) >= listed {
		return
	}
	found := attentionRecord{ID: r.ID, Amount: p.Amount, Paid: p.Payment != nil, Reason: p.Reason, Resolutions: p.Resolutions()}
	if n := len(p.History); n > 0 {
		found.Since = p.History[n-1].At
	}
	s.Attention.Purchases = append(s.Attention.Purchases, found)
}

// entry returns what a map has under a key, made if it has nothing.
func entry[K comparable, V any](all map[K]*V, key K) *V {
	if all[key] == nil {
		all[key] = new(V)
	}
	return all[key]
}

func (p *program) showStats(s *stats) error {
	var tables strings.Builder
	table := tabwriter.NewWriter(&tables, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KIND\tRECORDS\tBYTES\tDUE\tEXPIRED\t")
	for _, kind := range slices.Sorted(maps.Keys(s.Kinds)) {
		k := s.Kinds[kind]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\n", printable(cmp.Or(kind, "others")), k.Records, k.Bytes, k.Due, k.Expired, kindNames[kind])
	}
	fmt.Fprintf(table, "all\t%d\t%d\t%d\t\t\n", s.Records, s.Bytes, s.Due.Now)
	if len(s.Purchases) > 0 {
		fmt.Fprintln(table, "\nSTATE\tPURCHASES\tFEN\tDUE\t\t")
	}
	states := purchase.States()
	for _, state := range slices.Sorted(maps.Keys(s.Purchases)) { // of another version
		if !slices.Contains(states, state) {
			states = append(states, state)
		}
	}
	for _, state := range states {
		if of := s.Purchases[state]; of != nil {
			fmt.Fprintf(table, "%s\t%d\t%d\t%d\t\t\n", printable(string(state)), of.Count, int64(of.Amount), of.Due)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(tables.String()) {
		fmt.Fprintln(p.stdout, strings.TrimRight(line, " \n"))
	}
	fmt.Fprintln(p.stdout)
	for _, line := range s.sentences() {
		fmt.Fprintln(p.stdout, line)
	}
	for _, a := range s.Attention.Purchases {
		paid := "not paid"
		if a.Paid {
			paid = "paid"
		}
		fmt.Fprintf(p.stdout, "  %s  %s  %d fen, %s  %s\n", p.paint.bold(printable(a.ID)), shownTime(a.Since), int64(a.Amount), paid, printable(a.Reason))
	}
	return nil
}

// lasted is a time as a person says it.
func lasted(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.Round(time.Second).String()
}

// sentences is what a person is told after the tables.
func (s *stats) sentences() []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if s.Due.Now > 0 {
		say("due: %d, for %s at most (%s)", s.Due.Now, lasted(s.At.Sub(s.Due.Oldest)), printable(s.Due.OldestID))
	} else {
		say("due: nothing")
	}
	if !s.Due.Next.IsZero() {
		say("due next: %s", shownTime(s.Due.Next))
	}
	if s.Owed.Count > 0 {
		say("owed: %d paid and neither delivered nor refunded, %d fen, the first since %s", s.Owed.Count, int64(s.Owed.Amount), shownTime(s.Owed.Oldest))
	} else {
		say("owed: nothing")
	}
	if s.Receipts.Open > 0 {
		say("receipts: %d open: payments that came in and that nobody took", s.Receipts.Open)
	}
	for _, id := range s.Receipts.OpenIDs {
		say("  %s", printable(id))
	}
	for _, id := range s.Unreadable {
		say("no purchase, though called like one: %s", printable(id))
	}
	switch listed := len(s.Attention.Purchases); {
	case s.Attention.Count == 0:
		say("attention: none")
	case listed < s.Attention.Count:
		say("attention: %d, of them:", s.Attention.Count)
	default:
		say("attention: %d", s.Attention.Count)
	}
	return all
}
