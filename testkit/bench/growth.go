package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
)

// sizes are how many purchases are in a journal, the first being what the others
// are compared with.
var sizes = []int{1e3, 1e5, 1e6}

// growth measures what a callback and a sweep cost when the journal has a thousand
// purchases, a hundred thousand and a million, in turns.
func growth(ctx context.Context, progress io.Writer) (table, error) {
	const (
		rounds    = 9
		callbacks = 1000
		due       = 100
	)
	dir, err := os.MkdirTemp("", "bench-growth")
	if err != nil {
		return table{}, err
	}
	defer os.RemoveAll(dir)
	type size struct {
		shop               *shop
		callback, sweep    []float64 // wall, microseconds for each
		callbackProcessor  []float64
		sweepProcessorTime []float64
	}
	measured := map[string][]*size{}
	names := []string{"sqlite", "postgres"}
	for _, n := range sizes {
		for _, name := range names {
			say(progress, "growth: filling %s with %d purchases", name, n)
			store, closing, err := filled(ctx, name, dir, n)
			if err != nil {
				return table{}, err
			}
			defer closing()
			s, err := newShop(name, store)
			if err != nil {
				return table{}, err
			}
			measured[name] = append(measured[name], &size{shop: s})
		}
	}
	for round := range rounds + 1 {
		say(progress, "growth: round %d of %d", round, rounds)
		for _, name := range names {
			order := slices.Clone(measured[name])
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, m := range order {
				requests, err := m.shop.orders(ctx, callbacks)
				if err != nil {
					return table{}, err
				}
				begun, used := time.Now(), processor()
				if _, err := m.shop.pay(ctx, 16, requests); err != nil {
					return table{}, err
				}
				callback, callbackProcessor := time.Since(begun), processor()-used
				// All that is paid is due: most of it is done before what is measured.
				if err := m.shop.sweep(ctx, callbacks); err != nil {
					return table{}, err
				}
				requests, err = m.shop.orders(ctx, due)
				if err != nil {
					return table{}, err
				}
				if _, err := m.shop.pay(ctx, 16, requests); err != nil {
					return table{}, err
				}
				begun, used = time.Now(), processor()
				if err := m.shop.sweep(ctx, due); err != nil {
					return table{}, err
				}
				sweep, sweepProcessor := time.Since(begun), processor()-used
				if round == 0 {
					continue // to warm up
				}
				m.callback = append(m.callback, microseconds(callback)/callbacks)
				m.callbackProcessor = append(m.callbackProcessor, microseconds(callbackProcessor)/callbacks)
				m.sweep = append(m.sweep, microseconds(sweep)/due)
				m.sweepProcessorTime = append(m.sweepProcessorTime, microseconds(sweepProcessor)/due)
			}
		}
	}

	t := table{
		title:   "A journal that grows",
		columns: []string{"store", "purchases", "callback, µs", "×", "processor, µs", "×", "sweep, µs for each that is due", "×", "processor, µs", "×"},
		notes: []string{
			"A callback is one of 1,000 notifications from 16 callers, a sweep one that delivers 100 purchases; each journal has eleven thousand more at the end. × is the median of the ratios to the journal of 1,000, " +
				"round by round. The processor's time is that of our own process: PostgreSQL's is not in it.",
		},
	}
	for _, name := range names {
		base := measured[name][0]
		for i, m := range measured[name] {
			ratios := func(values, to []float64) float64 {
				all := make([]float64, len(values))
				for i := range values {
					all[i] = values[i] / to[i]
				}
				return median(all)
			}
			callback, sweep := ratios(m.callback, base.callback), ratios(m.sweep, base.sweep)
			row := []string{name, fmt.Sprint(sizes[i])}
			for _, c := range []struct {
				values []float64
				ratio  float64
			}{
				{m.callback, callback}, {m.callbackProcessor, ratios(m.callbackProcessor, base.callbackProcessor)},
				{m.sweep, sweep}, {m.sweepProcessorTime, ratios(m.sweepProcessorTime, base.sweepProcessorTime)},
			} {
				row = append(row, fmt.Sprintf("%.0f", median(slices.Clone(c.values))), fmt.Sprintf("%.2f", c.ratio))
			}
			t.rows = append(t.rows, row)
			if i == len(sizes)-1 {
				t.bars = append(t.bars,
					bar{what: name + ", a callback among a million, × a thousand", value: callback, limit: 1.3},
					bar{what: name + ", a sweep among a million, × a thousand", value: sweep, limit: 1.3})
			}
		}
	}
	return t, nil
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// sweep does what is due, which is so many purchases.
func (s *shop) sweep(ctx context.Context, due int) error {
	swept, err := s.sales.Reconcile(ctx)
	if err == nil && swept.States[purchase.Delivered] != due {
		return fmt.Errorf("%s: a sweep delivered %d of %d", s.name, swept.States[purchase.Delivered], due)
	}
	return err
}

// filled returns a journal of n purchases: most are delivered and never due again,
// some expired and due in a month, some wait for their payment; each payment that
// was made has its claim.
func filled(ctx context.Context, name, dir string, n int) (journal.Store, func(), error) {
	bodies, err := samples(ctx)
	if err != nil {
		return nil, nil, err
	}
	soon := time.Now().Add(30 * 24 * time.Hour).UnixMilli()
	rows := func(yield func(id string, version int64, due any, body []byte) error) error {
		for i := range n {
			id := fmt.Sprintf("%08X-%d", uint32(i)*2654435761, i)
			version, due, body := int64(5), any(nil), bodies.delivered
			switch {
			case i%10 == 7:
				version, due, body = 2, soon, bodies.unpaid
			case i%50 == 3:
				version, due, body = 1, soon, bodies.unpaid
			default:
				if err := yield("trade/T"+id, 1, nil, []byte(`{"holder":"`+id+`"}`)); err != nil {
					return err
				}
			}
			if err := yield(purchase.Prefix+id, version, due, []byte(strings.ReplaceAll(body, "SAMPLE", id))); err != nil {
				return err
			}
		}
		return nil
	}
	if name == "sqlite" {
		return filledSQLite(ctx, dir, n, rows)
	}
	return filledPostgres(ctx, rows)
}

// texts are what purchases look like in a journal.
type texts struct{ unpaid, delivered string }

func samples(ctx context.Context) (texts, error) {
	s, err := newShop("sample", journal.NewMemory())
	if err != nil {
		return texts{}, err
	}
	requests, err := s.orders(ctx, 1)
	if err != nil {
		return texts{}, err
	}
	body := func() (string, error) {
		records, err := s.store.List(ctx, purchase.Prefix, "", 2)
		if err != nil || len(records) != 1 {
			return "", fmt.Errorf("the sample is missing: %w", err)
		}
		var p struct{ ID string }
		err = json.Unmarshal(records[0].Body, &p)
		return strings.ReplaceAll(string(records[0].Body), strings.TrimPrefix(records[0].ID, purchase.Prefix), "SAMPLE"), err
	}
	var t texts
	if t.unpaid, err = body(); err != nil {
		return texts{}, err
	}
	if _, err := s.pay(ctx, 1, requests); err != nil {
		return texts{}, err
	}
	if err := s.sweep(ctx, 1); err != nil {
		return texts{}, err
	}
	t.delivered, err = body()
	return t, err
}

type yielding func(yield func(id string, version int64, due any, body []byte) error) error

func filledSQLite(ctx context.Context, dir string, n int, rows yielding) (journal.Store, func(), error) {
	name := fmt.Sprintf("journal-%d.db", n)
	empty, err := openSQLite(ctx, dir, name)
	if err != nil {
		return nil, nil, err
	}
	if err := empty.Close(); err != nil {
		return nil, nil, err
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, name))
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	insert, err := tx.PrepareContext(ctx, "INSERT INTO records (id, version, due, body) VALUES (?, ?, ?, ?)")
	if err != nil {
		return nil, nil, err
	}
	err = rows(func(id string, version int64, due any, body []byte) error {
		_, err := insert.ExecContext(ctx, id, version, due, body)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, nil, err
	}
	if err := db.Close(); err != nil {
		return nil, nil, err
	}
	store, err := openSQLite(ctx, dir, name)
	if err != nil {
		return nil, nil, err
	}
	return store, func() { _ = store.Close() }, nil
}

func filledPostgres(ctx context.Context, rows yielding) (journal.Store, func(), error) {
	server, err := openPostgres(ctx)
	if err != nil {
		return nil, nil, err
	}
	fill := func() error {
		conn, err := pgx.Connect(ctx, strings.TrimPrefix(server.Env[0], "IMPREST_JOURNAL="))
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		read, write := io.Pipe()
		go func() {
			err := rows(func(id string, version int64, due any, body []byte) error {
				if due == nil {
					due = `\N`
				}
				_, err := fmt.Fprintf(write, "%s\t%d\t%v\t\\\\x%x\n", id, version, due, body)
				return err
			})
			write.CloseWithError(err)
		}()
		if _, err := conn.PgConn().CopyFrom(ctx, read, "COPY imprest_records (id, version, due, body) FROM STDIN"); err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "VACUUM (ANALYZE) imprest_records")
		return err
	}
	if err := fill(); err != nil {
		server.Close()
		return nil, nil, err
	}
	return server.Journal, server.Close, nil
}
