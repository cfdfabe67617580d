package testkit_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// A merchant's whole test file. The merchant is in example_bookshop_test.go.

func startBookshop(t *testing.T) (m *testkit.Merchant, shop func() *bookshop) {
	var running *bookshop
	path := filepath.Join(t.TempDir(), "shop.db")
	m = testkit.Start(t, testkit.MerchantConfig{
		Open: func(p *testkit.Process) (_ http.Handler, err error) {
			running, err = openBookshop(path, p) // anew after each crash
			return running, err
		},
		Order:     func(no string, amount core.Fen) error { return running.order(no, amount) },
		Delivered: func(no string) int { return running.sent(no) },
	})
	return m, func() *bookshop { return running }
}

func TestBookshopSells(t *testing.T) {
	m, shop := startBookshop(t)
	imprestCode, err := shop().sell(t.Context(), "book-1", 1990)
	if err != nil {
		t.Fatal(err)
	}
	m.RequireSold(t, imprestCode)
}

func TestBookshopRefusesForged(t *testing.T) {
	m, _ := startBookshop(t)
	m.RequireRefuses(t, m.NewOrder(t), testkit.MutateWrongKey)
	m.RequireVerdicts(t) // that, and everything else that can be wrong
}

func TestBookshopDeliversOnce(t *testing.T) {
	m, _ := startBookshop(t)
	m.RequireDeliversOnce(t, m.NewOrder(t))
}

func TestBookshopSurvivesCrash(t *testing.T) {
	m, _ := startBookshop(t)
	m.RequireSurvivesCrash(t)
}
