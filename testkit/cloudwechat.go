package testkit

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
)

// WeChatApp is a mini program's account at WeChat.
type WeChatApp struct {
	// AppID names it.
	AppID string
	// Secret is its AppSecret.
	Secret core.Secret
	// Unauthorized keeps it from using getsnticket: 48001.
	Unauthorized bool
}

// SNTicket is a ticket that WeChat issued for a device.
type SNTicket struct {
	// Ticket is the sn_ticket.
	Ticket string
	// SN and ModelID are the device that it is for.
	SN      string
	ModelID string
	// AppID is the mini program that asked for it.
	AppID string
	// Issued and Expires are its life.
	Issued  time.Time
	Expires time.Time
}

type weChatToken struct {
	appID   string
	expires time.Time
	revoked time.Time // when it stops being good before its time; zero if not
}

const (
	tokenPathOfWeChat  = weChatPath + "/cgi-bin/token"
	ticketPathOfWeChat = weChatPath + "/wxa/getsnticket"
	oldTokenGrace      = 5 * time.Minute
)

// How many characters there are in what WeChat issues.
const (
	weChatTokenLength = 136
	ticketLength      = 64
)

// weChat answers WeChat's calls. Whatever goes wrong, the HTTP status is 200.
func (c *Cloud) weChat(r *http.Request, body []byte, e *Exchange) reply {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return weChatError("47001", "the query cannot be read")
	}
	switch r.URL.EscapedPath() {
	case tokenPathOfWeChat:
		e.Call = CallWeChatToken
		return c.makeWeChatToken(r, query, e)
	case ticketPathOfWeChat:
		e.Call = CallGetSNTicket
		return c.getSNTicket(r, query, body, e)
	}
	return weChatError("40066", "")
}

// makeWeChatToken is GET /cgi-bin/token.
func (c *Cloud) makeWeChatToken(r *http.Request, query url.Values, e *Exchange) reply {
	if r.Method != http.MethodGet {
		return weChatError("43001", "")
	}
	for _, p := range []struct{ name, missing string }{{"grant_type", "40002"}, {"appid", "41002"}, {"secret", "41004"}} {
		if len(query[p.name]) != 1 || query.Get(p.name) == "" {
			return weChatError(p.missing, p.name+" must be there once")
		}
	}
	e.AppID = query.Get("appid")
	app, ok := c.app(e.AppID)
	switch {
	case query.Get("grant_type") != "client_credential":
		return weChatError("40002", "")
	case !ok:
		return weChatError("40013", "")
	case !app.Secret.Equal(core.NewSecret(query.Get("secret"))):
		return weChatError("40001", "the secret is wrong")
	}
	return c.strikeWeChat(r, e, func(struck) reply { return c.issueToken(app) })
}

func (c *Cloud) issueToken(app WeChatApp) reply {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Clock.Now()
	for _, old := range c.tokens {
		switch {
		case old.appID != app.AppID, !old.revoked.IsZero():
		case c.readings.OldTokens == OldTokensRefuse:
			old.revoked = now
		case c.readings.OldTokens == OldTokensGrace:
			old.revoked = now.Add(oldTokenGrace)
		}
	}
	token := c.ids.next("wechat_token", weChatTokenLength)
	c.tokens[token] = &weChatToken{appID: app.AppID, expires: now.Add(c.readings.TokenLife)}
	out := answer(http.StatusOK, struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}{token, int64(c.readings.TokenLife / time.Second)})
	out.shown = strings.Replace(string(out.body), token, mask, 1)
	return out
}

// getSNTicket is POST /wxa/getsnticket.
func (c *Cloud) getSNTicket(r *http.Request, query url.Values, body []byte, e *Exchange) reply {
	if r.Method != http.MethodPost {
		return weChatError("43002", "")
	}
	text := query.Get("access_token")
	if len(query["access_token"]) != 1 || text == "" {
		return weChatError("41001", "")
	}
	token, refused := c.goodToken(text)
	if refused != "" {
		return weChatError(refused, "")
	}
	e.AppID = token.appID
	if app, _ := c.app(token.appID); app.Unauthorized {
		return weChatError("48001", "")
	}
	if len(body) == 0 {
		return weChatError("44002", "")
	}
	members, err := readObject(body)
	if err != nil {
		return weChatError("47001", err.Error())
	}
	var sn, modelID string
	for _, member := range []struct {
		name string
		into *string
	}{{"sn", &sn}, {"model_id", &modelID}} {
		if raw, ok := members[member.name]; !ok || json.Unmarshal(raw, member.into) != nil || string(raw) == "null" {
			return weChatError("47001", member.name+" must be a text")
		}
	}
	switch {
	case len(members) > 2:
		return weChatError("47001", "only sn and model_id belong there")
	case len(sn) > 128:
		return weChatError("9800001", "")
	case sn == "" || strings.Trim(sn, idAlphabet+"_-") != "":
		return weChatError("9800002", "")
	}
	c.mu.Lock()
	d := c.registered(sn, modelID, token.appID)
	c.mu.Unlock()
	if d == nil {
		return weChatError("9800003", "")
	}
	e.DeviceID = d.ID
	return c.strikeWeChat(r, e, func(s struck) reply { return c.issueTicket(s, text, sn, modelID) })
}

