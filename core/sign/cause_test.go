package sign_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

// otherSide is a signer of its own making, wrong in one way: what it signs, how,
// and what it sends.
type otherSide struct {
	fields      [][2]string              // name and JSON literal, in the order of the body
	text        func(text string) string // what it makes of the right text
	hash        func(text string) string // what it makes of the text with its key
	key         string                   // the key it takes
	keyBy       string                   // how the key is put behind the text: "&key="
	sent        func(body string) string // what becomes of the body on its way
	form        bool                     // whether it sends a form
	contentType string
}

const theKey = "Aa-key-of-the-other-side-0a1B2c3D"

func notice() [][2]string {
	return [][2]string{
		{"trade_no", `"T2018020212"`}, {"app_id", `"test"`}, {"out_trade_no", `"O-1"`}, {"amount", `100`},
		{"title", `"<微信> & tea/milk +1"`}, {"remark", `""`}, {"sign_type", `"MD5"`}, {"ok", `true`}, {"note", `null`},
		{"notify_url", `"https://shop.example/p?a=b"`},
	}
}

// value is what a JSON literal says, numbers as they stand.
func value(literal string) string {
	var text *string
	if json.Unmarshal([]byte(literal), &text) == nil {
		if text == nil {
			return ""
		}
		return *text
	}
	return literal
}

func (o otherSide) rightText() string {
	var pairs []string
	for _, f := range o.fields {
		if v := value(f[1]); v != "" {
			pairs = append(pairs, f[0]+"="+v)
		}
	}
	sort.Slice(pairs, func(i, j int) bool {
		a, _, _ := strings.Cut(pairs[i], "=")
		b, _, _ := strings.Cut(pairs[j], "=")
		return a < b
	})
	return strings.Join(pairs, "&")
}

func md5Of(text string) string { return fmt.Sprintf("%X", md5.Sum([]byte(text))) }

// message returns what it sends, and the text that it says it signed.
func (o otherSide) message() (contentType string, body []byte, text string) {
	if o.fields == nil {
		o.fields = notice()
	}
	if o.key == "" {
		o.key = theKey
	}
	if o.keyBy == "" {
		o.keyBy = "&key="
	}
	if o.hash == nil {
		o.hash = md5Of
	}
	text = o.rightText()
	if o.text != nil {
		text = o.text(text)
	}
	signature := o.hash(text + o.keyBy + o.key)
	sent := &strings.Builder{}
	for i, f := range append(slices.Clone(o.fields), [2]string{"sign", fmt.Sprintf("%q", signature)}) {
		switch {
		case o.form && i > 0:
			sent.WriteString("&")
		case !o.form && i > 0:
			sent.WriteString(",")
		}
		if o.form {
			sent.WriteString(f[0] + "=" + url.QueryEscape(value(f[1])))
		} else {
			fmt.Fprintf(sent, "%q:%s", f[0], f[1])
		}
	}
	contentType = o.contentType
	whole := "{" + sent.String() + "}"
	if o.form {
		whole = sent.String()
		if contentType == "" {
			contentType = "application/x-www-form-urlencoded"
		}
	}
	if o.sent != nil {
		whole = o.sent(whole)
	}
	return contentType, []byte(whole), text
}

// replaced returns a change of one piece, which must be there.
func replaced(old, by string) func(string) string {
	return func(text string) string {
		if !strings.Contains(text, old) {
			panic(text + " has no " + old)
		}
		return strings.Replace(text, old, by, 1)
	}
}

func with(more ...[2]string) [][2]string { return append(notice(), more...) }

// pairsIn returns the text with its fields sorted as less says.
func pairsIn(less func(a, b string) bool) func(string) string {
	return func(text string) string {
		pairs := strings.Split(strings.ReplaceAll(text, " & ", "\x00"), "&")
		sort.SliceStable(pairs, func(i, j int) bool { return less(pairs[i], pairs[j]) })
		return strings.ReplaceAll(strings.Join(pairs, "&"), "\x00", " & ")
	}
}

func inDocumentOrder(string) string {
	var pairs []string
	for _, f := range notice() {
		if v := value(f[1]); v != "" {
			pairs = append(pairs, f[0]+"="+v)
		}
	}
	return strings.Join(pairs, "&")
}

func hmacOf(text string) string {
	mac := hmac.New(md5.New, []byte(theKey))
	mac.Write([]byte(text))
	return fmt.Sprintf("%X", mac.Sum(nil))
}

