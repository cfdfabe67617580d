package journal

import (
	"context"
	"errors"
	"time"
)

// Purge removes r if it has expired by now, and reports whether it did. A
// record that meanwhile changed, or is gone, is left alone and no error: a
// sweep finds it again if there is need. Records that are to be purged carry
// Due = Expires, so that Due finds them without a walk.
func Purge(ctx context.Context, store Store, r Record, now time.Time) (bool, error) {
	if r.Expires.IsZero() || r.Expires.After(now) {
		return false, nil
	}
	err := store.Delete(ctx, r.ID, r.Version)
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
