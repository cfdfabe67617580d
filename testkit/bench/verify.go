package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	stripe "github.com/stripe/stripe-go/v83"
	"github.com/stripe/stripe-go/v83/webhook"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

// signRounds is how often each contender of the tables verify and sign has its
// turn.
const signRounds = 15

// notice is a payment notification in the order of the platform's page: nine
// fields with sign, and status a number.
var notice = sign.Fields{
	{Name: "app_id", Value: "qyxd930ea5d5a258f4f"}, {Name: "trade_no", Value: "T20180206000000000001"},
	{Name: "out_trade_no", Value: "20180206123456789012"}, {Name: "open_id", Value: "lJsDBB01QzGpBKOC7uaZB6D0QGZWBMCS"},
	{Name: "trade_time", Value: "1517928240"}, {Name: "pay_time", Value: "1517928245"},
	{Name: "amount", Value: "100"}, {Name: "status", Value: "1"},
}

// noticeBody returns notice as JSON, signed.
func noticeBody() ([]byte, error) {
	signature, err := sign.Data(notice, appKey)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	body.WriteByte('{')
	for _, f := range notice {
		if f.Name == "status" {
			fmt.Fprintf(&body, "%q:%s,", f.Name, f.Value)
			continue
		}
		fmt.Fprintf(&body, "%q:%q,", f.Name, f.Value)
	}
	fmt.Fprintf(&body, `"sign":%q}`, signature)
	return body.Bytes(), nil
}

// verify measures what it costs to read a notification and to check its
// signature.
func verify(context.Context, io.Writer) (table, error) {
	body, err := noticeBody()
	if err != nil {
		return table{}, err
	}
	ours := func(keys ...core.Secret) func() error {
		return func() error {
			fields, err := sign.Verify("application/json", body, keys...)
			if err == nil && fields.Get("amount") != "100" {
				err = errAnswer
			}
			return err
		}
	}
	event, err := stripeEvent(len(body))
	if err != nil {
		return table{}, err
	}
	webhooks, err := standardWebhook(body)
	if err != nil {
		return table{}, err
	}
	canonical := []byte(notice.Canonical() + "&key=" + appKey.Reveal())
	found, err := measure(signRounds, []contender{
		{"floor: MD5 of the canonical bytes, ready", func() error { return made(md5.Sum(canonical)) }},
		{"imprest sign.Verify", ours(appKey)},
		{"imprest sign.Verify, the last of 3 keys", ours(core.NewSecret("the-next-key-of-the-app"), core.NewSecret("some-other-key-of-the-app"), appKey)},
		{"stand-in: encoding/json into a map, sort, join, MD5", func() error { return standInVerify(body, appKey.Reveal()) }},
		{"floor: HMAC-SHA256 of the bytes, ready", func() error { return made(hmacSHA256(body)) }},
		{"stripe-go ConstructEvent", event.construct},
		{"stripe-go ValidatePayload, nothing parsed", event.validate},
		{"standard-webhooks Verify, nothing parsed", webhooks.verify},
	})
	if err != nil {
		return table{}, err
	}
	floor, one, three, standIn := found[0], found[1], found[2], found[3]
	t := table{
		title: fmt.Sprintf("Verify a notification: 9 fields, %d bytes of JSON", len(body)),
		bars: []bar{
			{what: "sign.Verify, × bare MD5", value: one.over(floor), limit: 3.5},
			{what: "sign.Verify, allocations", value: one.allocs, limit: 3},
			{what: "the stand-in, × sign.Verify", value: standIn.over(one), limit: 4, least: true},
			{what: "two more keys, × two more bare MD5 (1 is a body that is parsed once)", value: (three.over(floor) - one.over(floor)) / 2, limit: 1.5},
		},
		notes: []string{fmt.Sprintf("%s `sign.Verify` reads strictly (each name once, valid UTF-8, no nested or ambiguous value); the stand-in does what the usual SDKs of this family do and refuses none of that. "+
			"Stripe and Standard Webhooks sign the body as it stands, with HMAC-SHA256: a body of the same size, and their own floor; ConstructEvent parses it too.", taken)},
	}
	t.besideFloors(found, 4)
	return t, nil
}

// taken is how the tables verify and sign were measured.
var taken = fmt.Sprintf("Processor time on one processor, the collector's included; medians of %d rounds in which all take turns, and of the ratios in each.", signRounds)

