package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
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

		// What the page has besides.
		"POST /paybusapi/v1/app/agentpay":           {read: unserved},
		"POST /messageapi/v1/authorization/sendmsg": {read: unserved},
		"GET /robotapi/v1/token":                    {read: unserved},
		"POST /robotapi/v1/message/send":            {read: unserved},
	}
}

func takeAny(*request) *refusal { return nil }

func unserved(*request) *refusal { return refuse("this fake does not serve it yet") }

// request is a request while it is served.
type request struct {
	header    http.Header
	body      []byte
	query     url.Values
	fields    []field // of a signed body
	canonical string  // the text under its sign
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

// reply is an answer before it leaves.
type reply struct {
	status int
	kind   string // Content-Type
	body   []byte
	shown  string // what the record shows of the body; "" is all of it
	moved  string // Location
	cut    bool   // no answer: the connection ends
	huge   bool   // the body does not end
	torn   bool   // the connection ends within the body
	why    string // for the record
}

func answer(status int, v any) reply {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // maps and structs of texts and integers always encode
	return jsonReply(status, bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func jsonReply(status int, body []byte) reply {
	return reply{status: status, kind: "application/json;charset=UTF-8", body: body}
}

func (r *refusal) reply() reply { return answer(http.StatusBadRequest, r) }

// Handler returns the server API, for a program that listens by itself.
func (p *Platform) Handler() http.Handler { return http.HandlerFunc(p.serve) }

func (p *Platform) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	closed := p.noRequests
	if !closed {
		p.serving.Add(1)
	}
	p.mu.Unlock()
	if closed {
		http.Error(w, "the fake platform is closed", http.StatusServiceUnavailable)
		return
	}
	defer p.serving.Done()

	began := time.Now()
	e := Exchange{
		Seq: p.record.begin(), Time: p.Clock.Now(),
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: coreHeader(r.Header),
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, core.MaxBody))
	e.Body = string(body)
	var out reply
	if err != nil {
		out = refuse("the body is longer than %d bytes or broke off", core.MaxBody).reply()
	} else {
		out = p.answer(r, body, &e)
	}
	e.Took = time.Since(began)
	if out.cut {
		e.Err = "the connection was cut"
	} else {
		e.Status, e.Answer = out.status, string(out.body)
		if out.shown != "" {
			e.Answer = out.shown
		}
		e.AnswerHeader = core.Header{{Name: "Content-Type", Value: out.kind}}
	}
	if out.why != "" {
		e.Err = out.why
	}
	p.record.add(p.masked(e))
	out.write(w)
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
	e.AppID, e.OutTradeNo = req.target.AppID, req.target.OutTradeNo
	if req.canonical != "" {
		e.Canonical = maskedText(req.canonical)
	}
	if refused != nil {
		return refused.reply()
	}

	req.struck = p.faults.take(req.target)
	e.Faults = req.struck.kinds()
	out, ended := before(req.struck, r)
	if !ended {
		out = route.act(req)
	}
	switch {
	case req.struck.has(FaultAnswerLost):
		out = reply{cut: true}
	case req.struck.has(FaultError500After):
		out = failure()
	case req.struck.has(FaultHugeAnswer):
		out.huge = true
	case req.struck.has(FaultTornAnswer):
		out.torn, out.why = true, "the connection was cut in the middle of the answer"
	}
	if slow, ok := req.struck.get(FaultSlow); ok && !p.hold(r, slow.Delay) {
		out.why = "the client gave up before the answer"
	}
	return out
}

// before returns the answer of a fault that keeps a call from its effect.
func before(s struck, r *http.Request) (reply, bool) {
	switch {
	case s.has(FaultCut):
		return reply{cut: true}, true
	case s.has(FaultError500):
		return failure(), true
	case s.has(FaultRefused):
		return refuse("refused").reply(), true
	case s.has(FaultRefusedPlain):
		return reply{status: http.StatusBadRequest, kind: "text/plain", body: []byte("bad request")}, true
	case s.has(FaultTooMany):
		return answer(http.StatusTooManyRequests, refusal{ErrCode: http.StatusTooManyRequests, ErrMsg: "too many requests"}), true
	case s.has(FaultGarbage):
		return reply{status: http.StatusOK, kind: "text/html", body: []byte("<html><body>Welcome</body></html>")}, true
	case s.has(FaultRedirect):
		return reply{status: http.StatusFound, kind: "text/plain", moved: "/elsewhere"}, true
	case s.has(FaultRedirectAway):
		return reply{status: http.StatusFound, kind: "text/plain", moved: otherName(r.Host) + "/elsewhere"}, true
	}
	return reply{}, false
}

// otherName is the address of a loopback host under its other name: to a
// client it is another host, and the record still sees who goes there.
func otherName(host string) string {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		port = "80"
	}
	if name == "localhost" {
		return "http://" + net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + net.JoinHostPort("localhost", port)
}

func failure() reply {
	return answer(http.StatusInternalServerError, refusal{ErrCode: http.StatusInternalServerError, ErrMsg: "internal error"})
}

// hold keeps an answer back for d on the clock, or without end if d is 0. It
// reports whether the client is still there.
func (p *Platform) hold(r *http.Request, d time.Duration) bool {
	var due chan struct{}
	if d > 0 {
		due = make(chan struct{})
		defer p.Clock.AfterFunc(d, func() { close(due) })()
	}
	select {
	case <-r.Context().Done():
		return false
	case <-due:
	case <-p.released.Done():
	}
	return true
}

func (out reply) write(w http.ResponseWriter) {
	if out.cut {
		cut(w)
		return
	}
	w.Header().Set("Content-Type", out.kind)
	if out.moved != "" {
		w.Header().Set("Location", out.moved)
	}
	if out.torn {
		w.Header().Set("Content-Length", strconv.Itoa(len(out.body)))
		w.WriteHeader(out.status)
		_, _ = w.Write(out.body[:len(out.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(out.status)
	if !out.huge {
		_, _ = w.Write(out.body)
		return
	}
	_, _ = w.Write(out.body[:1])
	spaces := bytes.Repeat([]byte(" "), 64<<10)
	for range 256 {
		if _, err := w.Write(spaces); err != nil {
			return
		}
	}
	_, _ = w.Write(out.body[1:])
}

// cut ends the connection in the middle of a status line. A connection that
// ends before the first byte would not do: net/http's client takes that for
// an idle connection that expired, and sends a GET again by itself.
func cut(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			_, _ = conn.Write([]byte("HTTP/1.1 "))
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}
