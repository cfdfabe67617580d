package testkit

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/tuya"
)

// The values of the examples in Tuya's documents.
const (
	documentedT     = "1588925778000"
	documentedToken = "3f4eda2bdec17232f67c0b188af3eec1"
	documentedNonce = "5138cc3a9033d69856923fd07b491173"
)

type vector struct {
	name, method, target, body string
	signedHeaders, business    bool
	nonce, sign                string
}

func vectors() []vector {
	const n = documentedNonce
	return []vector{
		{"V1", "GET", "/v1.0/token?grant_type=1", "", true, false, n, "9E48A3E93B302EEECC803C7241985D0A34EB944F40FB573C7B5C2A82158AF13E"},
		{"V2", "GET", "/v2.0/apps/schema/users?page_no=1&page_size=50", "", true, true, n, "AE4481C692AA80B25F3A7E12C3A5FD9BBF6251539DD78E565A1A72A508A88784"},
		{"V2, sent out of order", "GET", "/v2.0/apps/schema/users?page_size=50&page_no=1", "", true, true, n, "AE4481C692AA80B25F3A7E12C3A5FD9BBF6251539DD78E565A1A72A508A88784"},
		{"V3", "POST", "/v1.0/devices/bf2c1e00ab0f12face/commands", `{"commands":[{"code":"switch_led","value":false}]}`, false, true, "", "F27DD95A15E84C954DB2ED016096D517681FE79853B6CDAD446927352691804E"},
		{"V4", "GET", "/v1.0/token?grant_type=1", "", false, false, n, "3206F74CBFC2869794FD3013C44F18166BE22AB1FB5FF66F513212264F67F681"},
		{"V5", "GET", "/v2.0/apps/schema/users?page_no=1&page_size=50", "", false, true, n, "F858D3153DBD4FFA94D59D56B00E2945430F33F0403B8BE575F3A13B1F2D3B47"},
		{"V6", "GET", "/v1.0/token/0a1b2c3d4e5f60718293a4b5c6d7e8f9", "", false, false, n, "51C0BA7FD162CEBB6F79F02F20565B5BA9D391C2451C496DE7B17C605CDA5A94"},
		{"V7", "POST", "/v1.0/m/ecm/am/spu/list", `{"input":{"bindingObjectCode":"tybuo","bindingObjectType":1,"catalogCode":"CLOUD_STORAGE"}}`, false, true, n, "59E8AB588BF8903174BAB1B4A5FEC6CD138F85D08C0632F6E217D94809FEA33F"},
		{"V8", "POST", "/v1.0/m/ecm/am/credential/list", `{"input":{"objectIds":["dev-1","dev-2"],"objectType":1}}`, false, true, n, "F568CA8C71BFE96AD1370AACA73EAE6168D83062C18BEA4568EA40ABA4B937AA"},
		{"V9", "GET", "/v1.0/mall/plugin/order/search?mall_code=M1&page_no=1&page_size=10&shop_code=S1&user_id=U1", "", false, true, n, "DF58170BAF31DF2C22CDDE0A91037263C6B01B5CE2B17171DCBAC967C64FB6DC"},
	}
}

func (v vector) request() *http.Request {
	r := httptest.NewRequest(v.method, v.target, strings.NewReader(v.body))
	r.Header = http.Header{}
	for name, value := range map[string]string{
		"client_id": TestProject().ClientID, "sign": v.sign, "sign_method": "HMAC-SHA256", "t": documentedT,
		"nonce": v.nonce, "Content-Type": "application/json",
	} {
		r.Header.Set(name, value)
	}
	if v.business {
		r.Header.Set("access_token", documentedToken)
	}
	if v.signedHeaders {
		r.Header.Set("Signature-Headers", "area_id:call_id")
		r.Header.Set("area_id", "29a33e8796834b1efa6")
		r.Header.Set("call_id", "8afdb70ab2ed11eb85290242ac130003")
	}
	return r
}

func (v vector) token() string {
	if v.business {
		return documentedToken
	}
	return ""
}

// All signatures that are documented, or were worked out from the documents by
// other means, are the ones made here.
func TestTheSignaturesOfTheDocuments(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	for _, v := range vectors() {
		texts, denied := c.signedTexts(v.request(), []byte(v.body), TestProject().ClientID, v.token(), documentedT, v.nonce)
		require.Nil(t, denied, v.name)
		require.Len(t, texts, 1, v.name)
		assert.Equal(t, v.sign, tuyaSign(TestProject().Secret, texts[0]), v.name)
		assert.True(t, isSigned(TestProject().Secret, v.sign, texts), v.name)
		assert.False(t, isSigned(TestProject().Secret, strings.ToLower(v.sign), texts), v.name)
		assert.False(t, isSigned(core.NewSecret("another"), v.sign, texts), v.name)
		assert.False(t, isSigned(TestProject().Secret, "", texts), v.name)
	}
	const old1, old2 = "CEAAFB5CCDC2F723A9FD3E91D3D2238EE0DD9A6D7C3C365DEB50FC2AF277AA83", "36C30E300F226B68ADD014DD1EF56A81EDB7B7A817840485769B9D6C96D0FAA1"
	project := TestProject()
	assert.Equal(t, old1, tuyaSign(project.Secret, project.ClientID+documentedT), "V10")
	assert.Equal(t, old2, tuyaSign(project.Secret, project.ClientID+documentedToken+documentedT), "V11")
	for _, old := range []bool{false, true} {
		c := testCloud(t, CloudConfig{Readings: CloudReadings{OldSignature: old}})
		for token, sign := range map[string]string{"": old1, documentedToken: old2} {
			texts, _ := c.signedTexts(vectors()[0].request(), nil, project.ClientID, token, documentedT, "")
			assert.Equal(t, old, isSigned(project.Secret, sign, texts))
			assert.True(t, isSigned(project.Secret, tuyaSign(project.Secret, texts[0]), texts), "the new one is good too")
		}
	}
}

