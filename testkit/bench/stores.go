package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit/internal/fleet"
)

// cell is what one store did with so many callers: a value for each round.
type cell struct{ Put, Pay, Floor, P50, P99 []float64 }

// cells are by store and callers.
type cells map[string]*cell

func (c cells) of(store string, callers int) *cell {
	key := fmt.Sprintf("%s/%d", store, callers)
	if c[key] == nil {
		c[key] = &cell{}
	}
	return c[key]
}

// callers are from how many sides a store is used at once.
var callers = []int{1, 16, 64}

// stores measures what each store commits in a second, from 1, 16 and 64 callers:
// bare records, and payments, from the bytes of a notification to "success". Both
// as a ratio to a loop that appends and syncs, measured before and after each.
func stores(ctx context.Context, progress io.Writer) (table, error) {
	dir, err := os.MkdirTemp("", "bench-stores")
	if err != nil {
		return table{}, err
	}
	defer os.RemoveAll(dir)
	file, err := openSQLite(ctx, dir, "journal.db")
	if err != nil {
		return table{}, err
	}
	defer file.Close()
	postgres, err := openPostgres(ctx)
	if err != nil {
		return table{}, err
	}
	defer postgres.Close()
	dynalite, err := fleet.StartDynalite(ctx)
	if err != nil {
		return table{}, err
	}
	defer dynalite.Close()

	var shops []*shop
	for _, s := range []struct {
		name  string
		store journal.Store
	}{{"memory", journal.NewMemory()}, {"sqlite", file}, {"postgres", postgres.Journal}, {"dynalite", dynalite.Journal}} {
		shop, err := newShop(s.name, s.store)
		if err != nil {
			return table{}, err
		}
		shops = append(shops, shop)
	}
	found, err := commits(ctx, progress, dir, shops)
	if err != nil {
		return table{}, err
	}
	t := commitTable("Durable payments in a second", found, shops)
	t.bars = sqliteBars("SQLite", found)
	t.notes = []string{
		"A payment is a whole notification: read, verified, bound to its order, on record, \"success\". A record is a bare Put of 700 bytes.",
		"The floor is one caller who appends 1 KiB to a file and syncs it, on the same disk, right before and after each figure. " +
			"Medians of five rounds. Memory keeps nothing; dynalite, a stand-in for DynamoDB's API, does not wait for a disk: it is here to show that it works.",
	}
	return t, nil
}

// commits has each shop take payments, and each store records, in five rounds
// and one to warm up.
func commits(ctx context.Context, progress io.Writer, dir string, shops []*shop) (cells, error) {
	const rounds = 5
	found := cells{}
	for round := range rounds + 1 {
		say(progress, "stores: round %d of %d", round, rounds)
		for _, s := range shops {
			for _, n := range callers {
				many := map[int]int{1: 300, 16: 2000, 64: 4000}[n]
				if s.name == "dynalite" {
					many /= 10
				}
				requests, err := s.orders(ctx, many)
				if err != nil {
					return nil, err
				}
				before, err := appendLoop(dir, 150)
				if err != nil {
					return nil, err
				}
				begun := time.Now()
				took, err := s.pay(ctx, n, requests)
				if err != nil {
					return nil, err
				}
				pay := float64(many) / time.Since(begun).Seconds()
				begun = time.Now()
				if _, err := s.put(ctx, n, many); err != nil {
					return nil, err
				}
				put := float64(many) / time.Since(begun).Seconds()
				after, err := appendLoop(dir, 150)
				if err != nil {
					return nil, err
				}
				if round == 0 {
					continue // to warm up
				}
				c := found.of(s.name, n)
				// A disk that others use is another one a second later.
				c.Put, c.Pay, c.Floor = append(c.Put, put), append(c.Pay, pay), append(c.Floor, (before+after)/2)
				c.P50, c.P99 = append(c.P50, milliseconds(at(took, 0.5))), append(c.P99, milliseconds(at(took, 0.99)))
			}
		}
	}
	return found, nil
}

// commitTable is a row for each store and number of callers.
func commitTable(title string, found cells, shops []*shop) table {
	t := table{
		title:   title,
		columns: []string{"store", "callers", "floor/s", "payments/s", "× floor", "p50, ms", "p99, ms", "records/s", "× floor"},
	}
	for _, s := range shops {
		for _, n := range callers {
			c := found.of(s.name, n)
			t.rows = append(t.rows, []string{
				s.name, fmt.Sprint(n), fmt.Sprintf("%.0f", median(slices.Clone(c.Floor))),
				fmt.Sprintf("%.0f", median(slices.Clone(c.Pay))), fmt.Sprintf("%.2f", ratio(c.Pay, c.Floor)),
				fmt.Sprintf("%.2f", median(slices.Clone(c.P50))), fmt.Sprintf("%.2f", median(slices.Clone(c.P99))),
				fmt.Sprintf("%.0f", median(slices.Clone(c.Put))), fmt.Sprintf("%.2f", ratio(c.Put, c.Floor)),
			})
		}
	}
	return t
}

// sqliteBars are the bars of the store in a file.
func sqliteBars(what string, found cells) []bar {
	one, many := found.of("sqlite", 1), found.of("sqlite", 64)
	return []bar{
		{what: what + ", 1 caller, payments × floor", value: ratio(one.Pay, one.Floor), limit: 0.5, least: true},
		{what: what + ", 64 callers, payments × floor", value: ratio(many.Pay, many.Floor), limit: 3, least: true},
		{what: what + ", 64 callers, records × floor", value: ratio(many.Put, many.Floor), limit: 5, least: true},
		{what: what + ", 64 callers, p99 × p50", value: median(slices.Clone(many.P99)) / median(slices.Clone(many.P50)), limit: 10},
	}
}

// ratio is the median of the ratios in each round.
func ratio(values, floors []float64) float64 {
	ratios := make([]float64, len(values))
	for i := range values {
		ratios[i] = values[i] / floors[i]
	}
	return median(ratios)
}
