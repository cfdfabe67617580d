package purchase

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/imprest-go/imprest/core"
)

// standard is a record as encoding/json writes it.
func standard(t require.TestingT, p Purchase) []byte {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	require.NoError(t, encoder.Encode(p))
	return bytes.TrimSuffix(body.Bytes(), []byte("\n"))
}

// maker draws what is in a purchase: odd things too, or only usual ones.
type maker struct {
	*rapid.T
	odd bool
}

func (t maker) text(name string) string {
	if !t.odd {
		return rapid.StringMatching(`[a-zA-Z0-9 _<>&年-]{0,12}`).Draw(t.T, name)
	}
	return rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-zA-Z0-9 _<>&-]{0,12}`), rapid.StringMatching(`[一年\x{2028}"\\\n<é]{0,4}`), rapid.Just("\xff"), rapid.String()).Draw(t.T, name)
}

func (t maker) time(name string) time.Time {
	at := time.UnixMilli(rapid.OneOf(rapid.Int64Range(1_700_000_000_000, 1_800_000_000_000), rapid.Int64Range(-62_135_596_800_000, 250_000_000_000_000)).Draw(t.T, name)).UTC()
	if !t.odd {
		return at
	}
	return rapid.SampledFrom([]time.Time{{}, at, at.Truncate(time.Second), at.Add(7 * time.Nanosecond), at.In(time.FixedZone("", 8*3600))}).Draw(t.T, name+", in a form")
}

func (t maker) payment(name string) Payment {
	return Payment{TradeNo: t.text(name + "'s trade_no"), OpenID: t.text(name + "'s open_id"), PayTime: t.time(name + "'s pay_time"), By: t.text(name + "'s by"), At: t.time(name + "'s at")}
}

func (t maker) purchase() Purchase {
	number := func(name string) int {
		return rapid.OneOf(rapid.Just(0), rapid.IntRange(-3, 100), rapid.Int()).Draw(t.T, name)
	}
	p := Purchase{
		ID: t.text("id"), State: State(t.text("state")), Reason: t.text("reason"), Buyer: t.text("buyer"), AppID: t.text("app_id"),
		StoreNo: t.text("store_no"), OfferID: t.text("offer_id"), Title: t.text("title"), Remark: t.text("remark"), Amount: core.Fen(number("amount")),
		ImprestCode: t.text("imprest_code"), CreatedAt: t.time("created_at"), PayUntil: t.time("pay_until"), DeliveredAt: t.time("delivered_at"),
		Attempts: number("attempts"), Polls: number("polls"), Failures: number("failures"), Doubt: rapid.Bool().Draw(t.T, "doubt"),
		Data: json.RawMessage(rapid.SampledFrom([]string{"", `{"a":[1,"]}"]}`, ` [ 1 , 2 ] `, `"<&>"`, "null", "7"}).Draw(t.T, "data")),
	}
	if rapid.Bool().Draw(t.T, "is paid") {
		payment := t.payment("payment")
		p.Payment = &payment
	}
	for range rapid.IntRange(0, 2).Draw(t.T, "surplus") {
		p.Surplus = append(p.Surplus, t.payment("surplus"))
	}
	if rapid.IntRange(0, 5).Draw(t.T, "refund") == 0 {
		p.Refund = &Refund{Amount: p.Amount}
	}
	if rapid.IntRange(0, 5).Draw(t.T, "mall") == 0 {
		p.Mall = &MallPurchase{}
	}
	if rapid.Bool().Draw(t.T, "lease") {
		p.Lease = &Lease{Owner: t.text("owner"), Until: t.time("until")}
	}
	for range rapid.IntRange(0, 3).Draw(t.T, "history") {
		p.History = append(p.History, Event{At: t.time("at"), State: State(t.text("event")), Note: t.text("note")})
	}
	return p
}