// wrongs are the ways to go wrong, and the cause that each is.
var wrongs = []struct {
	name          string
	other         otherSide
	id, field, in string // the cause, its field and a part of its detail
	untold        bool   // their text does not show it
}{
	{name: "no sign", other: otherSide{sent: replaced(`"sign"`, `"sing"`)}, id: "sign_missing", untold: true},
	{name: "sign under another name", other: otherSide{sent: replaced(`"sign":`, `"signature":`)}, id: "sign_missing", field: "signature", untold: true},
	{name: "sign in base64", other: otherSide{hash: func(t string) string { s := md5.Sum([]byte(t)); return base64.StdEncoding.EncodeToString(s[:]) }}, id: "sign_spelling", in: "base64", untold: true},
	{name: "a space behind sign", other: otherSide{hash: func(t string) string { return md5Of(t) + " " }}, id: "sign_spelling", in: "around", untold: true},
	{name: "half of the digits", other: otherSide{hash: func(t string) string { return md5Of(t)[8:24] }}, id: "sign_spelling", in: "16", untold: true},
	{name: "no digits at all", other: otherSide{hash: func(string) string { return "not a signature" }}, id: "sign_spelling", in: "neither", untold: true},
	{name: "a form called JSON", other: otherSide{form: true, contentType: "application/json"}, id: "content_type", in: "form", untold: true},
	{name: "JSON called a form", other: otherSide{contentType: "application/x-www-form-urlencoded"}, id: "content_type", in: "JSON", untold: true},
	{name: "text/plain", other: otherSide{contentType: "text/plain"}, id: "content_type", in: "another type", untold: true},
	{name: "a mark before the body", other: otherSide{sent: func(b string) string { return "\ufeff" + b }}, id: "bom", in: "body", untold: true},
	{name: "a mark before the text", other: otherSide{text: func(t string) string { return "\ufeff" + t }}, id: "bom", in: "text"},
	{name: "a name twice", other: otherSide{sent: replaced(`{`, `{"app_id":"other",`)}, id: "not_strict", in: "twice", untold: true},
	{name: "a base signature in front", other: otherSide{hash: func(t string) string { return jointOf(t, strings.ToUpper) }}, id: "joint", untold: true},
	{name: "its base in lower case", other: otherSide{hash: func(t string) string { return jointOf(t, strings.ToLower) }}, id: "joint", in: "lower case", untold: true},
	{name: "the second half of a joint signature", other: otherSide{fields: with([2]string{"nonce_str", `"abcX"`}, [2]string{"timestamp", `"1517928240"`}), hash: func(t string) string { return jointOf(t, strings.ToUpper)[33:] }}, id: "joint", in: "second half", untold: true},
	{name: "a base signature", other: otherSide{fields: with([2]string{"nonce_str", `"abcX"`}, [2]string{"timestamp", `"1517928240"`}), hash: func(string) string { return md5Of(theKey + "abcX1517928240") }}, id: "base", untold: true},
	{name: "HMAC-MD5", other: otherSide{hash: hmacOf}, id: "hmac", in: "HMAC-MD5", untold: true},
	{name: "HMAC-MD5 of the text alone", other: otherSide{hash: func(t string) string { return hmacOf(strings.TrimSuffix(t, "&key="+theKey)) }}, id: "hmac", in: "of the text", untold: true},
	{name: "HMAC-SHA256", other: otherSide{hash: func(t string) string {
		mac := hmac.New(sha256.New, []byte(theKey))
		mac.Write([]byte(strings.TrimSuffix(t, "&key="+theKey)))
		return fmt.Sprintf("%x", mac.Sum(nil))
	}}, id: "hmac", in: "HMAC-SHA-256", untold: true},
	{name: "SHA-256", other: otherSide{hash: func(t string) string { return fmt.Sprintf("%X", sha256.Sum256([]byte(t))) }}, id: "sha", in: "SHA-256", untold: true},
	{name: "a line end behind the key", other: otherSide{key: theKey + "\n"}, id: "key_spacing"},
	{name: "the key in quotes", other: otherSide{key: `"` + theKey + `"`}, id: "key_spacing"},
	{name: "the key in lower case", other: otherSide{key: strings.ToLower(theKey)}, id: "key_case"},
	{name: "the key in upper case", other: otherSide{key: strings.ToUpper(theKey)}, id: "key_case"},
	{name: "the key as app_key", other: otherSide{keyBy: "&app_key="}, id: "key_name", in: "&app_key="},
	{name: "the key right behind the text", other: otherSide{hash: func(t string) string { return md5Of(strings.Replace(t, "&key=", "", 1)) }}, id: "key_name", in: "right behind", untold: true},
	{name: "the key before the text", other: otherSide{hash: func(t string) string { return md5Of(theKey + strings.TrimSuffix(t, "&key="+theKey)) }}, id: "key_name", in: "before", untold: true},
	{name: "the key sorted in", other: otherSide{hash: func(t string) string {
		return md5Of(strings.Replace(strings.TrimSuffix(t, "&key="+theKey), "&notify_url", "&key="+theKey+"&notify_url", 1))
	}}, id: "key_name", in: "sorted in", untold: true},
	{name: "no key", other: otherSide{hash: func(t string) string { return md5Of(strings.TrimSuffix(t, "&key="+theKey)) }}, id: "key_name", in: "everybody", untold: true},
	{name: "the key of the test account", other: otherSide{key: "123456"}, id: "key", in: "test account"},
	{name: "the app_id as key", other: otherSide{key: "test"}, id: "key", field: "app_id", untold: true},
	{name: "empty fields signed", other: otherSide{text: func(t string) string {
		return strings.Replace(strings.Replace(t, "&sign_type", "&remark=&sign_type", 1), "&notify_url", "&note=&notify_url", 1)
	}}, id: "empty_signed"},
	{name: "one empty field signed", other: otherSide{text: replaced("&sign_type", "&remark=&sign_type")}, id: "empty_signed", field: "remark"},
	{name: "sign signed while empty", other: otherSide{text: replaced("&sign_type", "&sign=&sign_type")}, id: "sign_signed", field: "sign"},
	{name: "sign_type left out", other: otherSide{text: replaced("&sign_type=MD5", "")}, id: "field_left_out", field: "sign_type"},
	{name: "another field left out", other: otherSide{text: replaced("&ok=true", "")}, id: "field_left_out", field: "ok"},
	{name: "sign_type signed and not sent", other: otherSide{sent: replaced(`,"sign_type":"MD5"`, "")}, id: "field_not_sent", field: "sign_type"},
	{name: "not sorted", other: otherSide{text: inDocumentOrder}, id: "order_document", in: "body"},
	{name: "sorted backwards", other: otherSide{text: pairsIn(func(a, b string) bool { return a > b })}, id: "order_document", in: "backwards"},
	{name: "sorted without regard to case", other: otherSide{fields: with([2]string{"Zone", `"1"`}), text: pairsIn(func(a, b string) bool { return strings.ToLower(a) < strings.ToLower(b) })}, id: "order_case"},
	{name: "sorted as name=value", other: otherSide{fields: with([2]string{"title2", `"x"`}), text: pairsIn(func(a, b string) bool { return a < b })}, id: "order_pairs"},
	{name: "nothing between fields", other: otherSide{text: func(t string) string { return strings.ReplaceAll(strings.ReplaceAll(t, " & ", "\x00"), "&", "") }, fields: [][2]string{{"a", `"1"`}, {"b", `"2"`}}}, id: "joining", in: "nothing between"},
	{name: "an & too many", other: otherSide{text: func(t string) string { return t + "&" }}, id: "joining", in: "at the end"},
	{name: "text in upper case", other: otherSide{hash: func(t string) string { return md5Of(strings.ToUpper(t)) }}, id: "text_case", in: "upper case with", untold: true},
	{name: "text in lower case but for the key", other: otherSide{hash: func(t string) string { return md5Of(strings.ToLower(strings.TrimSuffix(t, theKey)) + theKey) }}, id: "text_case", in: "to lower case", untold: true},
	{name: "+ not read as a space", other: otherSide{form: true, fields: [][2]string{{"a", `"x y"`}, {"b", `"1"`}}, text: replaced("x y", "x+y")}, id: "form_plus", field: "a"},
	{name: "+ not written as %2B", other: otherSide{form: true, fields: [][2]string{{"a", `"x y"`}, {"b", `"1"`}}, text: replaced("x y", "x+y")}, id: "form_plus", field: "a"},
	{name: "form not decoded", other: otherSide{form: true, fields: [][2]string{{"a", `"微 信"`}, {"b", `"1"`}}, text: replaced("微 信", "%E5%BE%AE+%E4%BF%A1")}, id: "form_percent", field: "a", in: "not decoded"},
	{name: "encoded twice", other: otherSide{form: true, fields: [][2]string{{"a", `"%E5%BE%AE"`}, {"b", `"1"`}}, text: replaced("%E5%BE%AE", "微")}, id: "form_percent", field: "a", in: "once more"},
	{name: "URL in the text encoded", other: otherSide{text: replaced("https://shop.example/p?a=b", "https%3A%2F%2Fshop.example%2Fp%3Fa%3Db")}, id: "url_encoded", field: "notify_url"},
	{name: "all values encoded, in lower case", other: otherSide{text: func(t string) string {
		t = strings.Replace(t, "https://shop.example/p?a=b", "https%3a%2f%2fshop.example%2fp%3fa%3db", 1)
		return strings.Replace(t, "<微信> & tea/milk +1", "%3c%e5%be%ae%e4%bf%a1%3e+%26+tea%2fmilk+%2b1", 1)
	}}, id: "url_encoded", in: "lower case"},
	{name: "HTML escapes of JSON", other: otherSide{text: replaced("<微信> &", `\u003c微信\u003e \u0026`)}, id: "escapes", field: "title", in: `\u003c`},
	{name: "unicode escapes", other: otherSide{text: replaced("微信", `\u5fae\u4fe1`)}, id: "escapes", field: "title", in: `\u5fae`},
	{name: "unicode escapes in upper case", other: otherSide{text: replaced("微信", `\u5FAE\u4FE1`)}, id: "escapes", field: "title", in: `\u5FAE`},
	{name: "slashes escaped", other: otherSide{text: func(t string) string { return strings.ReplaceAll(t, "/", `\/`) }}, id: "escapes", in: `\/`},
	{name: "PHP's escapes", other: otherSide{text: func(t string) string {
		return strings.ReplaceAll(strings.Replace(t, "微信", `\u5fae\u4fe1`, 1), "/", `\/`)
	}}, id: "escapes", in: `and / as \/`},
	{name: "escapes as the body has them", other: otherSide{fields: [][2]string{{"a", `"\u5FAE\u0041"`}, {"b", `"1"`}}, text: replaced("微A", `\u5FAE\u0041`)}, id: "escapes", field: "a", in: "as the body"},
	{name: "HTML entities", other: otherSide{text: replaced("<微信> &", "&lt;微信&gt; &amp;")}, id: "escapes", field: "title", in: "HTML's"},
	{name: "a body escaped twice", other: otherSide{fields: [][2]string{{"a", `"\\u5fae"`}, {"b", `"1"`}}, text: replaced(`\u5fae`, "微")}, id: "escapes", field: "a", in: "once more"},
	{name: "the JSON body", other: otherSide{text: func(string) string { return "{" + literals(notice()) + "}" }}, id: "reserialised", in: "whole body, compact"},
	{name: "the JSON body sorted", other: otherSide{text: func(string) string { return "{" + literals(byName(notice())) + "}" }}, id: "reserialised", in: "sorted"},
	{name: "the JSON body pretty", other: otherSide{text: func(string) string {
		return "{\n  " + strings.NewReplacer(`","`, "\",\n  \"").Replace(`"a": "1",`+"\n"+`  "b": "2"`) + "\n}"
	}, fields: [][2]string{{"a", `"1"`}, {"b", `"2"`}}}, id: "reserialised", in: "pretty"},
	{name: "the JSON body as Go writes it", other: otherSide{text: func(string) string {
		return replaced("<微信> &", `\u003c微信\u003e \u0026`)("{" + literals(notice()) + "}")
	}}, id: "reserialised", in: `\u003c`},
	{name: "the JSON body as PHP writes it", other: otherSide{text: func(string) string {
		return strings.ReplaceAll(replaced("微信", `\u5fae\u4fe1`)("{"+literals(notice())+"}"), "/", `\/`)
	}}, id: "reserialised", in: `/ as \/`},
	{name: "a value that is JSON, sorted by the sender", other: otherSide{fields: with([2]string{"params", `"{\"b\": 1, \"a\": 2}"`}), text: replaced(`{"b": 1, "a": 2}`, `{"a":2,"b":1}`)}, id: "reserialised", field: "params", in: "sorted, compact"},
	{name: "an object as value", other: otherSide{fields: with([2]string{"params", `{"b": 1, "a": 2}`}), text: replaced(`{"b": 1, "a": 2}`, `{"b":1,"a":2}`)}, id: "reserialised", field: "params", in: "compact"},
	{name: "a space behind a value", other: otherSide{text: replaced("app_id=test", "app_id=test ")}, id: "trailing_space", field: "app_id"},
	{name: "values trimmed", other: otherSide{fields: with([2]string{"shop", `" tea house "`}), text: replaced("shop= tea house ", "shop=tea house")}, id: "trailing_space", field: "shop", in: "taken away"},
	{name: "a line end behind the text", other: otherSide{text: func(t string) string { return t + "\n" }}, id: "trailing_space", in: "line end"},
	{name: "a line end behind the form", other: otherSide{form: true, fields: [][2]string{{"z", `"1"`}}, sent: func(b string) string { sign, z, _ := strings.Cut(b, "&"); return z + "&" + sign + "\n" }}, id: "trailing_space", field: "z"},
	{name: "100.0", other: otherSide{text: replaced("amount=100", "amount=100.0")}, id: "number", field: "amount", in: "100.0"},
	{name: "1e2", other: otherSide{text: replaced("amount=100", "amount=1e2")}, id: "number", field: "amount", in: "1e2"},
	{name: "1e+02", other: otherSide{text: replaced("amount=100", "amount=1e+02")}, id: "number", field: "amount", in: "1e+02"},
	{name: "yuan for fen", other: otherSide{text: replaced("amount=100", "amount=1.00")}, id: "number", field: "amount", in: "yuan"},
	{name: "100 for 100.00", other: otherSide{fields: [][2]string{{"amount", "100.00"}, {"b", "7"}}, text: replaced("amount=100.00", "amount=100")}, id: "number", field: "amount"},
	{name: "a long number through a float", other: otherSide{fields: with([2]string{"id", "12345678901234567891"}), text: replaced("12345678901234567891", "12345678901234567000")}, id: "number", field: "id"},
	{name: "a number in a string", other: otherSide{fields: [][2]string{{"amount", `"1990"`}, {"b", `"x"`}}, text: replaced("1990", "19.90")}, id: "number", field: "amount"},
	{name: "True", other: otherSide{text: replaced("ok=true", "ok=True")}, id: "bool_null", field: "ok", in: "True"},
	{name: "1 for true", other: otherSide{text: replaced("ok=true", "ok=1")}, id: "bool_null", field: "ok"},
	{name: "null signed", other: otherSide{text: replaced("&notify_url", "&note=null&notify_url")}, id: "bool_null", field: "note", in: "null"},
	{name: "None signed", other: otherSide{text: replaced("&notify_url", "&note=None&notify_url")}, id: "bool_null", field: "note", in: "None"},
	{name: "UTF-8 read as Latin-1", other: otherSide{text: replaced("微信", "å¾®ä¿¡")}, id: "charset", field: "title", in: "8859"},
	{name: "characters lost", other: otherSide{text: replaced("微信", "??")}, id: "charset", field: "title", in: "lost"},
	{name: "a body in GBK", other: otherSide{fields: [][2]string{{"a", "\"\xd0\xc5\""}, {"b", `"1"`}}, text: func(string) string { return "a=\xd0\xc5&b=1" }}, id: "charset", in: "not UTF-8", untold: true},
}

