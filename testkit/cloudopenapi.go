package testkit

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The calls of Tuya's signed OpenAPI, which [Cloud] plays.
const (
	CallOpenAPIToken   Call = "openapi-token"   // GET /v1.0/token
	CallOpenAPIRefresh Call = "openapi-refresh" // GET /v1.0/token/{refresh_token}
	CallSPUList        Call = "spu-list"        // POST /v1.0/m/ecm/am/spu/list
	CallCredentialList Call = "credential-list" // POST /v1.0/m/ecm/am/credential/list
	CallHomeDevices    Call = "home-devices"    // GET /v1.0/homes/{home_id}/devices
)

func openAPICalls() []Call {
	return append([]Call{CallOpenAPIToken, CallOpenAPIRefresh}, openAPIBusinessCalls()...)
}

// openAPIBusinessCalls are those that show a token.
func openAPIBusinessCalls() []Call {
	return []Call{CallSPUList, CallCredentialList, CallHomeDevices, CallPluginOrderSearch, CallPluginOrder, CallCloseOrder}
}

const openAPITokenPath = "/v1.0/token"

// versioned is how the paths of the OpenAPI begin.
var versioned = regexp.MustCompile(`^/v[0-9]+\.[0-9]+(/|$)`)

// apiRoute is one call of the OpenAPI.
type apiRoute struct {
	call   Call
	method string
	path   string // {} stands for one segment
	// forToken is true of the calls that ask for a token, and show none.
	forToken bool
	// denied are the words for a caller who may not: "" is the gateway's.
	denied string
	// read checks what was asked; a request that it refuses meets no fault.
	read func(*apiAsked) *denial
	// act does the work. It is called with the lock held; a failure has no
	// effect.
	act func(*apiAsked) (result any, _ *denial)
}

// apiAsked is a call of the OpenAPI while it is carried out.
type apiAsked struct {
	apiRoute
	segment string     // what stands for {} in the path
	query   url.Values // of a repeated name the first value counts
	header  http.Header
	body    []byte
	project Project
	token   *gatewayToken // nil of a call that asks for one
	// params is what read made of the request, for act.
	params any
	struck struck
	// subject is what it is about, for faults and the record.
	userID, deviceID string
}

// mayAsk reports whether the caller may see what is a user's.
func (q *apiAsked) mayAsk(userID string) bool {
	return allows(q.project.Users, userID) && (q.token == nil || q.token.userID == "" || q.token.userID == userID)
}

func (c *Cloud) apiRoutes() []apiRoute {
	return append(append(c.tokenRoutes(), c.orderRoutes()...),
		apiRoute{call: CallSPUList, method: http.MethodPost, path: "/v1.0/m/ecm/am/spu/list", denied: denyPermission, read: c.readSPUList, act: c.spuList},
		apiRoute{call: CallCredentialList, method: http.MethodPost, path: "/v1.0/m/ecm/am/credential/list", read: c.readCredentialList, act: c.credentialList},
		apiRoute{call: CallHomeDevices, method: http.MethodGet, path: "/v1.0/homes/{}/devices", read: c.readHomeDevices, act: c.homeDevices},
	)
}

// OpenAPIURL returns the base URL of the OpenAPI, which takes the place of a
// data center such as https://openapi.tuyacn.com; "" with NoListen.
func (c *Cloud) OpenAPIURL() string { return c.URL }

// openAPI answers the signed OpenAPI. What keeps a request from being heard is
// looked at in this order: the path and method, client_id, the other headers,
// t, the signature, the nonce, the token, and then what is asked.
func (c *Cloud) openAPI(r *http.Request, body []byte, e *Exchange) reply {
	q := &apiAsked{header: r.Header, body: body}
	found := false
	for _, route := range c.routes {
		if q.segment, found = route.match(r); found {
			q.apiRoute, e.Call = route, route.call
			break
		}
	}
	if !found {
		return c.denied(deny("1108", "there is no %s %.200s", r.Method, e.Path))
	}
	var err error
	if q.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return c.denied(deny("1109", "the query cannot be read"))
	}
	if denied := c.admitCall(r, q, e); denied != nil {
		return c.denied(denied)
	}
	if denied := q.read(q); denied != nil {
		return c.denied(denied)
	}
	e.UserID, e.DeviceID = q.userID, q.deviceID

	s := c.faults.take(FaultTarget{Call: q.call, AppID: e.AppID, UserID: q.userID, DeviceID: q.deviceID})
	q.struck, e.Faults = s, s.kinds()
	refused := "1106"
	if q.apiRoute.denied != "" {
		refused = q.apiRoute.denied
	}
	faulty := dialect{
		failed:  func() reply { return c.deniedWith(http.StatusInternalServerError, deny("500", "")) },
		refused: func() reply { return c.denied(deny(refused, "not allowed")) },
		tooMany: func() reply { return c.deniedWith(http.StatusTooManyRequests, deny("429", "")) },
	}
	return c.carryOut(r, s, faulty, func() reply {
		c.spoilToken(q, s)
		act := func(*asked) (any, *denial) { return q.act(q) }
		return c.perform(&asked{operation: operation{call: q.call, act: act}, struck: s})
	})
}

// match reports whether a request is one of the route, and what stands for {}
// in its path.
func (route apiRoute) match(r *http.Request) (segment string, ok bool) {
	if r.Method != route.method {
		return "", false
	}
	before, after, open := strings.Cut(route.path, "{}")
	path := r.URL.EscapedPath()
	if !open {
		return "", path == route.path
	}
	rest, hasBefore := strings.CutPrefix(path, before)
	middle, hasAfter := strings.CutSuffix(rest, after)
	segment, err := url.PathUnescape(middle)
	if !hasBefore || !hasAfter || middle == "" || strings.Contains(middle, "/") || err != nil {
		return "", false
	}
	return segment, true
}

