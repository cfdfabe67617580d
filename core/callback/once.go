package callback

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// ErrDifferent says that an order was paid already by another payment: a
// genuine notice whose trade_no, amount or payer is not that of the notice on
// record. It is an alarm, not a duplicate. Its code is core.CodeMismatch.
var ErrDifferent error = &core.Error{Op: "callback.Once", Code: core.CodeMismatch,
	Err: errors.New("another genuine payment of this order is on record: look at both, and pay one back")}

// ErrInProgress says that the same notice is being processed right now, and
// was not done within the time to wait. The platform delivers again. Its code
// is core.CodeBusy.
var ErrInProgress error = &core.Error{Op: "callback.Once", Code: core.CodeBusy,
	Err: errors.New("the same notice is in progress elsewhere")}

// Settler is what a [Sink] inside [Once] may implement besides: it is asked
// before a notice is handed over again whose first processing broke off. true
// means that the payment is on record, and Paid need not run. key is
// [PaymentNotice.Key].
type Settler interface {
	Settled(ctx context.Context, key string) (bool, error)
}

// OnceConfig is what [NewOnce] needs to know.
type OnceConfig struct {
	// Store keeps a receipt per order ("r/pay/…"). Required.
	Store journal.Store
	// Sink takes each payment. Required.
	Sink Sink

	// Lease is how long one attempt of Sink may take before it counts as
	// broken off; its context ends a little earlier. 0 is 30 seconds.
	Lease time.Duration
	// Wait is how long a duplicate waits for an attempt that is in progress;
	// 0 is 5 seconds.
	Wait time.Duration
	// Keep is how long a receipt is kept; 0 is 90 days, the least allowed:
	// it must outlive every repeat of the platform.
	Keep time.Duration
	// Now tells the time; nil is time.Now.
	Now func() time.Time
	// Pause waits for d between two looks at an attempt that is in progress, or
	// until ctx ends, which is then its error; nil is a timer.
	Pause func(ctx context.Context, d time.Duration) error
	// Rand marks attempts; nil is crypto/rand.Reader.
	Rand io.Reader
}

const keepReceipts = 90 * 24 * time.Hour

// Once returns a Sink that hands each payment to sink once, as far as a
// machine can: [NewOnce] with every default.
func Once(store journal.Store, sink Sink) Sink {
	return newOnce(OnceConfig{Store: store, Sink: sink})
}

// NewOnce returns a Sink that keeps a receipt per order in a journal:
//
//   - A payment that Sink has taken is not handed over again; its duplicates
//     are acknowledged from the receipt.
//   - A duplicate that comes while the first is in progress waits for it, and
//     is [ErrInProgress] after Wait.
//   - Once a payment of an order is done, a notice of the same order with
//     another trade_no, amount or payer is [ErrDifferent].
//   - A trade_no that has paid another order is [ErrClaimed].
//   - Where [Settler] says that an order is settled, and two payments of it
//     are in doubt, nobody knows by which: each is [ErrDifferent].
//   - What Sink refuses as a mismatch leaves nothing behind that could block
//     the right notice. After any other error the next delivery tries again.
//   - An attempt that broke off (a crash, an error, a lease that ran out) may
//     have had its effect. The next one asks [Settler] where Sink is one, and
//     otherwise calls Paid again with a greater Attempt: Sink must be
//     idempotent by OutTradeNo.
//
// Receipts are due when they expire; journal.Purge removes them.
func NewOnce(cfg OnceConfig) (Sink, error) {
	switch {
	case cfg.Store == nil:
		return nil, core.Invalid("callback.NewOnce", "Store must be given")
	case cfg.Sink == nil:
		return nil, core.Invalid("callback.NewOnce", "Sink must be given")
	case cfg.Keep != 0 && cfg.Keep < keepReceipts:
		return nil, core.Invalid("callback.NewOnce", "Keep must be at least 90 days: the platform may repeat a notice late")
	case cfg.Lease < 0 || cfg.Wait < 0:
		return nil, core.Invalid("callback.NewOnce", "Lease and Wait must not be negative")
	}
	return newOnce(cfg), nil
}