func jointOf(text string, spell func(string) string) string {
	base := spell(md5Of(theKey + "abcX" + "1517928240"))
	return base + "." + md5Of(text+"&basesign="+base)
}

func literals(fields [][2]string) string {
	var pairs []string
	for _, f := range fields {
		pairs = append(pairs, fmt.Sprintf("%q:%s", f[0], f[1]))
	}
	return strings.Join(pairs, ",")
}

func byName(fields [][2]string) [][2]string {
	slices.SortFunc(fields, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return fields
}

func TestEveryWrongIsTold(t *testing.T) {
	key := core.NewSecret(theKey)
	told := map[string]bool{}
	for _, tt := range wrongs {
		t.Run(tt.name, func(t *testing.T) {
			contentType, body, text := tt.other.message()
			e := sign.Explain(contentType, body, "", key)
			require.Equal(t, "reject", e.Verdict, "%s", body)
			require.Len(t, e.Causes, len(sign.CauseIDs()))
			first := e.Causes[0]
			assert.Equal(t, tt.id, first.ID, "%s\n%s\n%+v", body, text, first)
			assert.Equal(t, sign.CauseYes, first.Verdict)
			assert.Contains(t, first.Detail, tt.in)
			if tt.field != "" {
				assert.Equal(t, tt.field, first.Field)
			}
			for _, c := range e.Causes[1:] {
				if c.Verdict == sign.CauseYes {
					assert.NotEqual(t, first.Evidence, c.Evidence, "two that it is: %s and %s", first.ID, c.ID)
				}
			}
			told[tt.id] = true
			assertNothingSecret(t, e)
			if tt.untold {
				return
			}
			// By what the other side says it signed: with its key, and without a
			// signature that could tell.
			keyBy, otherKey := tt.other.keyBy, tt.other.key
			if keyBy == "" {
				keyBy = "&key="
			}
			if otherKey == "" {
				otherKey = theKey
			}
			signature := body[strings.LastIndex(string(body), "sign")+len("sign")+1:]
			for i, c := range signature {
				if c >= 'A' && c <= 'F' {
					signature[i] = '0'
				}
			}
			e = sign.Explain(contentType, body, text+keyBy+otherKey, key)
			first = e.Causes[0]
			assert.Equal(t, tt.id, first.ID, "theirs %q: %+v", text, first)
			assert.Equal(t, sign.EvidenceTheirs, first.Evidence)
			assertNothingSecret(t, e)
		})
	}
	for _, id := range sign.CauseIDs() {
		assert.True(t, told[id] || id == "changed", "no message is wrong by %s", id)
	}
}

// assertNothingSecret holds an explanation to what it promises: no key, and no
// signature but the one that came.
func assertNothingSecret(t require.TestingT, e sign.Explanation) {
	printed, err := json.Marshal(e)
	require.NoError(t, err)
	require.NotContains(t, strings.ToLower(string(printed)), strings.ToLower(theKey))
	fits, came := md5Of(strings.TrimSuffix(e.Canonical, "***")+theKey), ""
	for _, f := range e.Fields {
		came += strings.ToUpper(f.Value)
	}
	if !strings.Contains(came, fits) {
		require.NotContains(t, strings.ToUpper(string(printed)), fits)
	}
}

func causesByID(e sign.Explanation) map[string]sign.Cause {
	byID := map[string]sign.Cause{}
	for _, c := range e.Causes {
		byID[c.ID] = c
	}
	return byID
}

func TestAForgedMessageIsOfNoUsualCause(t *testing.T) {
	contentType, body, text := otherSide{sent: replaced(`"amount":100`, `"amount":7`)}.message()
	e := sign.Explain(contentType, body, "", core.NewSecret(theKey))
	for _, c := range e.Causes {
		assert.NotEqual(t, sign.CauseYes, c.Verdict, c.ID)
	}
	byID := causesByID(e)
	for _, id := range []string{"key", "changed", "joint", "base", "charset"} {
		assert.Equal(t, sign.CauseUnknown, byID[id].Verdict, id)
		assert.NotEmpty(t, byID[id].Detail, id)
	}
	assert.Equal(t, sign.CauseNo, byID["order_document"].Verdict)

	e = sign.Explain(contentType, body, text, core.NewSecret(theKey))
	assert.Equal(t, "changed", e.Causes[0].ID)
	assert.Equal(t, "amount", e.Causes[0].Field)
	assert.Equal(t, sign.EvidenceSign, e.Causes[0].Evidence, "the signature holds for their text, so the key is the right one")
}

func TestTwoCausesAreToldApartByTheirText(t *testing.T) {
	contentType, body, text := otherSide{key: theKey + "\n", text: replaced("amount=100", "amount=1.00")}.message()
	e := sign.Explain(contentType, body, text, core.NewSecret(theKey))
	assert.Equal(t, []string{"key_spacing", "number"}, []string{e.Causes[0].ID, e.Causes[1].ID})
	assert.Equal(t, []sign.CauseEvidence{"sign", "theirs"}, []sign.CauseEvidence{e.Causes[0].Evidence, e.Causes[1].Evidence})
}

// Where nothing fits a well-formed message, the key is the likely cause; where
// something does, or their text is another, it is not said.
func TestLikelyKey(t *testing.T) {
	key, other := core.NewSecret(theKey), core.NewSecret("some-other-key-to-try")
	body := func(text string) []byte {
		return []byte(`{"a":"1","b":"2","sign":"` + fmt.Sprintf("%X", md5.Sum([]byte(text+"&key="+other.Reveal()))) + `"}`)
	}
	assert.True(t, sign.Explain("", body("a=1&b=2"), "", key).LikelyKey())
	assert.True(t, sign.Explain("", body("a=1&b=2"), "a=1&b=2", key).LikelyKey(), "the text is not it")
	assert.False(t, sign.Explain("", body("a=1&b=2"), "", other).LikelyKey(), "it holds")
	assert.False(t, sign.Explain("", body("b=2&a=1"), "", other).LikelyKey(), "it is the order")
	assert.False(t, sign.Explain("", body("a=1&b=3"), "a=1&b=3", key).LikelyKey(), "they signed something else")
	assert.False(t, sign.Explain("", []byte(`{"a":[1],"sign":"`+strings.Repeat("0", 32)+`"}`), "", key).LikelyKey(), "it is not well formed")
	assert.False(t, sign.Explain("", []byte(`{"a":"1"}`), "", key).LikelyKey(), "there is no sign")
}

func TestWhatCannotBeToldIsNotDenied(t *testing.T) {
	_, body, _ := otherSide{text: inDocumentOrder}.message()
	for name, e := range map[string]sign.Explanation{
		"no key":  sign.Explain("", body, ""),
		"no sign": sign.Explain("", []byte(`{"b":"1","a":"2"}`), "", core.NewSecret(theKey)),
	} {
		assert.Equal(t, sign.CauseUnknown, causesByID(e)["order_document"].Verdict, name)
	}
	assert.Equal(t, sign.CauseNo, causesByID(sign.Explain("", []byte(`{"a":"1"}`), ""))["order_document"].Verdict, "one field is always sorted: that needs no key")
}

func TestALongMessageEndsSoon(t *testing.T) {
	var fields [][2]string
	for i := range 120 {
		fields = append(fields, [2]string{fmt.Sprintf("f%d", i), fmt.Sprintf("%q", strings.Repeat("9 微/", 60))})
	}
	_, body, _ := otherSide{fields: fields, key: "somebody-else's key"}.message()
	e := sign.Explain("", body, "", core.Secrets(theKey, "second-of-three-keys", "third-of-three-keys")...)
	assert.Equal(t, sign.CauseUnknown, causesByID(e)["trailing_space"].Verdict)
	assert.Contains(t, causesByID(e)["trailing_space"].Detail, "more fields than are tried")
}

// An accepted message has no cause, whatever it says.
func TestAnAcceptedMessageHasNoCause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOf(rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_]{0,9}`), rapid.StringMatching(`[ -%'-~微ü€]{0,12}`)).Draw(t, "fields")
		var fields sign.Fields
		form := url.Values{}
		for name, value := range values {
			if name != "sign" {
				fields = append(fields, sign.Field{Name: name, Value: value})
				form.Set(name, value)
			}
		}
		signature, err := sign.Data(fields, core.NewSecret(theKey))
		require.NoError(t, err)
		form.Set("sign", signature)
		e := sign.Explain("application/x-www-form-urlencoded", []byte(form.Encode()), rapid.String().Draw(t, "theirs"), core.NewSecret(theKey))
		require.Equal(t, "accept", e.Verdict)
		require.Empty(t, e.Causes)
	})
}