func TestWhatIsSignedOfAQuery(t *testing.T) {
	for query, want := range map[string]struct{ decoded, raw string }{
		"":                    {"/p", "/p"},
		"b=2&a=1":             {"/p?a=1&b=2", "/p?a=1&b=2"},
		"a=1&a=2&B=3":         {"/p?B=3&a=1", "/p?B=3&a=1"},
		"q=a%20b%2Fc&z=1+2":   {"/p?q=a b/c&z=1 2", "/p?q=a%20b%2Fc&z=1+2"},
		"flag&a=":             {"/p?a=&flag=", "/p?a=&flag="},
		"%E5%90%8D=%E5%80%BC": {"/p?名=值", "/p?%E5%90%8D=%E5%80%BC"},
		"a=1&&b=2":            {"/p?a=1&b=2", "/p?a=1&b=2"},
		"a.b=1&a=2&a-b=3":     {"/p?a=2&a-b=3&a.b=1", "/p?a=2&a-b=3&a.b=1"},
	} {
		u := &url.URL{Path: "/p", RawQuery: query}
		assert.Equal(t, want.decoded, decodedTarget(u), query)
		assert.Equal(t, want.raw, rawTarget(u), query)
	}
	u, err := url.Parse("/v1.0/a%20b?x=%41")
	require.NoError(t, err)
	assert.Equal(t, "/v1.0/a b?x=A", decodedTarget(u))
	assert.Equal(t, "/v1.0/a%20b?x=%41", rawTarget(u))
}

func TestAFormIsNotCovered(t *testing.T) {
	r := httptest.NewRequest("POST", "/v1.0/x", nil)
	r.Header.Set("Content-Type", "Application/x-www-form-urlencoded; charset=utf-8")
	form := stringToSign(r, []byte("a=1"), "", "/v1.0/x")
	assert.Equal(t, "POST\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\n/v1.0/x", form)
	r.Header.Set("Content-Type", "application/json")
	assert.NotEqual(t, form, stringToSign(r, []byte("a=1"), "", "/v1.0/x"))
	r.Method = "post"
	assert.True(t, strings.HasPrefix(stringToSign(r, nil, "", "/v1.0/x"), "POST\n"))
}

// The request that is verified is read without a panic whatever it is, and is
// good only if it says what was signed.
func FuzzOpenAPISignature(f *testing.F) {
	for _, v := range vectors() {
		f.Add(v.method, v.target, v.body, v.nonce, "area_id:call_id", v.sign)
	}
	f.Add("PUT", "/v1.0/sellercenter/order/close/1?mall_code=M&site_code=%zz", "", "n", "", "")
	f.Add("GET", "/v1.0/a?b=1;c=2", "{}", "", "a::b", "x")
	f.Add("POST", "//?=&=&&%41=%", "\xff", "\x00", ":", "\n")
	project := TestProject()
	other := core.NewSecret("another secret")
	c, err := NewCloud(CloudConfig{NoListen: true})
	require.NoError(f, err)
	f.Cleanup(c.Close)
	f.Fuzz(func(t *testing.T, method, target, body, once, names, sign string) {
		u, err := url.Parse(target)
		if err != nil {
			t.Skip()
		}
		if _, err := url.ParseQuery(u.RawQuery); err != nil {
			t.Skip() // refused before
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{}}
		r.Header.Set("area_id", "1")
		r.Header.Set("call_id", "2")
		if names != "" {
			r.Header.Set("Signature-Headers", names)
		}
		texts, denied := c.signedTexts(r, []byte(body), project.ClientID, documentedToken, documentedT, once)
		if denied != nil {
			return
		}
		good := tuyaSign(project.Secret, texts[0])
		require.True(t, isSigned(project.Secret, good, texts))
		require.Equal(t, sign == good, isSigned(project.Secret, sign, texts))
		require.False(t, isSigned(other, good, texts))
		changed, denied := c.signedTexts(r, []byte(body+" "), project.ClientID, documentedToken, documentedT, once)
		require.Nil(t, denied)
		require.False(t, isSigned(project.Secret, good, changed), "another body")

		// The library's signer, which knows nothing of this one, agrees.
		signed := tuya.Signed{Method: method, Path: u.Path, Query: url.Values{}, Body: []byte(body)}
		for name, values := range u.Query() {
			signed.Query.Set(name, values[0])
		}
		if names != "" {
			for name := range strings.SplitSeq(names, ":") {
				signed.Headers = append(signed.Headers, tuya.Header{Name: name, Value: r.Header.Get(name)})
			}
		}
		require.Equal(t, tuya.Sign(project.ClientID, project.Secret, core.NewSecret(documentedToken), documentedT, once, signed), good)
	})
}
