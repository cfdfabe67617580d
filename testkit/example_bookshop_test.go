package testkit_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	_ "modernc.org/sqlite"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// bookshop is a merchant's own program, as far as payments go: a table of
// orders and one of books that were sent, in SQLite, and a mux. Its tests are
// in example_merchant_test.go.
type bookshop struct {
	*http.ServeMux
	db        *sql.DB
	platform  *vvchat.Client
	notifyURL string
	// crashPoint is nil in production.
	crashPoint func(what string)
}

func openBookshop(path string, p *testkit.Process) (*bookshop, error) {
	account := testkit.TestAccount()
	client, err := vvchat.New(vvchat.Config{
		BaseURL: p.Platform.URL, AppID: account.AppID, AppKeys: []core.Secret{account.AppKey}, StoreNo: account.StoreNo,
		AllowWeakKey: true, Now: p.Platform.Clock.Now,
	})
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", path+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)")
	if err != nil {
		return nil, err
	}
	context.AfterFunc(p.Context(), func() { _ = db.Close() })
	_, err = db.Exec(`CREATE TABLE IF NOT EXISTS orders (no TEXT PRIMARY KEY, fen INTEGER NOT NULL, paid_by TEXT);
		CREATE TABLE IF NOT EXISTS sent (no TEXT NOT NULL)`)
	if err != nil {
		return nil, err
	}
	s := &bookshop{ServeMux: http.NewServeMux(), db: db, platform: client, notifyURL: p.NotifyURL, crashPoint: p.CrashPoint}
	payment, err := callback.Payment(callback.Config{
		Apps: []callback.App{{ID: account.AppID, Keys: []core.Secret{account.AppKey}}},
		Sink: callback.SinkFunc(s.paid), AllowWeakKey: true,
	})
	if err != nil {
		return nil, err
	}
	s.Handle("POST /callbacks/payment", nethttp.Wrap(payment))
	return s, nil
}

// paid records a payment and sends the book in one commit; success is said
// after it.
func (s *bookshop) paid(ctx context.Context, n callback.PaymentNotice) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var fen int64
	var paidBy sql.NullString
	err = tx.QueryRowContext(ctx, `SELECT fen, paid_by FROM orders WHERE no = ?`, n.OutTradeNo).Scan(&fen, &paidBy)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && core.Fen(fen) != n.Amount:
		return core.Mismatch("bookshop.paid", "no such order at this price")
	case err != nil:
		return err
	case paidBy.Valid && paidBy.String == n.TradeNo:
		return nil // told again
	case paidBy.Valid:
		return core.Mismatch("bookshop.paid", "the order is paid already, by another trade_no: pay this one back")
	}
	s.crashPoint("before the book is sent")
	if _, err = tx.ExecContext(ctx, `UPDATE orders SET paid_by = ? WHERE no = ?`, n.TradeNo, n.OutTradeNo); err != nil {
		return err
	}
	if _, err = tx.ExecContext(ctx, `INSERT INTO sent (no) VALUES (?)`, n.OutTradeNo); err != nil {
		return err
	}
	s.crashPoint("after the book is sent")
	if err = tx.Commit(); err != nil {
		return err
	}
	s.crashPoint("after the commit")
	return nil
}

// order puts an order on record.
func (s *bookshop) order(no string, amount core.Fen) error {
	_, err := s.db.Exec(`INSERT INTO orders (no, fen) VALUES (?, ?)`, no, int64(amount))
	return err
}

// sell puts an order on record and makes it on the platform.
func (s *bookshop) sell(ctx context.Context, no string, amount core.Fen) (imprestCode string, err error) {
	if err = s.order(no, amount); err != nil {
		return "", err
	}
	prepay, err := s.platform.UnifiedOrder(ctx, vvchat.Order{OutTradeNo: no, Amount: amount, Title: "a book", NotifyURL: s.notifyURL})
	return prepay.ImprestCode, err
}

// sent counts the books that were sent for an order.
func (s *bookshop) sent(no string) (n int) {
	if err := s.db.QueryRow(`SELECT count(*) FROM sent WHERE no = ?`, no).Scan(&n); err != nil {
		return -1
	}
	return n
}