// admitCall finds out who calls, and whether it is really he, just now, for
// the first time.
func (c *Cloud) admitCall(r *http.Request, q *apiAsked, e *Exchange) *denial {
	values := map[string]string{}
	for _, name := range []string{"client_id", "sign", "sign_method", "t", "nonce", "access_token"} {
		value, denied := headerOnce(r.Header, name)
		if denied != nil {
			return denied
		}
		values[name] = value
	}
	clientID, token, t, once := values["client_id"], values["access_token"], values["t"], values["nonce"]
	e.AppID = clientID
	if q.forToken {
		token = "" // whatever is sent, it is not signed
	}
	texts, badHeaders := c.signedTexts(r, q.body, clientID, token, t, once)
	if badHeaders == nil {
		e.Canonical = c.maskedRefresh(strings.Replace(texts[0], clientID+token, clientID+map[bool]string{true: "", false: mask}[token == ""], 1))
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	project := c.project(clientID)
	switch {
	case clientID == "":
		return deny("1105", "client_id")
	case project == nil:
		return deny("1005", "")
	case values["sign"] == "":
		return deny("1105", "sign")
	case values["sign_method"] == "":
		return deny("1105", "sign_method")
	case values["sign_method"] != "HMAC-SHA256":
		return deny("1004", "sign_method must be HMAC-SHA256")
	case badHeaders != nil:
		return badHeaders
	case t == "":
		return deny("1105", "t")
	case token == "" && !q.forToken:
		return deny("1002", "")
	}
	sent, denied := c.readTime(t)
	switch {
	case denied != nil:
		return denied
	case !isSigned(project.Secret, values["sign"], texts):
		return deny("1004", "")
	case !c.firstUse(nonce{clientID, once}, sent):
		return deny("1004", "the nonce was used before")
	}
	q.project = *project
	if q.forToken {
		return nil
	}
	found := c.gateway.byAccess[token]
	if code := found.state(clientID, c.Clock.Now()); code != "" {
		return deny(code, "")
	}
	q.token = found
	return nil
}

var thirteenDigits = regexp.MustCompile(`^[0-9]{13}$`)

// readTime reads the t of a request, and compares it with the clock.
func (c *Cloud) readTime(t string) (time.Time, *denial) {
	if !thirteenDigits.MatchString(t) {
		return time.Time{}, deny("1013", "t must be 13 digits, in milliseconds")
	}
	ms, _ := strconv.ParseInt(t, 10, 64) // 13 digits fit
	sent, skew := time.UnixMilli(ms), c.readings.ClockSkew
	if skew >= 0 && c.Clock.Now().Sub(sent).Abs() > skew {
		return time.Time{}, deny("1013", "t is more than %s from the time of the cloud", skew)
	}
	return sent, nil
}

// firstUse remembers a nonce for as long as its request is young enough to be
// heard, and reports whether it is new. An empty one is none. It is called with
// the lock held.
func (c *Cloud) firstUse(n nonce, sent time.Time) bool {
	if n.text == "" || c.readings.RepeatNonce {
		return true
	}
	g, now := &c.gateway, c.Clock.Now()
	forgotten := func(until time.Time) bool { return c.readings.ClockSkew >= 0 && now.After(until) }
	if until, known := g.nonces[n]; known && !forgotten(until) {
		return false
	}
	if len(g.nonces) >= max(g.pruneAt, 1024) {
		for old, until := range g.nonces {
			if forgotten(until) {
				delete(g.nonces, old)
			}
		}
		g.pruneAt = 2 * len(g.nonces)
	}
	g.nonces[n] = sent.Add(c.readings.ClockSkew)
	return true
}

// spoilToken makes a token bad for ever that a fault struck.
func (c *Cloud) spoilToken(q *apiAsked, s struck) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := q.token
	if q.call == CallOpenAPIRefresh {
		t = c.gateway.byRefresh[q.segment]
	}
	switch {
	case t == nil:
	case s.has(FaultTokenExpired):
		t.ended = true
	case s.has(FaultTokenInvalid):
		t.invalid = true
	}
}

// maskedRefresh masks in a text the refresh_token of a path.
func (c *Cloud) maskedRefresh(text string) string {
	return refreshInPath.ReplaceAllString(text, "${1}"+mask)
}

var refreshInPath = regexp.MustCompile(`(/v[0-9]+\.[0-9]+/token/)[^/?\s]+`)

// maskedOpenAPI returns e without a secret, those among them that are known by
// their place alone.
func (c *Cloud) maskedOpenAPI(e Exchange) Exchange {
	e.Path, e.Answer = c.maskedRefresh(e.Path), c.maskedRefresh(e.Answer)
	if e.Call == CallOpenAPIToken {
		e.Query = maskParam(e.Query, "code")
		if before, target, ok := strings.Cut(e.Canonical, openAPITokenPath+"?"); ok {
			e.Canonical = before + openAPITokenPath + "?" + maskParam(target, "code")
		}
	}
	return c.masked(e)
}

// maskParam masks one parameter of a query.
func maskParam(query, name string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if strings.HasPrefix(part, name+"=") {
			parts[i] = name + "=" + mask
		}
	}
	return strings.Join(parts, "&")
}

// readBody reads a JSON object in the body of a call.
func (q *apiAsked) readBody() (map[string]json.RawMessage, *denial) {
	if fault := notJSON(q.header); fault != "" {
		return nil, deny("1006", "%s", fault)
	}
	if len(q.body) == 0 {
		return nil, deny("1100", "the body")
	}
	members, err := readObject(q.body)
	if err != nil {
		return nil, deny("1109", "%v", err)
	}
	return members, nil
}
