// Package testkit tests merchants. It is a fake of the VVChat platform that is
// as strict as the platform's page ([Platform]), with its users' phones and a
// clock that the test moves ([Clock]); a fake of Tuya's cloud, where devices
// get the services that are sold ([Cloud]); signed notifications to throw at a
// handler, genuine ones and ones with a single fault ([SignedPayment],
// [SignedPayout]); and assertions that speak the protocol's words
// ([RequireAcknowledged] and its like).
//
// # Where to start
//
// To test a callback handler alone, build a notification and hand it over:
//
//	m := testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: "order-1", Amount: 100})
//	resp := handler.Handle(ctx, m.Request("/callbacks/payment"))
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
// could read in two ways are refused, as is a body that carries the app_key. A failure is HTTP 400 with err_code and
// an err_msg that names the field; it never tells the sign that would have
// fitted. Where the page is silent or says two things, [Readings] has a knob,
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
