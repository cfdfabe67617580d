// Package wechat makes the one call to WeChat that letting a device call its
// user needs: getsnticket, and the access token without which it is refused.
//
// # Where to start
//
// [New] takes the AppID and the secret of the mini program to which the
// devices are bound. A [Client] is a mall.TicketSource: hand it to mall.NewVoIP
// and that is all:
//
//	client, err := wechat.New(wechat.Config{AppID: "wx1234", Secret: appSecret})
//	calls, err := mall.NewVoIP(mall.VoIPConfig{Mall: cloud, Tickets: client})
//
// # One token per mini program
//
// WeChat keeps one access token for each AppID: whoever asks for a new one
// ends the one before, a few minutes later. A client keeps its token, asks
// once for many callers, renews it before it ends, and gets a new one once
// when WeChat refuses it. That is enough for one program, and bearable for a
// few. Where other services use the same AppID, all have to share one token:
// set Config.Tokens to the place that issues it.
//
// # What it guards
//
// The secret and the token travel in URLs, as WeChat demands. They reach no
// error: what went wrong is told without the address. Redirects are not
// followed, answers are read up to a cap and within a deadline. Every call
// changes nothing, so that whatever is not refused may be repeated.
package wechat
