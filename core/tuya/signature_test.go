package tuya_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/tuya"
)

// The documentation's values, and requests whose signatures were worked out by
// other means.
func TestSignatureVectors(t *testing.T) {
	const clientID, at, nonce = "1KAD46OrT9HafiKdsXeg", "1588925778000", "5138cc3a9033d69856923fd07b491173"
	secret, access := core.NewSecret("4OHBOnWOqaEC1mWXOpVL3yV50s0qGSRC"), core.NewSecret("3f4eda2bdec17232f67c0b188af3eec1")
	headers := []tuya.Header{{Name: "area_id", Value: "29a33e8796834b1efa6"}, {Name: "call_id", Value: "8afdb70ab2ed11eb85290242ac130003"}}
	query := func(pairs ...string) url.Values {
		q := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return q
	}
	for name, v := range map[string]struct {
		access  core.Secret
		nonce   string
		request tuya.Signed
		want    string
	}{
		"V1": {core.Secret{}, nonce, tuya.Signed{Method: "GET", Path: "/v1.0/token", Query: query("grant_type", "1"), Headers: headers}, "9E48A3E93B302EEECC803C7241985D0A34EB944F40FB573C7B5C2A82158AF13E"},
		"V2": {access, nonce, tuya.Signed{Method: "get", Path: "/v2.0/apps/schema/users", Query: query("page_size", "50", "page_no", "1"), Headers: headers}, "AE4481C692AA80B25F3A7E12C3A5FD9BBF6251539DD78E565A1A72A508A88784"},
		"V3": {access, "", tuya.Signed{Method: "POST", Path: "/v1.0/devices/bf2c1e00ab0f12face/commands", Body: []byte(`{"commands":[{"code":"switch_led","value":false}]}`)}, "F27DD95A15E84C954DB2ED016096D517681FE79853B6CDAD446927352691804E"},
		"V4": {core.Secret{}, nonce, tuya.Signed{Method: "GET", Path: "/v1.0/token", Query: query("grant_type", "1")}, "3206F74CBFC2869794FD3013C44F18166BE22AB1FB5FF66F513212264F67F681"},
		"V5": {access, nonce, tuya.Signed{Method: "GET", Path: "/v2.0/apps/schema/users", Query: query("page_no", "1", "page_size", "50")}, "F858D3153DBD4FFA94D59D56B00E2945430F33F0403B8BE575F3A13B1F2D3B47"},
		"V6": {core.Secret{}, nonce, tuya.Signed{Method: "GET", Path: "/v1.0/token/0a1b2c3d4e5f60718293a4b5c6d7e8f9"}, "51C0BA7FD162CEBB6F79F02F20565B5BA9D391C2451C496DE7B17C605CDA5A94"},
		"V7": {access, nonce, tuya.Signed{Method: "POST", Path: "/v1.0/m/ecm/am/spu/list", Body: []byte(`{"input":{"bindingObjectCode":"tybuo","bindingObjectType":1,"catalogCode":"CLOUD_STORAGE"}}`)}, "59E8AB588BF8903174BAB1B4A5FEC6CD138F85D08C0632F6E217D94809FEA33F"},
		"V8": {access, nonce, tuya.Signed{Method: "POST", Path: "/v1.0/m/ecm/am/credential/list", Body: []byte(`{"input":{"objectIds":["dev-1","dev-2"],"objectType":1}}`)}, "F568CA8C71BFE96AD1370AACA73EAE6168D83062C18BEA4568EA40ABA4B937AA"},
		"V9": {access, nonce, tuya.Signed{Method: "GET", Path: "/v1.0/mall/plugin/order/search", Query: query("shop_code", "S1", "user_id", "U1", "mall_code", "M1", "page_no", "1", "page_size", "10")}, "DF58170BAF31DF2C22CDDE0A91037263C6B01B5CE2B17171DCBAC967C64FB6DC"},
	} {
		assert.Equal(t, v.want, tuya.Sign(clientID, secret, v.access, at, v.nonce, v.request), name)
	}
}

func TestStringToSign(t *testing.T) {
	s := tuya.Signed{Method: "get", Path: "/a", Query: url.Values{"b": {"2"}, "a": {"x y"}}}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	assert.Equal(t, "GET\n"+empty+"\n\n/a?a=x y&b=2", s.StringToSign())
	s.Headers = []tuya.Header{{Name: "h", Value: "1"}}
	assert.Equal(t, "GET\n"+empty+"\nh:1\n\n/a?a=x y&b=2", s.StringToSign())
}

// Two requests that differ do not share a text, as far as the platform's own
// rule keeps them apart.
func FuzzStringToSign(f *testing.F) {
	f.Add("/v1.0/token", "grant_type", "1", []byte("{}"))
	f.Fuzz(func(t *testing.T, path, name, value string, body []byte) {
		text := tuya.Signed{Method: "POST", Path: path, Query: url.Values{name: {value}}, Body: body}.StringToSign()
		if !strings.HasSuffix(text, path+"?"+name+"="+value) || len(text) != len("POST\n\n\n")+64+len(path+"?"+name+"="+value) {
			t.Fatalf("%q", text)
		}
		other := tuya.Signed{Method: "POST", Path: path, Query: url.Values{name: {value}}, Body: append(body, 'x')}.StringToSign()
		if other == text {
			t.Fatal("another body, the same text")
		}
	})
}
