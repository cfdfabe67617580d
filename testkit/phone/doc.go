// Package phone is the phone in a user's hand, as web pages: the screens that
// the VVChat app shows when a merchant asks for a login, a payment or a share,
// and the app's web view, for a browser on the developer's machine and for
// programs that act as a user.
//
// # Where to start
//
// [New] takes a testkit.Platform and returns an http.Handler; serve it beside
// the platform's own:
//
//	screens, err := phone.New(phone.Config{Platform: platform})
//	...
//	http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
//		if phone.IsView(r) || r.URL.Path == "/phone" || strings.HasPrefix(r.URL.Path, "/phone/") {
//			screens.ServeHTTP(w, r)
//			return
//		}
//		api.ServeHTTP(w, r)
//	})
//
// # Outside the IM: links
//
// Where the app has a qyx:// link, the phone has an address with the same
// parameters. Every screen is a plain form that works without a script.
//
//	qyx://thirdlogin       →  /phone/login  consent: who asks, for what; allow or refuse
//	qyx://qpay             →  /phone/pay    payment: what, how much, to whom; pay or cancel
//	qyx://share            →  /phone/share  what is shared, and the chat to share it into
//	qyx://openSessionView  →  /phone/chat   the chat with customer service
//	any of them, as uri    →  /phone/link   goes to its screen
//	                       →  /phone/scan   shows it as a QR code, for a desktop
//	                          /phone        who holds the phone, what there is to pay, his money
//	                          /phone/chats  the chats, with what apps sent and users shared there
//
// A program acts as a user by a POST of the same parameters, with open_id (the
// first user's if it is absent) and action: "allow" or "refuse" at /phone/login,
// "pay" or "cancel" at /phone/pay (402 if the user has too little, and then
// "topup"), "share" with session or "cancel" at /phone/share. It is answered as
// a browser is: 303 to the redirect_uri.
//
// # Inside the IM: the web view
//
//	/phone/open?url=PAGE&session=CHAT&platform=android|ios&open_id=USER&bridge=late|early
//
// opens a page as the app does when somebody taps it in a chat; all but url may
// be left out. The browser is sent to an origin of that view's own,
// http://VIEW.localhost:PORT, which Chromium and Firefox take to this machine
// without a DNS. There the phone fetches the page from its site, calls itself a phone's web view, puts
// WebViewJavascriptBridge in, and widens the page's Content-Security-Policy by
// what that takes. The platform's JSSDK runs on it as it is. On Android the
// bridge arrives some time after the page has loaded, with the event
// WebViewJavascriptBridgeReady, and answers once init was called; on iOS when
// the page has asked for https://__bridge_loaded__; with bridge=early it is
// there before the page's first script. [JSSDK] is a script with the same calls,
// for pages that bring their own.
//
// A call that the user must answer lays a sheet over the page. Its result is
// what the platform documents, as a JSON text:
//
//	auth           code and, if one was given, state
//	getSession     session_id and session_type, of the chat that the page was opened in
//	selectSession  the same, of the chat that the user picks
//	pay            trade_no; the notification goes out as with testkit.Platform.Pay
//	share          code 200; if the user cancels, code 400 and err_msg
//	otherwise      err_code 400 and err_msg: the user refused or cancelled, has too little
//	               ("insufficient balance"), the order is paid already, an option is wrong
//
// A program stands in for page and user by POST /.vvchat/call on the view's
// origin, with {"method": …, "options": {…}}. The answer holds "answer", the
// JSON text, or "sheet": POST the sheet's action there (allow, refuse, pick with
// session, pay, topup, share with session, cancel), then POST {"id": …} to
// /.vvchat/answer.
//
// # What it guards
//
// A page that spends a user's money, even a fake one's, must not be driven by
// another page: what a browser posts from elsewhere is refused, and so is a
// request whose Host is not loopback, which is how a rebound DNS name shows.
// Sheets are on the phone's own origin, in a frame that the page beneath cannot
// reach into, and may be framed by their own view alone. A redirect_uri leads
// to loopback, to a host that [Config] names, or back into a view; a web view
// opens pages of loopback and of those hosts, never the phone itself. Screens
// run no script, cannot be framed, and load nothing from elsewhere but the
// picture of a share, from those hosts; a sheet runs one script, which tells
// its height.
package phone
