// Package mall is a client of Tuya's "VoIP and value-added services": what a
// device can do and is offered, what services it has, buying one or redeeming
// an exchange code for it, the orders and subscriptions of a user, and letting
// a device call its user in WeChat.
//
// # Where to start
//
// [New] makes a [Client] on a [Transport]; its methods are the functions of
// the SDK @ray-js/wechat-ms-voip under their own names, and every call names
// its [Caller]. [NewVoIP] makes the authorization that a VoIP device needs
// after its service was bought: [VoIP.Prepare], the mini program's
// wx.requestDeviceVoIP, [VoIP.Save]:
//
//	transport, err := mall.NewAction(mall.ActionConfig{URL: "https://relay.example/action"})
//	client, err := mall.New(mall.Config{Transport: transport})
//	offers, err := client.GetCommodityList(ctx, mall.Caller{UserID: uid}, deviceID)
//
// Lists that come in pages have an iterator over all of them: [Client.Orders],
// [Client.Subscriptions]. OPERATIONS.md has all 16 functions with what carries
// each of them, CONFORMANCE.md all that the page names, with the Go names and
// the tests.
//
// # Transports
//
// Tuya publishes no HTTP address for these functions, so none is built in.
//
//   - [NewAction], for most cases: posts all of them to a relay that the user
//     runs, in the shape of Tuya's own cloud functions.
//   - [NewOpenAPI]: Tuya's signed OpenAPI, with no relay between. It has
//     relatives of getCommodityList, getDeviceList, getServiceListByDevice and
//     getOrderList, which tell less than the functions and are asked as the
//     project, whoever the [Caller] is: see [OpenAPI] before it is used. All
//     other operations are [ErrNotPublished]. It also shows and closes single
//     orders of a shop: [OpenAPI.PluginOrder], [OpenAPI.CloseOrder].
//   - [NewMixed]: one for some operations, another for the rest.
//
// # A back end for a front end
//
// A mini program or a page must hold no credentials of the cloud, and the SDK
// that it would call answers about any device. [NewRoutes] serves POST
// /mall/{operation} in its place, with the SDK's own parameters and results:
// [Authorize], which you write, tells who asks and whether the device is
// theirs; what changes something is off until it is named; each user has a
// limit. Buying is not among them: core/purchase begins a purchase and keeps
// it.
//
// # What it guards
//
// A client makes one attempt and says what is known of a failure.
// core.CodeRefused: the cloud said no and did nothing, see [RemoteError] and
// its [Class]. core.CodeUnreached: nothing was sent. core.CodeUnknown: nobody
// can say; core.Retryable then tells whether repeating does harm. It does for
// [Client.ExchangeCode], which may have used up the code, and for
// [Client.BuyIncreaseServiceByWx], which may have created an order, and for no
// other.
//
// Parameters are checked before anything is sent. Credentials and exchange
// codes do not print, and are cut out of the cloud's own words.
//
// # What the cloud sends
//
// Its documentation and its examples disagree, so the types read numbers in
// quotes, amounts in three forms ([Money], exact to the fen), absent members
// and null. Enumerations are open. What is read is written back as it came,
// members that this package does not know (Extra) included. Where a member has
// a shape that makes no sense, the error names it.
package mall
