// Package token keeps the access token that all calls of one app share: asked
// for once by many, renewed before it ends, given up when the other side
// refuses it.
package token

import (
	"context"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
)

const (
	// renewBefore is how long before its end a token is no longer used: a
	// call takes up to its timeout, and clocks differ.
	renewBefore = 5 * time.Minute
	// MaxLifetime is more than any token lives; it keeps a mad answer from
	// overflowing a time.
	MaxLifetime = 24 * time.Hour
)

// Fetch asks the other side for a token; lifetime is greater than 0.
type Fetch func(context.Context) (token core.Secret, lifetime time.Duration, err error)

// Source issues the token at hand. It is safe for use by many goroutines.
type Source struct {
	op    string
	now   func() time.Time
	fetch Fetch

	mu     sync.Mutex
	token  core.Secret
	asked  time.Time
	until  time.Time
	flight *flight
}

// New returns a Source that has no token yet. op is the Op of the error for
// those who go away while they wait.
func New(op string, now func() time.Time, fetch Fetch) *Source {
	return &Source{op: op, now: now, fetch: fetch}
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

// AccessToken returns the token at hand, or asks for one. refused is one that
// the other side has just refused, or empty: if it is still the one at hand,
// another is asked for. Many callers share one request. It is made with the
// context of the first; if that one goes away, the next takes over.
func (s *Source) AccessToken(ctx context.Context, refused core.Secret) (core.Secret, error) {
	for {
		s.mu.Lock()
		if !refused.IsZero() && refused.Equal(s.token) {
			s.token = core.Secret{}
		}
		if !s.token.IsZero() && s.now().Before(s.until) {
			defer s.mu.Unlock()
			return s.token, nil
		}
		f := s.flight
		if f == nil {
			f = &flight{landed: make(chan struct{}), left: true}
			s.flight = f
			s.mu.Unlock()
			s.fly(ctx, f)
			return f.token, f.err
		}
		s.mu.Unlock()
		select {
		case <-f.landed:
			if !f.left {
				return f.token, f.err
			}
		case <-ctx.Done():
			return core.Secret{}, &core.Error{Op: s.op, Code: core.CodeUnreached, Safe: true, Err: ctx.Err()}
		}
	}
}

// fly makes the request. Those who wait are let go even if it panics.
func (s *Source) fly(ctx context.Context, f *flight) {
	defer func() {
		s.mu.Lock()
		s.flight = nil
		s.mu.Unlock()
		close(f.landed)
	}()
	asked := s.now()
	token, lifetime, err := s.fetch(ctx)
	f.token, f.err, f.left = token, err, err != nil && ctx.Err() != nil
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.asked, s.until = token, asked, asked.Add(lifetime-min(renewBefore, lifetime/2))
}

// Fresh reports whether token is the one at hand and was asked for less than
// age ago.
func (s *Source) Fresh(token core.Secret, age time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return token.Equal(s.token) && s.now().Sub(s.asked) < age
}
