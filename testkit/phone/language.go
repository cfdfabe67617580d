package phone

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// languageCookie remembers a choice. Cookies do not tell ports apart, so a
// shop on the same host that uses [Language] follows the phone, and the other
// way round.
const languageCookie = "imprest_lang"

// Language returns the language in which to answer r, "zh" or "en": what
// ?lang= asks for, else what was chosen before, else what the browser prefers.
// Add chosen to the header of the answer: it holds the cookie that remembers a
// choice just made, or nothing.
func Language(r *core.Request) (lang string, chosen core.Header) {
	if query, err := url.ParseQuery(r.RawQuery); err == nil {
		if lang := query.Get("lang"); lang == "zh" || lang == "en" {
			cookie := http.Cookie{Name: languageCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode}
			return lang, core.Header{{Name: "Set-Cookie", Value: cookie.String()}}
		}
	}
	if lang := cookieValue(r, languageCookie); lang == "zh" || lang == "en" {
		return lang, nil
	}
	return preferred(r.Header.Get("Accept-Language")), nil
}

// preferred reads an Accept-Language header for the two languages there are.
func preferred(header string) string {
	best, weight := "en", 0.0
	for entry := range strings.SplitSeq(header, ",") {
		tag, parameters, _ := strings.Cut(entry, ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if primary != "zh" && primary != "en" {
			continue
		}
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(parameters), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		if q > weight {
			best, weight = primary, q
		}
	}
	return best
}

// cookieValue returns the value of a cookie, or "".
func cookieValue(r *core.Request, name string) string {
	for _, line := range r.Header.Values("Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			if got, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && got == name {
				return value
			}
		}
	}
	return ""
}

// words is all text of the screens in one language.
type words struct {
	Lang, OtherLang, OtherLangName string

	Phone, Fake                          string
	HeldBy, Switch                       string
	ToPay, NothingToPay, NothingToPayWhy string
	Paid, Refresh                        string

	Login, Asks, ForProfile, ForProfileMore string
	ForChat, ForThisChat                    string
	As, Allow, Refuse                       string

	Pay, PayTo, Order, OrderedAt, PayNow, Cancel string
	PaidTitle, PaidBy, TradeNo, PaidAt           string
	NoSecondPayment, BackToShop, BackHome        string

	Problem, BadLink, UnknownApp, UnknownScope    string
	BadRedirect, NoRedirect, UnknownCode          string
	UnknownUser, ForeignPage, UnknownAction, Busy string
	BadPage, NoPage, CompressedPage               string
	UnknownView, UnknownSystem                    string

	OpenInside, Address, InChat, NoChat, System, Open string
	Balance, Unlimited, SetBalance, BadBalance        string
	NotEnough, NotEnoughWhy, TopUp, GiveUp            string
	Close, Done                                       string

	Chats, NoChats, GroupChat, DirectChat, Robot, RobotOpens, PickChat, Choose string
	NothingInChat, NothingInChatWhy, Via, OpenHere                             string
	UnknownChat, UnknownAccount                                                string

	Share, ShareTo, ShareNow, Template, BadShare string

	Scan, ScanWhy, OpenInPhone, Link, UnknownLink, LongLink string
}

func wordsOf(r *core.Request) words {
	lang, _ := Language(r)
	return wordsIn(lang)
}

func wordsIn(lang string) words {
	if lang == "zh" {
		return chinese()
	}
	return english()
}

func english() words {
	return words{
		Lang: "en", OtherLang: "zh", OtherLangName: "中文",
		Phone: "Phone", Fake: "A fake phone. No real money moves.",
		HeldBy: "In the hand of", Switch: "Hand over",
		ToPay: "To pay", NothingToPay: "Nothing to pay", NothingToPayWhy: "Orders appear here when a merchant makes them.",
		Paid: "Paid", Refresh: "Refresh",
		Login: "Log in", Asks: "asks for", ForProfile: "Your profile", ForProfileMore: "nickname, picture and sex",
		ForChat: "Sending messages", ForThisChat: "into the chat %s (%s)",
		As: "As", Allow: "Allow", Refuse: "Refuse",
		Pay: "Pay", PayTo: "To", Order: "Order", OrderedAt: "Ordered", PayNow: "Pay %s", Cancel: "Cancel",
		PaidTitle: "Paid", PaidBy: "By", TradeNo: "Payment no.", PaidAt: "Paid at",
		NoSecondPayment: "This order is paid. It cannot be paid again.", BackToShop: "Back to the shop", BackHome: "All orders",
		Problem: "This does not work", BadLink: "The link into the phone is incomplete or cannot be read.",
		UnknownApp: "No such app: the app_id is unknown to the platform.", UnknownScope: "The scope is none that exists, or is for a chat that the user is not in.",
		BadRedirect: "The redirect_uri does not lead to this machine or an allowed host, so the phone does not go there.",
		NoRedirect:  "The link has no redirect_uri: nobody would learn the answer.",
		UnknownCode: "No order has this imprest_code. A fake platform that was started again has forgotten its orders: buy anew.",
		UnknownUser: "Nobody with this open_id holds a phone.", ForeignPage: "Another page tried to press a button of this phone.",
		UnknownAction: "The form was sent without a button of its own.", Busy: "The platform does not answer now.",
		BadPage:        "The address is not that of a page on this machine or an allowed host.",
		NoPage:         "The page's server does not answer. Is it running?",
		CompressedPage: "The page came compressed although the phone asked for plain text, so it cannot put its bridge in.",
		UnknownView:    "This page is not open any more: the phone was started again. Open it anew.",
		UnknownSystem:  "The platform must be android or ios.",

		OpenInside: "Open a page inside VVChat", Address: "Address", InChat: "In the chat", NoChat: "None", System: "On", Open: "Open",
		Balance: "Balance", Unlimited: "Enough for anything", SetBalance: "Set", BadBalance: "The balance is an amount of yuan, such as 12.30.",
		NotEnough: "Not enough money", NotEnoughWhy: "The order costs %s, the balance is %s.", TopUp: "Top up to %s", GiveUp: "Give up",
		Close: "Close", Done: "Done",
		Chats: "Chats", NoChats: "This user is in no chat.", GroupChat: "group", DirectChat: "direct", Robot: "Robot", RobotOpens: "A page for this chat", PickChat: "Choose a chat", Choose: "Choose",
		NothingInChat: "Nothing here yet", NothingInChatWhy: "What apps send into this chat, and what is shared, appears here.", Via: "via %s", OpenHere: "Open in this chat",
		UnknownChat: "There is no such chat of this user.", UnknownAccount: "Nobody has this open_id: there is nobody to talk to.",
		Share: "Share", ShareTo: "To", ShareNow: "Share", Template: "Template %s", BadShare: "The share needs an app_id, a share_title, and http addresses; a share_data_url is a JSON template.",
		Scan: "Scan with VVChat", ScanWhy: "The VVChat app opens what the code says. The phone of this sandbox takes the same link.", OpenInPhone: "Open in the phone", Link: "Link",
		UnknownLink: "This is no link into VVChat. There are qyx://thirdlogin, qyx://qpay, qyx://share and qyx://openSessionView.",
		LongLink:    "The link is too long for a QR code.",
	}
}

