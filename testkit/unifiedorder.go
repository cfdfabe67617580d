package testkit

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// orderFields are what an order must have. All but the amount are strings.
func orderFields() []string {
	return []string{"app_id", "store_no", "nonce_str", "sign", "sign_type", "out_trade_no", "amount", "notify_url", "scene_type", "title"}
}

// readOrder checks an order in the order in which its faults matter: can it be
// read, is it complete, is it signed, is it sensible.
func (p *Platform) readOrder(req *request) *refusal {
	if refused := req.readSigned(); refused != nil {
		return refused
	}
	for _, name := range append(orderFields(), "remark") {
		f, ok := req.field(name)
		isText := strings.HasPrefix(f.literal, `"`)
		switch {
		case name == "remark" && (!ok || f.literal == "null"):
		case !ok || f.value == "":
			if name != "remark" {
				return refuse("%s: is missing", name)
			}
		case name == "amount" && (!isText || p.readings.AmountText):
		case name == "amount":
			return refuse("amount: must be a JSON integer, got the string %s", f.literal)
		case !isText:
			return refuse("%s: must be a JSON string, got %s", name, f.literal)
		}
	}
	for _, f := range req.fields {
		if limit, ok := p.readings.Limits[f.name]; ok && utf8.RuneCountInString(f.value) > limit {
			return refuse("%s: is longer than %d characters", f.name, limit)
		}
	}
	if refused := p.checkSign(req); refused != nil {
		return refused
	}
	if !p.readings.AnyOutTradeNo && !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(req.value("out_trade_no")) {
		return refuse("out_trade_no: must be of A-Z, a-z, 0-9, _ and -, got %q", req.value("out_trade_no"))
	}
	amount, err := core.ParseFen(req.value("amount"))
	switch {
	case err != nil || amount == 0:
		return refuse("amount: must be a positive integer of fen, got %s", req.value("amount"))
	case req.value("store_no") != req.account.StoreNo:
		return refuse("store_no: is not a store of this app_id")
	case !slices.Contains(p.readings.SceneTypes, req.value("scene_type")):
		return refuse("scene_type: must be one of %s, got %q", strings.Join(p.readings.SceneTypes, ", "), req.value("scene_type"))
	case !isNotifyURL(req.value("notify_url")):
		return refuse("notify_url: must be an absolute http or https URL in ASCII, without user and fragment")
	}
	return nil
}

// readSigned reads the body of a signed call.
func (req *request) readSigned() *refusal {
	if fault := notJSON(req.header); fault != "" {
		return refuse("%s", fault)
	}
	var err error
	if req.fields, err = readDocument(req.body); err != nil {
		return refuse("%v", err)
	}
	if slices.ContainsFunc(req.fields, func(f field) bool { return strings.EqualFold(f.name, "app_key") }) {
		return refuse("app_key: must never be sent, it only signs")
	}
	if err := checkReadings(req.fields); err != nil {
		return refuse("%v", err)
	}
	req.canonical = canonical(req.fields)
	req.target.AppID, req.target.OutTradeNo = req.value("app_id"), req.value("out_trade_no")
	return nil
}

// checkSign checks the data signature over all fields, known or not.
func (p *Platform) checkSign(req *request) *refusal {
	if got := req.value("sign_type"); got != "MD5" {
		return refuse("sign_type: must be MD5, got %q", got)
	}
	p.mu.Lock()
	account, ok := p.account(req.value("app_id"))
	p.mu.Unlock()
	if !ok {
		return refuse("app_id: is not known")
	}
	req.account = account
	if name := req.holdsKey(account.AppKey.Reveal(), append(orderFields(), "remark")); name != "" {
		return refuse("%s: holds the app_key, which must never be sent", name)
	}
	sign := req.value("sign")
	if p.readings.LowerCaseSign {
		sign = strings.ToUpper(sign)
	}
	if sign != dataSign(req.canonical, account.AppKey.Reveal()) {
		return refuse("sign: does not fit")
	}
	return nil
}

// holdsKey returns the name of a field that gives the app_key away, or "". A
// short key may be in a documented field by chance.
func (req *request) holdsKey(key string, documented []string) string {
	for _, f := range req.fields {
		if f.value == key && !slices.Contains(documented, f.name) || len(key) >= longKey && strings.Contains(f.value, key) {
			return strings.ReplaceAll(f.name, key, mask)
		}
	}
	return ""
}

