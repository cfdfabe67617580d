package journal

import (
	"context"
	"errors"
)

// Claim makes holder the owner of id for ever, unless somebody else is, and
// returns who is. To find one's own claim is success: a crash came between it
// and what it was for.
func Claim(ctx context.Context, store Store, id, holder string) (string, error) {
	record := Record{ID: id, Body: []byte(holder)}
	stored, err := store.Put(ctx, record)
	if errors.Is(err, ErrUnknown) && ctx.Err() == nil {
		stored, err = store.Put(ctx, record) // version 0: it cannot be written twice
	}
	if err != nil && !errors.Is(err, ErrConflict) {
		return "", err
	}
	return string(stored.Body), nil
}
