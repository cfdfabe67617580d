package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/vvchat"
)

// platform is a platform with one user per code; a code works once.
type platform struct {
	mu        sync.Mutex
	users     map[string]string // code to open_id
	exchanges int
	err       error   // of ExchangeCode
	scope     *string // nil is vvchat.ScopeUserInfo
	profile   func(openID string) (vvchat.Profile, error)
}

func (p *platform) ExchangeCode(_ context.Context, code string) (vvchat.Token, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchanges++
	if p.err != nil {
		return vvchat.Token{}, p.err
	}
	openID, ok := p.users[code]
	if !ok {
		return vvchat.Token{}, &core.Error{Op: "vvchat.ExchangeCode", Code: core.CodeRefused, Err: errors.New("无效的code")}
	}
	delete(p.users, code)
	scope := vvchat.ScopeUserInfo
	if p.scope != nil {
		scope = *p.scope
	}
	return vvchat.Token{OpenID: openID, Scope: scope, Token: core.NewSecret("token-of-" + openID)}, nil
}

func (p *platform) Profile(_ context.Context, token core.Secret) (vvchat.Profile, error) {
	openID := strings.TrimPrefix(token.Reveal(), "token-of-")
	if p.profile != nil {
		return p.profile(openID)
	}
	return vvchat.Profile{OpenID: openID, Nickname: "小明"}, nil
}

const (
	testKey  = "0123456789abcdef0123456789abcdef"
	otherKey = "fedcba9876543210fedcba9876543210"
)

// bundle is a login with everything around it.
type bundle struct {
	t        *testing.T
	cfg      Config
	login    *Login
	platform *platform
	store    journal.Store
	now      time.Time
	log      *bytes.Buffer
}

func setup(t *testing.T, change ...func(*Config)) *bundle {
	b := &bundle{
		t:        t,
		platform: &platform{users: map[string]string{"code-ann": "ann", "code-bob": "bob"}},
		store:    journal.NewMemory(),
		now:      time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC),
		log:      &bytes.Buffer{},
	}
	b.cfg = Config{
		AppID: "qyxapp", Platform: b.platform, Store: b.store, CookieKeys: core.Secrets(testKey),
		RedirectURI: "https://shop.example/login/return",
		Now:         func() time.Time { return b.now },
		Logger:      slog.New(slog.NewTextHandler(b.log, nil)),
	}
	for _, f := range change {
		f(&b.cfg)
	}
	var err error
	b.login, err = New(b.cfg)
	require.NoError(t, err)
	return b
}

// browser keeps cookies as a browser does.
type browser struct {
	b       *bundle
	cookies map[string]string
}

func (b *bundle) browser() *browser { return &browser{b: b, cookies: map[string]string{}} }

// send hands r to the login's routes and keeps what cookies come back.
func (br *browser) send(r *core.Request) *core.Response {
	for name, value := range br.cookies {
		r.Header.Add("Cookie", name+"="+value)
	}
	resp := br.b.login.Routes().Handle(br.b.t.Context(), r)
	for _, line := range resp.Header.Values("Set-Cookie") {
		cookie, err := http.ParseSetCookie(line)
		require.NoError(br.b.t, err)
		if cookie.MaxAge < 0 {
			delete(br.cookies, cookie.Name)
		} else {
			br.cookies[cookie.Name] = cookie.Value
		}
	}
	return resp
}

func (br *browser) get(path string) *core.Response {
	path, query, _ := strings.Cut(path, "?")
	return br.send(&core.Request{Method: "GET", Path: path, RawQuery: query})
}

func (br *browser) post(path, contentType, body string, header ...core.HeaderField) *core.Response {
	return br.send(&core.Request{
		Method: "POST", Path: path, Body: []byte(body),
		Header: append(core.Header{{Name: "Content-Type", Value: contentType}, {Name: "Host", Value: "shop.example"}}, header...),
	})
}

// start begins a login and returns the state that went to the app.
func (br *browser) start(query string) string {
	resp := br.get("/login" + query)
	require.Equal(br.b.t, 302, resp.Status, "%s", resp.Body)
	link, err := url.Parse(resp.Header.Get("Location"))
	require.NoError(br.b.t, err)
	state := link.Query().Get("state")
	require.NotEmpty(br.b.t, state)
	return state
}

// session returns who is logged in in this browser, or "".
func (br *browser) session() string {
	resp := br.get("/login/session")
	if resp.Status == 401 {
		return ""
	}
	require.Equal(br.b.t, 200, resp.Status)
	var s Session
	require.NoError(br.b.t, json.Unmarshal(resp.Body, &s))
	return s.OpenID
}

// states returns the records of the states that were used.
func (b *bundle) states() []journal.Record {
	records, err := b.store.List(b.t.Context(), "state/", "", 100)
	require.NoError(b.t, err)
	return records
}
