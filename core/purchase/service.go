package purchase

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/journal"
)

// Config is what New needs to know.
type Config struct {
	// Store is where purchases are kept. Required.
	Store journal.Store `json:"-" validate:"-"`

	// The VVChat rail: Platform makes and queries orders (a *vvchat.Client),
	// Catalog names prices, Deliverer grants goods, and NotifyURL is where the
	// platform posts payment notifications. All four are required, unless Mall
	// is set and they are all left out.
	Platform  Platform  `json:"-" validate:"-"`
	Catalog   Catalog   `json:"-" validate:"-"`
	Deliverer Deliverer `json:"-" validate:"-"`
	NotifyURL string    `json:"notify_url" validate:"clear"`

	// Mall switches the mall rail on; nil is off.
	Mall *Mall `json:"-" validate:"-"`

	// PayWithin is how long a purchase waits for its payment before it
	// expires; 0 is 30 minutes.
	PayWithin time.Duration `json:"PayWithin" validate:"gte=0"`
	// InFlight is how long a call whose answer was lost may still take
	// effect; only then its outcome is asked about. It is counted from the
	// failure, and from the end of the lease of a step that broke off. 0 is
	// one minute.
	InFlight time.Duration `json:"InFlight" validate:"gte=0"`
	// Lease is how long one step may take; its context ends a little
	// earlier. 0 is one minute.
	Lease time.Duration `json:"Lease" validate:"gte=0"`
	// MaxAttempts is how often a step may fail or crash before the purchase
	// goes to Attention; 0 is 8.
	MaxAttempts int `json:"MaxAttempts" validate:"gte=0"`
	// InlineBudget is how long the handler of a notification may spend on
	// the delivery before it answers; 0 is 5 seconds, negative is not at
	// all: the sweep then delivers.
	InlineBudget time.Duration `json:"InlineBudget"`
	// Enqueue, if set, is handed the id of each purchase that was paid, in
	// the place of an inline delivery. Whatever takes it calls Advance. Its
	// error is logged; the sweep is the backstop.
	Enqueue func(ctx context.Context, id string) error `json:"-" validate:"-"`

	// Refunds switches refunds on; nil is off: what cannot be delivered goes
	// to Attention.
	Refunds *Refunds `json:"-" validate:"-"`

	// UnknownOrder reports whether a query's error is how the platform says
	// that it has no such order; nil takes status 400 with err_code 400. Only
	// after such an answer an order is made again, so it must not be true for
	// a platform that is merely busy.
	UnknownOrder func(error) bool `json:"-" validate:"-"`

	// Now tells the time; nil is time.Now.
	Now func() time.Time `json:"-" validate:"-"`
	// Rand is where ids come from; nil is crypto/rand.Reader.
	Rand io.Reader `json:"-" validate:"-"`
	// Logger takes what an operator should know; nil discards.
	Logger *slog.Logger `json:"-" validate:"-"`
	// Observer is told of every step and sweep; nil is nobody.
	Observer core.Observer `json:"-" validate:"-"`
}

// Service sells. It is safe for use by many goroutines, and many services,
// in many processes, may share one journal.
type Service struct{ cfg Config }

var (
	_ callback.Sink       = (*Service)(nil)
	_ callback.UnpaidSink = (*Service)(nil)
	_ callback.PayoutSink = (*Service)(nil)
)

