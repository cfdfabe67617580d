// Package testkit tests merchants: whoever takes payments over the VVChat open
// platform, with imprest or without. It plays the other side, strictly, and
// tells in the protocol's words what a merchant does wrong.
//
// # Where to start
//
// Say how your handler is opened, how an order gets on your record, and how
// often one was delivered. testkit pays, forges, repeats, and crashes you:
//
//	m := testkit.Start(t, testkit.MerchantConfig{
//		Open:      func(p *testkit.Process) (http.Handler, error) { return books.Open(path, p.Platform.URL) },
//		Order:     func(no string, amount core.Fen) error { return books.PutOrder(no, amount) },
//		Delivered: func(no string) int { return books.Deliveries(no) },
//	})
//	m.RequireDelivers(t, m.NewOrder(t))                            // paid: delivered once, answered success
//	m.RequireRefuses(t, m.NewOrder(t), testkit.MutateWrongKey)     // forged: 4xx, nothing delivered
//	m.RequireVerdicts(t)                                           // everything else that can be wrong
//	m.RequireDeliversOnce(t, m.NewOrder(t))                        // told eight times at once, and again
//	m.RequireSurvivesCrash(t)                                      // dies, is started anew, is told again
//	m.RequireSold(t, imprestCode)                                  // of an order that you made: the user pays
//
// The file example_merchant_test.go beside this one is a merchant's whole test
// file, and example_bookshop_test.go the merchant.
//
// A test that passes is quiet. One that fails says what was expected and what
// came back, the rule that was broken and the page that has it, what was sent
// (the app_key is masked), and what to do:
//
//	expected the notification to be acknowledged: 200 "success"; got 200 "ok"
//		rule: a notification that was processed is answered HTTP 200 with the body success, …
//		page: VVChat public API (publicapi/index.html), payment notification
//		sent: POST http://merchant.test/callbacks/payment {"app_id":"test","trade_no":"9rRdPiM45nl…
//		      signed over amount=100&app_id=test&open_id=pWq3Zt8vKc…&trade_time=1700000000&key=***
//		do:   write exactly success with status 200: io.WriteString(w, "success")
//
// and the log of the test has the record of all that went over the wire.
// testdata/failures.golden holds what is said of some two dozen merchants, each
// wrong in one way.
//
// # What it is made of
//
//   - [Merchant]: your handler, started by [Start], restarted and crashed.
//   - [Platform]: a fake of the VVChat platform, as strict as its page, with its
//     users' phones.
//   - [Cloud]: a fake of Tuya's cloud, where devices get the services that are
//     sold.
//   - [Clock]: the time that all of them live in, which the test moves.
//   - [SignedPayment], [SignedPayout], [Mutators]: notifications to throw at a
//     handler, genuine ones and ones with a single fault.
//   - [Fault], for Inject: what goes wrong on the wire ([Faults] lists all).
//   - [RequireAcknowledged] and its like: assertions on one answer.
//
// # One part at a time
//
// To test a core.Handler alone, build a notification and hand it over:
//
//	n := testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: "order-1", Amount: 100})
//	resp := handler.Handle(ctx, n.Request("/callbacks/payment"))
//	testkit.RequireAcknowledged(t, resp)
//
// and range over [Mutators] for everything that it must refuse, or take.
//
// To test a whole purchase, start a platform, point the merchant's client at
// it, and be the user:
//
//	platform := testkit.StartPlatform(t, testkit.PlatformConfig{})
//	// … the shop orders from platform.URL, and gets an imprest_code …
//	trade, err := platform.Pay(ctx, imprestCode, "")
//	platform.RequireNotified(t, trade.OutTradeNo)
//
// ([HTTPClient] and [HandlerClient] let it notify a handler without a port.)
// Everything happens in the order in which the test makes it happen: Pay has
// notified the merchant when it returns, and a notification that was not
// acknowledged comes again inside platform.Clock.Advance. (With Async, or a
// clock that runs, things happen by themselves, as in life.) With a Seed the
// identifiers are the same every time. Inject makes things go wrong
// ([Faults]); [Platform.Requests] is the record of all that went over the wire.
//
// The fake platform serves every call of the page; [Platform] lists them. It
// keeps what apps say in chats, what users share and what robots are told to
// do: [Platform.Messages], [Platform.Shares], [Platform.RobotCommands].
//
// To test what happens after the payment, start a cloud on the same clock, and
// let the merchant redeem its exchange codes:
//
//	cloud := testkit.StartCloud(t, testkit.CloudConfig{Clock: platform.Clock})
//	// … the shop delivers over cloud.ActionURL() and cloud.WeChatURL() …
//	cloud.RequireService(t, deviceID, testkit.ServiceVoIP)
//	cloud.RequireCodesUsed(t, 1)
//
// # How strict it is
//
// Whatever the page says is demanded: every required field and its JSON type,
// the sizes, the signature over all fields in upper-case hex, codes that are
// good once, the bare token, one payment per order. Bodies that two readers
// could read in two ways are refused, as is a body that carries the app_key. A
// failure is HTTP 400 with err_code and an err_msg that names the field; it
// never tells the sign that would have fitted. Where the page is silent or says two things, [Readings] has a knob,
// and its zero value is the reading that imprest takes.
//
// Tuya publishes what its operations take and return, and not how they are
// reached. A [Cloud] therefore speaks the shape of Tuya's cloud functions, one
// action with its params and its caller to a relay, and answers in the envelope
// of Tuya's gateway. Every parameter is required and of its type; no caller
// sees another's devices; a code is good once. What the page leaves open is in
// [CloudReadings].
//
// The signed OpenAPI, which is published, is the cloud's too: a client is
// pointed at [Cloud.OpenAPIURL] in the place of a data center, with the
// credentials of [TestProject]. Signature, time, nonce and token are checked as
// the documents have it, and [FaultErrorCode] brings any code of the gateway.
//
// # What it is apart from
//
// Signatures are made and checked here with other means than core/sign and
// core/tuya have, from the pages alone: a fake that shared the library's code would share its
// faults, and both would agree on something wrong. The package needs neither
// package testing nor an assertion library ([TB] is all it asks for), so a
// program can serve a fake platform too: see [PlatformConfig] NoListen, and
// [NewRunningClock].
//
// The names of mutators and faults, and the fields of what this package hands
// out, are kept stable like the rest of the module.
package testkit
