package testkit

import (
	"fmt"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Share is a page that a user shared into a chat.
type Share struct {
	AppID string `json:"app_id"`
	// OpenID is who shared; the first user if it is empty.
	OpenID string `json:"open_id"`
	// SessionID is the chat; the user's first one if it is empty.
	SessionID string `json:"session_id"`
	// ShareTitle, SubTitle, ShareURL, ThumbURL and ShareDataURL are the
	// share's options, as the page spells them. ShareDataURL makes it an
	// advanced one.
	ShareTitle   string    `json:"share_title"`
	SubTitle     string    `json:"sub_title,omitempty"`
	ShareURL     string    `json:"share_url"`
	ThumbURL     string    `json:"thumb_url,omitempty"`
	ShareDataURL string    `json:"share_data_url,omitempty"`
	Time         time.Time `json:"time"`
}

// Share is the user's tap on "share": it records s and returns it with what it
// left open. The error is [core.CodeNotFound] for an app, a user or a chat of
// his that does not exist, and [core.CodeInvalid] without a title or a URL.
func (p *Platform) Share(s Share) (Share, error) {
	const op = "testkit.Platform.Share"
	p.mu.Lock()
	defer p.mu.Unlock()
	user, known := p.user(s.OpenID)
	if _, ok := p.account(s.AppID); !ok {
		return Share{}, notFound(op, "app_id", s.AppID)
	}
	switch {
	case !known:
		return Share{}, notFound(op, "open_id", s.OpenID)
	case s.ShareTitle == "":
		return Share{}, core.Invalid(op, "share_title: is missing")
	case s.ShareURL == "":
		return Share{}, core.Invalid(op, "share_url: is missing")
	}
	i := slices.IndexFunc(p.sessions, func(c Session) bool { return c.has(user.OpenID) && (s.SessionID == "" || c.ID == s.SessionID) })
	if i < 0 {
		return Share{}, notFound(op, "session_id", s.SessionID)
	}
	s.OpenID, s.SessionID, s.Time = user.OpenID, p.sessions[i].ID, p.Clock.Now()
	p.shares = append(p.shares, s)
	if over := len(p.shares) - p.record.keep; over > 0 {
		p.shares = slices.Delete(p.shares, 0, over)
	}
	return s, nil
}

// Shares returns all shares, the oldest first.
func (p *Platform) Shares() []Share {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.shares)
}

// RequireShare fails the test unless a page was shared under that title once,
// and returns the share.
func (p *Platform) RequireShare(tb TB, shareTitle string) Share {
	tb.Helper()
	var found []Share
	var seen []string
	for _, s := range p.Shares() {
		seen = append(seen, s.ShareTitle)
		if s.ShareTitle == shareTitle {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("one share with share_title %q", shareTitle), got: fmt.Sprintf("%d, and all are %q", len(found), seen), rule: ruleShare,
			do: "have the user share the page and agree to it: nothing is shared by the call alone",
		})
		return Share{}
	}
	return found[0]
}

func conflict(op, name, value string) error {
	return &core.Error{Op: op, Code: core.CodeConflict, Err: fmt.Errorf("%s %q is there already", name, value)}
}
