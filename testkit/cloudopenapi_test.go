package testkit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// caller calls the OpenAPI over raw HTTP, with a signer of its own that is
// written down once more from the documents.
type caller struct {
	t       *testing.T
	c       *Cloud
	project Project
	token   string
	nonces  int
}

func newCaller(t *testing.T, c *Cloud) *caller { return &caller{t: t, c: c, project: TestProject()} }

// withToken gets a token.
func (k *caller) withToken() *caller {
	k.t.Helper()
	k.token, _ = k.getToken()
	return k
}

func (k *caller) getToken() (access, refresh string) {
	k.t.Helper()
	a := k.get("/v1.0/token?grant_type=1")
	require.True(k.t, a.Success, a.body)
	var issued map[string]any
	require.NoError(k.t, json.Unmarshal(a.Result, &issued))
	return issued["access_token"].(string), issued["refresh_token"].(string)
}

func (k *caller) get(target string) told { k.t.Helper(); return k.call("GET", target, "", nil) }

func (k *caller) post(target, body string) told {
	k.t.Helper()
	return k.call("POST", target, body, nil)
}

// call signs a request and sends it. change may change what is sent; a header
// that it removes is not sent.
func (k *caller) call(method, target, body string, change func(map[string]string)) told {
	k.t.Helper()
	a, err := k.try(method, target, body, change)
	require.NoError(k.t, err)
	return a
}

func (k *caller) try(method, target, body string, change func(map[string]string)) (told, error) {
	k.nonces++
	header := map[string]string{
		"client_id": k.project.ClientID, "sign_method": "HMAC-SHA256",
		"t": strconv.FormatInt(k.c.Clock.Now().UnixMilli(), 10), "nonce": fmt.Sprintf("nonce-%d", k.nonces),
	}
	isToken := strings.HasPrefix(target, "/v1.0/token")
	if !isToken && k.token != "" {
		header["access_token"] = k.token
	}
	if body != "" {
		header["Content-Type"] = "application/json"
	}
	path, query, _ := strings.Cut(target, "?")
	signed := path
	if query != "" {
		pairs := strings.Split(query, "&")
		slices.Sort(pairs)
		signed += "?" + strings.Join(pairs, "&")
	}
	sum := sha256.Sum256([]byte(body))
	mac := hmac.New(sha256.New, []byte(k.project.Secret.Reveal()))
	mac.Write([]byte(header["client_id"] + header["access_token"] + header["t"] + header["nonce"] +
		method + "\n" + hex.EncodeToString(sum[:]) + "\n\n" + signed))
	header["sign"] = strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
	if change != nil {
		change(header)
	}
	req, err := http.NewRequestWithContext(k.t.Context(), method, k.c.OpenAPIURL()+target, strings.NewReader(body))
	require.NoError(k.t, err)
	for name, value := range header {
		req.Header[name] = []string{value} // as documented: Set would write Client_id
	}
	return sendRequest(k.c, req)
}

const (
	spuListPath        = "/v1.0/m/ecm/am/spu/list"
	credentialListPath = "/v1.0/m/ecm/am/credential/list"
	spuBody            = `{"input":{"bindingObjectCode":"tybuo","bindingObjectType":1,"catalogCode":"CLOUD_STORAGE"}}`
)

