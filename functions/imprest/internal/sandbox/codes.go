package sandbox

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

const (
	issuedPrefix = "sandbox/codes/"
	batchSize    = 50
	lowWater     = 5
)

// issuedRecord is the exchange codes of a catalog that the fake cloud ever
// made. The stock outlives a run, and the cloud does not: it is told of them
// again.
type issuedRecord struct {
	Codes []string `json:"codes"`
}

// reissue tells the cloud of the codes that earlier runs on this journal made.
// Those that were used stay so in the stock, which hands none out twice.
func (w *world) reissue(ctx context.Context) error {
	for _, catalog := range testkit.TestCatalogs() {
		record, err := issued(ctx, w.journal, catalog.Code)
		if err != nil {
			return err
		}
		var again []testkit.ExchangeCode
		for _, code := range record.Codes {
			again = append(again, testkit.ExchangeCode{Code: code, CatalogCode: catalog.Code})
		}
		if err := w.cloud.AddCodes(again...); err != nil {
			return err
		}
	}
	return nil
}

// stockUp loads a batch of every catalog that runs low.
func (m *merchant) stockUp(ctx context.Context, w *world) error {
	for _, catalog := range testkit.TestCatalogs() {
		stock, err := m.codes.Stock(ctx, catalog.Code)
		if err != nil {
			return err
		}
		if stock[purchase.CodeFree] > lowWater {
			continue
		}
		if err := m.loadBatch(ctx, w, catalog.Code); err != nil {
			return err
		}
	}
	return nil
}

// loadBatch has the cloud make codes, and loads them as one who bought them.
func (m *merchant) loadBatch(ctx context.Context, w *world, catalog string) error {
	var fresh []string
	for len(fresh) == 0 {
		fresh = w.cloud.NewCodes(catalog, batchSize)
	}
	var record issuedRecord
	err := edit(ctx, m.store, issuedPrefix+catalog, &record, func(bool) error {
		for _, code := range fresh {
			if !slices.Contains(record.Codes, code) {
				record.Codes = append(record.Codes, code)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = m.codes.Load(ctx, catalog, strings.NewReader(strings.Join(fresh, "\n")))
	return err
}

func issued(ctx context.Context, store journal.Store, catalog string) (record issuedRecord, err error) {
	err = edit(ctx, store, issuedPrefix+catalog, &record, func(bool) error { return errUnchanged })
	return record, err
}

// goods is the sandbox's Deliverer: what has a device is redeemed there, and
// what the control API put on record only counts.
type goods struct {
	w        *world
	m        *merchant
	redeemer *purchase.Redeemer
	counter  *counter
}

func redeems(p purchase.Purchase) bool { return len(p.Data) > 0 }

// Deliver implements purchase.Deliverer.
func (g *goods) Deliver(ctx context.Context, p purchase.Purchase) error {
	if g.w.plan.strikes(deliverFails, p.ID) {
		return &core.Error{Op: "sandbox.Deliver", Code: core.CodeUnreached, Err: errors.New("the goods cannot be granted now, as was asked for")}
	}
	if !redeems(p) {
		return g.counter.Deliver(ctx, p)
	}
	err := g.redeemer.Deliver(ctx, p)
	switch {
	case err == nil:
		g.w.delivered(p, 1)
	case errors.Is(err, purchase.ErrNoCodes):
		g.w.restock(ctx, g.m)
	}
	return err
}

// Delivered implements purchase.Deliverer.
func (g *goods) Delivered(ctx context.Context, p purchase.Purchase) (bool, error) {
	if !redeems(p) {
		return g.counter.Delivered(ctx, p)
	}
	there, err := g.redeemer.Delivered(ctx, p)
	if there && err == nil {
		g.w.delivered(p, 1)
	}
	return there, err
}

// restock is what an operator does who is told that no codes are left.
func (w *world) restock(ctx context.Context, m *merchant) {
	w.plan.unlockStock()
	if err := m.stockUp(ctx, w); err != nil {
		w.log.ErrorContext(ctx, "no exchange codes can be loaded", "reason", err.Error())
		return
	}
	w.log.Warn("exchange codes have run out, and a batch was loaded")
	if w.watch != nil {
		w.out.trouble("codes", "none is left; there are new ones now")
	}
}
