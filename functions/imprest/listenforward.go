package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
)

// forwarder hands notifications on to the developer's server, byte for byte,
// shows each, and records it. It is safe for use by many goroutines.
type forwarder struct {
	p      *program
	client *http.Client
	// payments, payouts and robots are where each kind goes; "" is where it
	// was sent.
	payments, payouts, robots string
	record                    *noticeRecord // nil records nothing
	asJSON                    bool
	hide                      []core.Secret
}

// RoundTrip implements http.RoundTripper: it is the platform's way out, and the
// answer of the developer's server is what the platform hears.
func (f *forwarder) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	answer, err := f.forward(r.Context(), r.Method, r.URL.String(), r.Header, body)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for _, line := range answer.Header {
		header.Add(line.Name, line.Value)
	}
	header.Del("Content-Length") // of what was read it is another
	return &http.Response{
		Status: fmt.Sprintf("%d %s", answer.Status, http.StatusText(answer.Status)), StatusCode: answer.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(answer.Body)), ContentLength: int64(len(answer.Body)), Request: r,
	}, nil
}

// forward hands one notification on, and tells of it.
func (f *forwarder) forward(ctx context.Context, method, sentTo string, header http.Header, body []byte) (*core.Response, error) {
	n := readNotice(method, header, body)
	n.ID, n.Time = newNoticeID(), f.p.now().UTC().Truncate(time.Millisecond)
	answer, err := f.p.deliver(ctx, f.client, &n, cmp.Or(f.target(n.Kind), sentTo))
	if errors.Is(err, context.Canceled) {
		return nil, err // it was the person who broke it off
	}
	n.Answer = hidden(n.Answer, f.hide)
	if f.record != nil {
		f.record.add(&n)
	}
	f.p.showNotice(&n, f.asJSON, f.hide)
	return answer, err
}

// target is where the notifications of a kind go, "" where they were sent.
func (f *forwarder) target(kind string) string {
	switch kind {
	case kindPayout:
		return f.payouts
	case kindRobot:
		return f.robots
	}
	return f.payments
}

// deliver posts a notification to target, and writes into n what came of it.
func (p *program) deliver(ctx context.Context, client *http.Client, n *notice, target string) (*core.Response, error) {
	n.To, n.AnswerStatus, n.Answer, n.Error = target, 0, "", ""
	if n.Kind == kindRobot {
		n.To = withoutPath(target)
	}
	began := p.now()
	answer, err := n.message().Post(ctx, client, target)
	n.TookMS = milliseconds(p.now().Sub(began))
	if err != nil {
		n.Error = noAnswer(err)
		return nil, err
	}
	n.AnswerStatus, n.Answer = answer.Status, strings.ToValidUTF8(string(answer.Body[:min(len(answer.Body), 1<<10)]), "\uFFFD")
	return answer, nil
}

// newNoticeID names a notification, in what a person can read out: with 40 bits
// no two in a record have the same.
func newNoticeID() string { return strings.ToLower(rand.Text()[:8]) }

// withoutPath masks what follows the host: the path of a robot's events is all
// that tells a genuine one.
func withoutPath(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return hiddenText
	}
	return u.Scheme + "://" + u.Host + "/" + hiddenText
}

// withoutQuery leaves out what may hold a token.
func withoutQuery(address string) string {
	address, _, _ = strings.Cut(address, "?")
	return address
}

const hiddenText = "***"

// hidden takes keys out of a text. A short one, such as the documented 123456,
// is no secret, and may well be an amount.
func hidden(text string, keys []core.Secret) string {
	for _, key := range keys {
		if plain := key.Reveal(); len(plain) >= 16 {
			text = strings.ReplaceAll(text, plain, hiddenText)
		}
	}
	return text
}

// showNotice writes one notification and what came of it: as a line for a
// person, or as one of JSON.
func (p *program) showNotice(n *notice, asJSON bool, hide []core.Secret) {
	if asJSON {
		shown := *n
		shown.To, shown.Body, shown.Answer = withoutQuery(n.To), hidden(n.Body, hide), hidden(n.Answer, hide)
		_ = p.printJSON(&shown) // texts and numbers always encode, and outWriter remembers the rest
		return
	}
	about := cmp.Or(n.OutTradeNo, n.OutOrderNo, n.Event, "-")
	details := ""
	if n.Amount != "" {
		details += " " + printable(n.Amount) + " fen"
	}
	if n.Status != "" {
		details += " status " + printable(n.Status)
	}
	// One write, so that lines of several at once do not mix.
	fmt.Fprintf(p.stdout, "%s  %-11s  %s %s  %s  %s  %s\n",
		p.paint.dim(n.Time.Local().Format(time.TimeOnly)), printable(n.Kind), p.paint.bold(shortened(hidden(about, hide))), strings.TrimSpace(details),
		p.answerText(n), p.paint.dim(fmt.Sprintf("%.2f ms", n.TookMS)), printable(n.ID))
}

// answerText is what came back, in green where the platform would stop.
func (p *program) answerText(n *notice) string {
	answer := answerCount{Status: n.AnswerStatus, Body: shortened(n.Answer)}
	switch text := fmt.Sprintf("%d %s", answer.Status, cmp.Or(answer.Body, "(empty)")); {
	case n.Error != "":
		return p.paint.red("no answer: " + printable(n.Error))
	case answer.isSuccess():
		return p.paint.green(text)
	default:
		return p.paint.red(text)
	}
}
