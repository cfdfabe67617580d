package journal

import (
	"bytes"
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

// ClaimAndPut makes holder the owner of id, as [Claim] does, and writes r, as
// [PutSurely] does: in one commit if store is an [AtomicStore], else the claim
// first. It returns who owns id; if that is somebody else, r was not written. A
// claim that holder has from before is as good.
func ClaimAndPut(ctx context.Context, store Store, id, holder string, r Record) (owner string, stored Record, err error) {
	claim := Record{ID: id, Body: []byte(holder)}
	for range tries {
		var both []Record
		both, err = PutAll(ctx, store, claim, r)
		switch {
		case err == nil:
			return holder, both[1], nil
		case errors.Is(err, errors.ErrUnsupported):
			if owner, err = Claim(ctx, store, id, holder); err != nil || owner != holder {
				return owner, Record{}, err
			}
			stored, err = PutSurely(ctx, store, r)
			return owner, stored, err
		case errors.Is(err, ErrConflict):
			switch claimed := both[0]; {
			case claimed.Version > 0 && string(claimed.Body) != holder:
				return string(claimed.Body), Record{}, nil
			case claimed.Version > 0 && is(both[1], r):
				return holder, both[1], nil // our own write, applied after all
			case both[1].Version != r.Version:
				return "", Record{}, err
			case claimed.Version > 0:
				stored, err = PutSurely(ctx, store, r)
				return holder, stored, err
			}
		case !errors.Is(err, ErrUnknown) || ctx.Err() != nil:
			return "", Record{}, err
		}
	}
	return "", Record{}, err
}

// tries bounds how often a write is made whose outcome the store cannot tell.
const tries = 3

// PutSurely is Put for who can tell his own write by its body: when the store
// cannot say whether it was applied, it looks, and tries again. All attempts name
// the same version, so at most one of them counts. [ErrConflict] means that
// somebody else's write was there first, and comes without a record.
func PutSurely(ctx context.Context, store Store, r Record) (Record, error) {
	for range tries {
		stored, err := store.Put(ctx, r)
		switch {
		case err == nil:
			return stored, nil
		case errors.Is(err, ErrConflict):
			if is(stored, r) {
				return stored, nil // our own write, applied after all
			}
			return Record{}, err
		case !errors.Is(err, ErrUnknown) || ctx.Err() != nil:
			return Record{}, err
		}
		stored, err = store.Get(ctx, r.ID)
		switch {
		case errors.Is(err, ErrNotFound) && r.Version == 0:
		case err != nil:
			return Record{}, err
		case is(stored, r):
			return stored, nil
		case stored.Version != r.Version:
			return Record{}, ErrConflict
		}
	}
	return Record{}, ErrUnknown
}

// is reports whether stored is what a Put of r makes.
func is(stored, r Record) bool {
	return stored.Version == r.Version+1 && bytes.Equal(stored.Body, r.Body)
}
