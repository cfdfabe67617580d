// Package outward makes one HTTP call to a platform, and says of a failure
// what is known about its effect: never reached, refused, or unknown. Every
// call has a deadline, reads no more than a cap, follows no redirect (Go would
// hand the app_key in the URL, or the Authorization header, to the next
// server), and leaves the URL out of its errors.
package outward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/imprest-go/imprest/core"
)

const (
	// DefaultTimeout bounds a call whose configuration names no other.
	DefaultTimeout = 10 * time.Second
	// MaxAnswer is the most that is read of an answer.
	MaxAnswer = 1 << 20
)

// Caller makes calls. New fills it.
type Caller struct {
	client   *http.Client
	timeout  time.Duration
	observer core.Observer
}

// New returns a Caller on a copy of client (nil: http.DefaultTransport) that
// follows no redirect. timeout 0 is DefaultTimeout.
func New(client *http.Client, timeout time.Duration, observer core.Observer) *Caller {
	own := http.Client{}
	if client != nil {
		own = *client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	return &Caller{client: &own, timeout: timeout, observer: observer}
}

// Answer is what came back: any status.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Call sends req once by c, and returns what read makes of the answer. reads
// says that the call changes nothing, so that a failure with an unknown outcome
// may safely be repeated. subject goes to the observer, which is told the error
// of read too: a refusal came by an answer like any other.
func Call[T any](ctx context.Context, c *Caller, op, subject string, reads bool, req *http.Request, read func(Answer) (T, error)) (result T, err error) {
	ctx, ended := core.Observe(ctx, c.observer, core.Work{Kind: "call", Name: op, Subject: subject})
	defer func() { ended(err) }()
	answer, err := c.send(ctx, op, reads, req)
	if err != nil {
		return result, err
	}
	return read(answer)
}

func (c *Caller) send(ctx context.Context, op string, reads bool, req *http.Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return Answer{}, &core.Error{Op: op, Code: core.CodeUnreached, Safe: reads, Err: fmt.Errorf("nothing was sent: %w", err)}
	}
	var asked, connected atomic.Bool
	trace := &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}
	resp, err := c.client.Do(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		code, hint := core.CodeUnknown, "no answer came: the outcome is unknown"
		// A transport that does not report its connections proves nothing by
		// reporting none.
		if asked.Load() && !connected.Load() {
			code, hint = core.CodeUnreached, "the platform was not reached"
		}
		return Answer{}, &core.Error{Op: op, Code: code, Safe: reads, Err: fmt.Errorf("%s: %w", hint, withoutURL(req, err))}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return Answer{}, &core.Error{Op: op, Code: core.CodeUnknown, Safe: reads, Err: fmt.Errorf("the answer broke off: %w", withoutURL(req, err))}
	case len(body) > MaxAnswer:
		return Answer{}, &core.Error{Op: op, Code: core.CodeUnknown, Safe: reads, Err: errors.New("the answer is larger than any that is documented")}
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// withoutURL rebuilds err so that no URL, which may hold the app_key, is in
// its text or its chain.
func withoutURL(req *http.Request, err error) error {
	for {
		urlErr, ok := errors.AsType[*url.Error](err)
		if !ok {
			break
		}
		err = urlErr.Err
	}
	text := err.Error()
	if query := req.URL.RawQuery; query != "" && strings.Contains(text, query) {
		return errWithheld
	}
	for _, values := range req.URL.Query() {
		for _, value := range values {
			if len(value) >= 6 && strings.Contains(text, value) {
				return errWithheld
			}
		}
	}
	if credential := req.Header.Get("Authorization"); credential != "" && strings.Contains(text, credential) {
		return errWithheld
	}
	return err
}

var errWithheld = errors.New("the transport's own error is withheld: it names what must not be shown")

// BaseURL checks the address of a platform and returns it without a trailing
// slash. It must be https; http is allowed for a loopback address, for one of
// exempt, or where insecure says so.
func BaseURL(op, raw string, insecure bool, exempt ...string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", core.Invalid(op, "base_url must be an address such as https://host, without user, query or fragment")
	}
	base := strings.TrimRight(u.String(), "/")
	switch {
	case u.Scheme == "https":
	case u.Scheme != "http":
		return "", core.Invalid(op, "base_url must begin with https://")
	case insecure || IsLoopback(u.Hostname()):
	default:
		for _, address := range exempt {
			if base == address {
				return base, nil
			}
		}
		return "", core.Invalid(op, "base_url is plain http, which anybody on the way can read and change: use https, or set AllowInsecure")
	}
	return base, nil
}

// IsLoopback reports whether host (without port) names this machine by its
// loopback address.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
