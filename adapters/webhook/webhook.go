// Package webhook is a purchase.Deliverer that asks the merchant's own server:
// the deployable functions hold no goods, so they hand each delivery to whoever
// does, by signed HTTP.
//
// # Where to start
//
// [New] takes the address of that server and a key, and returns a [Deliverer] for
// the Config of core/purchase; the functions make one of IMPREST_DELIVER_URL and
// IMPREST_DELIVER_KEY. On the server, [Verify] says whether a request is genuine.
//
// # What is sent
//
//	POST {url}           {"id": "…", "offer": "voip-1y", "title": "…", "amount": 3600, "buyer": "…", "trade_no": "…", "data": {…}}
//	GET  {url}/{id}      {"granted": true}
//
// Both carry Idempotency-Key: the id of the purchase; Imprest-Timestamp: seconds
// since 1970; and Imprest-Signature: HMAC-SHA256 in lower-case hex, under the
// shared key, of the method, the path as it was sent ("/" if {url} has none), the
// timestamp and the body, each followed by a line break but the last.
//
// # What an answer means
//
// The POST must be idempotent by the id: it is made again when nobody knows what
// became of it, though never before the GET was answered with {"granted": false}.
//
//	2xx                        granted
//	410, 422                   not granted, and never will be: the money goes back
//	cannot connect             not granted: tried again; a certificate that does not hold, too
//	anything else, no answer   nobody knows: the GET is asked
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
)

// MinKeyLength is how many characters the shared key needs.
const MinKeyLength = 32

// Config is what [New] needs to know.
type Config struct {
	// URL is where deliveries are posted: https, or http on loopback. Required.
	URL string
	// Key is shared with the merchant's server. Required.
	Key core.Secret
	// HTTPClient makes the calls; nil is a client on http.DefaultTransport. It
	// is copied, and the copy follows no redirect.
	HTTPClient *http.Client
	// Timeout bounds each call; 0 is 10 seconds.
	Timeout time.Duration
	// Now tells the time; nil is time.Now.
	Now func() time.Time
	// Observer is told of every call; nil is nobody.
	Observer core.Observer
}

// Deliverer implements purchase.Deliverer. It is safe for use by many
// goroutines.
type Deliverer struct {
	cfg    Config
	path   string
	client http.Client
}

var _ purchase.Deliverer = (*Deliverer)(nil)

// New checks cfg and returns a Deliverer. It calls nobody. Its errors have
// core.CodeInvalid.
func New(cfg Config) (*Deliverer, error) {
	const op = "webhook.New"
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(u.Path, "/"):
		return nil, core.Invalid(op, "URL must be an address such as https://shop.example/deliveries, without user, query, fragment or a slash at its end")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return nil, core.Invalid(op, "URL must begin with https://: what it says moves goods")
	case len(cfg.Key.Reveal()) < MinKeyLength:
		return nil, core.Invalid(op, fmt.Sprintf("Key must have %d characters or more", MinKeyLength))
	}
	d := &Deliverer{cfg: cfg, path: u.EscapedPath()}
	if cfg.HTTPClient != nil {
		d.client = *cfg.HTTPClient
	}
	d.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if d.cfg.Timeout <= 0 {
		d.cfg.Timeout = 10 * time.Second
	}
	if d.cfg.Now == nil {
		d.cfg.Now = time.Now
	}
	return d, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Delivery is the body of a POST.
