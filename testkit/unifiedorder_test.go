package testkit

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestUnifiedOrder(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	d := orderBody("T1", "http://127.0.0.1:1/callback")
	d.set(textField("remark", ""))
	d.set(field{name: "unknown_null", literal: "null"})
	d.set(bareField("unknown", "1.50"))
	a := postOrder(t, p, d.signed())
	require.Equal(t, http.StatusOK, a.status, a.body)

	fields, err := readDocument([]byte(a.body))
	require.NoError(t, err)
	assert.Equal(t, dataSign(canonical(fields), "123456"), a.fields["sign"], "the answer is signed")
	assert.Len(t, a.fields, 6)
	assert.Equal(t, "test", a.fields["app_id"])
	assert.Equal(t, "s1234", a.fields["store_no"])
	assert.Equal(t, "APP", a.fields["scene_type"])
	assert.Regexp(t, regexp.MustCompile(`^[A-Za-z0-9]{32}$`), a.fields["imprest_code"])
	assert.Regexp(t, regexp.MustCompile(`^[A-Za-z0-9]{32}$`), a.fields["nonce_str"])
	assert.NotEqual(t, "ibuaiVcKdpRxkhJA", a.fields["nonce_str"], "a nonce of its own")

	trade := p.RequireTrade(t, "T1")
	assert.Equal(t, Trade{
		AppID: "test", StoreNo: "s1234", OutTradeNo: "T1", ImprestCode: a.fields["imprest_code"].(string),
		ImprestCodes: []string{a.fields["imprest_code"].(string)}, Amount: 990, Title: "storage, a month",
		NotifyURL: "http://127.0.0.1:1/callback", SceneType: "APP", Ordered: p.Clock.Now(),
	}, trade)
}