// besideFloors makes the rows: those before second are held against the first,
// the others against the one at second.
func (t *table) besideFloors(found []figures, second int) {
	t.columns = []string{"", "ns/op", "allocs/op", "× MD5 floor", "× HMAC floor"}
	for i, f := range found {
		row := append(f.cells(found[0]), "")
		if i >= second {
			row[4] = fmt.Sprintf("%.2f", f.over(found[second]))
		}
		t.rows = append(t.rows, row)
	}
}

var errAnswer = errors.New("a contender gave a wrong answer")

// made looks at what a floor made, so that it is made.
func made[T [md5.Size]byte | [sha256.Size]byte](sum T) error {
	if sum == *new(T) {
		return errAnswer
	}
	return nil
}

// standInVerify does what the usual SDKs of the MD5 family do, as their published
// rule says, and as well as that can be done with the usual means.
func standInVerify(body []byte, key string) error {
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil {
		return err
	}
	given, _ := fields["sign"].(string)
	texts := make(map[string]string, len(fields))
	for name, value := range fields {
		switch v := value.(type) {
		case string:
			texts[name] = v
		case float64:
			texts[name] = strconv.FormatFloat(v, 'f', -1, 64)
		default:
			texts[name] = fmt.Sprint(v)
		}
	}
	if standInSign(texts, key) != strings.ToUpper(given) {
		return errAnswer
	}
	return nil
}

// standInSign sorts, joins and hashes.
func standInSign(fields map[string]string, key string) string {
	names := make([]string, 0, len(fields))
	for name, value := range fields {
		if name != "sign" && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		text.WriteString(name)
		text.WriteByte('=')
		text.WriteString(fields[name])
		text.WriteByte('&')
	}
	text.WriteString("key=")
	text.WriteString(key)
	sum := md5.Sum([]byte(text.String()))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

var hmacKey = []byte(appKey.Reveal())

func hmacSHA256(body []byte) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, hmacKey)
	mac.Write(body)
	mac.Sum(sum[:0])
	return sum
}

// stripeMessage is an event of Stripe with its header.
type stripeMessage struct {
	body           []byte
	header, secret string
}

// stripeEvent makes an event of so many bytes.
func stripeEvent(size int) (stripeMessage, error) {
	event := fmt.Sprintf(`{"id":"evt_1","object":"event","api_version":%q,"created":1517928245,"livemode":true,"pending_webhooks":1,"type":"x.paid","data":{"object":{"id":"x_1","amount":100,"text":""}}}`, stripe.APIVersion)
	if len(event) > size {
		return stripeMessage{}, fmt.Errorf("an event of Stripe has %d bytes at least, not %d", len(event), size)
	}
	event = strings.Replace(event, `"text":""`, `"text":"`+strings.Repeat("x", size-len(event))+`"`, 1)
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(event), Secret: appKey.Reveal()})
	return stripeMessage{body: signed.Payload, header: signed.Header, secret: signed.Secret}, nil
}

func (m stripeMessage) construct() error {
	event, err := webhook.ConstructEventWithTolerance(m.body, m.header, m.secret, time.Hour)
	if err == nil && event.Type != "x.paid" {
		err = errAnswer
	}
	return err
}

func (m stripeMessage) validate() error {
	return webhook.ValidatePayloadWithTolerance(m.body, m.header, m.secret, time.Hour)
}

// webhookMessage is a message of Standard Webhooks.
type webhookMessage struct {
	hook   *standardwebhooks.Webhook
	sent   time.Time
	body   []byte
	header http.Header
}

func standardWebhook(body []byte) (webhookMessage, error) {
	hook, err := standardwebhooks.NewWebhook("whsec_" + base64.StdEncoding.EncodeToString(hmacKey))
	if err != nil {
		return webhookMessage{}, err
	}
	m := webhookMessage{hook: hook, sent: time.Now(), body: body}
	signature, err := hook.Sign("msg_1", m.sent, body)
	m.header = http.Header{}
	m.header.Set(standardwebhooks.HeaderWebhookID, "msg_1")
	m.header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(m.sent.Unix(), 10))
	m.header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return m, err
}

func (m webhookMessage) verify() error { return m.hook.Verify(m.body, m.header) }

func (m webhookMessage) sign() error {
	_, err := m.hook.Sign("msg_1", m.sent, m.body)
	return err
}