// goodCalls is one good request for each call of the OpenAPI.
func goodCalls(t *testing.T, c *Cloud) map[Call]func(k *caller) (told, error) {
	return map[Call]func(k *caller) (told, error){
		CallOpenAPIToken: func(k *caller) (told, error) { return k.try("GET", "/v1.0/token?grant_type=1", "", nil) },
		CallOpenAPIRefresh: func(k *caller) (told, error) {
			require.NoError(t, c.AddToken(OpenAPIToken{ClientID: k.project.ClientID, AccessToken: core.NewSecret(fmt.Sprintf("access-%d", k.nonces)), RefreshToken: core.NewSecret(fmt.Sprintf("refresh-%d", k.nonces))}))
			return k.try("GET", fmt.Sprintf("/v1.0/token/refresh-%d", k.nonces), "", nil)
		},
		CallSPUList: func(k *caller) (told, error) { return k.try("POST", spuListPath, spuBody, nil) },
		CallCredentialList: func(k *caller) (told, error) {
			return k.try("POST", credentialListPath, `{"input":{"objectIds":["`+TestDoorbell().ID+`"],"objectType":1}}`, nil)
		},
		CallHomeDevices: func(k *caller) (told, error) {
			return k.try("GET", "/v1.0/homes/"+TestHome().ID+"/devices", "", nil)
		},
		CallPluginOrderSearch: func(k *caller) (told, error) {
			return k.try("GET", orderSearchPath+"?"+shopQuery, "", nil)
		},
		CallPluginOrder: func(k *caller) (told, error) {
			return k.try("GET", "/v1.0/mall/plugin/order/"+newOrder(t, c)+"?"+shopQuery, "", nil)
		},
		CallCloseOrder: func(k *caller) (told, error) {
			return k.try("PUT", "/v1.0/sellercenter/order/close/"+newOrder(t, c)+"?"+siteQuery, "", nil)
		},
	}
}

// The vectors, over the wire, at the time at which they were made.
func TestTheDocumentsRequestsAreHeard(t *testing.T) {
	clock := NewClock(time.UnixMilli(1588925778000))
	catalogs := TestCatalogs()
	catalogs[0].Mall = MallInfo{MallCode: "M1", ShopCode: "S1"}
	c := testCloud(t, CloudConfig{Clock: clock, Catalogs: catalogs, Readings: CloudReadings{RepeatNonce: true}})
	require.NoError(t, c.AddToken(OpenAPIToken{ClientID: TestProject().ClientID, AccessToken: core.NewSecret(documentedToken), RefreshToken: core.NewSecret("0a1b2c3d4e5f60718293a4b5c6d7e8f9")}))
	for _, v := range vectors() {
		for _, spoilt := range []bool{false, true} {
			req, err := http.NewRequestWithContext(t.Context(), v.method, c.OpenAPIURL()+v.target, strings.NewReader(v.body))
			require.NoError(t, err)
			req.Header = v.request().Header
			if spoilt {
				req.Header.Set("t", "1588925778001")
			}
			a, err := sendRequest(c, req)
			require.NoError(t, err)
			code := ""
			switch {
			case strings.HasPrefix(v.name, "V2"), v.name == "V3", v.name == "V5":
				code = "1108" // no path of the mall's
			case spoilt:
				code = "1004"
			}
			assert.Equal(t, code, a.code(), "%s: %s", v.name, a.body)
		}
	}
}

