package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
)

// licence is what a buyer gets.
type licence struct {
	Title    string    `json:"title"`
	Key      string    `json:"key"`
	IssuedAt time.Time `json:"issued_at"`
}

// licences is a table of licence keys, one per purchase. It is a
// purchase.Deliverer: put your own goods in its place.
type licences struct {
	db  *sql.DB
	now func() time.Time
}

const licencesSchema = `CREATE TABLE IF NOT EXISTS licences (
	purchase_id TEXT PRIMARY KEY,
	buyer       TEXT NOT NULL,
	offer_id    TEXT NOT NULL,
	title       TEXT NOT NULL,
	key         TEXT NOT NULL UNIQUE,
	issued_at   INTEGER NOT NULL -- milliseconds since 1970
) STRICT;
CREATE INDEX IF NOT EXISTS licences_of_buyer ON licences (buyer, issued_at)`

// openLicences opens the table in a file, and makes it if there is none.
func openLicences(ctx context.Context, path string) (*licences, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// What is granted must survive the power going out: FULL syncs each commit,
	// and the checkpoint syncs what a killed process left, before it is read.
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}.Encode()}).String())
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{"PRAGMA wal_checkpoint(TRUNCATE)", licencesSchema} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			_ = db.Close()
			return nil, fmt.Errorf("the table of licences in %s cannot be opened: %w", path, err)
		}
	}
	return &licences{db: db, now: time.Now}, nil
}

func (l *licences) close() error { return l.db.Close() }

// Deliver issues a key. The purchase's id is the primary key of the table, so
// whoever comes second, after a crash or beside the first, changes nothing. Any
// error counts as "nobody knows", and Delivered is asked before the next try.
func (l *licences) Deliver(ctx context.Context, p purchase.Purchase) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	_, err = l.db.ExecContext(ctx, `INSERT INTO licences (purchase_id, buyer, offer_id, title, key, issued_at)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (purchase_id) DO NOTHING`, p.ID, p.Buyer, p.OfferID, p.Title, key, l.now().UnixMilli())
	return err
}

// Delivered reports whether a key was issued for the purchase.
func (l *licences) Delivered(ctx context.Context, p purchase.Purchase) (bool, error) {
	var issued bool
	err := l.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM licences WHERE purchase_id = ?)`, p.ID).Scan(&issued)
	return issued, err
}

// of returns the newest licences of a buyer, the newest first.
func (l *licences) of(ctx context.Context, buyer string) ([]licence, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT title, key, issued_at FROM licences WHERE buyer = ? ORDER BY issued_at DESC, purchase_id LIMIT 100`, buyer)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []licence{}
	for rows.Next() {
		var one licence
		var at int64
		if err := rows.Scan(&one.Title, &one.Key, &at); err != nil {
			return nil, err
		}
		one.IssuedAt = time.UnixMilli(at).UTC()
		found = append(found, one)
	}
	return found, rows.Err()
}

// newKey returns a licence key such as "QK3F7-2MWPA-…": 25 characters, about
// 125 random bits.
func newKey() (string, error) {
	text, err := core.RandomText(rand.Reader, 25)
	if err != nil {
		return "", err
	}
	var groups []string
	for i := 0; i < len(text); i += 5 {
		groups = append(groups, text[i:i+5])
	}
	return strings.Join(groups, "-"), nil
}
