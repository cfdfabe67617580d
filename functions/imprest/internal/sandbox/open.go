package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"go/format"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/sign"
	"github.com/imprest-go/imprest/testkit"
)

// opened is a hop with everything that can be shown of it, secrets masked.
type opened struct {
	hop
	Method, URL, RequestBody, ContentType, AnswerBody string
	RequestHeader, AnswerHeader                       core.Header
	// Fields, Canonical (the key masked) and Sign are of a signed message.
	Fields    []sign.ExplainedField
	Canonical string
	Sign      string
	// Verdict is "accept" or "reject", the receiver's on the signature, and
	// Reason why; "" where nothing is signed.
	Verdict, Reason string
	// Record is the purchase after a write, as indented JSON.
	Record string
	// Curl and GoTest do it again: a command, and the file of a test.
	Curl, GoTest string
}

// headerView is a header line as the control API shows it.
type headerView struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// MarshalJSON implements json.Marshaler.
func (o opened) MarshalJSON() ([]byte, error) {
	lines := func(h core.Header) []headerView {
		var list []headerView
		for _, line := range h {
			list = append(list, headerView(line))
		}
		return list
	}
	var record json.RawMessage
	if o.Record != "" {
		record = json.RawMessage(o.Record)
	}
	return json.Marshal(struct {
		hopView
		Method        string                `json:"method,omitempty"`
		URL           string                `json:"url,omitempty"`
		RequestHeader []headerView          `json:"request_header,omitempty"`
		ContentType   string                `json:"content_type,omitempty"`
		RequestBody   string                `json:"request_body,omitempty"`
		AnswerHeader  []headerView          `json:"answer_header,omitempty"`
		AnswerBody    string                `json:"answer_body,omitempty"`
		Fields        []sign.ExplainedField `json:"fields,omitempty"`
		Canonical     string                `json:"canonical,omitempty"`
		Sign          string                `json:"sign,omitempty"`
		Verdict       string                `json:"verdict,omitempty"`
		Reason        string                `json:"reason,omitempty"`
		Record        json.RawMessage       `json:"record,omitempty"`
		Curl          string                `json:"curl,omitempty"`
		GoTest        string                `json:"go_test,omitempty"`
	}{
		o.view(), o.Method, o.URL, lines(o.RequestHeader), o.ContentType, o.RequestBody, lines(o.AnswerHeader), o.AnswerBody,
		o.Fields, o.Canonical, o.Sign, o.Verdict, o.Reason, record, o.Curl, o.GoTest,
	})
}

// open returns the hop of that id. Its error is journal.ErrNotFound for one
// that never was, or was too long ago.
func (w *world) open(ctx context.Context, id string) (opened, error) {
	m := w.masks()
	e, ok := w.tape.find(id)
	if !ok {
		return w.openUntaped(ctx, id)
	}
	o := opened{hop: e.hop(m)}
	switch {
	case e.exchange != nil:
		w.openExchange(&o, e.exchange, m)
	case e.record != nil:
		o.Record = m.record(e.record.ID, e.record.Body)
	case e.act != nil:
		a := e.act
		o.Method, o.URL, o.ContentType = a.method, w.base+a.path, a.kind
		o.RequestBody, o.AnswerBody = m.text(a.body), m.text(a.answer)
		if a.answerKind != "" {
			o.AnswerHeader = core.Header{{Name: "Content-Type", Value: a.answerKind}}
		}
	}
	return o, nil
}

// openUntaped finds the hops that are not on the tape: they have nothing more
// to show than themselves.
func (w *world) openUntaped(ctx context.Context, id string) (opened, error) {
	for _, prefix := range []string{"history-", "paid-"} {
		rest, ok := strings.CutPrefix(id, prefix)
		end := strings.LastIndexByte(rest, '-')
		if !ok || end < 0 || journal.CheckID(purchase.Prefix+rest[:end]) != nil {
			continue
		}
		p, err := w.current.Load().shop.Get(ctx, rest[:end])
		if err != nil {
			return opened{}, err
		}
		return w.openIn(ctx, p, id)
	}
	if rest, ok := strings.CutPrefix(id, "dropped-"); ok {
		for _, n := range w.platform.Notifications() {
			number := cmp.Or(n.TradeNo, n.AgentpayNo)
			if !strings.HasPrefix(rest, number+"-") {
				continue
			}
			p, err := w.current.Load().shop.Get(ctx, cmp.Or(n.OutTradeNo, purchaseOf(n.OutOrderNo)))
			if err != nil {
				return opened{}, err
			}
			return w.openIn(ctx, p, id)
		}
	}
	return opened{}, journal.ErrNotFound
}

func (w *world) openIn(ctx context.Context, p purchase.Purchase, id string) (opened, error) {
	list, err := w.hops(ctx, p)
	if err != nil {
		return opened{}, err
	}
	if i := slices.IndexFunc(list, func(h hop) bool { return h.ID == id }); i >= 0 {
		return opened{hop: list[i]}, nil
	}
	return opened{}, journal.ErrNotFound
}

// purchaseOf is the purchase that a refund's number belongs to.
func purchaseOf(outOrderNo string) string { return strings.TrimPrefix(outOrderNo, "R") }

