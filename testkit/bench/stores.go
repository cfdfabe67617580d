package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit/internal/fleet"
)

// stores measures what each store commits in a second, from 1, 16 and 64 callers:
// bare records, and payments, from the bytes of a notification to "success". Both
// as a ratio to a loop that appends and syncs, measured before and after each.
func stores(ctx context.Context, progress io.Writer) (table, error) {
	const rounds = 5
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

	type cell struct{ put, pay, floor, p50, p99 []float64 }
	callers := []int{1, 16, 64}
	var shops []*shop
	cells := map[string]*cell{}
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
					return table{}, err
				}
				before, err := appendLoop(dir, 150)
				if err != nil {
					return table{}, err
				}
				begun := time.Now()
				took, err := s.pay(ctx, n, requests)
				if err != nil {
					return table{}, err
				}
				pay := float64(many) / time.Since(begun).Seconds()
				begun = time.Now()
				if _, err := s.put(ctx, n, many); err != nil {
					return table{}, err
				}
				put := float64(many) / time.Since(begun).Seconds()
				after, err := appendLoop(dir, 150)
				if err != nil {
					return table{}, err
				}
				// A disk that others use is another one a second later.
				floor := (before + after) / 2
				if round == 0 {
					continue // to warm up
				}
				key := fmt.Sprintf("%s/%d", s.name, n)
				if cells[key] == nil {
					cells[key] = &cell{}
				}
				c := cells[key]
				c.put, c.pay, c.floor = append(c.put, put), append(c.pay, pay), append(c.floor, floor)
				c.p50, c.p99 = append(c.p50, milliseconds(at(took, 0.5))), append(c.p99, milliseconds(at(took, 0.99)))
			}
		}
	}

	t := table{
		title:   "Durable payments in a second",
		columns: []string{"store", "callers", "payments/s", "× floor", "p50, ms", "p99, ms", "records/s", "× floor"},
		notes: []string{
			"A payment is a whole notification: read, verified, bound to its order, on record, \"success\". A record is a bare Put of 700 bytes.",
			"The floor is one caller who appends 1 KiB to a file and syncs it, on the same disk, right before and after each figure. " +
				"Medians of five rounds. Memory keeps nothing; dynalite, a stand-in for DynamoDB's API, does not wait for a disk: it is here to show that it works.",
		},
	}
	ratio := func(values, floors []float64) float64 {
		ratios := make([]float64, len(values))
		for i := range values {
			ratios[i] = values[i] / floors[i]
		}
		return median(ratios)
	}
	for _, s := range shops {
		for _, n := range callers {
			c := cells[fmt.Sprintf("%s/%d", s.name, n)]
			pay, put := ratio(c.pay, c.floor), ratio(c.put, c.floor)
			p50, p99 := median(c.p50), median(c.p99)
			t.rows = append(t.rows, []string{
				s.name, fmt.Sprint(n), fmt.Sprintf("%.0f", median(c.pay)), fmt.Sprintf("%.2f", pay), fmt.Sprintf("%.2f", p50), fmt.Sprintf("%.2f", p99),
				fmt.Sprintf("%.0f", median(c.put)), fmt.Sprintf("%.2f", put),
			})
			if s.name != "sqlite" {
				continue
			}
			switch n {
			case 1:
				t.bars = append(t.bars, bar{what: "SQLite, 1 caller, payments × floor", value: pay, limit: 0.5, least: true})
			case 64:
				t.bars = append(t.bars,
					bar{what: "SQLite, 64 callers, payments × floor", value: pay, limit: 3, least: true},
					bar{what: "SQLite, 64 callers, records × floor", value: put, limit: 5, least: true},
					bar{what: "SQLite, 64 callers, p99 × p50", value: p99 / p50, limit: 10})
			}
		}
	}
	return t, nil
}
