package simulate

import (
	"context"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
)

// goods are simulated: they are granted whenever they are asked for. So a second
// request shows, which goods of a better sort would bear.
type goods struct{ w *World }

func (g *goods) Deliver(ctx context.Context, p purchase.Purchase) error {
	w := g.w
	return w.effect(ctx, "deliver", p.ID, onWrite, errUnknown, errUnreached, func() error {
		if w.plan.refuses {
			return errOutOfStock
		}
		w.granted(p.ID)
		return nil
	})
}

func (g *goods) Delivered(ctx context.Context, p purchase.Purchase) (granted bool, err error) {
	w := g.w
	err = w.effect(ctx, "delivered?", p.ID, onRead, errAsk, errAsk, func() error {
		s := w.sale(p.ID)
		granted = s != nil && s.grants > 0
		if granted {
			w.current.local++
		}
		return nil
	})
	return granted, err
}

// deliverer is what grants the goods in a process that starts.
func (w *World) deliverer() (purchase.Deliverer, error) {
	var d purchase.Deliverer = &goods{w}
	switch {
	case w.cfg.Deliverer != nil:
		d = w.cfg.Deliverer(w)
	case w.plan.codes > 0:
		var err error
		if d, err = w.redeemer(); err != nil {
			return nil, err
		}
	}
	if w.cfg.Goods != nil {
		d = w.cfg.Goods(d)
	}
	if w.cfg.Deliverer != nil || w.cfg.Goods != nil {
		d = &opaqueDeliverer{w, d}
	}
	return d, nil
}

// touch notes what a part of others was told, or said: its memory follows from
// it.
func (w *World) touch(what, about string, err error) {
	w.opaque = mix(mix(w.opaque, mix(text(what), text(about))), mix(text(string(core.CodeOf(err))), uint64(w.current.index)))
}

type opaqueDeliverer struct {
	w     *World
	inner purchase.Deliverer
}

func (o *opaqueDeliverer) Deliver(ctx context.Context, p purchase.Purchase) error {
	o.w.touch("deliver", p.ID, nil)
	err := o.inner.Deliver(ctx, p)
	o.w.touch("delivered", p.ID, err)
	return err
}

func (o *opaqueDeliverer) Delivered(ctx context.Context, p purchase.Purchase) (bool, error) {
	o.w.touch("ask", p.ID, nil)
	granted, err := o.inner.Delivered(ctx, p)
	o.w.touch("asked", p.ID, err)
	if granted {
		o.w.opaque++
	}
	return granted, err
}
