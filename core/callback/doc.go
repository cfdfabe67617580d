// Package callback receives what the VVChat platform posts to a merchant:
// payment notifications ([Payment]), payout notifications ([Payout]) and the
// events of robots ([Robot]). It hands a sink checked values only, and answers
// the platform.
//
// # Where to start
//
// A merchant with an orders table of his own writes a [Sink], wraps it in
// [Once], and mounts the handler:
//
//	handler, err := callback.Payment(callback.Config{
//		Apps: []callback.App{{ID: appID, Keys: core.Secrets(appKey)}},
//		Sink: callback.Once(store, orders),
//	})
//	mux.Handle("POST /callbacks/payment", nethttp.Wrap(handler))
//
// Who lets core/purchase keep the orders passes its Service as the Sink and
// needs no Once: a purchase knows by itself what it has seen.
//
// A robot's events go to a [RobotSink], behind a path that holds a secret:
//
//	handler, err := callback.Robot(callback.RobotConfig{
//		Secrets: []core.Secret{secret}, AppIDs: []string{appID}, Sink: robot,
//	})
//	mux.Handle("/callbacks/robot/{secret}", nethttp.Wrap(handler))
//
// # What it guards
//
// A notification counts only if it was read in the one way in which it can be
// read, its signature holds for a key of the app that it names, and its fields
// have the form of its kind: a sink is never handed another. A payment that is not paid never reaches [Sink.Paid].
//
// The platform delivers again until it reads "success". The handler says so
// only after the sink returned nil, so a sink must return nil only when the
// fact is durable. A refusal is a 4xx with one fixed text, and leaves no trace
// that could block the genuine message; a fault of our own is a 5xx, so that
// the platform comes again.
//
// What the signature cannot tell (see package sign) the sink must: compare
// OutTradeNo, Amount and AppID with the order on record, and return
// core.Mismatch where they differ.
//
// Robot events are the exception: the platform does not sign them. Whoever
// knows the path can make them up, so they are hints: let none of them move
// money, grant goods or log anybody in.
//
// callback imports core, core/sign, core/journal and the standard library.
package callback
