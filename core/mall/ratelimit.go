package mall

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"
)

// rateLimit is a token bucket for each user, kept as the time at which it is
// full again: a full bucket takes limit requests at once, and one more for
// every part of window that has gone by. The users are in the order of their
// last request, and beyond max the first of them is forgotten.
type rateLimit struct {
	window   time.Duration
	interval time.Duration
	max      int
	now      func() time.Time

	mu     sync.Mutex
	users  map[string]*list.Element
	recent *list.List // of *bucket, the latest in front
}

type bucket struct {
	user string
	full time.Time
}

func newRateLimit(limit int, window time.Duration, maxUsers int, now func() time.Time) *rateLimit {
	return &rateLimit{
		window: window, interval: max(window/time.Duration(limit), 1), max: maxUsers, now: now,
		users: map[string]*list.Element{}, recent: list.New(),
	}
}

// take takes a request out of the user's bucket; or returns how long there
// will be none.
func (l *rateLimit) take(user string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	element, known := l.users[user]
	if known {
		l.recent.MoveToFront(element)
	} else {
		for len(l.users) >= l.max {
			oldest := l.recent.Back()
			delete(l.users, l.recent.Remove(oldest).(*bucket).user)
		}
		element = l.recent.PushFront(&bucket{user: user})
		l.users[user] = element
	}
	b := element.Value.(*bucket)
	switch {
	case b.full.Before(now):
		b.full = now
	case b.full.After(now.Add(l.window)): // the clock was set back
		b.full = now.Add(l.window)
	}
	if wait := b.full.Add(l.interval).Sub(now) - l.window; wait > 0 {
		return wait
	}
	b.full = b.full.Add(l.interval)
	return 0
}

// keyOf tells users apart. A credential is not kept.
func keyOf(caller Caller) string {
	if caller.UserID != "" {
		return "user:" + caller.UserID
	}
	sum := sha256.Sum256([]byte(caller.Credential.Reveal()))
	return "credential:" + hex.EncodeToString(sum[:])
}
