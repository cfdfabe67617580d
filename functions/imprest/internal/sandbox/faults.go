package sandbox

import (
	"time"

	"github.com/imprest-go/imprest/testkit"
)

// FaultInfo is one fault that can be switched on.
type FaultInfo struct {
	// Name is what is typed.
	Name string
	// About says in one line what goes wrong, and how the run ends; OnMall
	// says it of the mall rail. "" is not there.
	About, OnMall string
}

// FaultList returns every fault, in the order in which they are shown.
func FaultList() []FaultInfo {
	var list []FaultInfo
	for _, f := range faults() {
		list = append(list, f.FaultInfo)
	}
	return list
}

// The faults that the sandbox asks for by name.
const (
	journalDown   = "journal-down"
	crash         = "crash-after-commit"
	deliverFails  = "deliver-fails"
	deliverLost   = "deliver-lost"
	redeemLost    = "redeem-lost"
	redeemLate    = "redeem-late"
	codeUsed      = "code-used"
	codesEmpty    = "codes-empty"
	cloudDown     = "cloud-permanent"
	refundFailed  = "refund-failed"
	refundUnheard = "refund-answer-lost"
	callsRefused  = "calls-refused"
	dropCallback  = "drop-callback"
	surplus       = "surplus"
	slow          = "slow"
	tokenExpired  = "token-expired"
	priceChange   = "price-change"
	orderLost     = "order-lost"
	orderUnheard  = "order-answer-lost"
)

// fault is a FaultInfo and what it is made of.
type fault struct {
	FaultInfo
	// wire are the faults of the platform that make it; nil for one that the
	// sandbox makes at a seam of its own.
	wire func(p *plan) []testkit.Fault
	// cloud are those of the cloud; mall are those on the mall rail.
	cloud func(p *plan) []testkit.Fault
	mall  func(p *plan) []testkit.Fault
	// fate says that it decides what becomes of the redemption: a run has one
	// such fault at most.
	fate bool
	// instead says that nothing is granted; granted that it strikes only
	// what was granted.
	instead, granted bool
}

// clash returns why two faults cannot be in one run.
func clash(a, b fault) string {
	switch {
	case a.fate && b.fate:
		return a.Name + " and " + b.Name + " both decide what becomes of the redemption: choose one"
	case a.instead && b.granted:
		return b.Name + " strikes what was granted, and " + a.Name + " lets nothing be granted: choose one"
	case a.granted && b.instead:
		return clash(b, a)
	}
	return ""
}

