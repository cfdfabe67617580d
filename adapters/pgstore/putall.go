package pgstore

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/imprest-go/imprest/core/journal"
)

// The statements of a putall fail where those of a put do nothing: that takes back
// those before them, without another round trip to ask how they went.
const (
	insertOrFail = "INSERT INTO imprest_records (" + columns + ") VALUES ($1::text, 1, $2::bigint, $3::bigint, $4)"
	updateOrFail = "WITH done AS (UPDATE imprest_records SET version = version + 1, due = $3::bigint, expires = $4::bigint, body = $5 WHERE id = $1::text AND version = $2::bigint RETURNING 1)" +
		" SELECT 1 / count(*) FROM done"

	uniqueViolation = "23505"
	divisionByZero  = "22012"
)

// PutAll implements [journal.AtomicStore].
func (s *Store) PutAll(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
	if err := journal.CheckAll(records); err != nil {
		return nil, err
	}
	call, cancel, err := s.within(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	if len(records) == 0 {
		return nil, nil
	}
	stored := slices.Clone(records)
	order := make([]int, len(stored))
	for i := range stored {
		r := &stored[i]
		r.Due, r.Expires = journal.Millis(r.Due), journal.Millis(r.Expires)
		r.Body = append(make([]byte, 0, len(r.Body)), r.Body...)
		order[i] = i
	}
	// Everybody locks in the same order, so that nobody waits for who waits.
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(stored[a].ID, stored[b].ID) })
	// What is sent at once, without a BEGIN, is a transaction.
	var batch pgx.Batch
	for _, i := range order {
		if r := stored[i]; r.Version == 0 {
			batch.Queue(insertOrFail, r.ID, millis(r.Due), millis(r.Expires), r.Body)
		} else {
			batch.Queue(updateOrFail, r.ID, r.Version, millis(r.Due), millis(r.Expires), r.Body)
		}
	}
	err = s.send(call, &batch)
	switch state := sqlState(err); {
	case err == nil:
		for i := range stored {
			stored[i].Version++
		}
		return stored, nil
	case state == uniqueViolation, state == divisionByZero:
		return s.lost(ctx, records)
	}
	return nil, unwritten(call, "putall", err)
}

// send makes the statements of a batch, on a connection of their own.
func (s *Store) send(ctx context.Context, batch *pgx.Batch) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return unsent{err}
	}
	defer conn.Release()
	return conn.SendBatch(ctx, batch).Close() // which reads every answer
}

// lost is the outcome of a putall that certainly changed nothing.
func (s *Store) lost(ctx context.Context, records []journal.Record) ([]journal.Record, error) {
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	found, err := s.query(ctx, "putall", len(ids), "SELECT "+columns+" FROM imprest_records WHERE id = ANY($1::text[]) LIMIT $2", ids, len(ids))
	if err != nil {
		return nil, err
	}
	stored := make([]journal.Record, len(records))
	for _, r := range found {
		stored[slices.Index(ids, r.ID)] = r
	}
	return stored, journal.ErrConflict
}
