package testkit

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core"
)

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// draft is a notification while it is being written.
type draft struct {
	order  string // the merchant's number: out_trade_no or out_order_no
	appKey string
	fields []field
	form   bool // encode as a form
	plus   bool // and write a space as +
	query  string
}

// build applies the mutators, signs, and encodes.
func (d *draft) build(mutators []Mutator) Message {
	steps := make([]mutation, len(mutators))
	for i, name := range mutators {
		steps[i] = findMutation(name, d.order == "out_order_no")
	}
	for _, s := range steps {
		if s.edit != nil {
			s.edit(d)
		}
	}
	if slices.ContainsFunc(steps, func(s mutation) bool { return s.JSON }) {
		d.form = false
	}
	signed := canonical(d.fields)
	d.setSign(dataSign(signed, d.appKey))
	for _, s := range steps {
		if s.forge != nil {
			s.forge(d)
		}
	}
	msg := Message{Method: http.MethodPost, ContentType: typeJSON, Canonical: maskedText(signed), Query: d.query}
	if d.form {
		msg.ContentType = typeForm
		msg.Body = encodeForm(d.fields, d.plus)
	} else {
		msg.Body = encodeJSON(d.fields)
	}
	for _, s := range steps {
		if s.wire != nil {
			s.wire(&msg)
		}
	}
	return msg
}

func (d *draft) addExtra(extra map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		d.set(textField(name, extra[name]))
	}
}

func (d *draft) index(name string) int {
	return slices.IndexFunc(d.fields, func(f field) bool { return f.name == name })
}

func (d *draft) value(name string) string {
	if i := d.index(name); i >= 0 {
		return d.fields[i].value
	}
	return ""
}

// set puts f in the place of the field of that name, or at the end.
func (d *draft) set(f field) {
	if i := d.index(f.name); i >= 0 {
		d.fields[i] = f
		return
	}
	d.append(f)
}

func (d *draft) setSign(sign string) { d.set(textField("sign", sign)) }

func (d *draft) append(f field) { d.fields = append(d.fields, f) }

func (d *draft) prepend(f field) { d.fields = slices.Insert(d.fields, 0, f) }

func (d *draft) drop(name string) {
	d.fields = slices.DeleteFunc(d.fields, func(f field) bool { return f.name == name })
}

func (d *draft) rename(from, to string) {
	if i := d.index(from); i >= 0 {
		d.fields[i].name = to
	}
}

// respell writes the name of a field with an escape.
func (d *draft) respell(name string) {
	if i := d.index(name); i >= 0 {
		d.fields[i].key = escaped(name)
	}
}

// decisive is the field that decides what is delivered.
func (d *draft) decisive() string {
	if d.order == "out_order_no" {
		return "status"
	}
	return "amount"
}

// number is the field with the platform's own number.
func (d *draft) number() string {
	if d.order == "out_order_no" {
		return "agentpay_no"
	}
	return "trade_no"
}

// time is the field that says when it came so.
func (d *draft) time() string {
	if d.order == "out_order_no" {
		return "time"
	}
	return "pay_time"
}

// otherKind makes a payout notice of a payment, and a payment of a payout,
// with the same numbers.
func (d *draft) otherKind() {
	appID, number, order, status, at := d.value("app_id"), d.value(d.number()), d.value(d.order), d.value("status"), d.value(d.time())
	d.fields = []field{textField("app_id", appID), statusField(status)}
	if d.order == "out_order_no" {
		d.fields = append(d.fields,
			textField("out_trade_no", order), textField("trade_no", number), textField("open_id", TestUser().OpenID),
			textField("trade_time", at), textField("pay_time", at), textField("amount", "100"))
		return
	}
	d.fields = append(d.fields, textField("out_order_no", order), textField("agentpay_no", number), bareField("time", at))
}

// moveToQuery takes a field out of the body.
func (d *draft) moveToQuery(name string) {
	d.query = name + "=" + url.QueryEscape(d.value(name))
	d.drop(name)
}

// regroup folds a field into its neighbour in the canonical string.
func (d *draft) regroup() {
	first, second := "trade_no", "trade_time"
	if d.order == "out_order_no" {
		first, second = "status", "time"
	}
	d.set(textField(first, d.value(first)+"&"+second+"="+d.value(second)))
	d.drop(second)
}

// statusField writes a status as the JSON number that it is, and as a string
// whatever is none.
func statusField(status string) field {
	number := status != "" && strings.Trim(status, "0123456789") == "" && (status == "0" || status[0] != '0')
	if number {
		return bareField("status", status)
	}
	return textField("status", status)
}

func bareHash(canonical string) string {
	sum := md5.Sum([]byte(canonical))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// escaped spells the first letter of a name as a \u escape.
func escaped(name string) string { return fmt.Sprintf(`\u%04x`, name[0]) + name[1:] }

func plusOne(amount string) string { return add(amount, big.NewInt(1)) }

func wrapped(amount string, bits uint) string {
	return add(amount, new(big.Int).Lsh(big.NewInt(1), bits))
}

func add(amount string, more *big.Int) string {
	n, ok := new(big.Int).SetString(amount, 10)
	if !ok {
		return amount + "1"
	}
	return n.Add(n, more).String()
}

func exponent(amount string) string {
	digits := strings.TrimRight(amount, "0")
	return fmt.Sprintf("%se%d", digits, len(amount)-len(digits))
}

func fullWidth(amount string) string {
	return strings.Map(func(r rune) rune { return r - '0' + '０' }, amount)
}

func inYuan(amount string) string {
	fen, _ := core.ParseFen(amount)
	return fen.Yuan()
}

func indent(body []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "\t") != nil {
		return body
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}

// short is a sign without its last digit.
func short(sign string) string { return sign[:max(len(sign)-1, 0)] }
