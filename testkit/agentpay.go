package testkit

import (
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// payoutFields are what a payout must have. All but the amount are strings.
func payoutFields() []string {
	return []string{"out_order_no", "in_open_id", "out_open_id", "amount", "notify_url", "title"}
}

// The forms of the joint signature's headers. The page gives the timestamp ten
// digits; of the noncestr it says nothing.
var (
	isTimestamp = regexp.MustCompile(`^[0-9]{10}$`)
	isNonce     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
)

// readPayout checks a payout (agentpay): can it be read, is it signed, is it
// complete and sensible.
func (p *Platform) readPayout(req *request) *refusal {
	if fault := notJSON(req.header); fault != "" {
		return refuse("%s", fault)
	}
	var err error
	if req.fields, err = readDocument(req.body); err != nil {
		return refuse("%v", err)
	}
	if err := checkReadings(req.fields); err != nil {
		return refuse("%v", err)
	}
	for _, name := range []string{"sign", "app_key"} {
		if slices.ContainsFunc(req.fields, func(f field) bool { return strings.EqualFold(f.name, name) }) {
			return refuse("%s: must not be in the body", name)
		}
	}
	req.canonical = canonical(req.fields)
	req.target.AppID, req.target.OutOrderNo = req.header.Get("app_id"), req.value("out_order_no")
	if refused := p.checkJointSign(req); refused != nil {
		return refused
	}
	return p.checkPayoutFields(req)
}

// checkJointSign checks the headers and the joint signature over all fields of
// the body, known or not.
func (p *Platform) checkJointSign(req *request) *refusal {
	for _, name := range []string{"app_id", "noncestr", "timestamp", "sign"} {
		switch values := req.header.Values(name); {
		case len(values) == 0 || values[0] == "":
			return refuse("header %s: is missing", name)
		case len(values) > 1:
			return refuse("header %s: is there twice", name)
		}
	}
	p.mu.Lock()
	account, ok := p.account(req.header.Get("app_id"))
	p.mu.Unlock()
	if !ok {
		return refuse("header app_id: is not known")
	}
	req.account = account
	key := account.AppKey.Reveal()
	if name := req.holdsKey(key, append(payoutFields(), "remark")); name != "" {
		return refuse("%s: holds the app_key, which must never be sent", name)
	}
	nonce, timestamp, sign := req.header.Get("noncestr"), req.header.Get("timestamp"), req.header.Get("sign")
	switch {
	case !isNonce.MatchString(nonce):
		return refuse("header noncestr: must be 1 to 32 of A-Z, a-z, 0-9, _ and -")
	case !isTimestamp.MatchString(timestamp):
		return refuse("header timestamp: must be the 10 digits of a Unix time in seconds, got %q", timestamp)
	}
	seconds, _ := strconv.ParseInt(timestamp, 10, 64)
	if off := p.Clock.Now().Sub(time.Unix(seconds, 0)); off.Abs() > p.readings.SignWindow {
		return refuse("header timestamp: is %v off", off.Round(time.Second))
	}
	if p.readings.LowerCaseSign {
		sign = strings.ToUpper(sign)
	}
	base, data, joint := strings.Cut(sign, ".")
	req.basesign = base
	switch {
	case !joint:
		return refuse("header sign: must be a joint signature, base.data")
	case base != baseSign(key, nonce, timestamp):
		return refuse("header sign: the base signature does not fit")
	case data != jointSign(req.canonical, key, base):
		return refuse("header sign: the data signature does not fit")
	}
	return nil
}

// baseSign is the base signature: no names, no separators.
func baseSign(appKey, nonce, timestamp string) string {
	sum := md5.Sum([]byte(appKey + nonce + timestamp))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// jointSign is the second half of the joint signature.
func jointSign(canonical, appKey, base string) string {
	sum := md5.Sum([]byte(canonical + "&key=" + appKey + "&basesign=" + base))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func (p *Platform) checkPayoutFields(req *request) *refusal {
	for _, name := range append(payoutFields(), "remark") {
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
	p.mu.Lock()
	_, payee := p.user(req.value("in_open_id"))
	p.mu.Unlock()
	amount, err := core.ParseFen(req.value("amount"))
	switch {
	case !p.readings.AnyOutTradeNo && !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(req.value("out_order_no")):
		return refuse("out_order_no: must be of A-Z, a-z, 0-9, _ and -, got %q", req.value("out_order_no"))
	case err != nil || amount == 0:
		return refuse("amount: must be a positive integer of fen, got %s", req.value("amount"))
	case req.account.OutOpenID == "" || req.value("out_open_id") != req.account.OutOpenID:
		return refuse("out_open_id: is not bound to this app_id")
	case !payee && !p.readings.AnyPayee:
		return refuse("in_open_id: is not known")
	case !isNotifyURL(req.value("notify_url")):
		return refuse("notify_url: must be an absolute http or https URL in ASCII, without user and fragment")
	}
	return nil
}

// spendNonce takes a noncestr once: a request that was listened to cannot be
// sent again. It is called with the lock held.
func (p *Platform) spendNonce(req *request) *refusal {
	now := p.Clock.Now()
	for spent, until := range p.nonces {
		if now.After(until) {
			delete(p.nonces, spent)
		}
	}
	nonce := req.account.AppID + " " + req.header.Get("noncestr")
	if _, spent := p.nonces[nonce]; spent {
		return refuse("header noncestr: was used before")
	}
	p.nonces[nonce] = now.Add(2 * p.readings.SignWindow)
	return nil
}

// makePayout accepts the payout. What comes of it is told by a notification,
// after Readings.PayoutDelay.
func (p *Platform) makePayout(req *request) reply {
	amount, _ := core.ParseFen(req.value("amount"))
	p.mu.Lock()
	if refused := p.spendNonce(req); refused != nil {
		p.mu.Unlock()
		return refused.reply()
	}
	for _, earlier := range p.payouts {
		if earlier.AppID != req.account.AppID || earlier.OutOrderNo != req.value("out_order_no") {
			continue
		}
		switch p.readings.RepeatedPayout {
		case RepeatRefused:
			p.mu.Unlock()
			return refuse("out_order_no: is taken").reply()
		case RepeatSameCode:
			no := earlier.AgentpayNo
			same := earlier.Amount == amount && earlier.InOpenID == req.value("in_open_id")
			p.mu.Unlock()
			if !same {
				return refuse("out_order_no: is taken by another payout").reply()
			}
			return p.accepted(no)
		}
		break
	}
	made := &payout{Payout: Payout{
		AppID: req.account.AppID, OutOrderNo: req.value("out_order_no"), AgentpayNo: p.ids.next("agentpay_no", 28),
		InOpenID: req.value("in_open_id"), OutOpenID: req.value("out_open_id"), Amount: amount,
		Title: req.value("title"), Remark: req.value("remark"), NotifyURL: req.value("notify_url"), Made: p.Clock.Now(),
	}, outcome: PayoutDone}
	if req.struck.has(FaultPayoutFailed) {
		made.outcome = PayoutFailed
	}
	p.payouts = append(p.payouts, made)
	made.notice = &notification{
		Notification: Notification{AppID: made.AppID, OutOrderNo: made.OutOrderNo, AgentpayNo: made.AgentpayNo, URL: made.NotifyURL},
		payout:       made,
	}
	p.notifications = append(p.notifications, made.notice)
	p.mu.Unlock()
	if !p.readings.HoldPayouts {
		p.later(made.notice, p.readings.PayoutDelay, delivery{})
	}
	return p.accepted(made.AgentpayNo)
}

func (p *Platform) accepted(agentpayNo string) reply {
	if p.readings.OmitAgentpayNo {
		return jsonReply(http.StatusOK, []byte("{}"))
	}
	return jsonReply(http.StatusOK, encodeJSON([]field{textField("agentpay_no", agentpayNo)}))
}
