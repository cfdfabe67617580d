package sandbox

import "github.com/imprest-go/imprest/core/purchase"

// consoleWords is all text of the console in one language. What the protocol
// calls by a name keeps it: states, calls, fields.
type consoleWords struct {
	Lang, OtherLang, OtherLangName string

	Console, Purchases, Journal, Payouts, Codes, Explain, API string
	Shop, Phone, Pages, Skip                                  string
	Theme, Light, Dark, ByDevice                              string
	Clock, Live, NotLive                                      string

	NoPurchases, NoPurchasesWhy, BuyOne, BuyOneWhy, OpenShop string
	Newest                                                   string

	Time, NextDue, NothingDue, In                            string
	Controls, Faults, FaultsWhy, AllFaults, Struck, CrashNow string
	CrashWhy                                                 string
	NotifyAgain, NotifyWhy, Genuine, Changed, Send           string
	Sequence, Machine, MachineOf, NoHops                     string
	OrderNo, Amount, Began, PayUntil, Reason, Later          string
	PaidBy                                                   string

	Hop, CloseHop, NoHop, Took, Answer, Request         string
	Headers, Fields, Field, Value, Signed, NotSigned    string
	Canonical, CanonicalWhy, Sign, Accept, Reject       string
	Record, Copy, Copied, AsCurl, AsGoTest, ExplainThis string
	StruckBy, Failed, Back, Empty, Alone                string

	JournalLead, Due, Expires, Prefix, Show, More, NoRecords string
	PayoutsLead, Refunds, NoRefunds, NoPayouts, State, To2   string
	CodesLead, Free, Reserved, Used, Quarantine, Restock     string

	ExplainLead, BodyHint, ContentType, Theirs, TheirsHint, DoExplain string
	Difference, Ours, TheirText, AtByte, Causes                       string
	KeysTried, TryOne, ItIs, ItIsNot, CannotTell, NoCause             string
	LikelyKey, CompareKey, TriedAppID                                 string

	APILead, OnePayment, JournalAt, Seed, Cloud string
	NotThere, NotThereWhy, Failing              string

	// Parties, States, PayoutStates and FaultNames say what each is called.
	Parties, States, PayoutStates, FaultNames map[string]string
}

func consoleWordsIn(lang string) consoleWords {
	if lang == "zh" {
		return consoleChinese()
	}
	return consoleEnglish()
}

