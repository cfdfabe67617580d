package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/imprest-go/imprest/core"
)

// MaxPutAll is how many records one PutAll takes at most.
const MaxPutAll = 16

// AtomicStore is a [Store] that can also write several records in one commit.
// It is more than a program may rely on: what runs on any Store writes one record
// after the other where there is no PutAll, in an order that a crash may break off
// ([ClaimAndPut] does). Where there is one, that is one wait for the disk instead
// of several. The rules go on from those of Store.
//
//  13. PutAll writes every record, as Put does, if each names the version that is
//     stored (0: no record with that id exists), and returns them as stored, in
//     the order of the call.
//  14. If one of them names another version, nothing changes: PutAll returns what
//     is stored for each, in the order of the call (the zero Record where there is
//     none), with [ErrConflict]. Which of them lost, their versions tell.
//  15. All of the records come into effect, or none does: under racing writers,
//     after a crash, and when PutAll is [ErrUnknown].
//  16. PutAll takes at most [MaxPutAll] records, whose ids differ; anything else
//     is refused with core.CodeInvalid, as [CheckAll] says, and nothing changes.
//     Of no records it does nothing. A store that stands before another which has
//     no PutAll returns errors.ErrUnsupported, for no records too.
type AtomicStore interface {
	Store
	PutAll(ctx context.Context, records ...Record) ([]Record, error)
}

// PutAll calls store's PutAll. errors.ErrUnsupported says that store has none, and
// nothing was written. What stands before a store passes its PutAll on by this.
func PutAll(ctx context.Context, store Store, records ...Record) ([]Record, error) {
	if atomic, ok := store.(AtomicStore); ok {
		return atomic.PutAll(ctx, records...)
	}
	return nil, errors.ErrUnsupported
}

// CheckAll reports what is wrong with records as arguments of PutAll, as
// core.CodeInvalid, or nil. Every driver calls it first.
func CheckAll(records []Record) error {
	if len(records) > MaxPutAll {
		return core.Invalid("journal", fmt.Sprintf("%d records are more than PutAll takes, which is %d", len(records), MaxPutAll))
	}
	for i, r := range records {
		if err := r.Check(); err != nil {
			return err
		}
		for _, other := range records[:i] {
			if other.ID == r.ID {
				return core.Invalid("journal", "PutAll takes each id once")
			}
		}
	}
	return nil
}
