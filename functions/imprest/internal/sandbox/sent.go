package sandbox

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// maxSent is how much of a notification the event of it holds: many times what
// a genuine one has, and little enough for a thousand of them.
const maxSent = 16 << 10

// Sent is a notification that the sandbox's platform sends, byte for byte: the
// data of the event "notification".
type Sent struct {
	Method string      `json:"method"`
	Header http.Header `json:"header"`
	// Body is in base64, since the bytes matter and may be no text. It is
	// absent from one that is TooLong.
	Body    []byte `json:"body,omitempty"`
	TooLong bool   `json:"too_long,omitempty"`
}

// announcing tells the bus of each notification before it is sent.
type announcing struct {
	bus  *bus
	next *http.Transport
}

// CloseIdleConnections is what an http.Client's method of that name calls.
func (a announcing) CloseIdleConnections() { a.next.CloseIdleConnections() }

func (a announcing) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	sent := Sent{Method: r.Method, Header: r.Header, Body: body}
	if len(body) > maxSent {
		sent.Body, sent.TooLong = nil, true
	}
	a.bus.publish("notification", sent)
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return a.next.RoundTrip(r)
}

// notifier is what the platform sends its notifications with: to this machine
// alone, whatever host an order names, and it follows no redirect.
func (w *world) notifier() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err != nil || !isLoopback(host) {
			return errors.New("the notify_url is not on loopback, and the sandbox posts to this machine alone")
		}
		return nil
	}}
	return &http.Client{
		Transport:     announcing{w.bus, &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 64}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