func newOnce(cfg OnceConfig) *once {
	if cfg.Lease == 0 {
		cfg.Lease = 30 * time.Second
	}
	if cfg.Wait == 0 {
		cfg.Wait = 5 * time.Second
	}
	if cfg.Keep == 0 {
		cfg.Keep = keepReceipts
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Pause == nil {
		cfg.Pause = pause
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	return &once{cfg: cfg}
}

type once struct{ cfg OnceConfig }

// receipt is the body of a record.
type receipt struct {
	State receiptState `json:"state"`
	// Fingerprint is over what makes the payment that was handed over last. It
	// binds once that is done: before, another notice may be the right one.
	Fingerprint string `json:"fingerprint,omitempty"`
	TradeNo     string `json:"trade_no,omitempty"`
	Attempt     int    `json:"attempt"`
	// Owner marks the attempt that holds the lease.
	Owner string `json:"owner,omitempty"`
	// Until is the end of the lease, in milliseconds.
	Until int64 `json:"until,omitempty"`
	// Doubts are the fingerprints of the payments whose attempts may have had
	// their effect: those that broke off or failed, and were not refused since.
	Doubts []string `json:"doubts,omitempty"`
}

const maxDoubts = 8

// doubt notes that an attempt at the payment may have had its effect.
func (r *receipt) doubt(fingerprint string) {
	if fingerprint != "" && !slices.Contains(r.Doubts, fingerprint) && len(r.Doubts) < maxDoubts {
		r.Doubts = append(r.Doubts, fingerprint)
	}
}

type receiptState string

const (
	receiptOpen    receiptState = "open"
	receiptRunning receiptState = "running"
	receiptDone    receiptState = "done"
)

// Unpaid passes a notice on that is no payment; it needs no receipt.
func (o *once) Unpaid(ctx context.Context, n PaymentNotice) error {
	if sink, ok := o.cfg.Sink.(UnpaidSink); ok {
		return sink.Unpaid(ctx, n)
	}
	return nil
}

func (o *once) Paid(ctx context.Context, n PaymentNotice) error {
	owner, err := core.RandomText(o.cfg.Rand, 16)
	if err != nil {
		return err
	}
	id := "r/pay/" + n.Key()
	print := fingerprint(n)
	wait := waiter{pause: o.cfg.Pause, left: o.cfg.Wait, next: 5 * time.Millisecond}
	for {
		record, r, err := o.read(ctx, id)
		if err != nil {
			return err
		}
		now := o.cfg.Now()
		switch {
		case r.State == receiptDone && r.Fingerprint != print:
			return ErrDifferent
		case r.State == receiptDone:
			return nil
		case r.State == receiptRunning && r.Owner == owner:
			// Our own write, which the store could not vouch for.
			return o.attempt(ctx, n, record, r)
		case r.State == receiptRunning && now.UnixMilli() < r.Until:
			if !wait.more(ctx) {
				return ErrInProgress
			}
			continue
		}
		if err := o.unclaimed(ctx, n); err != nil {
			return err
		}
		if r.State == receiptRunning {
			r.doubt(r.Fingerprint)
		}
		r.State, r.Fingerprint, r.TradeNo, r.Owner = receiptRunning, print, n.TradeNo, owner
		r.Attempt++
		r.Until = now.Add(o.cfg.Lease).UnixMilli()
		record, err = o.write(ctx, record, r)
		switch {
		case err == nil:
			return o.attempt(ctx, n, record, r)
		case errors.Is(err, journal.ErrConflict), errors.Is(err, journal.ErrUnknown) && ctx.Err() == nil:
			if !wait.more(ctx) {
				return ErrInProgress
			}
		default:
			return err
		}
	}
}

// attempt runs the sink under the lease that r holds, and records the outcome.
func (o *once) attempt(ctx context.Context, n PaymentNotice, record journal.Record, r receipt) error {
	n.Attempt = r.Attempt
	// The write of the lease may have taken long: what is left of it counts.
	left := time.UnixMilli(r.Until).Sub(o.cfg.Now()) - o.cfg.Lease/10
	if left <= 0 {
		return ErrInProgress
	}
	sinkCtx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	settled, sinkErr := false, error(nil)
	// The sink says that the order is settled, not by what: that is known only
	// if a single payment was in doubt.
	own := len(r.Doubts) == 1 && r.Doubts[0] == r.Fingerprint
	err := guard("callback.Once", func() (err error) {
		if settler, ok := o.cfg.Sink.(Settler); ok && len(r.Doubts) > 0 {
			settled, err = settler.Settled(sinkCtx, n.Key())
			switch {
			case err != nil:
				return err
			case settled && own:
				return o.claim(sinkCtx, n)
			case settled:
				return nil // another payment than this one, for all that is known
			}
		}
		sinkErr = o.cfg.Sink.Paid(sinkCtx, n)
		if sinkErr != nil {
			return sinkErr
		}
		return o.claim(sinkCtx, n)
	})
	r.Owner, r.Until = "", 0
	switch {
	case err == nil && settled && !own:
		// What is settled is a payment that was in doubt: the one that was, or
		// nobody knows which of several.
		r.State, r.Fingerprint, r.TradeNo = receiptDone, "", ""
		if len(r.Doubts) == 1 {
			r.Fingerprint = r.Doubts[0]
		}
		r.Doubts = nil
		err = ErrDifferent
	case err == nil:
		r.State, r.Doubts = receiptDone, nil
	case core.CodeOf(sinkErr) == core.CodeMismatch:
		// Refused, so it had no effect; what else is in doubt stays so.
		r.State = receiptOpen
		r.Doubts = slices.DeleteFunc(r.Doubts, func(f string) bool { return f == r.Fingerprint })
	default:
		r.State = receiptOpen
		r.doubt(r.Fingerprint)
	}
	// The outcome is worth recording even if the caller has gone.
	writeCtx, cancelWrite := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancelWrite()
	_, writeErr := o.write(writeCtx, record, r)
	if err != nil {
		return err // an outcome that is not recorded counts as broken off
	}
	if errors.Is(writeErr, journal.ErrUnknown) {
		if _, stored, readErr := o.read(writeCtx, record.ID); readErr == nil && stored.State == receiptDone {
			return nil
		}
	}
	return writeErr
}

// ErrClaimed says that a payment has paid another order already: its trade_no
// is on record for another out_trade_no. It is an alarm. Its code is
// core.CodeMismatch.
var ErrClaimed error = &core.Error{Op: "callback.Once", Code: core.CodeMismatch,
	Err: errors.New("this trade_no has paid another order: look at both")}

// unclaimed looks whether n's trade_no has paid another order. It leaves no
// trace: what the sink then refuses must not stand in anybody's way.
func (o *once) unclaimed(ctx context.Context, n PaymentNotice) error {
	claim, err := o.cfg.Store.Get(ctx, "trade/"+n.TradeNo)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return nil
	case err == nil && string(claim.Body) != n.OutTradeNo:
		return ErrClaimed
	}
	return err
}

// claim puts on record which order n's trade_no has paid, once the sink has
// taken it.
func (o *once) claim(ctx context.Context, n PaymentNotice) error {
	holder, err := journal.Claim(ctx, o.cfg.Store, "trade/"+n.TradeNo, n.OutTradeNo)
	if err == nil && holder != n.OutTradeNo {
		return ErrClaimed
	}
	return err
}

func (o *once) read(ctx context.Context, id string) (journal.Record, receipt, error) {
	record, err := o.cfg.Store.Get(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		return journal.Record{ID: id}, receipt{State: receiptOpen}, nil
	}
	if err != nil {
		return journal.Record{}, receipt{}, err
	}
	var r receipt
	if err := json.Unmarshal(record.Body, &r); err != nil {
		return journal.Record{}, receipt{}, &core.Error{Op: "callback.Once", Code: core.CodeInternal, Err: fmt.Errorf("the record %s is not a receipt: %w", id, err)}
	}
	return record, r, nil
}

func (o *once) write(ctx context.Context, record journal.Record, r receipt) (journal.Record, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return journal.Record{}, &core.Error{Op: "callback.Once", Code: core.CodeInternal, Err: err}
	}
	record.Body = body
	record.Expires = o.cfg.Now().Add(o.cfg.Keep)
	record.Due = record.Expires
	return o.cfg.Store.Put(ctx, record)
}

// fingerprint is over what makes a payment. Fields that the platform may add,
// and its own times, are not part of it.
func fingerprint(n PaymentNotice) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %d", n.AppID, n.OutTradeNo, n.TradeNo, n.OpenID, n.Amount))
	return hex.EncodeToString(sum[:16])
}

// waiter paces the looks at an attempt that is in progress elsewhere.
type waiter struct {
	pause func(context.Context, time.Duration) error
	left  time.Duration
	next  time.Duration
}

// more waits a little, longer each time, and reports whether to go on.
func (w *waiter) more(ctx context.Context) bool {
	now := min(w.next, w.left)
	w.left -= now
	w.next = min(2*w.next, 250*time.Millisecond)
	return now > 0 && w.pause(ctx, now) == nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
