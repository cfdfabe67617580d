package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Limits that every store keeps.
const (
	// MaxID is the greatest length of an id, in bytes.
	MaxID = 255
	// MaxBody is the greatest length of a body, in bytes.
	MaxBody = 64 << 10
)

// Record is the unit of storage. It is written and read whole.
type Record struct {
	// ID is 1 to [MaxID] bytes from "!" to "~". Its first part up to a "/"
	// tells what the record is: "p/…" a purchase, "r/…" a receipt,
	// "trade/…" a claim. Ids are compared and ordered bytewise.
	ID string
	// Version is 1 after the first write and grows by one with each. In a
	// Put it is the version that is to be replaced, 0 for "must not exist".
	Version int64
	// Due is when somebody has to look at the record again; zero for never.
	Due time.Time
	// Expires is when the record may be removed ([Purge]); zero for never.
	// A store does not hide a record that has expired.
	Expires time.Time
	// Body is what the owner of the id keeps there, at most [MaxBody] bytes.
	Body []byte
}

// Store keeps records. Many goroutines, and many processes where the engine
// allows it, use it at once.
//
//  1. Put writes r if the stored version equals r.Version (0: no record with
//     that id exists), and returns r as stored, its Version grown by one.
//  2. A Put at any other version changes nothing and returns the record that
//     is stored (the zero Record where there is none) with [ErrConflict].
//  3. When Put or Delete returns nil the change is durable: it survives the
//     end of the process and of the machine.
//  4. Nothing is read that is not durable. Get, List, Due, and the record that
//     comes with ErrConflict show no write that a crash could still take back.
//  5. Get returns the latest record that was written, or [ErrNotFound].
//  6. Delete removes the record if its version equals version; another version
//     is ErrConflict, no record is ErrNotFound.
//  7. Due returns at most limit records, each once, whose Due is set and not
//     after before, the earliest first; none if limit is below 1. It is a hint:
//     it may lag behind, come out of order, or show an old version. Who takes
//     work from it Gets the record and takes it by a Put. It forgets nothing
//     for ever.
//  8. List returns at most limit records whose id starts with prefix and is
//     greater than after, in the order of their ids; none if limit is below 1.
//     Any bytes may stand in prefix and after, and mean themselves. A record
//     that exists throughout a walk, each call starting after the last id of
//     the one before, is seen exactly once.
//  9. Any failure that leaves open whether a write was applied (a timeout, a
//     lost connection, a context that ended) is [ErrUnknown]. The caller Gets
//     the record and looks; it never assumes.
//  10. A record that breaks the limits of [Record.Check] is refused with
//     core.CodeInvalid, and nothing changes; so is, by Get and Delete, an id
//     that [CheckID] refuses.
//  11. Due and Expires are kept to the millisecond; what is finer is cut off.
//     They come back in UTC. Bodies come back as they were, nil as empty, and
//     share no memory with the caller's.
//  12. A context that has ended before the call gives an error that wraps the
//     context's and is not ErrUnknown, and nothing changes.
type Store interface {
	Put(ctx context.Context, r Record) (Record, error)
	Get(ctx context.Context, id string) (Record, error)
	Delete(ctx context.Context, id string, version int64) error
	Due(ctx context.Context, before time.Time, limit int) ([]Record, error)
	List(ctx context.Context, prefix, after string, limit int) ([]Record, error)
}

// The errors of a store, matched with errors.Is. Drivers wrap them with what
// they know.
var (
	// ErrNotFound: there is no record with that id.
	ErrNotFound error = &core.Error{Op: "journal", Code: core.CodeNotFound, Err: errors.New("no such record")}
	// ErrConflict: the stored version is another one. Read again, then decide.
	ErrConflict error = &core.Error{Op: "journal", Code: core.CodeConflict, Err: errors.New("the record has another version: read it again")}
	// ErrUnknown: the write was perhaps applied. Get the record and look.
	ErrUnknown error = &core.Error{Op: "journal", Code: core.CodeUnknown, Err: errors.New("the write was perhaps applied: read the record again")}
)

// Check reports what is wrong with r as an argument of Put, as
// core.CodeInvalid, or nil. Every driver calls it first.
func (r Record) Check() error {
	if err := CheckID(r.ID); err != nil {
		return err
	}
	if r.Version < 0 {
		return core.Invalid("journal", "a version is 0 or more")
	}
	if len(r.Body) > MaxBody {
		return core.Invalid("journal", fmt.Sprintf("a body of %d bytes is over the limit of %d", len(r.Body), MaxBody))
	}
	return nil
}

// CheckID reports what is wrong with an id, as core.CodeInvalid, or nil.
func CheckID(id string) error {
	if id == "" || len(id) > MaxID {
		return core.Invalid("journal", fmt.Sprintf("an id has 1 to %d bytes, not %d", MaxID, len(id)))
	}
	for i := 0; i < len(id); i++ {
		if id[i] < '!' || id[i] > '~' {
			return core.Invalid("journal", fmt.Sprintf("an id holds the bytes from ! to ~ only, not 0x%02x", id[i]))
		}
	}
	return nil
}

// Millis returns t as stores keep it: cut to the millisecond, in UTC; a zero t
// stays zero.
func Millis(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}