func chinese() words {
	return words{
		Lang: "zh", OtherLang: "en", OtherLangName: "English",
		Phone: "手机", Fake: "这是模拟手机，不涉及真实资金。",
		HeldBy: "使用者", Switch: "换人",
		ToPay: "待支付", NothingToPay: "暂无待支付订单", NothingToPayWhy: "商家下单后会显示在这里。",
		Paid: "已支付", Refresh: "刷新",
		Login: "登录授权", Asks: "申请获得", ForProfile: "你的个人信息", ForProfileMore: "昵称、头像和性别",
		ForChat: "发送消息", ForThisChat: "发送到“%s”（%s）",
		As: "身份", Allow: "允许", Refuse: "拒绝",
		Pay: "付款", PayTo: "收款方", Order: "订单号", OrderedAt: "下单时间", PayNow: "支付 %s", Cancel: "取消",
		PaidTitle: "支付成功", PaidBy: "付款人", TradeNo: "交易号", PaidAt: "支付时间",
		NoSecondPayment: "该订单已支付，不能重复支付。", BackToShop: "返回商家", BackHome: "全部订单",
		Problem: "无法继续", BadLink: "跳转链接不完整或无法识别。",
		UnknownApp: "应用不存在：平台没有这个 app_id。", UnknownScope: "不支持该授权范围 (scope)，或用户不在该会话中。",
		BadRedirect: "redirect_uri 不是本机地址，也不在允许的主机之列，手机不会跳转。",
		NoRedirect:  "链接缺少 redirect_uri，结果无处返回。",
		UnknownCode: "没有这个预付款编号 (imprest_code) 的订单。模拟平台重启后会忘记之前的订单，请重新购买。",
		UnknownUser: "没有这个 open_id 的用户。", ForeignPage: "其他页面试图操作本手机，已拒绝。",
		UnknownAction: "表单没有带上自己的按钮。", Busy: "平台暂时没有响应。",
		BadPage:        "该地址不是本机页面，也不在允许的主机之列。",
		NoPage:         "页面所在的服务没有响应，请确认它已启动。",
		CompressedPage: "页面以压缩格式返回（手机请求的是未压缩内容），无法注入桥接对象。",
		UnknownView:    "页面已关闭：手机重新启动过，请重新打开。",
		UnknownSystem:  "platform 只能是 android 或 ios。",

		OpenInside: "在 VVChat 内打开网页", Address: "网址", InChat: "所在会话", NoChat: "无", System: "系统", Open: "打开",
		Balance: "余额", Unlimited: "不限", SetBalance: "设置", BadBalance: "余额应为以元为单位的金额，例如 12.30。",
		NotEnough: "余额不足", NotEnoughWhy: "订单金额 %s，当前余额 %s。", TopUp: "充值到 %s", GiveUp: "放弃支付",
		Close: "关闭", Done: "已完成",
		Chats: "会话", NoChats: "该用户没有会话。", GroupChat: "群聊", DirectChat: "单聊", Robot: "机器人", RobotOpens: "机器人打开的网页", PickChat: "选择会话", Choose: "确定",
		NothingInChat: "暂无内容", NothingInChatWhy: "应用发送到此会话的消息和分享会显示在这里。", Via: "来自 %s", OpenHere: "在此会话中打开",
		UnknownChat: "该用户没有这个会话。", UnknownAccount: "没有这个 open_id 的账号，无法打开会话。",
		Share: "分享", ShareTo: "分享到", ShareNow: "分享", Template: "模板 %s", BadShare: "分享需要 app_id、share_title 和 http 地址；share_data_url 须为 JSON 模板。",
		Scan: "用 VVChat 扫一扫", ScanWhy: "VVChat 会打开二维码中的链接；模拟手机也能打开同一链接。", OpenInPhone: "在手机中打开", Link: "链接",
		UnknownLink: "这不是 VVChat 的链接。可用的有 qyx://thirdlogin、qyx://qpay、qyx://share 和 qyx://openSessionView。",
		LongLink:    "链接过长，无法生成二维码。",
	}
}
