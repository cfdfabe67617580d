package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// Fault is what becomes of one call of a [FaultyStore].
type Fault int

// The faults. A read knows None and Refused; any other fault refuses it.
const (
	// None: the call goes through.
	None Fault = iota
	// Refused: nothing is done, and the caller is told so, with
	// core.CodeUnreached.
	Refused
	// UnknownBefore: nothing is done, and the caller gets ErrUnknown.
	UnknownBefore
	// UnknownAfter: the write is done, and the caller gets ErrUnknown.
	UnknownAfter
	// Late: the caller gets ErrUnknown, and the write comes to the store right
	// after the next call: who looks once sees the record as it was.
	Late
	// Held: as Late, but the write comes to the store by Land alone.
	Held
)

// String returns the fault's name, for a message.
func (f Fault) String() string {
	if f < None || f > Held {
		return fmt.Sprintf("Fault(%d)", int(f))
	}
	return [...]string{"none", "refused", "unknown before the effect", "unknown after the effect", "late", "held"}[f]
}

// Call is one call of a [FaultyStore], as its script sees it.
type Call struct {
	// Op is "put", "putall", "get", "delete", "due" or "list".
	Op string
	// ID is the record's, of a putall the last one's; of a list it is the
	// prefix, of a due "".
	ID string
	// N counts the calls from 1, of whatever kind.
	N int
}

// Writes reports whether the call is one that may change the store.
func (c Call) Writes() bool { return c.Op == "put" || c.Op == "putall" || c.Op == "delete" }

// Script says what becomes of each call. It is called by one goroutine at a
// time.
type Script func(Call) Fault

// Writes is a [Script] that gives the faults to the writes one after another,
// and lets everything else through.
func Writes(faults ...Fault) Script {
	return func(c Call) Fault {
		if !c.Writes() || len(faults) == 0 {
			return None
		}
		next := faults[0]
		faults = faults[1:]
		return next
	}
}

// Seeded is a [Script] that makes percent of the calls fail, each in any of the
// ways there are. The same seed makes the same faults of the same calls.
func Seeded(seed uint64, percent int) Script {
	random := rand.New(rand.NewPCG(seed, 0))
	return func(c Call) Fault {
		fails, how := random.IntN(100) < percent, 1+random.IntN(int(Held))
		switch {
		case !fails:
			return None
		case !c.Writes():
			return Refused
		}
		return Fault(how)
	}
}

// FaultyStore is a [journal.Store] whose calls fail as a script says, in the
// ways that the contract allows. Make one with [Faulty]. It may be used from
// many goroutines at once.
type FaultyStore struct {
	inner journal.Store

	mu     sync.Mutex
	script Script
	calls  int
	late   []func()
	held   []func()
}

var _ journal.AtomicStore = (*FaultyStore)(nil)

// Faulty puts a fault proxy before store. A call that the contract refuses, and
// one whose context has ended, goes to store as it is.
func Faulty(store journal.Store, script Script) *FaultyStore {
	return &FaultyStore{inner: store, script: script}
}

// SetScript replaces the script; nil is no fault any more.
func (f *FaultyStore) SetScript(script Script) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = script
}

// Land brings every write that is still under way to the store, in the order in
// which they were made, and returns how many there were. A write whose version
// has passed changes nothing then, as the contract has it.
func (f *FaultyStore) Land() int {
	f.mu.Lock()
	landing := append(f.late, f.held...)
	f.late, f.held = nil, nil
	f.mu.Unlock()
	for _, land := range landing {
		land()
	}
	return len(landing)
}

// begin asks the script, and takes the late writes that land after this call.
func (f *FaultyStore) begin(ctx context.Context, op, id string, valid bool) (fault Fault, end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	landing := f.late
	f.late = nil
	if f.script != nil && valid && ctx.Err() == nil {
		fault = f.script(Call{Op: op, ID: id, N: f.calls})
	}
	return fault, func() {
		for _, land := range landing {
			land()
		}
	}
}

func (f *FaultyStore) write(op, id string, fault Fault, effect func()) error {
	switch fault {
	case UnknownBefore:
	case UnknownAfter:
		effect()
	case Late, Held:
		f.mu.Lock()
		if fault == Late {
			f.late = append(f.late, effect)
		} else {
			f.held = append(f.held, effect)
		}
		f.mu.Unlock()
	default:
		return refused(op)
	}
	return fmt.Errorf("%w: %s of %q failed as the script says", journal.ErrUnknown, op, id)
}

func refused(op string) error {
	return &core.Error{Op: "storetest." + op, Code: core.CodeUnreached, Safe: true, Err: errors.New("nothing was done: the script says so")}
}

// Put implements [journal.Store].
func (f *FaultyStore) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	fault, end := f.begin(ctx, "put", r.ID, r.Check() == nil)
	defer end()
	if fault == None {
		return f.inner.Put(ctx, r)
	}
	r.Body = append([]byte(nil), r.Body...) // it may be written when the caller has gone on
	ctx = context.WithoutCancel(ctx)
	return journal.Record{}, f.write("put", r.ID, fault, func() { _, _ = f.inner.Put(ctx, r) })
}

// PutAll implements [journal.AtomicStore], if the store behind it does.
func (f *FaultyStore) PutAll(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
	if _, err := journal.PutAll(ctx, f.inner); len(records) == 0 || errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	id := records[len(records)-1].ID
	fault, end := f.begin(ctx, "putall", id, journal.CheckAll(records) == nil)
	defer end()
	if fault == None {
		return journal.PutAll(ctx, f.inner, records...)
	}
	later := slices.Clone(records)
	for i := range later {
		later[i].Body = append([]byte(nil), later[i].Body...)
	}
	ctx = context.WithoutCancel(ctx)
	return nil, f.write("putall", id, fault, func() { _, _ = journal.PutAll(ctx, f.inner, later...) })
}

// Delete implements [journal.Store].
func (f *FaultyStore) Delete(ctx context.Context, id string, version int64) error {
	fault, end := f.begin(ctx, "delete", id, journal.CheckID(id) == nil)
	defer end()
	if fault == None {
		return f.inner.Delete(ctx, id, version)
	}
	ctx = context.WithoutCancel(ctx)
	return f.write("delete", id, fault, func() { _ = f.inner.Delete(ctx, id, version) })
}

// Get implements [journal.Store].
func (f *FaultyStore) Get(ctx context.Context, id string) (journal.Record, error) {
	fault, end := f.begin(ctx, "get", id, journal.CheckID(id) == nil)
	defer end()
	if fault != None {
		return journal.Record{}, refused("get")
	}
	return f.inner.Get(ctx, id)
}

// Due implements [journal.Store].
func (f *FaultyStore) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	fault, end := f.begin(ctx, "due", "", true)
	defer end()
	if fault != None {
		return nil, refused("due")
	}
	return f.inner.Due(ctx, before, limit)
}

// List implements [journal.Store].
func (f *FaultyStore) List(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
	fault, end := f.begin(ctx, "list", prefix, true)
	defer end()
	if fault != None {
		return nil, refused("list")
	}
	return f.inner.List(ctx, prefix, after, limit)
}