func (c *Cloud) issueTicket(s struck, tokenText, sn, modelID string) reply {
	c.mu.Lock()
	defer c.mu.Unlock()
	token, now := c.tokens[tokenText], c.Clock.Now()
	switch {
	case s.has(FaultTokenExpired):
		token.expires = now
		return weChatError("42001", "")
	case s.has(FaultTokenInvalid):
		token.revoked = now
		return weChatError("40001", "")
	}
	t := SNTicket{Ticket: c.ids.next("sn_ticket", ticketLength), SN: sn, ModelID: modelID, AppID: token.appID, Issued: now, Expires: now.Add(c.readings.TicketLife)}
	c.byTicket[t.Ticket] = len(c.tickets)
	c.tickets = append(c.tickets, t)
	out := answer(http.StatusOK, struct {
		ErrCode  int    `json:"errcode"`
		ErrMsg   string `json:"errmsg"`
		SNTicket string `json:"sn_ticket"`
	}{0, "ok", t.Ticket})
	out.shown = strings.Replace(string(out.body), t.Ticket, mask, 1)
	return out
}

// strikeWeChat carries a call out, with the faults that strike it.
func (c *Cloud) strikeWeChat(r *http.Request, e *Exchange, act func(struck) reply) reply {
	s := c.faults.take(FaultTarget{Call: e.Call, AppID: e.AppID, DeviceID: e.DeviceID})
	e.Faults = s.kinds()
	faulty := dialect{
		failed: func() reply {
			out := weChatError("-1", "")
			out.status = http.StatusInternalServerError
			return out
		},
		tooMany: func() reply {
			out := weChatError("45011", "")
			out.status = http.StatusTooManyRequests
			return out
		},
		refused: func() reply { return weChatError("48001", "") },
	}
	return c.carryOut(r, s, faulty, func() reply {
		if s.has(FaultSystemError) {
			return weChatError("-1", "")
		}
		if f, ok := s.get(FaultErrorCode); ok {
			return weChatError(f.Code, "")
		}
		out := act(s)
		if s.has(FaultSystemErrorAfter) {
			return weChatError("-1", "")
		}
		return out
	})
}

// goodToken returns what an access token stands for, or the errcode of one that
// is not good.
func (c *Cloud) goodToken(text string) (weChatToken, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	token, now := c.tokens[text], c.Clock.Now()
	switch {
	case token == nil:
		return weChatToken{}, "40001"
	case !now.Before(token.expires):
		return weChatToken{}, "42001"
	case !token.revoked.IsZero() && !now.Before(token.revoked):
		return weChatToken{}, "40001"
	}
	return *token, ""
}

func (c *Cloud) app(appID string) (WeChatApp, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.apps, func(a WeChatApp) bool { return a.AppID == appID }); i >= 0 {
		return c.apps[i], true
	}
	return WeChatApp{}, false
}

// registered returns the device that WeChat knows by a serial number and a
// model of an app. It is called with the lock held.
func (c *Cloud) registered(sn, modelID, appID string) *device {
	for _, d := range c.devices {
		k, ok := d.Capabilities[CapabilityVoIP]
		if ok && d.SN == sn && k.WechatMPMid == modelID && k.WechatMPAppid == appID {
			return d
		}
	}
	return nil
}

// ticket is called with the lock held.
func (c *Cloud) ticket(ticket string) (SNTicket, bool) {
	if i, ok := c.byTicket[ticket]; ok {
		return c.tickets[i], true
	}
	return SNTicket{}, false
}

// Tickets returns all tickets that WeChat issued, the oldest first.
func (c *Cloud) Tickets() []SNTicket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.tickets)
}

// weChatError is an answer of WeChat that says no, with its own words for the
// code and what else there is to say.
func weChatError(code, detail string) reply {
	text := map[string]string{
		"-1":      "system error",
		"40001":   "invalid credential, access_token is invalid or not latest",
		"40002":   "invalid grant_type",
		"40013":   "invalid appid",
		"40066":   "invalid url",
		"41001":   "access_token missing",
		"41002":   "appid missing",
		"41004":   "appsecret missing",
		"42001":   "access_token expired",
		"43001":   "require GET method",
		"43002":   "require POST method",
		"44002":   "empty post data",
		"45011":   "api minute-quota reach limit",
		"47001":   "data format error",
		"48001":   "api unauthorized",
		"9800001": "sn is too long",
		"9800002": "sn has illegal characters",
		"9800003": "model_id check failed",
	}[code]
	return jsonReply(http.StatusOK, encodeJSON([]field{numberField("errcode", code), textField("errmsg", sentence(text, detail))}))
}
