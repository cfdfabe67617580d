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
// # What it guards
//
// A client makes one attempt and says what is known of a failure:
// core.CodeRefused (the platform said no, see [PlatformError]),
// core.CodeUnreached, or core.CodeUnknown. Answers are read up to a cap and
// within a deadline, redirects are not followed, the signature of an order's
// answer is verified, and the app_key, which some calls carry in their URL,
// reaches no error.
//
// A query is not signed by anybody: it is worth what TLS is worth. Client
// therefore refuses plain http, except for loopback and [TestHost], unless
// AllowInsecure is set; and [Client.Trusted] says whether what a query finds
// may move money.
package vvchat