// faults is the list. Each may join any other, unless they clash: of those that
// change a message, an attempt has one, so the second strikes the attempt after
// it. That is why drop-callback, which leaves none over, comes last among them.
func faults() []fault {
	return []fault{
		{FaultInfo: FaultInfo{Name: "duplicate", About: "each notification arrives two to four times, one after the other: delivered once"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultDuplicate, Times: testkit.Always, Copies: 1 + p.draws.number("duplicate", 3)}}
		}},
		{FaultInfo: FaultInfo{Name: "duplicate-concurrent", About: "each notification arrives three to six times at once: delivered once"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultDuplicateConcurrent, Times: testkit.Always, Copies: 2 + p.draws.number("duplicate-concurrent", 4)}}
		}},
		{FaultInfo: FaultInfo{Name: "reorder", About: `a notice of "not paid yet" arrives after the one of the payment: delivered`}, wire: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultReorder, Times: testkit.Always}}
		}},
		{FaultInfo: FaultInfo{Name: "waiting-first", About: `a notice of "not paid yet" arrives before the one of the payment: delivered`}, wire: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultWaitingFirst, Times: testkit.Always}}
		}},
		{FaultInfo: FaultInfo{Name: "delay-callback", About: "the notification comes one to five minutes late; a query finds the payment first: delivered"}, wire: func(p *plan) []testkit.Fault {
			late := time.Duration(60+p.draws.number("delay-callback", 240)) * time.Second
			return []testkit.Fault{{Kind: testkit.FaultDelayCallback, Call: testkit.CallNotification, Times: testkit.Always, Delay: late, Match: p.first("delay-callback")}}
		}},
		{FaultInfo: FaultInfo{Name: "forged", About: "a notification signed with another app_key comes first: refused, the genuine one is delivered"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultForgedSign, Times: testkit.Always, Match: p.first("forged")}}
		}},
		{FaultInfo: FaultInfo{Name: "tampered", About: "a notification whose amount was changed after signing comes first: refused, the genuine one is delivered"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultTampered, Times: testkit.Always, Match: p.first("tampered")}}
		}},
		{FaultInfo: FaultInfo{Name: "wrong-amount", About: "a notification of one fen too much, signed well, comes first: refused, the right one is delivered"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultOtherAmount, Call: testkit.CallNotification, Times: testkit.Always, Match: p.first("wrong-amount")}}
		}},
		{FaultInfo: FaultInfo{Name: dropCallback, About: "no notification ever arrives; the sweep finds the payment by query: delivered"}, wire: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultDropCallback, Call: testkit.CallNotification, Times: testkit.Always}}
		}},
		{FaultInfo: FaultInfo{Name: surplus, About: "the order is paid a second time: delivered once, and attention"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultSecondPayment, Times: testkit.Always, Match: p.paidOnce}}
		}},
		{FaultInfo: FaultInfo{Name: slow, About: "each call to the platform takes 60 to 240 ms longer: delivered"}},
		{FaultInfo: FaultInfo{Name: orderLost, About: "the order never reaches the platform; it is asked, and the order made again: delivered", OnMall: "the order never reaches the mall; the buyer begins again: delivered, one order"}, mall: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultCut, Call: testkit.CallBuyIncreaseServiceByWx, Times: testkit.Always, Match: p.firstAt("order-lost")}}
		}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultCut, Call: testkit.CallUnifiedOrder, Times: testkit.Always, Match: p.first("order-lost")}}
		}},
		{FaultInfo: FaultInfo{Name: orderUnheard, About: "the order is made and its answer is lost; the platform is asked: delivered", OnMall: "the order is made and what it is paid by is lost; the buyer begins again: delivered, two orders, one paid"}, mall: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultAnswerLost, Call: testkit.CallBuyIncreaseServiceByWx, Times: testkit.Always, Match: p.firstAt("order-answer-lost")}}
		}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultAnswerLost, Call: testkit.CallUnifiedOrder, Times: testkit.Always, Match: p.first("order-answer-lost")}}
		}},
		{FaultInfo: FaultInfo{Name: "platform-5xx", About: "the platform answers 500 to the first order and the first query: delivered"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{
				{Kind: testkit.FaultError500, Call: testkit.CallUnifiedOrder, Times: testkit.Always, Match: p.first("platform-5xx order")},
				{Kind: testkit.FaultError500, Call: testkit.CallQuery, Times: testkit.Always, Match: p.first("platform-5xx query")},
			}
		}},
		{FaultInfo: FaultInfo{Name: tokenExpired, About: "the first login fails since its token has expired; logging in again works: delivered", OnMall: "the login fails at first; then the cloud takes the user's token for expired, and once more when the orders are read: delivered"}, mall: func(p *plan) []testkit.Fault {
			return []testkit.Fault{
				{Kind: testkit.FaultTokenExpired, Call: testkit.CallGetCommodityList, Times: testkit.Always, Match: p.firstAt("token-expired commodities")},
				{Kind: testkit.FaultTokenExpired, Call: testkit.CallGetOrderList, Times: testkit.Always, Match: p.afterFirstAt("token-expired orders")},
			}
		}, wire: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultTokenExpired}}
		}},
		{FaultInfo: FaultInfo{Name: journalDown, About: "the journal fails when the payment is to be committed; the platform comes again: delivered", OnMall: "the journal fails when the payment is to be committed; the next look at the orders finds it: delivered"}},
		{FaultInfo: FaultInfo{Name: crash, About: "the merchant crashes after the commit of the payment, before its answer, and starts again: delivered", OnMall: "the merchant crashes after the commit of the payment, and starts again: delivered"}},
		{FaultInfo: FaultInfo{Name: deliverFails, About: "the goods cannot be granted at first; it is tried again: delivered"}},
		{FaultInfo: FaultInfo{Name: codesEmpty, About: "no exchange code is left at first; a batch is loaded: delivered"}},
		{FaultInfo: FaultInfo{Name: "cloud-5xx", About: "the cloud answers 500 to the first question for the device's services, and to the first consent: delivered", OnMall: "the cloud answers 500 to the first question for the device's services, and to the first consent; the buyer begins again: delivered"}, mall: func(p *plan) []testkit.Fault {
			return []testkit.Fault{
				{Kind: testkit.FaultError500, Call: testkit.CallGetServiceListByDevice, Times: testkit.Always, Match: p.firstAt("cloud-5xx services")},
				{Kind: testkit.FaultError500, Call: testkit.CallSaveVoipAuthUser, Times: testkit.Always, Match: p.firstAt("cloud-5xx user")},
			}
		}, cloud: func(p *plan) []testkit.Fault {
			return []testkit.Fault{
				{Kind: testkit.FaultError500, Call: testkit.CallGetServiceListByDevice, Times: testkit.Always, Match: p.firstAt("cloud-5xx services")},
				{Kind: testkit.FaultError500, Call: testkit.CallSaveVoipAuthUser, Times: testkit.Always, Match: p.firstAt("cloud-5xx user")},
			}
		}},
		{FaultInfo: FaultInfo{Name: deliverLost, About: "the code is redeemed and that answer is lost; the device's services tell: delivered, one code used"}, fate: true, cloud: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultAnswerLost, Call: testkit.CallExchangeCode, Times: testkit.Always}}
		}},
		{FaultInfo: FaultInfo{Name: redeemLost, About: "the redemption never reaches the cloud; nobody can tell, and no second code is tried: attention"}, fate: true, instead: true, cloud: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultCut, Call: testkit.CallExchangeCode, Times: testkit.Always}}
		}},
		{FaultInfo: FaultInfo{Name: redeemLate, About: "the cloud gives up on the redemption, which takes effect three seconds later: delivered, one code used"}, fate: true, cloud: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultLateEffect, Call: testkit.CallExchangeCode, Times: testkit.Always, Delay: 3 * time.Second}}
		}},
		{FaultInfo: FaultInfo{Name: codeUsed, About: "the cloud says that the code was used before; it is put aside: attention"}, fate: true, instead: true, cloud: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultErrorCode, Call: testkit.CallExchangeCode, Times: testkit.Always, Code: "CODE_USED"}}
		}},
		{FaultInfo: FaultInfo{Name: cloudDown, About: "the cloud refuses the redemption for good; the money goes back: refunded", OnMall: "the cloud refuses the order for good; nothing is paid: expired"}, mall: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultRefused, Call: testkit.CallBuyIncreaseServiceByWx, Times: testkit.Always}}
		}, fate: true, instead: true, cloud: refuseRedemptions},
		{FaultInfo: FaultInfo{Name: refundFailed, About: "as cloud-permanent, and then the platform says that the refund failed: attention"}, fate: true, instead: true, cloud: refuseRedemptions,
			wire: func(*plan) []testkit.Fault {
				return []testkit.Fault{{Kind: testkit.FaultPayoutFailed, Times: testkit.Always}}
			}},
		{FaultInfo: FaultInfo{Name: refundUnheard, About: "as cloud-permanent, and the answer to the refund is lost; its notification settles it: refunded"}, fate: true, instead: true, cloud: refuseRedemptions,
			wire: func(*plan) []testkit.Fault {
				return []testkit.Fault{{Kind: testkit.FaultAnswerLost, Call: testkit.CallAgentpay, Times: testkit.Always}}
			}},
		{FaultInfo: FaultInfo{Name: "wechat-token-expired", About: "WeChat's token has expired when the ticket is asked for; a new one works: delivered", OnMall: "WeChat's token has expired when the ticket is asked for; a new one works: delivered"}, mall: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultTokenExpired, Call: testkit.CallGetSNTicket}}
		}, granted: true, cloud: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultTokenExpired, Call: testkit.CallGetSNTicket}}
		}},
		{FaultInfo: FaultInfo{Name: priceChange, OnMall: "the order costs more than the buyer saw; nothing is paid: unpaid, with the reason"}, fate: true, instead: true, mall: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultPriceChange, Call: testkit.CallBuyIncreaseServiceByWx, Times: testkit.Always}}
		}},
		{FaultInfo: FaultInfo{Name: callsRefused, About: "the user does not let the device call; the cloud is told so: delivered", OnMall: "the user does not let the device call; the cloud is told so: delivered"}, granted: true},
	}
}

func refuseRedemptions(*plan) []testkit.Fault {
	return []testkit.Fault{{Kind: testkit.FaultRefused, Call: testkit.CallExchangeCode, Times: testkit.Always}}
}
