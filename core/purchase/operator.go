package purchase

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// OperatorConfig is what NewOperator needs to know.
type OperatorConfig struct {
	// Store is the journal. Required.
	Store journal.Store
	// InFlight is that of the services which work on the journal
	// (Config.InFlight), or longer; 0 is one minute.
	InFlight time.Duration
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Operator is a person's hand on a journal: what can be decided without asking
// anybody, so it needs no platform and no key. It is what the command line uses.
// It is safe for use beside any number of services.
type Operator struct{ s *Service }

// NewOperator checks cfg and returns an Operator. Its errors have
// core.CodeInvalid.
func NewOperator(cfg OperatorConfig) (*Operator, error) {
	const op = "purchase.NewOperator"
	switch {
	case cfg.Store == nil:
		return nil, core.Invalid(op, "Store must be given")
	case cfg.InFlight < 0:
		return nil, core.Invalid(op, "InFlight must not be negative")
	}
	setDefault(&cfg.InFlight, time.Minute)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Operator{&Service{cfg: Config{Store: cfg.Store, InFlight: cfg.InFlight, Now: cfg.Now, Logger: slog.New(slog.DiscardHandler)}}}, nil
}

// Get returns the purchase with that id, or an error that is journal.ErrNotFound.
func (o *Operator) Get(ctx context.Context, id string) (Purchase, error) { return o.s.Get(ctx, id) }

// Resolve takes a purchase out of Attention: see [Service.Resolve].
func (o *Operator) Resolve(ctx context.Context, id string, resolution Resolution, note string) (Purchase, error) {
	return o.s.Resolve(ctx, id, resolution, note)
}

// Retried says what a Retry did.
type Retried struct {
	Purchase Purchase
	// Due is when the next sweep does the purchase's next step. It is later than
	// now if a call may still take effect, which is asked about only after that.
	Due time.Time
	// Changed is false if the purchase was due by then already: nothing was
	// written.
	Changed bool
}

// Retry makes the next step of a purchase due, for the next sweep to do: it takes
// up at once what would wait, an hour perhaps, after failures whose cause was seen
// to. Failures and attempts are counted anew. It is one write over the version that
// was read, and to repeat it changes nothing.
//
// It decides nothing: a call that may still take effect keeps its time, and what it
// made is asked about first. core.CodeConflict, which says why: the purchase is in
// Attention, which takes a decision (Resolve); it is delivered or refunded, so that
// nothing is left to do; or its refund was sent, which is never done twice.
// core.CodeBusy: a step runs, or broke off a moment ago, and is taken up by itself.
func (o *Operator) Retry(ctx context.Context, id string) (Retried, error) {
	var retried Retried
	refuse := func(code core.Code, why string) error {
		return &core.Error{Op: "purchase.Retry", Code: code, Err: fmt.Errorf("purchase %s %s", id, why)}
	}
	p, err := o.s.change(ctx, id, func(p *Purchase, due *time.Time) error {
		now := o.s.now()
		retried = Retried{Due: *due}
		switch {
		case p.State == Attention:
			return refuse(core.CodeConflict, "waits for a person: "+p.Reason)
		case p.State == Delivered && p.follows():
			return refuse(core.CodeConflict, "is delivered; its subscription is looked at by itself, "+at(*due))
		case p.State == Delivered, p.State == Refunded:
			return refuse(core.CodeConflict, "is "+string(p.State)+": nothing is left to do")
		case p.Refund != nil && p.Refund.Sent:
			return refuse(core.CodeConflict, "waits for the platform's word on its refund "+p.Refund.OutOrderNo+", which is not sent twice; without one a person has to look, "+at(*due))
		case p.Lease != nil && now.Before(*due):
			return refuse(core.CodeBusy, "is being worked on, or that broke off: it is taken up by itself, "+at(*due))
		}
		soon := now
		if p.Doubt {
			soon = now.Add(o.s.cfg.InFlight)
		}
		if !due.IsZero() && !due.After(soon) {
			return errUnchanged
		}
		p.Attempts, p.Failures = 0, 0
		p.note(now, "made due by hand")
		*due = soon
		retried = Retried{Due: soon, Changed: true}
		return nil
	})
	if err != nil {
		return Retried{Purchase: p}, err
	}
	retried.Purchase = p
	return retried, nil
}

func at(due time.Time) string {
	if due.IsZero() {
		return "at no time that is known"
	}
	return "at " + due.UTC().Format(time.RFC3339)
}

// Resolutions returns every resolution there is.
func Resolutions() []Resolution {
	return []Resolution{ResolveDeliver, ResolveDelivered, ResolveWatch, ResolveNoOrder, ResolveRefunded}
}

// Resolutions returns those that Resolve would take for p: none unless p is in
// Attention. Which of them is true is for a person to find out.
func (p Purchase) Resolutions() []Resolution {
	body, err := encode(p)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(Resolutions(), func(resolution Resolution) bool {
		tried, err := decode(body) // it writes into it
		return err != nil || tried.resolve(time.Time{}, new(time.Time), resolution, "") != nil
	})
}