func TestTheGatewayIsStrict(t *testing.T) {
	other := Project{ClientID: "another-project", Secret: core.NewSecret("the-secret-of-another")}
	c := testCloud(t, CloudConfig{Projects: []Project{TestProject(), other}})
	k := newCaller(t, c).withToken()
	set := func(name, value string) func(map[string]string) {
		return func(h map[string]string) { h[name] = value }
	}
	without := func(names ...string) func(map[string]string) {
		return func(h map[string]string) {
			for _, name := range names {
				delete(h, name)
			}
		}
	}
	home := "/v1.0/homes/" + TestHome().ID + "/devices"
	long := strconv.FormatInt(c.Clock.Now().Add(5*time.Minute+time.Millisecond).UnixMilli(), 10)
	ago := strconv.FormatInt(c.Clock.Now().Add(-5*time.Minute-time.Millisecond).UnixMilli(), 10)
	for name, x := range map[string]struct {
		method, target, body string
		change               func(map[string]string)
		code, msg            string
	}{
		"good":                        {"GET", home, "", nil, "", ""},
		"good, with a body":           {"POST", spuListPath, spuBody, nil, "", ""},
		"lang":                        {"GET", home, "", set("lang", "zh"), "", ""},
		"what the SDK sends too":      {"GET", home, "", set("Dev_lang", "golang"), "", ""},
		"a token, to get a token":     {"GET", "/v1.0/token?grant_type=1", "", set("access_token", "x"), "", ""},
		"no client_id":                {"GET", home, "", without("client_id"), "1105", "missing the header: client_id"},
		"unknown client_id":           {"GET", home, "", set("client_id", "x"), "1005", ""},
		"no sign":                     {"GET", home, "", without("sign"), "1105", "sign"},
		"no sign_method":              {"GET", home, "", without("sign_method"), "1105", "sign_method"},
		"another sign_method":         {"GET", home, "", set("sign_method", "MD5"), "1004", "HMAC-SHA256"},
		"no t":                        {"GET", home, "", without("t"), "1105", "t"},
		"t in seconds":                {"GET", home, "", set("t", "1700000000"), "1013", "13 digits"},
		"t is a text":                 {"GET", home, "", set("t", "170000000000x"), "1013", "13 digits"},
		"from the future":             {"GET", home, "", set("t", long), "1013", "5m0s"},
		"from the past":               {"GET", home, "", set("t", ago), "1013", "5m0s"},
		"another t":                   {"GET", home, "", set("t", "1700000000001"), "1004", ""},
		"another nonce":               {"GET", home, "", set("nonce", "x"), "1004", ""},
		"the nonce left out":          {"GET", home, "", without("nonce"), "1004", ""},
		"lower-case sign":             {"GET", home, "", func(h map[string]string) { h["sign"] = strings.ToLower(h["sign"]) }, "1004", "sign invalid"},
		"half a sign":                 {"GET", home, "", func(h map[string]string) { h["sign"] = h["sign"][:32] }, "1004", ""},
		"signed by another":           {"GET", home, "", set("client_id", other.ClientID), "1004", ""},
		"no token":                    {"GET", home, "", without("access_token"), "1002", ""},
		"empty token":                 {"GET", home, "", set("access_token", ""), "1002", ""},
		"token not signed":            {"GET", home, "", set("access_token", "x"), "1004", ""},
		"no such path":                {"GET", "/v1.0/home", "", nil, "1108", "uri path invalid"},
		"another method":              {"PUT", home, "", nil, "1108", ""},
		"POST for a token":            {"POST", "/v1.0/token?grant_type=1", "", nil, "1108", ""},
		"POST for a refresh":          {"POST", "/v1.0/token/x", "", nil, "1108", ""},
		"another version":             {"GET", "/v2.0/homes/1/devices", "", nil, "1108", ""},
		"a slash more":                {"GET", home + "/", "", nil, "1108", ""},
		"no path at all":              {"GET", "/v1.0", "", nil, "1108", ""},
		"headers that are not there":  {"GET", home, "", set("Signature-Headers", "area_id"), "1105", `"area_id"`},
		"headers without a name":      {"GET", home, "", set("Signature-Headers", "t::t"), "1109", "empty name"},
		"headers that are not signed": {"GET", home, "", set("Signature-Headers", "t"), "1004", ""},
		"a bad query":                 {"GET", home + "?a=%zz", "", nil, "1109", "query"},
		"no grant_type":               {"GET", "/v1.0/token", "", nil, "1003", ""},
		"another grant_type":          {"GET", "/v1.0/token?grant_type=3", "", nil, "1003", ""},
		"no code":                     {"GET", "/v1.0/token?grant_type=2", "", nil, "1107", ""},
		"an unknown code":             {"GET", "/v1.0/token?code=x&grant_type=2", "", nil, "1107", ""},
		"an unknown refresh_token":    {"GET", "/v1.0/token/x", "", nil, "1011", ""},
		"not JSON":                    {"POST", spuListPath, "input=x", nil, "1109", "JSON"},
		"a name twice":                {"POST", spuListPath, `{"input":{},"input":{}}`, nil, "1109", "twice"},
		"another content type":        {"POST", spuListPath, spuBody, set("Content-Type", "text/plain"), "1006", ""},
		"no content type":             {"POST", spuListPath, spuBody, without("Content-Type"), "1006", ""},
		"no body":                     {"POST", spuListPath, "", set("Content-Type", "application/json"), "1100", "body"},
		"too long":                    {"POST", spuListPath, strings.Repeat(" ", core.MaxBody+1), nil, "1109", "longer"},
	} {
		a := k.call(x.method, x.target, x.body, x.change)
		assert.Equal(t, 200, a.status, name)
		assert.Equal(t, x.code, a.code(), "%s: %s", name, a.body)
		assert.Equal(t, x.code == "", a.Success, name)
		assert.Contains(t, a.Msg, x.msg, name)
		assert.NotContains(t, string(a.Code), `"`, "%s: the gateway's codes are numbers", name)
		assert.Equal(t, "1700000000000", string(a.T), name)
		assert.Len(t, a.TID, 32, name)
	}

	// A header that two readers could read in two ways is refused.
	for name, header := range map[string]http.Header{
		"client_id": {"client_id": {"a", "b"}},
		"lang": {
			"client_id": {k.project.ClientID}, "sign": {"x"}, "sign_method": {"HMAC-SHA256"}, "Signature-Headers": {"lang"}, "lang": {"zh", "en"},
		},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", c.OpenAPIURL()+home, nil)
		require.NoError(t, err)
		req.Header = header
		a, err := sendRequest(c, req)
		require.NoError(t, err)
		assert.Equal(t, "1109", a.code(), "%s: %s", name, a.body)
		assert.Contains(t, a.Msg, name)
	}
}