// Every row is one thing wrong with an order that is otherwise fine, and
// signed, unless the row is about that.
func TestUnifiedOrderIsStrict(t *testing.T) {
	long := func(name string, n int) func(*draft) {
		return func(d *draft) { d.set(textField(name, strings.Repeat("x", n))) }
	}
	set := func(f field) func(*draft) { return func(d *draft) { d.set(f) } }
	type row struct {
		edit func(*draft)        // before signing
		wire func([]byte) []byte // after
		send func(*http.Request)
		says string // how err_msg begins
	}
	rows := map[string]row{
		"other app":                      {edit: set(textField("app_id", "nobody")), says: "app_id: is not known"},
		"other store":                    {edit: set(textField("store_no", "s9")), says: "store_no: is not a store"},
		"number for store_no":            {edit: set(bareField("store_no", "1234")), says: "store_no: must be a JSON string"},
		"bool for title":                 {edit: set(bareField("title", "true")), says: "title: must be a JSON string"},
		"null title":                     {edit: set(field{name: "title", literal: "null"}), says: "title: is missing"},
		"number for remark":              {edit: set(bareField("remark", "5")), says: "remark: must be a JSON string"},
		"long nonce_str":                 {edit: long("nonce_str", 33), says: "nonce_str: is longer than 32"},
		"long out_trade_no":              {edit: long("out_trade_no", 65), says: "out_trade_no: is longer than 64"},
		"amount as text":                 {edit: set(textField("amount", "990")), says: "amount: must be a JSON integer"},
		"amount 0":                       {edit: set(bareField("amount", "0")), says: "amount: must be a positive integer"},
		"amount below 0":                 {edit: set(bareField("amount", "-1")), says: "amount: must be a positive integer"},
		"amount with a fraction":         {edit: set(bareField("amount", "9.90")), says: "amount: must be a positive integer"},
		"amount with an exponent":        {edit: set(bareField("amount", "99e1")), says: "amount: must be a positive integer"},
		"amount beyond 64 bits":          {edit: set(bareField("amount", "9223372036854775808")), says: "amount: must be a positive integer"},
		"amount true":                    {edit: set(bareField("amount", "true")), says: "amount: must be a positive integer"},
		"sign_type HMAC":                 {edit: set(textField("sign_type", "HMAC-SHA256")), says: "sign_type: must be MD5"},
		"sign_type lower case":           {edit: set(textField("sign_type", "md5")), says: "sign_type: must be MD5"},
		"scene_type H5":                  {edit: set(textField("scene_type", "H5")), says: "scene_type: must be one of APP, WEB"},
		"notify_url relative":            {edit: set(textField("notify_url", "/callback")), says: "notify_url:"},
		"notify_url ftp":                 {edit: set(textField("notify_url", "ftp://shop/")), says: "notify_url:"},
		"notify_url with user":           {edit: set(textField("notify_url", "http://a:b@shop/")), says: "notify_url:"},
		"notify_url with fragment":       {edit: set(textField("notify_url", "http://shop/#x")), says: "notify_url:"},
		"notify_url with empty fragment": {edit: set(textField("notify_url", "http://shop/#")), says: "notify_url:"},
		"notify_url with a space":        {edit: set(textField("notify_url", "http://shop/a b")), says: "notify_url:"},
		"notify_url not in ASCII":        {edit: set(textField("notify_url", "http://shop/商店")), says: "notify_url:"},
		"notify_url with a quote":        {edit: set(textField("notify_url", `http://shop/"x`)), says: "notify_url:"},
		"notify_url without host":        {edit: set(textField("notify_url", "http://:80/")), says: "notify_url:"},

		"one more field in a title":        {edit: set(textField("title", "x&total=1")), says: "title: holds \"&name=\""},
		"one more field in a notify_url":   {edit: set(textField("notify_url", "http://shop/?a=1&b=2")), says: "notify_url: holds \"&name=\""},
		"one more field in an unknown one": {edit: set(textField("x", "&status=1")), says: "x: holds \"&name=\""},
		"regrouped":                        {wire: regroupOrder, says: "store_no: holds \"&name=\""},
		"name with a space":                {edit: set(textField("a b", "1")), says: "a name must be"},
		"name with separators":             {edit: set(textField("x&y=1&z", "1")), says: "a name must be"},
		"name not in ASCII":                {edit: set(textField("标题", "1")), says: "a name must be"},
		"empty name":                       {edit: set(textField("", "1")), says: "a name must be"},
		"empty name of nothing":            {edit: set(textField("", "")), says: "a name must be"},
		"long name":                        {edit: set(textField(strings.Repeat("n", 65), "1")), says: "a name must be"},
		"NUL":                              {edit: set(textField("title", "a\x00b")), says: "title: holds a control"},
		"tab":                              {edit: set(textField("title", "a\tb")), says: "title: holds a control"},
		"DEL":                              {edit: set(textField("title", "a\x7fb")), says: "title: holds a control"},
		"C1":                               {edit: set(textField("title", "a\u0085b")), says: "title: holds a control"},
		"U+FEFF":                           {edit: set(textField("title", "\uFEFFa")), says: "title: holds a control"},
		"U+FEFF in an unknown field":       {edit: set(textField("x", "\uFEFFa")), says: "x: holds a control"},
		"out_trade_no with a slash":        {edit: set(textField("out_trade_no", "T/1")), says: "out_trade_no: must be"},
		"out_trade_no with a space":        {edit: set(textField("out_trade_no", " T1")), says: "out_trade_no: must be"},
		"out_trade_no with a quote":        {edit: set(textField("out_trade_no", "T'1")), says: "out_trade_no: must be"},
		"out_trade_no not in ASCII":        {edit: set(textField("out_trade_no", "订单1")), says: "out_trade_no: must be"},
		"object inside":                    {edit: set(field{name: "detail", literal: "{}"}), says: "detail: a signed body holds no object"},
		"array inside":                     {edit: set(field{name: "detail", literal: "[1]"}), says: "detail: a signed body holds no object"},

		"wrong key":       {edit: func(d *draft) { d.appKey = "654321" }, says: "sign: does not fit"},
		"lower-case sign": {wire: signWith(strings.ToLower), says: "sign: does not fit"},
		"short sign":      {wire: signWith(short), says: "sign: does not fit"},
		"changed after signing": {wire: func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"amount":990`), []byte(`"amount":1`), 1)
		}, says: "sign: does not fit"},
		"unknown field after signing": {wire: func(b []byte) []byte {
			return bytes.Replace(b, []byte(`{`), []byte(`{"x":"1",`), 1)
		}, says: "sign: does not fit"},
		"duplicate": {wire: func(b []byte) []byte {
			return bytes.Replace(b, []byte(`{`), []byte(`{"\u0061mount":990,`), 1)
		}, says: "amount: stands there twice"},
		"BOM":       {wire: func(b []byte) []byte { return append([]byte("\uFEFF"), b...) }, says: "the body is not one JSON document"},
		"trailing":  {wire: func(b []byte) []byte { return append(b, "{}"...) }, says: "the body is not one JSON document"},
		"truncated": {wire: func(b []byte) []byte { return b[:len(b)-1] }, says: "the body is not one JSON document"},
		"not UTF-8": {wire: func(b []byte) []byte {
			return bytes.Replace(b, []byte("storage"), []byte("stor\xffge"), 1)
		}, says: "the body is not UTF-8"},
		"empty":    {wire: func([]byte) []byte { return nil }, says: "the body is empty"},
		"array":    {wire: func([]byte) []byte { return []byte("[]") }, says: "the body is not a JSON object"},
		"too long": {wire: func([]byte) []byte { return bytes.Repeat([]byte(" "), core.MaxBody+1) }, says: "the body is longer"},

		"form":            {send: func(r *http.Request) { r.Header.Set("Content-Type", typeForm) }, says: "Content-Type:"},
		"no content type": {send: func(r *http.Request) { r.Header.Del("Content-Type") }, says: "Content-Type:"},
		"two types":       {send: func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") }, says: "Content-Type:"},
		"gbk":             {send: func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=gbk") }, says: "Content-Type:"},
		"gzip":            {send: func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, says: "Content-Encoding:"},
		"PUT":             {send: func(r *http.Request) { r.Method = http.MethodPut }, says: "method: PUT"},
	}
	for _, name := range orderFields() {
		if name == "sign" {
			rows["missing sign"] = row{wire: func(b []byte) []byte {
				fields, _ := readDocument(b)
				d := &draft{fields: fields}
				d.drop("sign")
				return encodeJSON(d.fields)
			}, says: "sign: is missing"}
			continue
		}
		rows["missing "+name] = row{edit: func(d *draft) { d.drop(name) }, says: name + ": is missing"}
		rows["empty "+name] = row{edit: func(d *draft) { d.set(textField(name, "")) }, says: name + ": is missing"}
	}
	p := testPlatform(t, PlatformConfig{})
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			d := orderBody("T1", "http://127.0.0.1:1/callback")
			if r.edit != nil {
				r.edit(d)
			}
			body := d.signed()
			if r.wire != nil {
				body = r.wire(body)
			}
			req := newRequest(t, p, http.MethodPost, orderPath, string(body))
			req.Header.Set("Content-Type", "application/json; charset=UTF-8")
			if r.send != nil {
				r.send(req)
			}
			a := do(t, p, req)
			assert.Equal(t, http.StatusBadRequest, a.status)
			assert.Equal(t, 400.0, a.fields["err_code"])
			assert.True(t, strings.HasPrefix(a.fields["err_msg"].(string), r.says), a.body)
			assert.NotContains(t, a.body, "123456")
		})
	}
	assert.Empty(t, p.Trades(), "nothing of it made an order")
}

// regroupOrder folds a field into its neighbour in the text under the sign,
// which stays the same.
func regroupOrder(body []byte) []byte {
	fields, _ := readDocument(body)
	d := &draft{fields: fields}
	before := canonical(d.fields)
	d.set(textField("store_no", d.value("store_no")+"&title="+d.value("title")))
	d.drop("title")
	if canonical(d.fields) != before {
		panic("not the same text")
	}
	return encodeJSON(d.fields)
}

func signWith(change func(string) string) func([]byte) []byte {
	return func(body []byte) []byte {
		fields, _ := readDocument(body)
		d := &draft{fields: fields}
		d.setSign(change(d.value("sign")))
		return encodeJSON(d.fields)
	}
}

func TestUnknownPathIs404(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	a := get(t, p, "/paybusapi/v1/pay")
	assert.Equal(t, http.StatusNotFound, a.status)
	assert.Equal(t, 404.0, a.fields["err_code"])
}

// The page has no second way to spell its paths.
func TestEscapedPathIsAnother(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	for _, path := range []string{"/paybusapi/v1/pay/unified%6Frder", "/paybusapi/v1/pay%2Funifiedorder", "/paybusapi/v1/pay//unifiedorder", orderPath + "/"} {
		assert.Equal(t, http.StatusNotFound, get(t, p, path+"?app_id=test&out_trade_no=T1").status, path)
	}
}

func TestMethodsThatAreNotAllowed(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	for _, path := range []string{"/paybusapi/v1/app/agentpay", "/messageapi/v1/authorization/sendmsg", "/robotapi/v1/message/send"} {
		assert.Contains(t, get(t, p, path).body, "method: GET is not allowed here", path)
	}
}

func TestTestImprest(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	a := get(t, p, "/paybusapi/v1/test/imprest")
	require.Equal(t, http.StatusOK, a.status)
	require.Len(t, a.fields, 1)
	code := a.fields["imprest_code"].(string)
	assert.Regexp(t, `^[A-Za-z0-9]{32}$`, code)
	assert.NotEqual(t, code, get(t, p, "/paybusapi/v1/test/imprest").fields["imprest_code"])
	query := orderPath + "?app_id=test&imprest_code=" + code
	assert.Equal(t, 0.0, get(t, p, query).fields["status"])

	trade := pay(t, p, code)
	assert.Equal(t, core.Fen(1), trade.Amount)
	found := get(t, p, query)
	assert.Equal(t, 1.0, found.fields["status"])
	assert.Equal(t, trade.TradeNo, found.fields["trade_no"])
	assert.Empty(t, p.Notifications(), "there is nobody to notify")
	_, err := p.Redeliver(t.Context(), trade.OutTradeNo)
	assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
	_, due := p.Clock.Next()
	assert.False(t, due)
	p.Inject(Fault{Kind: FaultTooMany, Call: CallTestImprest})
	assert.Equal(t, http.StatusTooManyRequests, get(t, p, "/paybusapi/v1/test/imprest").status)
}

func TestRepeatedOrder(t *testing.T) {
	for repeat, want := range map[Repeat]string{"": "refused", RepeatRefused: "refused", RepeatSameCode: "same", RepeatNewCode: "new"} {
		t.Run(string(repeat), func(t *testing.T) {
			s := openShop(t, nil)
			p := testPlatform(t, PlatformConfig{Readings: Readings{RepeatedOrder: repeat}})
			first := order(t, p, "T1", s.URL)
			a := postOrder(t, p, orderBody("T1", s.URL).signed())
			other := orderBody("T1", s.URL)
			other.set(bareField("amount", "1"))
			assert.Equal(t, http.StatusBadRequest, postOrder(t, p, other.signed()).status, "another order under the same number")
			if want == "refused" {
				assert.Equal(t, http.StatusBadRequest, a.status)
				assert.Contains(t, a.body, "out_trade_no: is taken")
				return
			}
			require.Equal(t, http.StatusOK, a.status, a.body)
			second := a.fields["imprest_code"].(string)
			assert.Equal(t, want == "same", first == second)

			pay(t, p, first)
			_, err := p.Pay(t.Context(), second, "")
			assert.Equal(t, core.CodeConflict, core.CodeOf(err), "one payment per order, whatever the code")
			assert.Equal(t, http.StatusBadRequest, postOrder(t, p, orderBody("T1", s.URL).signed()).status, "it is paid")
		})
	}
}

func TestReadingsOfRequests(t *testing.T) {
	p := testPlatform(t, PlatformConfig{Readings: Readings{
		LowerCaseSign: true, AmountText: true, AnyOutTradeNo: true, SceneTypes: []string{"H5"}, Limits: map[string]int{"title": 5},
	}})
	d := orderBody("T1", "https://shop.example/callback")
	d.set(textField("amount", "990"))
	d.set(textField("scene_type", "H5"))
	d.set(textField("title", "五个汉字吧"))
	a := postOrder(t, p, signWith(strings.ToLower)(d.signed()))
	assert.Equal(t, http.StatusOK, a.status, a.body)
	d.set(textField("out_trade_no", "订单 1/a"))
	a = postOrder(t, p, d.signed())
	assert.Equal(t, http.StatusOK, a.status, a.body)
	d.set(textField("out_trade_no", "x&y=1"))
	a = postOrder(t, p, d.signed())
	assert.Contains(t, a.body, "out_trade_no: holds", "no knob for two readings")
	d.set(textField("title", "六个汉字了吧"))
	d.set(textField("out_trade_no", "T2"))
	a = postOrder(t, p, d.signed())
	assert.Contains(t, a.body, "title: is longer than 5")
}

func TestSetAppKey(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	require.True(t, p.SetAppKey("test", core.NewSecret("rotated")))
	assert.False(t, p.SetAppKey("nobody", core.NewSecret("x")))
	assert.Contains(t, postOrder(t, p, orderBody("T1", "http://127.0.0.1:1/").signed()).body, "sign: does not fit")
	d := orderBody("T1", "http://127.0.0.1:1/")
	d.appKey = "rotated"
	assert.Equal(t, http.StatusOK, postOrder(t, p, d.signed()).status)
}

// What looks like a separator and reads in one way only is no fault.
func TestOrdersThatReadInOneWay(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	for i, f := range []field{
		textField("title", "Tom & Jerry = 2"), textField("title", "a&b"), textField("title", "a&=b"), textField("title", "a=b"), textField("title", "五折&买=送 🐈"),
		textField("notify_url", "http://127.0.0.1:1/?a=1&b"), textField("notify_url", "http://127.0.0.1:1/%E5%95%86?a=%26b=1"),
		textField(strings.Repeat("n", 64), "1"), textField("out_trade_no", "Aa0_-"),
	} {
		d := orderBody(fmt.Sprintf("T%d", i), "http://127.0.0.1:1/")
		d.set(f)
		a := postOrder(t, p, d.signed())
		assert.Equal(t, http.StatusOK, a.status, "%s: %s", f.literal, a.body)
	}
}
