// Package login lets users of VVChat log in to a merchant's site: from a
// browser on the phone, by a link into the app, and from a page inside the
// app, by the JSSDK's auth call. What comes out is a signed session cookie.
//
// # Where to start
//
// [New] takes the app, a client of the platform (a *vvchat.Client), a journal
// and a cookie key; [Login.Routes] are the handlers, to be mounted next to
// your own; [Login.Require] puts a session before a handler, and
// [FromContext] reads it there:
//
//	users, err := login.New(login.Config{
//		AppID: appID, Platform: client, Store: store, CookieKeys: core.Secrets(cookieKey),
//		RedirectURI: "https://shop.example/login/return",
//	})
//	mux.Handle("/login", nethttp.Wrap(users.Routes()))
//	mux.Handle("/login/", nethttp.Wrap(users.Routes()))
//	mux.Handle("/account", nethttp.Wrap(users.Require(account)))
//
// The routes are
//
//	GET  /login          to the app's consent screen; ?return=/path comes back there
//	GET  /login/return   where the app sends the browser: the redirect_uri
//	GET  /login/state    a state for a page inside the app
//	POST /login/code     what that page got from vvchat.call("auth", …)
//	GET  /login/session  who is logged in
//	POST /login/logout   ends the session in this browser
//
// # What it guards
//
// The protocol's state is optional; here it is not. It is random, signed, lasts
// ten minutes, works once (its use goes on record, by a versioned write, before
// the code is exchanged) and only in the browser that asked for it, which
// proves itself by a cookie of its own. So nobody can be logged in as somebody
// else by opening a link. The path to come back to is local and named when the
// login starts. Starting a login writes nothing, so that a flood of starts
// fills no journal.
//
// # What it cannot guard
//
// A code is a bearer credential. The state ties a login to its browser; nothing
// in the protocol ties the code to the state (there is no PKCE). Whoever gets
// hold of a code before it is exchanged can start a login in a browser of their
// own, hand that code in, and is logged in as its user; only a code of a consent
// to another scope is refused. So keep codes from leaking: https, no query in
// the logs of proxies for the path of RedirectURI, no foreign scripts where the
// code arrives. [Login.Return] answers with a redirect that leaves no trace of
// it, and a code works once.
//
// # Who says no
//
// A user who does not agree is a normal outcome with answers of its own:
// [Config.Declined] for a browser, 403 with {"declined": true} for a page inside
// the app, [ErrDeclined] for the Observer. A code that the platform refuses is
// 400, and the Logger and the Observer are told its *vvchat.PlatformError.
//
// # Sessions
//
// The session cookie is HttpOnly, SameSite=Lax, on https also Secure with the
// __Host- prefix, and signed with HMAC-SHA256; keys can be rotated. It holds
// the open_id, the nickname and two times. The platform's token is never in
// it: who needs the token takes it in [Config.OnLogin]. A session cannot be
// taken back before it ends, other than by replacing the keys.
package login
