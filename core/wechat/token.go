package wechat

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
)

// TokenSource issues the access token that all users of an AppID share.
type TokenSource interface {
	// AccessToken returns a token that works. refused is one that WeChat has
	// just refused, or empty: if it is still the one at hand, get another.
	AccessToken(ctx context.Context, refused core.Secret) (core.Secret, error)
}

// renewBefore is how long before its end a token is no longer used: a call
// takes up to its timeout, and clocks differ.
const renewBefore = 5 * time.Minute

// ownTokens is the TokenSource of a client that has the mini program's secret.
type ownTokens struct {
	fetch func(context.Context) (token core.Secret, lifetime time.Duration, err error)
	now   func() time.Time

	mu     sync.Mutex
	token  core.Secret
	until  time.Time
	flight *flight
}

// flight is one request for a token that others wait for.
type flight struct {
	landed chan struct{}
	token  core.Secret
	err    error
	// left says that whoever made the request went away: its failure says
	// nothing to the others.
	left bool
}

// AccessToken returns the token at hand, or asks for one. Many callers share
// one request. It is made with the context of the first; if that one goes
// away, the next takes over.
func (t *ownTokens) AccessToken(ctx context.Context, refused core.Secret) (core.Secret, error) {
	for {
		t.mu.Lock()
		if !refused.IsZero() && refused.Equal(t.token) {
			t.token = core.Secret{}
		}
		if !t.token.IsZero() && t.now().Before(t.until) {
			defer t.mu.Unlock()
			return t.token, nil
		}
		f := t.flight
		if f == nil {
			f = &flight{landed: make(chan struct{}), left: true}
			t.flight = f
			t.mu.Unlock()
			t.fly(ctx, f)
			return f.token, f.err
		}
		t.mu.Unlock()
		select {
		case <-f.landed:
			if !f.left {
				return f.token, f.err
			}
		case <-ctx.Done():
			return core.Secret{}, &core.Error{Op: opToken, Code: core.CodeUnreached, Safe: true, Err: ctx.Err()}
		}
	}
}

// fly makes the request. Those who wait are let go even if it panics.
func (t *ownTokens) fly(ctx context.Context, f *flight) {
	defer func() {
		t.mu.Lock()
		t.flight = nil
		t.mu.Unlock()
		close(f.landed)
	}()
	asked := t.now()
	token, lifetime, err := t.fetch(ctx)
	f.token, f.err, f.left = token, err, err != nil && ctx.Err() != nil
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token, t.until = token, asked.Add(lifetime-min(renewBefore, lifetime/2))
}

const opToken = "wechat.AccessToken"

// fetchToken asks WeChat for a token: GET /cgi-bin/token.
func (c *Client) fetchToken(ctx context.Context) (core.Secret, time.Duration, error) {
	query := url.Values{"grant_type": {"client_credential"}, "appid": {c.cfg.AppID}, "secret": {c.cfg.Secret.Reveal()}}
	req, err := http.NewRequest(http.MethodGet, c.base+"/cgi-bin/token?"+query.Encode(), nil)
	if err != nil {
		return core.Secret{}, 0, &core.Error{Op: opToken, Code: core.CodeInternal, Err: errors.New("the request cannot be built")}
	}
	answer, err := c.call(ctx, opToken, "", req)
	if err != nil {
		return core.Secret{}, 0, err
	}
	token, seconds := answer.text("access_token"), answer.int("expires_in")
	if token == "" || seconds <= 0 {
		return core.Secret{}, 0, unknown(opToken, errors.New("the answer holds no access_token, or no expires_in"))
	}
	return core.NewSecret(token), time.Duration(min(seconds, maxLifetime)) * time.Second, nil
}

// maxLifetime in seconds is more than any token lives; it keeps a mad answer
// from overflowing a time.
const maxLifetime = 24 * 60 * 60