// New checks cfg and returns a Service. It starts nothing. Its errors have
// core.CodeInvalid and name the field.
func New(cfg Config) (*Service, error) {
	const op = "purchase.New"
	// By hand: validator would look into what stands behind an interface.
	if cfg.Store == nil {
		return nil, core.Invalid(op, "Store must be given")
	}
	if err := check.Struct(op, cfg); err != nil {
		return nil, err
	}
	if err := cfg.checkRails(op); err != nil {
		return nil, err
	}
	if cfg.Refunds != nil {
		if err := cfg.Refunds.check(op); err != nil {
			return nil, err
		}
		refunds := *cfg.Refunds
		setDefault(&refunds.Within, 24*time.Hour)
		cfg.Refunds = &refunds
	}
	if cfg.Mall != nil {
		onMall := *cfg.Mall
		setDefault(&onMall.Listing, 5*time.Minute)
		setDefault(&onMall.ClockSkew, 2*time.Minute)
		cfg.Mall = &onMall
	}
	setDefault(&cfg.PayWithin, 30*time.Minute)
	setDefault(&cfg.InFlight, time.Minute)
	setDefault(&cfg.Lease, time.Minute)
	setDefault(&cfg.InlineBudget, 5*time.Second)
	setDefault(&cfg.MaxAttempts, 8)
	if cfg.UnknownOrder == nil {
		cfg.UnknownOrder = unknownOrder
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{cfg: cfg}, nil
}

// checkRails checks what each rail needs; at least one is on.
func (cfg Config) checkRails(op string) error {
	if cfg.Mall != nil {
		if err := cfg.Mall.check(op); err != nil {
			return err
		}
		if cfg.Platform == nil && cfg.Catalog == nil && cfg.Deliverer == nil && cfg.NotifyURL == "" && cfg.Refunds == nil {
			return nil
		}
	}
	switch {
	case cfg.Platform == nil:
		return core.Invalid(op, "Platform must be given")
	case cfg.Catalog == nil:
		return core.Invalid(op, "Catalog must be given")
	case cfg.Deliverer == nil:
		return core.Invalid(op, "Deliverer must be given")
	case cfg.Platform.AppID() == "" || cfg.Platform.StoreNo() == "":
		return core.Invalid(op, "app_id and store_no must be given in the configuration of the Platform")
	}
	if u, err := url.Parse(cfg.NotifyURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return core.Invalid(op, "notify_url must be an address such as https://shop.example/callbacks/payment")
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Prefix is how the journal's ids of purchases begin.
const Prefix = "p/"

// Get returns the purchase with that id, or an error that is
// journal.ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (Purchase, error) {
	record, err := s.cfg.Store.Get(ctx, Prefix+id)
	if err != nil {
		return Purchase{}, err
	}
	return decode(record.Body)
}

func (s *Service) now() time.Time { return journal.Millis(s.cfg.Now()) }

// store writes p over the version that record was read at. journal.ErrConflict
// means that somebody else's write was there first.
func (s *Service) store(ctx context.Context, record journal.Record, p Purchase, due time.Time) (journal.Record, error) {
	body, err := encode(p)
	if err != nil {
		return journal.Record{}, err
	}
	record.Body, record.Due = body, due
	return s.put(ctx, record)
}

func (s *Service) put(ctx context.Context, r journal.Record) (journal.Record, error) {
	return journal.PutSurely(ctx, s.cfg.Store, r)
}

// maxTries bounds how often a change is made again because somebody else
// changed the record first.
const maxTries = 32

// errUnchanged is what a change returns that finds nothing to do.
var errUnchanged = errors.New("nothing to do")

// change reads the purchase, applies fn, which also says when it is due next,
// and writes it; again, from the reading, while others write in between.
func (s *Service) change(ctx context.Context, id string, fn func(p *Purchase, due *time.Time) error) (Purchase, error) {
	p, _, err := s.changeFrom(ctx, id, journal.Record{}, fn)
	return p, err
}

// changeFrom is change for who wrote the purchase a moment ago: it begins with
// what it wrote, which saves the reading. Somebody may have written since. So a
// write may rest on it, for it names its version; that nothing is to be done, or
// that something is wrong, is said after a reading only.
func (s *Service) changeFrom(ctx context.Context, id string, written journal.Record, fn func(p *Purchase, due *time.Time) error) (Purchase, journal.Record, error) {
	return s.changeBy(ctx, id, written, s.put, fn)
}

// changeBy is changeFrom for who writes in another way: put's errors are those of
// the Service's own.
func (s *Service) changeBy(ctx context.Context, id string, written journal.Record,
	put func(context.Context, journal.Record) (journal.Record, error), fn func(p *Purchase, due *time.Time) error) (Purchase, journal.Record, error) {
	for range maxTries {
		record, fresh := written, false
		if written.ID == "" {
			var err error
			if record, err = s.cfg.Store.Get(ctx, Prefix+id); err != nil {
				return Purchase{}, journal.Record{}, err
			}
			fresh = true
		}
		written = journal.Record{}
		p, err := decode(record.Body)
		if err != nil {
			return Purchase{}, journal.Record{}, err
		}
		due := record.Due
		if err := fn(&p, &due); err != nil {
			if !fresh {
				continue
			}
			if errors.Is(err, errUnchanged) {
				err = nil
			}
			return p, record, err
		}
		if record.Body, err = encode(p); err != nil {
			return Purchase{}, journal.Record{}, err
		}
		record.Due = due
		record, err = put(ctx, record)
		if errors.Is(err, journal.ErrConflict) {
			continue
		}
		return p, record, err
	}
	return Purchase{}, journal.Record{}, &core.Error{Op: "purchase", Code: core.CodeBusy, Err: fmt.Errorf("purchase %s changes faster than it can be written: try later", id)}
}

// attention parks p for a person.
func (s *Service) attention(ctx context.Context, p *Purchase, due *time.Time, reason string) error {
	*due = time.Time{}
	s.cfg.Logger.ErrorContext(ctx, "purchase needs attention", "id", p.ID, "state", string(p.State), "reason", reason)
	if p.State == Attention {
		p.because(reason)
		p.note(s.now(), reason)
		return nil
	}
	return p.enter(s.now(), Attention, reason)
}
