package purchase

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// A record is JSON, as encoding/json writes a Purchase without HTML escapes, which
// could make six bytes of one. To read one and to write it anew was half of what a
// payment costs, so what nearly every record is made of is read and written here,
// a field after the other in the order of the struct, and encoding/json does the
// rest: it gets the whole of a record that is in any way different. The bytes and
// the values are the same either way.

func encode(p Purchase) ([]byte, error) {
	if body, ok := appendPurchase(make([]byte, 0, 1024), &p); ok {
		return body, nil
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(p); err != nil {
		return nil, &core.Error{Op: "purchase", Code: core.CodeInternal, Err: err}
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), nil
}

func decode(body []byte) (Purchase, error) {
	if p, ok := readPurchase(body); ok {
		return p, nil
	}
	var p Purchase
	if err := json.Unmarshal(body, &p); err != nil {
		return Purchase{}, &core.Error{Op: "purchase", Code: core.CodeInternal, Err: fmt.Errorf("the record is not a purchase: %w", err)}
	}
	return p, nil
}

// appendPurchase appends p as encoding/json writes it; not ok is for encoding/json.
func appendPurchase(b []byte, p *Purchase) (_ []byte, ok bool) {
	if p.Mall != nil || p.Refund != nil {
		return nil, false
	}
	w := writer{b: append(b, '{'), ok: true}
	w.text("id", p.ID)
	w.text("state", string(p.State))
	w.someText("reason", p.Reason)
	w.someText("buyer", p.Buyer)
	w.text("app_id", p.AppID)
	w.someText("store_no", p.StoreNo)
	w.someText("offer_id", p.OfferID)
	w.someText("title", p.Title)
	w.someText("remark", p.Remark)
	w.number("amount", int64(p.Amount))
	if len(p.Data) > 0 {
		w.data("data", p.Data)
	}
	w.someText("imprest_code", p.ImprestCode)
	w.time("created_at", p.CreatedAt)
	w.time("pay_until", p.PayUntil)
	w.someTime("delivered_at", p.DeliveredAt)
	if p.Payment != nil {
		w.name("payment")
		w.payment(p.Payment)
	}
	if len(p.Surplus) > 0 {
		w.list("surplus", len(p.Surplus), func(i int) { w.payment(&p.Surplus[i]) })
	}
	w.someNumber("attempts", int64(p.Attempts))
	w.someNumber("polls", int64(p.Polls))
	w.someNumber("failures", int64(p.Failures))
	if p.Doubt {
		w.name("doubt")
		w.b = append(w.b, "true"...)
	}
	if p.Lease != nil {
		w.name("lease")
		w.b = append(w.b, '{')
		w.text("owner", p.Lease.Owner)
		w.time("until", p.Lease.Until)
		w.b = append(w.b, '}')
	}
	if len(p.History) > 0 {
		w.list("history", len(p.History), func(i int) {
			w.b = append(w.b, '{')
			w.time("at", p.History[i].At)
			w.text("state", string(p.History[i].State))
			w.someText("note", p.History[i].Note)
			w.b = append(w.b, '}')
		})
	}
	return append(w.b, '}'), w.ok
}

// writer appends fields. Once it is not ok, what it has is of no use.
type writer struct {
	b  []byte
	ok bool
}

func (w *writer) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) text(name, value string) {
	w.ok = w.ok && plain(value)
	w.name(name)
	w.b = append(w.b, '"')
	w.b = append(w.b, value...)
	w.b = append(w.b, '"')
}

func (w *writer) someText(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *writer) number(name string, value int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, value, 10)
}

func (w *writer) someNumber(name string, value int64) {
	if value != 0 {
		w.number(name, value)
	}
}

func (w *writer) time(name string, value time.Time) {
	w.name(name)
	w.b = append(w.b, '"')
	b, err := value.AppendText(w.b)
	if err != nil {
		w.ok = false
		return
	}
	w.b = append(b, '"')
}

func (w *writer) someTime(name string, value time.Time) {
	if !value.IsZero() {
		w.time(name, value)
	}
}

func (w *writer) data(name string, value json.RawMessage) {
	w.name(name)
	compact := bytes.NewBuffer(w.b)
	w.ok = w.ok && json.Compact(compact, value) == nil
	w.b = compact.Bytes()
}

func (w *writer) list(name string, n int, item func(i int)) {
	w.name(name)
	for i := range n {
		if i == 0 {
			w.b = append(w.b, '[')
		} else {
			w.b = append(w.b, ',')
		}
		item(i)
	}
	w.b = append(w.b, ']')
}

func (w *writer) payment(p *Payment) {
	w.b = append(w.b, '{')
	w.text("trade_no", p.TradeNo)
	w.someText("open_id", p.OpenID)
	w.someTime("pay_time", p.PayTime)
	w.text("by", p.By)
	w.time("at", p.At)
	w.b = append(w.b, '}')
}

// plain reports whether a text stands in JSON as it is.
func plain(text string) bool {
	ascii := true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c < ' ', c == '"', c == '\\':
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	// encoding/json escapes the line separators, and replaces what is no UTF-8.
	return ascii || utf8.ValidString(text) && !strings.ContainsAny(text, "\u2028\u2029")
}