func consoleEnglish() consoleWords {
	return consoleWords{
		Lang: "en", OtherLang: "zh", OtherLangName: "中文",
		Console: "Sandbox", Purchases: "Purchases", Journal: "Journal", Payouts: "Payouts", Codes: "Codes", Explain: "Explain", API: "API",
		Shop: "Shop", Phone: "Phone", Pages: "Pages of the console", Skip: "Skip to the content",
		Theme: "Theme", Light: "Light", Dark: "Dark", ByDevice: "As the device",
		Clock: "Clock of the sandbox", Live: "Live", NotLive: "Not live: reload to see what is new",
		NoPurchases: "No purchase yet", NoPurchasesWhy: "Buy something in the shop, and watch every request that it takes here, as it happens.",
		BuyOne: "Buy one now", BuyOneWhy: "Logs in, orders and pays, as a buyer does.", OpenShop: "Open the shop",
		Newest: "newest first",
		Time:   "Time", NextDue: "To the next due", NothingDue: "Nothing is due", In: "in",
		Controls: "Controls", Faults: "Faults", FaultsWhy: "They strike from now on.", AllFaults: "All faults", Struck: "times struck", CrashNow: "Crash and restart",
		CrashWhy:    "The merchant dies now and starts again from its journal.",
		NotifyAgain: "Notify again", NotifyWhy: "The platform sends the payment notification once more.", Genuine: "Genuine", Changed: "Made wrong", Send: "Send",
		Sequence: "Sequence", Machine: "States", MachineOf: "State machine. The purchase went:", NoHops: "No request is on record any more.",
		OrderNo: "Order no.", Amount: "Amount", Began: "Began", PayUntil: "Pay until", Reason: "Reason", Later: "later",
		PaidBy: "Paid by",
		Hop:    "Request", CloseHop: "Close", NoHop: "Choose a step to see what was sent, what of it was signed, and what became of it.", Took: "Took", Answer: "Answer", Request: "Request",
		Headers: "Headers", Fields: "Fields", Field: "Field", Value: "Value", Signed: "signed", NotSigned: "not signed",
		Canonical: "Canonical string", CanonicalWhy: "What is signed. The key is masked.", Sign: "Signature", Accept: "The signature holds", Reject: "Rejected",
		Record: "Record", Copy: "Copy", Copied: "Copied", AsCurl: "As curl", AsGoTest: "As Go test", ExplainThis: "Explain",
		StruckBy: "Struck by", Failed: "Failed", Back: "Back to the purchase", Empty: "empty", Alone: "On a page of its own",
		JournalLead: "Every record that the merchant keeps. What survives a crash is here.", Due: "Due", Expires: "Expires", Prefix: "Ids that begin with", Show: "Show", More: "More", NoRecords: "No record.",
		PayoutsLead: "Money that leaves the merchant: refunds of purchases, and payouts that were put on record.", Refunds: "Refunds", NoRefunds: "No purchase was refunded.", NoPayouts: "No payout is on record.", State: "State", To2: "To",
		CodesLead: "Exchange codes are what the merchant redeems in the cloud: one for each sale.", Free: "free", Reserved: "reserved", Used: "used", Quarantine: "quarantine", Restock: "They are loaded again before they run out.",
		ExplainLead: "Paste a message. It is read as the merchant reads it, and held against the test account's key.", BodyHint: "The body, exactly as it was sent", ContentType: "Content-Type", Theirs: "What the other side signed", TheirsHint: "Their canonical string, if they say it", DoExplain: "Explain",
		Difference: "First difference", Ours: "Ours", TheirText: "Theirs", AtByte: "at byte", Causes: "Usual causes",
		KeysTried: "Tried with the keys of the sandbox's test accounts alone. To tell whether another app_key signed it, run imprest explain --app-key-file FILE on your machine: this page never asks for a key.",
		TryOne:    "Try one:", ItIs: "It is this", ItIsNot: "It is not", CannotTell: "Cannot be told", NoCause: "None of the usual causes.",
		LikelyKey: "Most likely another app_key", CompareKey: "The body is well formed, and nothing else fits. Compare the length of the app_key on both sides, then the key itself, then paste what they signed.",
		TriedAppID: "app_id of the keys tried:",
		APILead:    "For tests that drive this merchant from the outside. It answers on loopback alone.", OnePayment: "One payment, delivered often", JournalAt: "Journal", Seed: "seed", Cloud: "cloud",
		NotThere: "Not there", NotThereWhy: "Nothing has this number, or it was too long ago.", Failing: "That did not work",
		Parties:      map[string]string{"phone": "Phone", "platform": "Platform", "merchant": "Merchant", "cloud": "Tuya cloud", "wechat": "WeChat", "shop": "Shop page"},
		States:       stateNames(),
		PayoutStates: map[string]string{payoutPending: "pending", payoutDone: "done", payoutFailed: "failed"},
		FaultNames:   faultNames("Duplicate", "Out of order", "Drop", "Slow", "Wrong amount", "Forged", "Mall 5xx", "Crash after commit"),
	}
}

