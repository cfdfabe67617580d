package sandbox

import (
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit/phone"
)

// shopWords is all text of the shop's page in one language.
type shopWords struct {
	Lang, OtherLang, OtherLangName string

	Shop, Tagline, Lead             string
	LogIn, LogOut, LogInToBuy, Buy  string
	Offers, Purchases, Devices      string
	Chat, SayHere, SayThere         string
	Share, ShareMore, Service       string
	NeedsScript, OpenPhone, Control string
	OpenInside                      string
	Sandbox                         string
	LoginRefused, LoginFailed       string

	// Names and Abouts are of the services, by name.
	Names, Abouts map[string]string
	// States says what each state of a purchase is called.
	States map[string]string
	// Script is the text that the page's script shows.
	Script map[string]string
}

func shopWordsOf(r *core.Request) shopWords {
	lang, _ := phone.Language(r)
	return shopWordsIn(lang)
}

func shopWordsIn(lang string) shopWords {
	if lang == "zh" {
		return shopChinese()
	}
	return shopEnglish()
}

func shopEnglish() shopWords {
	return shopWords{
		Lang: "en", OtherLang: "zh", OtherLangName: "中文",
		Shop: merchantName, Tagline: "Services for your devices",
		Lead:  "Pay in VVChat; what you buy is granted to your device at once.",
		LogIn: "Log in", LogOut: "Log out", LogInToBuy: "Log in to buy", Buy: "Buy",
		Offers: "Offers", Purchases: "Your purchases", Devices: "Your devices",
		Chat: "Tell others", SayHere: "Say it in this chat", SayThere: "Say it in another chat", Share: "Share", ShareMore: "Share with details", Service: "Customer service",
		NeedsScript: "Buying needs JavaScript.", OpenPhone: "The phone", OpenInside: "Open this page inside VVChat", Control: "Console",
		Sandbox:      "A sandbox: the platform and the phone are fakes, and no real money moves.",
		LoginRefused: "You did not allow the login. You can look around, and log in when you like.",
		LoginFailed:  "The login did not work out. Please log in again.",
		Names: map[string]string{
			voip1y: "Calls in WeChat", storage30d: "Cloud storage",
		},
		Abouts: map[string]string{
			voip1y:     "A press on the bell rings in WeChat. For one year.",
			storage30d: "Recordings are kept for 7 days and can be played. For 30 days.",
		},
		States: map[string]string{
			"ordering": "Ordering", "unpaid": "Waiting for payment", "paid": "Paid", "delivering": "Being granted",
			"undeliverable": "Cannot be granted", "refunding": "Being refunded", "refunded": "Refunded",
			"delivered": "Delivered", "expired": "Expired", "attention": "We are looking into it",
		},
		Script: map[string]string{
			"pay": "Pay on the phone", "none": "Nothing yet. What you buy appears here, and follows its state by itself.",
			"cancelled": "You cancelled the payment. The order can still be paid.", "priceChanged": "The price has changed. Please look again.",
			"failed": "That did not work. Please try again.", "ordered": "Ordered", "paid": "Paid", "delivered": "Delivered",
			"hello": "I have found a shop for my devices.", "said": "Your message is in the chat.", "notSaid": "The message was not sent.",
			"shared": "Shared.", "notShared": "Not shared.", "notPaid": "Not paid", "declined": "You did not allow the login.", "noIM": "The app does not answer: reload the page.", "scan": "QR code",
			"until": "until", "noServices": "No services yet.", "allowCalls": "Let it call me", "callsAllowed": "It may call you in WeChat.",
			"callsRefused": "You do not let it call you.", "callsUnknown": "It may not call you yet.", "noTicket": "The device cannot be asked for now. Please try again.",
			"refunded": "Refunded", "orderNo": "Order no.", "offline": "The shop does not answer. Trying again…",
		},
	}
}

func shopChinese() shopWords {
	return shopWords{
		Lang: "zh", OtherLang: "en", OtherLangName: "English",
		Shop: merchantName, Tagline: "设备增值服务",
		Lead:  "使用 VVChat 支付，购买后立即为设备开通。",
		LogIn: "登录", LogOut: "退出登录", LogInToBuy: "登录后购买", Buy: "购买",
		Offers: "商品", Purchases: "我的订单", Devices: "我的设备",
		Chat: "告诉朋友", SayHere: "发到当前聊天", SayThere: "发到其他聊天", Share: "分享", ShareMore: "图文分享", Service: "联系客服",
		NeedsScript: "购买需要启用 JavaScript。", OpenPhone: "模拟手机", OpenInside: "在 VVChat 内打开本页", Control: "控制台",
		Sandbox:      "沙箱环境：平台和手机均为模拟，不涉及真实资金。",
		LoginRefused: "你没有同意授权。可以先浏览，需要时再登录。",
		LoginFailed:  "登录没有成功，请重新登录。",
		Names: map[string]string{
			voip1y: "微信通话", storage30d: "云存储",
		},
		Abouts: map[string]string{
			voip1y:     "有人按铃，微信直接接听。有效期 1 年。",
			storage30d: "录像云端保存 7 天，随时回看。有效期 30 天。",
		},
		States: map[string]string{
			"ordering": "下单中", "unpaid": "待支付", "paid": "已支付", "delivering": "开通中",
			"undeliverable": "无法开通", "refunding": "退款中", "refunded": "已退款",
			"delivered": "已开通", "expired": "已过期", "attention": "人工处理中",
		},
		Script: map[string]string{
			"pay": "去手机支付", "none": "暂无订单。购买后会显示在这里，状态自动更新。",
			"cancelled": "你取消了支付，订单仍可继续支付。", "priceChanged": "价格已变动，请重新确认。",
			"failed": "操作没有成功，请重试。", "ordered": "已下单", "paid": "已支付", "delivered": "已开通",
			"until": "有效期至", "hello": "我发现了一家设备服务商店。", "said": "消息已发到聊天里。", "notSaid": "消息没有发送。",
			"shared": "已分享。", "notShared": "没有分享。", "notPaid": "没有支付", "declined": "你没有同意授权。", "noIM": "应用没有响应，请刷新页面。", "scan": "二维码", "noServices": "尚未开通服务。", "allowCalls": "允许呼叫我", "callsAllowed": "已允许通过微信呼叫你。",
			"callsRefused": "你未允许该设备呼叫你。", "callsUnknown": "尚未授权呼叫。", "noTicket": "暂时无法授权，请重试。",
			"refunded": "已退款", "orderNo": "订单号", "offline": "商店没有响应，正在重试…",
		},
	}
}
