// Package vvchat is a client of the VVChat open platform: the calls that a
// merchant's server makes.
//
// # Where to start
//
// [New] takes the account that the platform issued and returns a [Client].
// [Client.ExchangeCode] and [Client.Profile] tell who a user is;
// [Client.UnifiedOrder] makes an order and returns the imprest_code with which
// the user's phone pays it; [Client.Query] asks what became of it. Selling is
// more than these calls: core/purchase makes them in the order that loses and
// doubles nothing.
//
//	client, err := vvchat.New(vvchat.Config{
//		BaseURL: baseURL, AppID: appID, AppKeys: core.Secrets(appKey), StoreNo: storeNo,
//	})
//	prepay, err := client.UnifiedOrder(ctx, vvchat.Order{
//		OutTradeNo: "order-1", Amount: 100, Title: "storage, a month", NotifyURL: "https://shop.example/callbacks/payment",
//	})
//	trade, err := client.Query(ctx, "order-1")
//
// [Client.SendToSession] sends a message into the chat that a page was opened
// in, or that its user picked: the page asks for consent to the scope
// [SessionScope] of that chat, and hands the code in. [Client.Robot] returns a
// robot, whose [Robot.Send] says something in a chat or shows a web page over
// it; the robot's events arrive at core/callback.
//
// # Pages and links
//
// A page inside the IM calls the JSSDK: [JSArguments] writes a [JSCall]
// ([AuthCall], [GetSessionCall], [SelectSessionCall], [PayCall], [ShareCall])
// into it, and the call's Result reads what the page hands back. A page in a
// browser on the phone opens a qyx:// link: [BuildLink] writes a [Link]
// ([LoginLink], [PayLink], [OpenSessionViewLink], [ShareLink]), [Redirects]
// keeps the way back at home, and [ParseLoginAnswer] and its like read what
// comes back. A trade_no from a page or a link proves nothing.
//
// # What it guards
//
// A client makes one attempt and says what is known of a failure:
// core.CodeRefused (the platform said no; [PlatformError] keeps its words, and
// its [Class] says what to do: a used code, an expired token, a scope that does
// not cover the call), core.CodeUnreached, or core.CodeUnknown. The one
// exception: a robot's command that is refused for its token is sent once more
// with a new one. Answers are read up to a cap and
// within a deadline, redirects are not followed, the signature of an order's
// answer is verified, and the app_key and the robot's token, which some calls
// carry in their URL, reach no error and no observer.
//
// A query is not signed by anybody: it is worth what TLS is worth. Client
// therefore refuses plain http, except for loopback and [TestHost], unless
// AllowInsecure is set; and [Client.Trusted] says whether what a query finds
// may move money.
package vvchat