func consoleChinese() consoleWords {
	return consoleWords{
		Lang: "zh", OtherLang: "en", OtherLangName: "English",
		Console: "沙箱", Purchases: "订单", Journal: "记录", Payouts: "付款", Codes: "兑换码", Explain: "验签解析", API: "接口",
		Shop: "商店", Phone: "手机", Pages: "控制台页面", Skip: "跳到正文",
		Theme: "主题", Light: "浅色", Dark: "深色", ByDevice: "跟随系统",
		Clock: "沙箱时钟", Live: "实时", NotLive: "未连接，刷新页面查看最新内容",
		NoPurchases: "还没有订单", NoPurchasesWhy: "在商店下一单，这里会实时画出每一次请求。",
		BuyOne: "立即下一单", BuyOneWhy: "像买家一样登录、下单并支付。", OpenShop: "打开商店",
		Newest: "最新在前",
		Time:   "时间", NextDue: "到下一个到期点", NothingDue: "没有到期事项", In: "还有",
		Controls: "操作", Faults: "故障", FaultsWhy: "从现在起生效。", AllFaults: "全部故障", Struck: "次命中", CrashNow: "崩溃并重启",
		CrashWhy:    "商户进程立刻终止，再从存储恢复。",
		NotifyAgain: "再次通知", NotifyWhy: "平台把支付通知再发一次。", Genuine: "真实通知", Changed: "做成错误的", Send: "发送",
		Sequence: "时序", Machine: "状态", MachineOf: "状态机。订单经过：", NoHops: "请求记录已不在。",
		OrderNo: "订单号", Amount: "金额", Began: "开始", PayUntil: "支付截止", Reason: "原因", Later: "之后",
		PaidBy: "得知方式",
		Hop:    "请求", CloseHop: "关闭", NoHop: "选择一步，查看发送了什么、签了什么、结果如何。", Took: "耗时", Answer: "响应", Request: "请求",
		Headers: "头部", Fields: "字段", Field: "字段", Value: "值", Signed: "参与签名", NotSigned: "不参与签名",
		Canonical: "待签名串", CanonicalWhy: "签名的原文，密钥已遮盖。", Sign: "签名", Accept: "签名正确", Reject: "拒绝",
		Record: "记录", Copy: "复制", Copied: "已复制", AsCurl: "复制为 curl", AsGoTest: "复制为 Go 测试", ExplainThis: "解析",
		StruckBy: "注入的故障", Failed: "失败", Back: "返回订单", Empty: "空", Alone: "单独打开",
		JournalLead: "商户保存的全部记录，崩溃之后留下的就是这些。", Due: "到期", Expires: "过期", Prefix: "编号前缀", Show: "查看", More: "更多", NoRecords: "没有记录。",
		PayoutsLead: "从商户流出的钱：订单退款，以及登记的付款。", Refunds: "退款", NoRefunds: "没有订单退款。", NoPayouts: "没有登记的付款。", State: "状态", To2: "收款人",
		CodesLead: "商户在云端兑换的兑换码，每笔销售用一个。", Free: "可用", Reserved: "已预留", Used: "已使用", Quarantine: "隔离", Restock: "用完之前会自动补充。",
		ExplainLead: "粘贴一条消息：按商户的方式读取，并用测试账号的密钥验签。", BodyHint: "正文，与发送时逐字节一致", ContentType: "Content-Type", Theirs: "对方签名的内容", TheirsHint: "对方的待签名串（如果知道）", DoExplain: "解析",
		Difference: "第一处差异", Ours: "我方", TheirText: "对方", AtByte: "字节位置", Causes: "常见原因",
		KeysTried: "只用沙箱测试账号的密钥试过。要判断是否由别的 app_key 签名，请在本机运行 imprest explain --app-key-file FILE：这个页面从不索要密钥。",
		TryOne:    "试一条：", ItIs: "就是它", ItIsNot: "不是", CannotTell: "无法判断", NoCause: "不属于常见原因。",
		LikelyKey: "很可能用了别的 app_key", CompareKey: "正文格式正确，其他原因都不符合。先核对双方 app_key 的长度，再核对密钥本身，然后贴上对方的待签名串。",
		TriedAppID: "试过的密钥所属的 app_id：",
		APILead:    "供测试从外部驱动商户，只在本机应答。", OnePayment: "一次支付，多次通知", JournalAt: "存储", Seed: "种子", Cloud: "云端",
		NotThere: "不存在", NotThereWhy: "没有这个编号，或者时间太久已被清除。", Failing: "操作没有成功",
		Parties: map[string]string{"phone": "手机", "platform": "平台", "merchant": "商户", "cloud": "涂鸦云", "wechat": "微信", "shop": "商店页面"},
		States: map[string]string{
			"ordering": "下单中", "unpaid": "待支付", "paid": "已支付", "delivering": "开通中", "undeliverable": "无法开通",
			"refunding": "退款中", "refunded": "已退款", "delivered": "已开通", "expired": "已过期", "attention": "人工处理",
		},
		PayoutStates: map[string]string{payoutPending: "待付款", payoutDone: "已付款", payoutFailed: "付款失败"},
		FaultNames:   faultNames("重复通知", "乱序", "丢弃通知", "变慢", "金额错误", "伪造签名", "商城 5xx", "提交后崩溃"),
	}
}

// stateNames calls each state by its own name.
func stateNames() map[string]string {
	names := map[string]string{}
	for _, s := range purchase.States() {
		names[string(s)] = string(s)
	}
	return names
}

// consoleFaults are the faults that have a button of their own.
var consoleFaults = []string{"duplicate", "reorder", dropCallback, slow, "wrong-amount", "forged", "cloud-5xx", crash}

// faultNames calls the faults of consoleFaults, in their order.
func faultNames(called ...string) map[string]string {
	names := map[string]string{}
	for i, name := range consoleFaults {
		names[name] = called[i]
	}
	return names
}
