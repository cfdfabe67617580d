package sandbox

import (
	"context"

	"github.com/imprest-go/imprest/core/journal"
)

// walk calls fn with every record whose id begins with prefix, in the order of
// the ids.
func walk(ctx context.Context, store journal.Store, prefix string, fn func(journal.Record) error) error {
	const page = 200
	for after := ""; ; {
		records, err := store.List(ctx, prefix, after, page)
		if err != nil {
			return err
		}
		for _, record := range records {
			if err := fn(record); err != nil {
				return err
			}
		}
		if len(records) < page {
			return nil
		}
		after = records[len(records)-1].ID
	}
}
