// Package purchase sells: it makes an order, waits for its payment, delivers
// what was paid for, and keeps all of it in a journal, so that no crash and no
// lost, late or repeated message loses a payment or delivers twice.
//
// # Where to start
//
// A merchant writes two seams, [Catalog] (what costs how much) and [Deliverer]
// (how the goods are granted), and calls [New]. The [Service] is a
// callback.Sink: give it to callback.Payment. [Service.Routes] serves a shop's
// front end, [Service.Begin] is the same for a program. [Service.Reconcile]
// must run now and then (every minute is fine): it finds payments whose
// notification was lost, and finishes what a crash broke off:
//
//	sales, err := purchase.New(purchase.Config{
//		Store: store, Platform: client, // a *vvchat.Client
//		Catalog:   purchase.Offers{"voip-1y": {Title: "VoIP, one year", Amount: 1990}},
//		Deliverer: licences, NotifyURL: "https://shop.example/callbacks/payment",
//	})
//	payments, err := callback.Payment(callback.Config{Apps: apps, Sink: sales})
//	p, err := sales.Begin(ctx, purchase.Request{Buyer: "alice", OfferID: "voip-1y", Price: 1990})
//	sweep, err := sales.Reconcile(ctx) // every minute
//
// The page template/guide/deliverer.md writes a Deliverer and tests it.
//
// # States
//
//	ordering ──► unpaid ──► paid ──► delivering ──► delivered
//	    │          │          ▲
//	    └──────────┴─► expired┘        │
//	                                   └─► undeliverable ──► refunding ──► refunded
//
//	and from anywhere: attention
//
// An order can be paid before its answer is known (ordering to paid), and a
// purchase that waits in attention for want of a payment can be paid too.
// The platform has no call that closes an order, so an expired purchase can
// still be paid, and is then delivered. attention is for a person: the purchase's
// Reason says why, and [Service.Resolve] takes it up again. [States] and
// [State.Next] hold the whole table.
//
// # Delivery by exchange code, and refunds
//
// [Redeemer] is a Deliverer that redeems an exchange code of a stock ([Codes])
// on a device, one code per purchase for ever; [DeviceCatalog] sells for devices
// that can have what is paid for, and for no others. What certainly cannot be
// delivered is paid back by a payout if [Config] says so (Refunds): after a
// query, once, under a daily cap, and settled by the platform's notification
// alone; mount callback.Payout with the Service as its sink.
//
// # The mall rail
//
// With Config.Mall, [Service.BeginMall] sells services of Tuya's mall, which a
// user pays with WeChat in the merchant's mini program and the cloud delivers by
// itself. The states are the same; what tells of them is not a notification but
// the user's orders and the device's services, read while the purchase waits,
// and at intervals afterwards, since an order stays payable. A user has one open
// purchase of a SKU for a device; an order proves one purchase for ever, and so
// does what appears on a device, which is looked at again after an hour where a
// code or another order could have made it appear; an order that costs anything but what the buyer
// saw is never handed out to be paid. There is no refund in the mall: what is
// paid and never shows up goes to attention. An order that the cloud did not name
// is a purchase's only if it was made when the purchase was (Mall.ClockSkew), and
// is the only one; a person says which one it is with [Service.BindOrder], or that
// there is none. A subscription is followed after the delivery: its renewals, and
// its end.
//
// # What it guards
//
// Each outward call has an intent in the journal before it and an outcome
// after it; an outcome that nobody knows is asked about, never assumed and
// never repeated blindly. The amount comes from the Catalog, never from a
// request. A payment counts when it is genuine and fits the order by app_id,
// amount and out_trade_no, or when the platform says so over a connection that
// can be trusted; each trade_no pays one purchase, by a claim in the journal.
// Every step counts its attempt before it runs, so a purchase that brings
// worker after worker down is parked in attention instead.
//
// The service starts no goroutine, and touches the world only through its
// Config: a simulation can drive every choice.
package purchase
