package simulate

import (
	"context"
	"fmt"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// process is one of several that share the journal. What it has in memory is
// lost when it dies; the next activity starts it anew.
type process struct {
	index           int
	running         bool
	service         *purchase.Service
	payment, payout core.Handler
	memory          uint64
}

func (p *process) stop() { *p = process{index: p.index} }

// enter puts the activity that runs into a process, and starts it if need be.
func (w *World) enter(index int) *process {
	p := w.processes[index]
	w.current.process = index
	if p.running {
		return p
	}
	p.running = true
	if err := w.start(p); err != nil {
		w.fail("it starts", "%v", err)
	}
	return p
}

func (w *World) start(p *process) (err error) {
	apps := []callback.App{{ID: testkit.TestAccount().AppID, Keys: []core.Secret{testkit.TestAccount().AppKey}}}
	if w.plan.once {
		sink, err := w.onceSink()
		if err == nil {
			p.payment, err = callback.Payment(callback.Config{Apps: apps, AllowWeakKey: true, Sink: sink})
		}
		return err
	}
	platform := purchase.Platform(&platformSeam{w})
	if w.cfg.Platform != nil {
		platform = &opaquePlatform{w, w.cfg.Platform(platform)}
	}
	cfg := purchase.Config{
		Store: w.store(), Platform: platform, NotifyURL: "https://shop.example/callbacks/payment",
		Catalog:   w.catalog(),
		PayWithin: w.plan.payWithin, Now: w.Now, Rand: w,
	}
	if cfg.Deliverer, err = w.deliverer(); err != nil {
		return err
	}
	if w.plan.members > 0 {
		cfg.Mall = w.rail()
	}
	if w.plan.noInline {
		cfg.InlineBudget = -1
	}
	if w.plan.queue {
		cfg.Enqueue = w.enqueue
	}
	if w.plan.refunds {
		payer := purchase.Payer(&platformSeam{w})
		if w.cfg.Payer != nil {
			payer = w.cfg.Payer(payer)
		}
		cfg.Refunds = &purchase.Refunds{
			Payer: payer, OutOpenID: testkit.TestAccount().OutOpenID, NotifyURL: "https://shop.example/callbacks/payout", DailyCap: 10_000,
		}
	}
	if p.service, err = purchase.New(cfg); err != nil {
		return err
	}
	if p.payment, err = callback.Payment(callback.Config{Apps: apps, AllowWeakKey: true, Sink: p.service}); err != nil {
		return err
	}
	p.payout, err = callback.Payout(callback.PayoutConfig{Apps: apps, AllowWeakKey: true, Sink: p.service})
	return err
}

const price = 100

func (w *World) catalog() purchase.Catalog {
	offers := purchase.Offers{}
	for i := range w.plan.buyers {
		offer := purchase.Offer{Title: "VoIP", Amount: price}
		if w.plan.codes > 0 {
			offer.Data = redemption()
		}
		offers[fmt.Sprintf("offer-%d", i+1)] = offer
	}
	return offers
}

// enqueue hands a paid purchase to the queue.
func (w *World) enqueue(ctx context.Context, id string) error {
	return w.effect(ctx, "enqueue", id, onWrite, errUnknown, errUnreached, func() error {
		w.queue = append(w.queue, id)
		w.fact("enqueued", id, len(w.queue))
		return nil
	})
}