func TestHeadersAndQueriesThatAreSigned(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	k := newCaller(t, c).withToken()
	t0 := strconv.FormatInt(c.Clock.Now().UnixMilli(), 10)
	sign := func(text string) string {
		mac := hmac.New(sha256.New, []byte(k.project.Secret.Reveal()))
		mac.Write([]byte(text))
		return strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	a := k.call("GET", "/v1.0/token?grant_type=1", "", func(h map[string]string) {
		delete(h, "nonce")
		h["Signature-Headers"], h["call_id"], h["area_id"] = "call_id:area_id", "2", "1"
		h["sign"] = sign(k.project.ClientID + t0 + "GET\n" + empty + "\ncall_id:2\narea_id:1\n\n/v1.0/token?grant_type=1")
	})
	assert.True(t, a.Success, a.body)

	home := "/v1.0/homes/" + TestHome().ID + "/devices"
	for _, x := range []struct {
		reading SignedQuery
		decoded bool
		raw     bool
	}{{SignedDecoded, true, false}, {SignedRaw, false, true}, {SignedEither, true, true}} {
		c := testCloud(t, CloudConfig{Readings: CloudReadings{SignedQuery: x.reading}})
		k := newCaller(t, c).withToken()
		for text, good := range map[string]bool{"?a=x y&b=1": x.decoded, "?a=x%20y&b=1": x.raw} {
			a := k.call("GET", home+"?b=1&a=x%20y&b=2", "", func(h map[string]string) {
				h["sign"] = sign(h["client_id"] + k.token + h["t"] + h["nonce"] + "GET\n" + empty + "\n\n" + home + text)
			})
			assert.Equal(t, map[bool]string{true: "", false: "1004"}[good], a.code(), "%s %s", x.reading, text)
		}
	}
	_, err := NewCloud(CloudConfig{Readings: CloudReadings{SignedQuery: "x"}})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
}

func TestTimeAndNonces(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	k := newCaller(t, c).withToken()
	home := "/v1.0/homes/" + TestHome().ID + "/devices"
	var sent map[string]string
	keep := func(h map[string]string) { sent = maps.Clone(h) }
	again := func(h map[string]string) { clear(h); maps.Copy(h, sent) }
	require.True(t, k.call("GET", home, "", keep).Success)
	a := k.call("GET", home, "", again)
	assert.Equal(t, "1004", a.code())
	assert.Contains(t, a.Msg, "nonce")

	// At either end of the window a request is heard, and its nonce is
	// remembered for as long as it could be heard again.
	at := func(d time.Duration) *caller { // signs with a clock that is off by d
		return &caller{t: t, c: &Cloud{URL: c.URL, Clock: NewClock(c.Clock.Now().Add(d)), host: host{transport: c.transport}}, project: TestProject(), token: k.token, nonces: 1000 + int(d)}
	}
	assert.True(t, at(-5*time.Minute).call("GET", home, "", nil).Success)
	require.True(t, at(5*time.Minute).call("GET", home, "", keep).Success)
	c.Clock.Advance(10 * time.Minute)
	assert.Equal(t, "1004", k.call("GET", home, "", again).code(), "still remembered")
	c.Clock.Advance(time.Millisecond)
	assert.Equal(t, "1013", k.call("GET", home, "", again).code(), "too old to be looked at")

	// Without a nonce nothing is remembered, and a request that is refused
	// for its sign uses no nonce up.
	for range 2 {
		k.nonces = 5000
		assert.Equal(t, "1004", k.call("GET", home, "", func(h map[string]string) { h["sign"] = "X" }).code())
	}
	k.nonces = 5000
	assert.True(t, k.get(home).Success)
	require.NoError(t, c.AddToken(OpenAPIToken{ClientID: TestProject().ClientID, AccessToken: core.NewSecret("plain")}))
	bare := tuyaSign(TestProject().Secret, TestProject().ClientID+"plain"+fmt.Sprint(c.Clock.Now().UnixMilli())+"GET\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\n"+home)
	for _, empty := range []bool{true, false, true} {
		a := k.call("GET", home, "", func(h map[string]string) {
			h["access_token"], h["sign"], h["nonce"] = "plain", bare, ""
			if !empty {
				delete(h, "nonce")
			}
		})
		assert.True(t, a.Success, a.body)
	}

	// Old ones are forgotten, so that the memory does not grow for ever.
	for i := range 1100 {
		if i == 1000 {
			c.Clock.Advance(time.Hour)
		}
		require.True(t, c.firstUse(nonce{"x", strconv.Itoa(i)}, c.Clock.Now()))
	}
	assert.Less(t, len(c.gateway.nonces), 200)

	loose := testCloud(t, CloudConfig{Readings: CloudReadings{ClockSkew: -1, RepeatNonce: true}})
	k = newCaller(t, loose).withToken()
	require.True(t, k.call("GET", home, "", keep).Success)
	loose.Clock.Advance(time.Hour)
	assert.True(t, k.call("GET", home, "", again).Success)
}

// Every code that the gateway knows can be had, with its words, of every call.
func TestEveryErrorCodeArrives(t *testing.T) {
	codes := strings.Fields(`500 1000 1001 1002 1003 1004 1005 1006 1007 1008 1010 1011 1012 1013 1100 1101 1102 1103 1104 1105 1106 1107 1108
		1109 1110 1111 1113 1199 429 28841001 28841002 28841003 28841004 28841101 28841102 28841103 28841104 28841105 28841106`)
	c := testCloud(t, CloudConfig{})
	k := newCaller(t, c).withToken()
	calls := goodCalls(t, c)
	require.Len(t, calls, len(openAPICalls()))
	for _, call := range openAPICalls() {
		for _, code := range codes {
			i := c.Inject(Fault{Kind: FaultErrorCode, Call: call, Code: code})
			a, err := calls[call](k)
			require.NoError(t, err)
			require.Equal(t, 1, i.Applied(), "%s", a.body)
			assert.Equal(t, code, string(a.Code), "a number")
			assert.False(t, a.Success)
			assert.Equal(t, gatewayText(code), a.Msg)
			assert.NotEqual(t, "failed", a.Msg, code)
		}
		a, err := calls[call](k)
		require.NoError(t, err)
		assert.True(t, a.Success, "%s: %s", call, a.body)
	}
}

func TestFaultsOfTheOpenAPI(t *testing.T) {
	for _, x := range []struct {
		fault  Fault
		status int // 0: the connection ends
		code   string
	}{
		{Fault{Kind: FaultCut}, 0, ""},
		{Fault{Kind: FaultAnswerLost}, 0, ""},
		{Fault{Kind: FaultTornAnswer}, 0, ""},
		{Fault{Kind: FaultError500}, 500, "500"},
		{Fault{Kind: FaultSystemError}, 200, "500"},
		{Fault{Kind: FaultSystemErrorAfter}, 200, "500"},
		{Fault{Kind: FaultBusy}, 200, "1111"},
		{Fault{Kind: FaultRateLimited}, 200, "1199"},
		{Fault{Kind: FaultTooMany}, 429, "429"},
		{Fault{Kind: FaultRefused}, 200, "1106"},
		{Fault{Kind: FaultGarbage}, 200, ""},
		{Fault{Kind: FaultRedirect}, 302, ""},
	} {
		for _, call := range openAPICalls() {
			c := testCloud(t, CloudConfig{})
			k := newCaller(t, c).withToken()
			x.fault.Call = call
			i := c.Inject(x.fault)
			a, err := goodCalls(t, c)[call](k)
			assert.Equal(t, x.status == 0, err != nil, "%s %s: %v", x.fault.Kind, call, err)
			if x.status != 0 {
				assert.Equal(t, x.status, a.status, "%s %s", x.fault.Kind, call)
				want := x.code
				if call == CallSPUList && x.fault.Kind == FaultRefused {
					want = "PERMISSION_DENIED" // its page says so
				}
				assert.Equal(t, want, a.code(), "%s %s", x.fault.Kind, call)
			}
			assert.Equal(t, 1, i.Applied())
			all := c.Requests()
			e := all[len(all)-1]
			assert.Equal(t, []FaultKind{x.fault.Kind}, e.Faults)
			assert.Equal(t, call, e.Call)
			assert.Equal(t, PeerTuya, e.Peer)
			assert.Equal(t, TestProject().ClientID, e.AppID)
		}
	}
}

func TestManyCallersOfTheOpenAPI(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	_, refresh := newCaller(t, c).getToken()
	home := "/v1.0/homes/" + TestHome().ID + "/devices"
	var all sync.WaitGroup
	var mu sync.Mutex
	refreshed, heard := 0, 0
	for i := range 16 {
		all.Go(func() {
			k := &caller{t: t, c: c, project: TestProject(), nonces: 1000 * (i + 1)}
			a, err := k.try("GET", "/v1.0/token/"+refresh, "", nil)
			assert.NoError(t, err)
			once, err := k.try("GET", "/v1.0/token?grant_type=1", "", nil)
			assert.NoError(t, err)
			var issued struct {
				AccessToken string `json:"access_token"`
			}
			assert.NoError(t, json.Unmarshal(once.Result, &issued))
			k.token, k.nonces = issued.AccessToken, 999_999 // the same for all
			same, err := k.try("GET", home, "", nil)
			assert.NoError(t, err)
			mu.Lock()
			defer mu.Unlock()
			if a.Success {
				refreshed++
			}
			if same.Success {
				heard++
			}
		})
	}
	all.Wait()
	assert.Equal(t, 1, refreshed, "a refresh_token is good once")
	assert.Equal(t, 1, heard, "a nonce is good once")
}

// Whatever is sent, the record shows no secret, token or sign.
func TestNothingInTheRecordOfTheOpenAPIIsASecret(t *testing.T) {
	doorbell := TestDoorbell()
	doorbell.Facts.LocalKey = core.NewSecret("key-of-the-doorbell")
	c := testCloud(t, CloudConfig{Devices: []Device{doorbell, TestCamera()}})
	k := newCaller(t, c)
	access, refresh := k.getToken()
	k.token = access
	signs := []string{}
	keep := func(h map[string]string) { signs = append(signs, h["sign"]) }
	a := k.call("GET", "/v1.0/homes/"+TestHome().ID+"/devices", "", keep)
	require.Contains(t, a.body, `"local_key":"key-of-the-doorbell"`, "the client gets it")
	k.call("GET", "/v1.0/token/"+refresh, "", keep)
	k.call("GET", "/v1.0/token/refresh-unknown-to-all", "", keep)
	k.call("POST", "/v1.0/token/refresh-unknown-to-all", "", keep)
	k.call("GET", "/v1.0/token?code=code-unknown-to-all&grant_type=2", "", keep)
	k.call("POST", spuListPath, `{"input":"`+access+`"}`, keep)
	k.call("GET", "/v1.0/homes/"+refresh+"/devices?refresh_token="+refresh, "", keep)
	k.token = "token-unknown-to-all"
	k.call("GET", "/v1.0/homes/1/devices", "", keep)
	leaks := append(signs, access, refresh, TestProject().Secret.Reveal(), "unknown-to-all", "key-of-the-doorbell")
	for _, e := range c.Requests() {
		type bare Exchange
		RequireNoSecret(t, fmt.Sprintf("%+v %s", bare(e), e), core.Secrets(leaks...)...)
		if e.Call != "" {
			assert.Contains(t, e.Canonical, TestProject().ClientID, e.Path)
		}
	}
	all := c.Requests()
	assert.Contains(t, all[1].Canonical, "***1700000000000nonce-2GET\ne3b0c4")
}
