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
//	GET  /login          to the app's consent screen; ?return=/path comes back there
//	GET  /login/return   where the app sends the browser: the redirect_uri
//	GET  /login/state    a state for a page inside the app
//	POST /login/code     what that page got from vvchat.call("auth", …)
//	GET  /login/session  who is logged in
//	POST /login/logout   ends the session in this browser
//
// # What it guards
//
// The protocol's state is optional; here it is not. It is random, lasts ten
// minutes, works once (it is a journal record, removed by a versioned write
// before the code is exchanged) and only in the browser that asked for it,
// which proves itself by a cookie of its own. So nobody can be logged in as
// somebody else by opening a link, and a code that leaks is of no use. The
// path to come back to is local and named when the login starts.
//
// The session cookie is HttpOnly, SameSite=Lax, on https also Secure with the
// __Host- prefix, and signed with HMAC-SHA256; keys can be rotated. It holds
// the open_id, the nickname and two times. The platform's token is never in
// it: who needs the token takes it in [Config.OnLogin]. A session cannot be
// taken back before it ends, other than by replacing the keys.
package login
