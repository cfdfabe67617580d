package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// endpoint is one operation of the server API, in two steps: read checks the
// form and the signature of a request and has no effect; act does the work.
// Faults strike between them, so that they find only requests that would have
// been served.
type endpoint struct {
	call Call
	read func(*request) *refusal
	act  func(*request) reply
}

func (p *Platform) endpoints() map[string]endpoint {
	return map[string]endpoint{
		"POST /paybusapi/v1/pay/unifiedorder":         {CallUnifiedOrder, p.readOrder, p.makeOrder},
		"GET /paybusapi/v1/pay/unifiedorder":          {CallQuery, p.readQuery, p.answerQuery},
		"GET /userservices/v2/authorization/token":    {CallToken, p.readToken, p.makeToken},
		"GET /userservices/v2/authorization/userinfo": {CallUserInfo, p.readUserInfo, p.answerUserInfo},
		"GET /paybusapi/v1/test/imprest":              {CallTestImprest, takeAny, p.makeTestOrder},
		"POST /paybusapi/v1/app/agentpay":             {CallAgentpay, p.readPayout, p.makePayout},
		"POST /messageapi/v1/authorization/sendmsg":   {CallSendMsg, p.readMessage, p.sendMessage},
		"GET /robotapi/v1/token":                      {CallRobotToken, p.readRobotToken, p.makeRobotToken},
		"POST /robotapi/v1/message/send":              {CallRobotCommand, p.readCommand, p.carryOutCommand},
	}
}

func takeAny(*request) *refusal { return nil }

// request is a request while it is served.
type request struct {
	header    http.Header
	body      []byte
	query     url.Values
	fields    []field // of a signed body
	canonical string  // the text under its sign
	basesign  string  // of a joint signature
	command   RobotCommand
	account   Account
	target    FaultTarget
	struck    struck
}

// refusal is the answer of a call that failed: HTTP 400, whatever is wrong.
type refusal struct {
	ErrCode int    `json:"err_code"`
	ErrMsg  string `json:"err_msg"`
}

func refuse(format string, args ...any) *refusal {
	return &refusal{ErrCode: http.StatusBadRequest, ErrMsg: fmt.Sprintf(format, args...)}
}

func answer(status int, v any) reply {
	return jsonReply(status, encode(v))
}

func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // maps and structs of texts and integers always encode
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func jsonReply(status int, body []byte) reply {
	return reply{status: status, kind: "application/json;charset=UTF-8", body: body}
}

func (r *refusal) reply() reply { return answer(http.StatusBadRequest, r) }

// Handler returns the server API, for a program that listens by itself.
func (p *Platform) Handler() http.Handler {
	api := face{
		peer:   PeerVVChat,
		broken: func(why string) reply { return refuse("%s", why).reply() },
		answer: p.answer,
		masked: p.masked,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, api) })
}

func (p *Platform) answer(r *http.Request, body []byte, e *Exchange) reply {
	path := r.URL.EscapedPath() // as it was sent: no other spelling is documented
	route, ok := p.routes[r.Method+" "+path]
	if !ok {
		for known := range p.routes {
			if strings.HasSuffix(known, " "+path) {
				return refuse("method: %s is not allowed here", r.Method).reply()
			}
		}
		return answer(http.StatusNotFound, refusal{ErrCode: http.StatusNotFound, ErrMsg: "no such path"})
	}
	e.Call = route.call
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return refuse("the query cannot be read").reply()
	}
	req := &request{header: r.Header, body: body, query: query}
	req.target.Call = route.call
	refused := route.read(req)
	e.AppID, e.OutTradeNo, e.OutOrderNo = req.target.AppID, req.target.OutTradeNo, req.target.OutOrderNo
	if req.canonical != "" {
		e.Canonical = maskedText(req.canonical)
		if req.basesign != "" {
			e.Canonical += "&basesign=" + req.basesign
		}
	}
	if refused != nil {
		return refused.reply()
	}

	req.struck = p.faults.take(req.target)
	e.Faults = req.struck.kinds()
	faulty := dialect{
		failed:  failure,
		refused: func() reply { return refuse("refused").reply() },
		tooMany: func() reply {
			return answer(http.StatusTooManyRequests, refusal{ErrCode: http.StatusTooManyRequests, ErrMsg: "too many requests"})
		},
	}
	return p.carryOut(r, req.struck, faulty, func() reply { return route.act(req) })
}

func failure() reply {
	return answer(http.StatusInternalServerError, refusal{ErrCode: http.StatusInternalServerError, ErrMsg: "internal error"})
}