type Delivery struct {
	ID      string          `json:"id"`
	Offer   string          `json:"offer"`
	Title   string          `json:"title"`
	Amount  core.Fen        `json:"amount"`
	Buyer   string          `json:"buyer"`
	TradeNo string          `json:"trade_no"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Deliver implements purchase.Deliverer.
func (d *Deliverer) Deliver(ctx context.Context, p purchase.Purchase) (err error) {
	ctx, ended := core.Observe(ctx, d.cfg.Observer, core.Work{Kind: "call", Name: "webhook.Deliver", Subject: p.ID})
	defer func() { ended(err) }()
	delivery := Delivery{ID: p.ID, Offer: p.OfferID, Title: p.Title, Amount: p.Amount, Buyer: p.Buyer, Data: p.Data}
	if p.Payment != nil {
		delivery.TradeNo = p.Payment.TradeNo
	}
	body, err := json.Marshal(delivery)
	if err != nil {
		return &core.Error{Op: "webhook.Deliver", Code: core.CodeInternal, Err: err}
	}
	status, _, err := d.call(ctx, "webhook.Deliver", http.MethodPost, "", p.ID, body)
	switch {
	case err != nil:
		return err
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusGone, status == http.StatusUnprocessableEntity:
		return &core.Error{Op: "webhook.Deliver", Code: core.CodeRefused, Err: fmt.Errorf("the merchant's server says that it never will be granted: status %d", status)}
	}
	return &core.Error{Op: "webhook.Deliver", Code: core.CodeUnknown, Err: fmt.Errorf("the merchant's server answered with status %d, which says nothing of what it did: look at its log", status)}
}

// Delivered implements purchase.Deliverer.
func (d *Deliverer) Delivered(ctx context.Context, p purchase.Purchase) (granted bool, err error) {
	ctx, ended := core.Observe(ctx, d.cfg.Observer, core.Work{Kind: "call", Name: "webhook.Delivered", Subject: p.ID})
	defer func() { ended(err) }()
	status, body, err := d.call(ctx, "webhook.Delivered", http.MethodGet, "/"+url.PathEscape(p.ID), p.ID, nil)
	if err != nil {
		return false, err
	}
	var told struct {
		Granted *bool `json:"granted"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &told) != nil || told.Granted == nil {
		return false, &core.Error{Op: "webhook.Delivered", Code: core.CodeUnknown, Safe: true, Err: fmt.Errorf(`the merchant's server answered with status %d, and not with {"granted": true} or {"granted": false}`, status)}
	}
	return *told.Granted, nil
}

// call makes one call.
func (d *Deliverer) call(ctx context.Context, op, method, below, id string, body []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, d.cfg.URL+below, bytes.NewReader(body))
	if err != nil {
		return 0, nil, &core.Error{Op: op, Code: core.CodeInternal, Err: errors.New("the request cannot be built")}
	}
	req.GetBody = nil // one attempt: net/http must not send it again by itself
	timestamp := strconv.FormatInt(d.cfg.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", id)
	req.Header.Set("Imprest-Timestamp", timestamp)
	req.Header.Set("Imprest-Signature", signature(d.cfg.Key, method, cmp.Or(d.path+below, "/"), timestamp, body))
	resp, err := d.client.Do(req)
	if err != nil {
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			return 0, nil, &core.Error{Op: op, Code: core.CodeUnreached, Err: errors.New("the merchant's server cannot be reached")}
		}
		if _, doubted := errors.AsType[*tls.CertificateVerificationError](err); doubted { // before anything was sent
			return 0, nil, &core.Error{Op: op, Code: core.CodeUnreached, Err: errors.New("the certificate of the merchant's server does not hold: see that it is in date, of that name, and whole")}
		}
		return 0, nil, &core.Error{Op: op, Code: core.CodeUnknown, Safe: method == http.MethodGet, Err: errors.New("the merchant's server did not answer in time, or its answer broke off")}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil && method == http.MethodGet {
		return 0, nil, &core.Error{Op: op, Code: core.CodeUnknown, Safe: true, Err: errors.New("the answer of the merchant's server broke off")}
	}
	return resp.StatusCode, answer, nil
}

func signature(key core.Secret, method, path, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	fmt.Fprintf(mac, "%s\n%s\n%s\n", method, path, timestamp)
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// Verify checks a request that a [Deliverer] sent, on the merchant's server: its
// signature, and that it is at most 5 minutes old or early. path is what was sent:
// r.URL.EscapedPath() of net/http. The error has core.CodeForged.
func Verify(key core.Secret, now time.Time, method, path string, header http.Header, body []byte) error {
	const op = "webhook.Verify"
	timestamp := header.Get("Imprest-Timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return &core.Error{Op: op, Code: core.CodeForged, Err: errors.New("Imprest-Timestamp is missing, or too far from now: check the clock")}
	}
	if !hmac.Equal([]byte(signature(key, method, path, timestamp, body)), []byte(header.Get("Imprest-Signature"))) {
		return &core.Error{Op: op, Code: core.CodeForged, Err: errors.New("Imprest-Signature does not hold: check the key, and that the path and the body are as they were sent")}
	}
	return nil
}