// Whatever is in a record, it is written as encoding/json does, and read as it
// does.
func TestRecordsAreThoseOfEncodingJSON(t *testing.T) {
	quick := 0
	rapid.Check(t, func(t *rapid.T) {
		p := maker{t, rapid.Bool().Draw(t, "odd")}.purchase()
		want := standard(t, p)
		got, err := encode(p)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
		if _, ok := readPurchase(want); ok {
			quick++
		}
		var read Purchase
		require.NoError(t, json.Unmarshal(want, &read))
		again, err := decode(want)
		require.NoError(t, err)
		require.Equal(t, read, again)
	})
	require.NotZero(t, quick, "none was read without encoding/json")
}

// The records of a sale are what must be quick.
func TestUsualRecordsNeedNoEncodingJSON(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	payment := Payment{TradeNo: "T1", OpenID: "buyer", PayTime: at.Truncate(time.Second), By: ByNotification, At: at}
	p := Purchase{
		ID: "7K2MDG5QHXJ3WZ4R", State: Delivering, Buyer: "u-7", AppID: "test", StoreNo: "s1234", OfferID: "voip-1y", Title: "网络电话，一年 <&>", Remark: "a", Amount: 3600,
		Data: json.RawMessage(`{"codes":"VOIP","device":"d-1"}`), ImprestCode: "I1", CreatedAt: at, PayUntil: at, DeliveredAt: at, Payment: &payment, Surplus: []Payment{payment},
		Attempts: 1, Polls: 2, Failures: 3, Doubt: true, Lease: &Lease{Owner: "me", Until: at}, History: []Event{{At: at, State: Unpaid}, {At: at, State: Paid, Note: "by notification"}},
	}
	body, ok := appendPurchase(nil, &p)
	require.True(t, ok)
	require.Equal(t, string(standard(t, p)), string(body))
	read, ok := readPurchase(body)
	require.True(t, ok)
	require.Equal(t, p, read)
}

// What is no record, or one in another form, is read as encoding/json reads it, or
// refused.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		``, `{}`, `{"id":"1"}`, `{"id":"1","state":"paid","app_id":"a","amount":1}`, `{"state":"paid","id":"1"}`, `{"id":"1","id":"2"}`, `{"ID":"1"}`, ` {"id": "1"}`,
		`{"amount":01}`, `{"amount":-0}`, `{"amount":+1}`, `{"amount":1e2}`, `{"amount":9223372036854775808}`, `{"amount":1} `, `{,"id":"1"}`, `{"id":"1",}`, `{"id":null}`,
		`{"data":{"a":[1]},"imprest_code":"I"}`, `{"data": 1}`, `{"data":null}`, `{"data":1 ,"doubt":true}`, `{"payment":{}}`, `{"payment":{"by":"x"},"surplus":[]}`,
		`{"surplus":[{},{"at":"2026-01-01T00:00:00Z"}]}`, `{"surplus":[{}}`, `{"history":[{}],"history":[{}]}`, `{"lease":{"owner":"\u0041"}}`, `{"created_at":"2026-13-01T00:00:00Z"}`,
		`{"created_at":"2026-01-01T00:00:00+08:00"}`, `{"created_at":"2026-01-01T0:00:00Z"}`, `{"created_at":"2026-01-01T00:00:00,5Z"}`, `{"doubt":false}`, `{"unknown":1}`, "{\"id\":\"\xff\"}", `{"id":"1"}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := readPurchase(body)
		if !ok {
			return // it is for encoding/json
		}
		var want Purchase
		require.NoError(t, json.Unmarshal(body, &want), "%s", body)
		require.Equal(t, want, got, "%s", body)
	})
}

func BenchmarkRecord(b *testing.B) {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	p := Purchase{
		ID: "7K2MDG5QHXJ3WZ4R", State: Paid, Buyer: "ming", AppID: "test", OfferID: "voip-1y", Title: "VoIP, one year", Amount: 3600, CreatedAt: at, PayUntil: at,
		Payment: &Payment{TradeNo: "T1", OpenID: "buyer", PayTime: at, By: ByNotification, At: at}, History: []Event{{At: at, State: Unpaid}, {At: at, State: Paid, Note: "by notification"}},
	}
	body, err := encode(p)
	require.NoError(b, err)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = encode(p)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = decode(body)
		}
	})
}