func (req *request) field(name string) (field, bool) {
	for _, f := range req.fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func (req *request) value(name string) string {
	f, _ := req.field(name)
	return f.value
}

func isNotifyURL(s string) bool {
	// url.Parse takes what no URL may hold, and forgets an empty fragment.
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("#\"<>\\^`{|}", r) }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}

func (p *Platform) makeOrder(req *request) reply {
	p.mu.Lock()
	t, refused := p.order(req)
	if refused != nil {
		p.mu.Unlock()
		return refused.reply()
	}
	fields := []field{
		textField("app_id", t.AppID),
		textField("store_no", t.StoreNo),
		textField("nonce_str", p.ids.next("nonce_str", 32)),
		textField("scene_type", t.SceneType),
		textField("imprest_code", t.ImprestCode),
	}
	p.mu.Unlock()

	key := req.account.AppKey.Reveal()
	switch {
	case req.struck.has(FaultOtherApp):
		fields[0] = textField("app_id", t.AppID+"x")
	case req.struck.has(FaultOtherStore):
		fields[1] = textField("store_no", t.StoreNo+"x")
	case req.struck.has(FaultOtherScene):
		scene := "APP"
		if t.SceneType == scene {
			scene = "WEB"
		}
		fields[3] = textField("scene_type", scene)
	case req.struck.has(FaultOddCode):
		fields[4] = textField("imprest_code", t.ImprestCode+"' /../x")
	case req.struck.has(FaultForgedAnswer):
		key += "x"
	}
	if !req.struck.has(FaultUnsignedAnswer) {
		fields = append(fields, textField("sign", dataSign(canonical(fields), key)))
	}
	return jsonReply(http.StatusOK, encodeJSON(fields))
}

// order makes the order, or finds the one that has its number. It is called
// with the lock held.
func (p *Platform) order(req *request) (*trade, *refusal) {
	amount, _ := core.ParseFen(req.value("amount"))
	wanted := Trade{
		AppID:      req.account.AppID,
		StoreNo:    req.account.StoreNo,
		OutTradeNo: req.value("out_trade_no"),
		Amount:     amount,
		Title:      req.value("title"),
		Remark:     req.value("remark"),
		NotifyURL:  req.value("notify_url"),
		SceneType:  req.value("scene_type"),
	}
	t := p.books.byNumber[orderNumber{wanted.AppID, wanted.OutTradeNo}]
	switch {
	case t == nil:
		return p.enter(wanted), nil
	case p.readings.RepeatedOrder == RepeatRefused:
		return nil, refuse("out_trade_no: is taken")
	case t.Status == Paid:
		return nil, refuse("out_trade_no: is paid")
	case !t.sameOrder(wanted):
		return nil, refuse("out_trade_no: is taken by another order")
	case p.readings.RepeatedOrder == RepeatSameCode:
		return t, nil
	}
	p.newCode(t)
	return t, nil
}

// enter puts an order on the books. It is called with the lock held.
func (p *Platform) enter(wanted Trade) *trade {
	t := &trade{Trade: wanted}
	t.Ordered = p.Clock.Now()
	p.books.add(t)
	p.newCode(t)
	return t
}

// newCode is called with the lock held.
func (p *Platform) newCode(t *trade) {
	t.ImprestCode = p.ids.next("imprest_code", 32)
	t.ImprestCodes = append(t.ImprestCodes, t.ImprestCode)
	p.books.byCode[t.ImprestCode] = t
}

// makeTestOrder answers the test host's own call: one fen for the first
// account, of which nobody is notified.
func (p *Platform) makeTestOrder(*request) reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	account := p.accounts[0]
	t := p.enter(Trade{
		AppID: account.AppID, StoreNo: account.StoreNo, OutTradeNo: p.ids.next("out_trade_no", 32),
		Amount: 1, Title: "test", SceneType: p.readings.SceneTypes[0],
	})
	return jsonReply(http.StatusOK, encodeJSON([]field{textField("imprest_code", t.ImprestCode)}))
}
