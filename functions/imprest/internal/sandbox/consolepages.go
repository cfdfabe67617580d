package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/sign"
	"github.com/imprest-go/imprest/testkit"
)

// journalRecord is a record of GET /_sandbox/journal.
type journalRecord struct {
	ID      string          `json:"id"`
	Version int64           `json:"version"`
	Due     time.Time       `json:"due"`
	Expires time.Time       `json:"expires"`
	Body    json.RawMessage `json:"body"`
}

// Text is the record's body as a person reads it.
func (r journalRecord) Text() string {
	var text string
	if json.Unmarshal(r.Body, &text) == nil {
		return text
	}
	return indented(r.Body)
}

// DueText and ExpiresText are times of day with their date; "" is never.
func (r journalRecord) DueText() string     { return stamp(r.Due) }
func (r journalRecord) ExpiresText() string { return stamp(r.Expires) }

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

func indented(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return string(raw)
	}
	return string(text)
}

const journalPage = "50"

func (c console) journal(ctx context.Context, v *consoleView) error {
	v.Page, v.Tab, v.Title = "journal", "journal", v.W.Journal
	prefix := strings.TrimSpace(v.query.Get("prefix"))
	query := url.Values{"prefix": {prefix}, "after": {v.query.Get("after")}, "limit": {journalPage}}
	var records []journalRecord
	if err := c.ask(ctx, http.MethodGet, "/_sandbox/journal", query, nil, &records); err != nil {
		return err
	}
	more := ""
	if n := len(records); n == 50 {
		more = v.With("after", records[n-1].ID)
	}
	v.Data = map[string]any{"Records": records, "Prefix": prefix, "More": more}
	return nil
}

// payoutRow is money that leaves the merchant.
type payoutRow struct{ No, Amount, To, State, Word, Href string }

func (c console) payouts(ctx context.Context, v *consoleView) error {
	v.Page, v.Tab, v.Title = "payouts", "payouts", v.W.Payouts
	m, err := c.w.alive(ctx)
	if err != nil {
		return err
	}
	back, err := m.purchases(ctx, 200, func(p purchase.Purchase) bool { return p.Refund != nil })
	if err != nil {
		return err
	}
	var refunds, rows []payoutRow
	for _, p := range back {
		refunds = append(refunds, payoutRow{
			No: cmp.Or(p.Refund.OutOrderNo, p.ID), Amount: "¥" + p.Refund.Amount.Yuan(), To: p.Refund.InOpenID, State: string(p.State), Word: v.W.States[string(p.State)], Href: consolePath + "purchases/" + p.ID,
		})
	}
	states := map[string]string{}
	if err := c.ask(ctx, http.MethodGet, "/_sandbox/payouts", nil, nil, &states); err != nil {
		return err
	}
	for no, state := range states {
		rows = append(rows, payoutRow{No: no, State: state, Word: v.W.PayoutStates[state]})
	}
	slices.SortFunc(rows, func(a, b payoutRow) int { return strings.Compare(a.No, b.No) })
	v.Data = map[string]any{"Refunds": refunds, "Payouts": rows}
	return nil
}

// codeRow is the stock of one catalog.
type codeRow struct {
	Catalog, Name                           string
	Free, Reserved, Used, Quarantine, Total int
}

func (c console) codes(ctx context.Context, v *consoleView) error {
	v.Page, v.Tab, v.Title = "codes", "codes", v.W.Codes
	stock := map[string]map[purchase.CodeState]int{}
	if err := c.ask(ctx, http.MethodGet, "/_sandbox/codes", nil, nil, &stock); err != nil {
		return err
	}
	names := shopWordsIn(v.W.Lang).Names
	var rows []codeRow
	for _, catalog := range testkit.TestCatalogs() {
		of := stock[catalog.Code]
		row := codeRow{Catalog: catalog.Code, Free: of[purchase.CodeFree], Reserved: of[purchase.CodeReserved], Used: of[purchase.CodeUsed], Quarantine: of[purchase.CodeQuarantined]}
		for name, service := range services() {
			if service.CatalogCode == catalog.Code {
				row.Name = names[name]
			}
		}
		row.Total = row.Free + row.Reserved + row.Used + row.Quarantine
		rows = append(rows, row)
	}
	v.Data = rows
	return nil
}

// explained is the answer of POST /_sandbox/explain.
type explained struct{ sign.Explanation }

// Found are the causes that it is.
func (e explained) Found() []sign.Cause {
	var found []sign.Cause
	for _, cause := range e.Causes {
		if cause.Verdict == sign.CauseYes {
			found = append(found, cause)
		}
	}
	return found
}

// fieldTable is the fields of a message and the words to show them by.
type fieldTable struct {
	W      consoleWords
	Fields []sign.ExplainedField
}

// explainForm is what is asked about.
type explainForm struct{ Body, ContentType, Theirs string }

// explainExamples are messages to try the box with.
func explainExamples() []string {
	mutators := []testkit.Mutator{testkit.MutateTamperedAmount, testkit.MutateUnkeyedSign, testkit.MutateUnsignedField, testkit.MutatePaddedSign, testkit.MutateWrongKey}
	names := []string{"genuine"}
	for _, m := range mutators {
		names = append(names, string(m))
	}
	return names
}

func (c console) explain(ctx context.Context, v *consoleView) error {
	v.Page, v.Tab, v.Title = "explain", "explain", v.W.Explain
	form := explainForm{ContentType: "application/json"}
	ask := false
	switch {
	case v.request.Method == http.MethodPost:
		values, err := url.ParseQuery(string(v.request.Body))
		if err != nil {
			return invalid("the form cannot be read")
		}
		// A form sends line breaks of its own kind.
		plain := strings.NewReplacer("\r\n", "\n")
		form = explainForm{plain.Replace(values.Get("body")), values.Get("content_type"), plain.Replace(values.Get("theirs"))}
		ask = true
	case v.query.Get("hop") != "":
		o, err := c.w.open(ctx, v.query.Get("hop"))
		if err != nil {
			return err
		}
		form.Body, form.ContentType, ask = o.RequestBody, cmp.Or(o.ContentType, form.ContentType), true
	case v.query.Get("example") != "":
		form, ask = exampleOf(v.query.Get("example")), true
	}
	data := map[string]any{"Form": form, "Examples": explainExamples(), "Types": []string{"application/json", "application/x-www-form-urlencoded"}}
	if ask {
		var appIDs []string
		for _, account := range c.w.platform.Accounts() {
			appIDs = append(appIDs, account.AppID)
		}
		data["AppIDs"] = appIDs
		var answer explained
		wish := map[string]string{"body": form.Body, "content_type": form.ContentType, "theirs": form.Theirs}
		if err := c.ask(ctx, http.MethodPost, "/_sandbox/explain", nil, wish, &answer); err != nil {
			return err
		}
		if v.W.Lang == "zh" {
			answer.Explanation = c.book.Explanation(answer.Explanation)
		}
		data["Answer"] = answer
	}
	v.Data = data
	return nil
}

// exampleOf is a message of the test account to try the box with.
func exampleOf(name string) explainForm {
	var mutate []testkit.Mutator
	for _, m := range testkit.Mutators() {
		if string(m.Name) == name {
			mutate = append(mutate, m.Name)
		}
	}
	message := testkit.SignedPayment(testkit.PaymentFields{}, mutate...)
	return explainForm{Body: string(message.Body), ContentType: message.ContentType}
}

func (c console) api(_ context.Context, v *consoleView) error {
	v.Page, v.Tab, v.Title = "api", "api", v.W.API
	v.Data = c.w.controlCalls()
	return nil
}