func FuzzExplainCauses(f *testing.F) {
	for _, tt := range wrongs {
		contentType, body, text := tt.other.message()
		f.Add(contentType, body, text)
	}
	f.Add("", []byte(`{"a":[{"b":"}`), "&key=")
	f.Add("application/x-www-form-urlencoded", []byte("a=%&=&b&sign=.%zz+"), "a")
	f.Fuzz(func(t *testing.T, contentType string, body []byte, theirs string) {
		if strings.Contains(strings.ToLower(string(body)+theirs), "key-of-the") {
			return
		}
		e := sign.Explain(contentType, body, theirs, core.NewSecret(theKey))
		if e.Verdict == "accept" {
			require.Empty(t, e.Causes)
			return
		}
		require.Len(t, e.Causes, len(sign.CauseIDs()))
		for i, c := range e.Causes {
			require.Equal(t, c.Verdict == sign.CauseYes, c.Evidence != "", c.ID)
			require.NotEmpty(t, c.Title, c.ID)
			require.NotEmpty(t, c.Advice, c.ID)
			if i > 0 && c.Verdict == sign.CauseYes {
				require.Equal(t, sign.CauseYes, e.Causes[i-1].Verdict, "what it is comes first")
			}
		}
		assertNothingSecret(t, e)
	})
}
