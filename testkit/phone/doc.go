// Package phone is the phone in a user's hand, as web pages: the screens that
// the VVChat app shows when a merchant asks for a login or a payment, for a
// browser on the developer's machine and for programs that act as a user.
//
// # Where to start
//
// [New] takes a testkit.Platform and returns an http.Handler; serve it beside
// the platform's own:
//
//	mux.Handle("/phone", screens)
//	mux.Handle("/phone/", screens)
//	mux.Handle("/", platform.Handler())
//
// Every screen is a plain form that works without a script. Where the app has
// a qyx:// link, the phone has an address with the same parameters:
//
//	qyx://thirdlogin  →  /phone/login  consent: who asks, for what; allow or refuse
//	qyx://qpay        →  /phone/pay    payment: what, how much, to whom; pay or cancel
//	                     /phone        who holds the phone, and what there is to pay
//
// A program acts as a user by a POST of the same parameters, with open_id (the
// first user's if it is absent) and action: "allow" or "refuse" at /phone/login,
// "pay" or "cancel" at /phone/pay. It is answered as a browser is: 303 to the
// redirect_uri.
//
// # What it guards
//
// A page that spends a user's money, even a fake one's, must not be driven by
// another page: what a browser posts from elsewhere is refused, and so is a
// request whose Host is not loopback, which is how a rebound DNS name shows.
// A redirect_uri leads to loopback or to a host that [Config] names, never
// elsewhere. Screens run no script, cannot be framed, and load nothing.
package phone
