package simulate_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit/simulate"
)

// licences is a merchant's Deliverer: it writes a licence into a database. Its
// mistake is that it asks whether there is one, and writes one, in two calls.
type licences struct {
	world *simulate.World
	rows  map[string]int
}

func newLicences(w *simulate.World) purchase.Deliverer {
	rows := w.Keep("licences", func() any { return map[string]int{} }).(map[string]int)
	return &licences{w, rows}
}

func (l *licences) Deliver(ctx context.Context, p purchase.Purchase) error {
	if granted, err := l.Delivered(ctx, p); err != nil || granted {
		return err
	}
	return l.world.Call(ctx, "insert", func() error {
		l.rows[p.ID]++
		l.world.Granted(p.ID)
		return nil
	})
}

func (l *licences) Delivered(ctx context.Context, p purchase.Purchase) (granted bool, err error) {
	err = l.world.Ask(ctx, "select", func() error { granted = l.rows[p.ID] > 0; return nil })
	return granted, err
}

func ExampleExplore() {
	cfg := simulate.Config{Scenario: simulate.Sale, Deliverer: newLicences}
	_, err := simulate.Explore(context.Background(), cfg, simulate.Bound{Faults: 1, Preemptions: 1})
	if found, ok := errors.AsType[*simulate.Failure](err); ok {
		fmt.Println(found.Invariant)
	}
	// Output: granted at most once
}