func (w *world) openExchange(o *opened, x *testkit.Exchange, m masks) {
	o.Method, o.ContentType = x.Method, x.Header.Get("Content-Type")
	o.RequestBody, o.AnswerBody = m.text(x.Body), m.text(x.Answer)
	o.RequestHeader, o.AnswerHeader = m.header(x.Header), m.header(x.AnswerHeader)
	base := w.platformBase
	switch {
	case o.Kind == hopNotification:
		base = "" // its path is the whole address
	case x.Peer != testkit.PeerVVChat:
		base = w.cloudBase
	}
	o.URL = m.text(base + x.Path)
	if x.Query != "" {
		o.URL += "?" + m.text(x.Query)
	}
	o.explain(x, w.platform.Accounts())
	o.Curl = curl(*o)
	if o.Kind == hopNotification && x.Call != testkit.CallRobotEvent {
		o.GoTest = goTest(*o)
	}
}

func (m masks) header(h core.Header) core.Header {
	var shown core.Header
	for _, line := range h {
		if line.Name != originHeader {
			shown.Add(line.Name, m.text(line.Value))
		}
	}
	return shown
}

// explain shows how a signed message was read, and what its receiver made of
// the signature.
func (o *opened) explain(x *testkit.Exchange, accounts []testkit.Account) {
	if x.Canonical == "" {
		return
	}
	o.Canonical = x.Canonical
	if o.Kind == hopNotification {
		var keys []core.Secret
		for _, account := range accounts {
			if account.AppID == x.AppID {
				keys = append(keys, account.AppKey)
			}
		}
		// As the merchant reads it, which is not always as it was signed.
		read := sign.Explain(o.ContentType, []byte(x.Body), "", keys...)
		o.Fields, o.Verdict, o.Reason = read.Fields, read.Verdict, read.Reason
		o.Canonical = cmp.Or(read.Canonical, x.Canonical)
		o.Sign = signIn(o.Fields)
		return
	}
	// An order is signed jointly with a nonce: the platform has verified it,
	// and says in its answer if it did not hold.
	body, kind := []byte(x.Body), o.ContentType
	if x.Method == "GET" {
		body, kind = []byte(x.Query), "application/x-www-form-urlencoded"
	}
	o.Fields = sign.Explain(kind, body, "").Fields
	o.Sign = cmp.Or(signIn(o.Fields), x.Header.Get("Sign"))
	o.Verdict = "accept"
	if x.Status == 400 && strings.Contains(strings.ToLower(x.Answer), "sign") {
		o.Verdict, o.Reason = "reject", short(o.AnswerBody)
	}
}

func signIn(fields []sign.ExplainedField) string {
	for _, f := range fields {
		if f.Name == "sign" {
			return f.Value
		}
	}
	return ""
}

// curl is the command that sends a request again.
func curl(o opened) string {
	var b strings.Builder
	fmt.Fprintf(&b, "curl -i -X %s %s", o.Method, shellQuoted(o.URL))
	for _, line := range o.RequestHeader {
		switch line.Name {
		case "Accept-Encoding", "Content-Length", "User-Agent", "Connection":
			continue
		}
		fmt.Fprintf(&b, " \\\n  -H %s", shellQuoted(line.Name+": "+line.Value))
	}
	if o.RequestBody != "" {
		fmt.Fprintf(&b, " \\\n  --data-raw %s", shellQuoted(o.RequestBody))
	}
	return b.String()
}

// shellQuoted quotes for bash and zsh; what cannot be seen is spelled out.
func shellQuoted(text string) string {
	if readable(text) {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\'' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "'"
}

// readable reports whether a text holds nothing that cannot be seen.
func readable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// goTest is the file of a test that sends a notification again and asks for
// the answer that a strict merchant gives.
func goTest(o opened) string {
	require := "RequireAcknowledged"
	switch {
	case o.Verdict == "reject":
		require = "RequireRefused"
	case o.Status >= 500:
		require = "RequireTryLater"
	case o.Status >= 400:
		require = "RequireRefused"
	}
	address, query, _ := strings.Cut(o.URL, "?")
	needs, more := "", ""
	for _, line := range o.RequestHeader {
		if line.Name != "Content-Type" {
			needs = "\t\"github.com/imprest-go/imprest/core\"\n"
			more += fmt.Sprintf("\t\t\t{Name: %q, Value: %q},\n", line.Name, line.Value)
		}
	}
	if more != "" {
		more = "\t\tHeader: core.Header{\n" + more + "\t\t},\n"
	}
	if query != "" {
		more += fmt.Sprintf("\t\tQuery: %q,\n", query)
	}
	source := fmt.Sprintf(`package shop_test

import (
	"testing"

%s	"github.com/imprest-go/imprest/testkit"
)

// A notification as the sandbox recorded it (%s), sent to a merchant that
// listens.
func Test%s(t *testing.T) {
	message := testkit.Message{
		Method: %q,
		ContentType: %q,
		Body: []byte(%s),
%s	}
	resp, err := message.Post(t.Context(), nil, %q)
	if err != nil {
		t.Fatal(err)
	}
	testkit.%s(t, resp)
}
`, needs, o.ID, testName(o.ID), o.Method, o.ContentType, goQuoted(o.RequestBody), more, address, require)
	formatted, err := format.Source([]byte(source))
	if err != nil {
		return source
	}
	return string(formatted)
}

// goQuoted writes a body as a Go literal, raw where that is possible.
func goQuoted(text string) string {
	if !readable(text) || !strconv.CanBackquote(text) {
		return fmt.Sprintf("%q", text)
	}
	return "`" + text + "`"
}

// testName makes VVChat12 of "vvchat-12".
func testName(id string) string {
	peer, number, _ := strings.Cut(id, "-")
	return "Notification" + strings.ToUpper(peer[:1]) + peer[1:] + number
}
