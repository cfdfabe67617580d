package tuya_test

import (
	"fmt"
	"net/url"
	"reflect"
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

// The text can be read back, as far as the platform's own rule keeps its parts
// apart: so no two requests share one.
func FuzzStringToSign(f *testing.F) {
	f.Add("/v1.0/token", "grant_type", "1", "", "", "area_id", "1", "call_id", "2", []byte(nil))
	f.Add("/v2.0/apps/schema/users", "page_size", "50", "page_no", "1", "a", "", "b", "c:d", []byte("{}"))
	f.Add("/", "b", "2?", "a", "x y/z", "X-A", " ", "x-a", "1", []byte("\n"))
	f.Fuzz(func(t *testing.T, path, name1, value1, name2, value2, header1, text1, header2, text2 string, body []byte) {
		if strings.ContainsAny(name1+name2+value1+value2, "&=#%+\n") || strings.ContainsAny(path, "?\n") || name1 == name2 ||
			strings.ContainsAny(header1+header2, ":\n") || strings.ContainsAny(text1+text2, "\n") {
			t.Skip("Do refuses it")
		}
		s := tuya.Signed{
			Method: "POST", Path: path, Query: url.Values{name1: {value1}, name2: {value2}}, Body: body,
			Headers: []tuya.Header{{Name: header1, Value: text1}, {Name: header2, Value: text2}},
		}
		text := s.StringToSign()
		lines := strings.Split(text, "\n")
		if len(lines) != 6 || lines[0] != "POST" || len(lines[1]) != 64 || lines[4] != "" {
			t.Fatalf("%q", text)
		}
		var headers []tuya.Header
		for _, line := range lines[2:4] {
			name, value, _ := strings.Cut(line, ":")
			headers = append(headers, tuya.Header{Name: name, Value: value})
		}
		gotPath, parameters, _ := strings.Cut(lines[5], "?")
		query, last := url.Values{}, ""
		for i, pair := range strings.Split(parameters, "&") {
			name, value, _ := strings.Cut(pair, "=")
			if i > 0 && name < last {
				t.Fatalf("%q is not sorted", parameters)
			}
			query[name], last = []string{value}, name
		}
		if !reflect.DeepEqual(headers, s.Headers) || gotPath != path || !reflect.DeepEqual(query, s.Query) {
			t.Fatalf("%q reads as %q %q %q", text, headers, gotPath, query)
		}
		s.Body = append(body, 'x')
		if s.StringToSign() == text {
			t.Fatal("another body, the same text")
		}
	})
}

func ExampleSign() {
	request := tuya.Signed{Method: "GET", Path: "/v1.0/token", Query: url.Values{"grant_type": {"1"}}}
	// The documentation's credentials: those of a call for a token have no
	// access_token.
	fmt.Println(tuya.Sign("1KAD46OrT9HafiKdsXeg", core.NewSecret("4OHBOnWOqaEC1mWXOpVL3yV50s0qGSRC"), core.Secret{},
		"1588925778000", "5138cc3a9033d69856923fd07b491173", request))
	// Output: 3206F74CBFC2869794FD3013C44F18166BE22AB1FB5FF66F513212264F67F681
}
