//go:build unix

package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
)

// Report is what came of a run.
type Report struct {
	Store                       string
	Took                        time.Duration
	Sent, Acknowledged, Refused int64
	Kills, Stops, Cuts          int64
	// KillsAt says in the middle of what.
	KillsAt               map[string]int
	Purchases, Granted    int
	Refunded, InAttention int
	// Unpaid are those that nobody paid, and WithAPerson those in attention
	// that were not granted.
	Unpaid, WithAPerson int
	Lost, Double        int
	// Again counts deliveries that a process posted after they were granted,
	// since it had slept through its lease.
	Again int
	// Faults is everything that is not as it must be, with its timeline.
	Faults []string
}

// String is the last line of a run.
func (r Report) String() string {
	return fmt.Sprintf("%s: callbacks sent %d, acknowledged %d, purchases %d, granted %d, refunded %d, in attention %d, lost %d, double %d",
		r.Store, r.Sent, r.Acknowledged, r.Purchases, r.Granted, r.Refunded, r.InAttention, r.Lost, r.Double)
}

// Around says what the run had to go through.
func (r Report) Around() string {
	var at []string
	for _, moment := range slices.Sorted(maps.Keys(r.KillsAt)) {
		at = append(at, fmt.Sprintf("%d %s", r.KillsAt[moment], moment))
	}
	return fmt.Sprintf("%s: %.0f s, kills %d (%s), stops %d, connections cut %d times, lies refused %d, never paid %d, posted again by who slept through a lease %d",
		r.Store, r.Took.Seconds(), r.Kills, strings.Join(at, ", "), r.Stops, r.Cuts, r.Refused, r.Unpaid, r.Again)
}

// Err is nil if the end is exact.
func (r Report) Err() error {
	if len(r.Faults) == 0 && r.Lost == 0 && r.Double == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d faults\n%s", ErrNotExact, len(r.Faults), strings.Join(r.Faults[:min(len(r.Faults), 20)], "\n"))
}

// report reads the whole journal, and adds up.
func (f *fleet) report(ctx context.Context, offenders []offender) (Report, error) {
	r := Report{
		Store: f.cfg.Store.Name, Sent: f.sent.Load(), Acknowledged: f.acknowledged.Load(), Refused: f.refused.Load(),
		Kills: f.kills(), Stops: f.stops.Load(), Cuts: f.cuts.Load(), KillsAt: map[string]int{},
	}
	for at, n := range f.at {
		r.KillsAt[string(at)] = n
	}
	for _, o := range offenders {
		if o.fault.lost {
			r.Lost++
		}
		if o.fault.double {
			r.Double++
		}
		r.Faults = append(r.Faults, f.timeline(o))
	}
	for _, s := range f.ledger.all() {
		s.mu.Lock()
		r.Again += s.repeats
		if s.granted {
			r.Granted++
		}
		if len(s.payments) == 0 {
			r.Unpaid++
		}
		s.mu.Unlock()
	}
	holders := map[string]string{}
	err := f.list(ctx, purchase.Prefix, func(record journal.Record) error {
		var p purchase.Purchase
		if err := json.Unmarshal(record.Body, &p); err != nil {
			return err
		}
		r.Purchases++
		switch p.State {
		case purchase.Refunded:
			r.Refunded++
		case purchase.Attention:
			r.InAttention++
			if p.DeliveredAt.IsZero() {
				r.WithAPerson++
			}
		}
		for _, tradeNo := range tradeNos(p) {
			holders[tradeNo] = p.ID
		}
		if f.ledger.find(p.ID) == nil {
			r.Faults = append(r.Faults, "a purchase is on record that nobody ordered: "+p.ID)
		}
		return nil
	})
	if err != nil {
		return Report{}, err
	}
	if sales := len(f.ledger.all()); r.Purchases != sales {
		r.Faults = append(r.Faults, fmt.Sprintf("%d purchases are on record of %d orders", r.Purchases, sales))
	}
	claims := map[string]string{}
	err = f.list(ctx, "trade/", func(record journal.Record) error {
		claims[strings.TrimPrefix(record.ID, "trade/")] = string(record.Body)
		return nil
	})
	for tradeNo, id := range holders {
		if claims[tradeNo] != id {
			r.Faults = append(r.Faults, fmt.Sprintf("the payment %s is on record for %s, and claimed for %q", tradeNo, id, claims[tradeNo]))
		}
	}
	f.mu.Lock()
	r.Faults = append(r.Faults, f.failures...)
	f.mu.Unlock()
	r.Took = time.Since(f.began)
	return r, err
}

// list reads every record of a prefix.
func (f *fleet) list(ctx context.Context, prefix string, take func(journal.Record) error) error {
	for after := ""; ; {
		page, err := f.cfg.Store.Journal.List(ctx, prefix, after, 500)
		if err != nil {
			return err
		}
		for _, record := range page {
			if err := take(record); err != nil {
				return err
			}
			after = record.ID
		}
		if len(page) < 500 {
			return nil
		}
	}
}

// timeline tells all that is known of a sale: what the outside saw, what is on
// record, and what happened to the processes meanwhile.
func (f *fleet) timeline(o offender) string {
	s := o.sale
	s.mu.Lock()
	events := slices.Clone(s.events)
	s.mu.Unlock()
	var all []entry
	for _, e := range events {
		all = append(all, entry{event: e})
	}
	for _, e := range o.record.History {
		all = append(all, entry{event{e.At, fmt.Sprintf("on record: %s %s", e.State, e.Note)}, "journal"})
	}
	last := s.began
	for _, e := range all {
		if e.at.After(last) {
			last = e.at
		}
	}
	all = append(all, f.diary.between(s.began, last)...)
	slices.SortStableFunc(all, func(a, b entry) int { return a.at.Compare(b.at) })
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (%s; the warehouse %s; %d fen)\n", s.id, o.fault.what, s.story, s.plan, s.amount)
	for _, e := range all {
		fmt.Fprintf(&b, "  %9.3f  %-14s %s\n", e.at.Sub(f.began).Seconds(), e.process, e.what)
	}
	if record, err := json.Marshal(o.record); err == nil {
		fmt.Fprintf(&b, "  record: %s\n", record)
	}
	return b.String()
}