// readPurchase reads what appendPurchase writes; not ok is for encoding/json.
func readPurchase(body []byte) (p Purchase, ok bool) {
	// One copy of the record, of which all texts are parts.
	r := reader{rest: string(body), ok: true}
	r.take("{")
	r.text("id", &p.ID)
	r.text("state", (*string)(&p.State))
	r.text("reason", &p.Reason)
	r.text("buyer", &p.Buyer)
	r.text("app_id", &p.AppID)
	r.text("store_no", &p.StoreNo)
	r.text("offer_id", &p.OfferID)
	r.text("title", &p.Title)
	r.text("remark", &p.Remark)
	r.number("amount", (*int64)(&p.Amount))
	r.data("data", &p.Data)
	r.text("imprest_code", &p.ImprestCode)
	r.time("created_at", &p.CreatedAt)
	r.time("pay_until", &p.PayUntil)
	r.time("delivered_at", &p.DeliveredAt)
	if r.name("payment") {
		p.Payment = new(Payment)
		r.payment(p.Payment)
	}
	r.list("surplus", func() {
		var one Payment
		r.payment(&one)
		p.Surplus = append(p.Surplus, one)
	})
	var attempts, polls, failures int64
	r.number("attempts", &attempts)
	r.number("polls", &polls)
	r.number("failures", &failures)
	p.Attempts, p.Polls, p.Failures = int(attempts), int(polls), int(failures)
	if r.name("doubt") {
		r.take("true")
		p.Doubt = true
	}
	if r.name("lease") {
		p.Lease = new(Lease)
		r.take("{")
		r.text("owner", &p.Lease.Owner)
		r.time("until", &p.Lease.Until)
		r.take("}")
	}
	r.list("history", func() {
		var e Event
		r.take("{")
		r.time("at", &e.At)
		r.text("state", (*string)(&e.State))
		r.text("note", &e.Note)
		r.take("}")
		if p.History == nil {
			p.History = make([]Event, 0, 6) // and room for what happens next
		}
		p.History = append(p.History, e)
	})
	r.take("}")
	return p, r.ok && r.rest == ""
}

// reader reads fields in their order. One that is not there is left as it is. Once
// it is not ok, what was read is of no use.
type reader struct {
	rest string
	ok   bool
	// inside says that a field was read in this object, so a comma comes next.
	inside bool
}

func (r *reader) take(text string) {
	rest, found := strings.CutPrefix(r.rest, text)
	if !found {
		r.ok = false
		return
	}
	r.rest, r.inside = rest, text != "{"
}

// name takes the name of a field, if it is the one that comes next.
func (r *reader) name(name string) bool {
	rest := r.rest
	if r.inside {
		if rest == "" || rest[0] != ',' {
			return false
		}
		rest = rest[1:]
	}
	if len(rest) < len(name)+3 || rest[0] != '"' || rest[1:1+len(name)] != name || rest[1+len(name)] != '"' || rest[2+len(name)] != ':' {
		return false
	}
	r.rest, r.inside = rest[len(name)+3:], true
	return true
}

// quoted takes a text that stands there as it is.
func (r *reader) quoted() string {
	if r.rest == "" || r.rest[0] != '"' {
		r.ok = false
		return ""
	}
	end := strings.IndexByte(r.rest[1:], '"') + 1
	if end == 0 || !plain(r.rest[1:end]) {
		r.ok = false
		return ""
	}
	text := r.rest[1:end]
	r.rest = r.rest[end+1:]
	return text
}

func (r *reader) text(name string, value *string) {
	if r.name(name) {
		*value = r.quoted()
	}
}

func (r *reader) number(name string, value *int64) {
	if !r.name(name) {
		return
	}
	end := strings.IndexAny(r.rest, ",}")
	if end < 0 {
		r.ok = false
		return
	}
	n, err := strconv.ParseInt(r.rest[:end], 10, 64)
	// What JSON has no place for, or writes in another way, is not ours.
	if err != nil || strconv.FormatInt(n, 10) != r.rest[:end] {
		r.ok = false
	}
	*value, r.rest = n, r.rest[end:]
}

func (r *reader) time(name string, value *time.Time) {
	if r.name(name) {
		r.ok = value.UnmarshalText([]byte(r.quoted())) == nil && r.ok
	}
}

func (r *reader) data(name string, value *json.RawMessage) {
	if !r.name(name) {
		return
	}
	// Only encoding/json knows where a value ends.
	decoder := json.NewDecoder(strings.NewReader(r.rest))
	if decoder.Decode(value) != nil {
		r.ok = false
		return
	}
	r.rest = r.rest[decoder.InputOffset():]
}

func (r *reader) list(name string, item func()) {
	if !r.name(name) {
		return
	}
	for r.take("["); r.ok; r.take(",") {
		item()
		if strings.HasPrefix(r.rest, "]") {
			break
		}
	}
	r.take("]")
}

func (r *reader) payment(p *Payment) {
	r.take("{")
	r.text("trade_no", &p.TradeNo)
	r.text("open_id", &p.OpenID)
	r.time("pay_time", &p.PayTime)
	r.text("by", &p.By)
	r.time("at", &p.At)
	r.take("}")
}
