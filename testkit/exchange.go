package testkit

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Peer is the system that a merchant talks to.
type Peer string

// The peers, as an [Exchange] names them.
const (
	PeerVVChat Peer = "vvchat" // played by [Platform]
	PeerTuya   Peer = "tuya"   // played by [Cloud]
	PeerWeChat Peer = "wechat" // played by [Cloud]
)

// Exchange is one request and its answer, to a fake or from it, as the record
// keeps it. Keys, secrets, tokens and tickets are masked wherever in it they
// stand, and so are header lines that carry such by their name; of an exchange
// code the last four characters are left.
type Exchange struct {
	// Seq counts the exchanges of a fake in the order in which they began,
	// from 1.
	Seq int
	// Peer is who the merchant talked to.
	Peer Peer
	// Call says what it was; "" for a path that the fake does not have.
	Call Call
	// Time is when it began, on the fake's clock.
	Time time.Time
	// Took is how long it lasted, on the wall clock.
	Took time.Duration
	// Method, Path, Query, Header and Body are the request. Path is a whole
	// URL for what the platform sends.
	Method string
	Path   string
	Query  string
	Header core.Header
	Body   string
	// Status, AnswerHeader and Answer are the answer. Status is 0 if there
	// was none.
	Status       int
	AnswerHeader core.Header
	Answer       string
	// Err says why there was no answer, or none that arrived.
	Err string
	// AppID, OutTradeNo, OutOrderNo, UserID and DeviceID say what it was
	// about, as far as that is known: the first three of VVChat, the last
	// two of Tuya, and AppID of WeChat as well. Of the OpenAPI AppID is the
	// client_id.
	AppID      string
	OutTradeNo string
	OutOrderNo string
	UserID     string
	DeviceID   string
	// Canonical is the text that the request's sign stands for, with the
	// app_key or the tokens masked; "" if it is not signed.
	Canonical string
	// Faults are those that struck it.
	Faults []FaultKind
}

// String returns one line for a log.
func (e Exchange) String() string {
	var b strings.Builder
	arrow := "<-"
	if e.Call == CallNotification || e.Call == CallPayoutNotification || e.Call == CallRobotEvent {
		arrow = "->"
	}
	fmt.Fprintf(&b, "%s #%d %s %s %s", e.Peer, e.Seq, arrow, e.Method, e.Path)
	if e.Peer == PeerTuya && e.Call != "" {
		fmt.Fprintf(&b, " %s", e.Call) // the path does not say it
	}
	if e.OutTradeNo != "" {
		fmt.Fprintf(&b, " out_trade_no=%s", e.OutTradeNo)
	}
	if e.OutOrderNo != "" {
		fmt.Fprintf(&b, " out_order_no=%s", e.OutOrderNo)
	}
	if e.DeviceID != "" {
		fmt.Fprintf(&b, " device_id=%s", e.DeviceID)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d %.200q", e.Status, e.Answer)
	}
	if e.Err != "" {
		fmt.Fprintf(&b, ": %s", e.Err)
	}
	if len(e.Faults) > 0 {
		fmt.Fprintf(&b, " %v", e.Faults)
	}
	return b.String()
}

// maskQuery returns a raw query with the values of its secrets masked.
func maskQuery(raw string) string {
	parts := strings.Split(raw, "&")
	for i, part := range parts {
		name, _, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil || slices.Contains([]string{"app_key", "token", "secret", "access_token", "refresh_token"}, plain) {
			parts[i] = name + "=" + mask
		}
	}
	if raw == "" {
		return ""
	}
	return strings.Join(parts, "&")
}

// maskHeader returns header lines with the secret ones masked.
func maskHeader(h core.Header) core.Header {
	h = slices.Clone(h)
	for i := range h {
		for _, part := range []string{"authorization", "token", "secret", "key", "cookie"} {
			if name := strings.ToLower(h[i].Name); name == "sign" || strings.Contains(name, part) {
				h[i].Value = mask
			}
		}
	}
	return h
}

// record keeps the last exchanges of a fake.
type record struct {
	mu   sync.Mutex
	keep int
	seq  int
	ring []Exchange // the last keep of them count
	told func(Exchange)
}

func (r *record) begin() (seq int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	return r.seq
}

func (r *record) add(e Exchange) {
	r.mu.Lock()
	r.ring = append(r.ring, e)
	if len(r.ring) >= 2*r.keep {
		r.ring = slices.Clone(r.ring[len(r.ring)-r.keep:])
	}
	r.mu.Unlock()
	if r.told != nil {
		r.told(e)
	}
}

func (r *record) all() []Exchange {
	r.mu.Lock()
	all := slices.Clone(r.ring[max(0, len(r.ring)-r.keep):])
	r.mu.Unlock()
	slices.SortFunc(all, func(a, b Exchange) int { return a.Seq - b.Seq })
	return all
}
