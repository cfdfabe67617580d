package login

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/imprest-go/imprest/core"
)

// sealed returns a cookie value for ann.
func sealed(t testing.TB, l *Login) string {
	value, err := l.seal(l.newSession("ann", "小明"))
	require.NoError(t, err)
	return value
}

func request(l *Login, value string) *core.Request {
	return &core.Request{Method: "GET", Path: "/", Header: core.Header{{Name: "cookie", Value: "a=b; " + l.sessionCookie + "=" + value + "; c=\"d"}}}
}

func TestSessionRoundTrip(t *testing.T) {
	b := setup(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := b.login.newSession(rapid.StringMatching(`[!-~]{1,128}`).Draw(rt, "open_id"), rapid.String().Draw(rt, "nickname"))
		value, err := b.login.seal(s)
		require.NoError(rt, err)
		require.Less(rt, len(value), maxCookie)
		got, err := b.login.FromRequest(request(b.login, value))
		require.NoError(rt, err)
		assert.Equal(rt, s, got)
	})
}

// The longest session that there can be still fits.
func TestSessionOfGreatestSize(t *testing.T) {
	b := setup(t)
	value, err := b.login.seal(b.login.newSession(strings.Repeat("<", 128), strings.Repeat("\u2028", 100)+strings.Repeat("𝄞", 100)))
	require.NoError(t, err)
	_, err = b.login.unseal(value)
	require.NoError(t, err)
}

func TestNicknameIsTidied(t *testing.T) {
	s := setup(t).login.newSession("ann", "a\r\nb\x00\x1b[31m\u0085\xffc"+strings.Repeat("微", 100))
	assert.Equal(t, "ab[31mc"+strings.Repeat("微", 57), s.Nickname)
	// What turns the line, shows nothing, or breaks it in a script.
	s = setup(t).login.newSession("ann", "\ufeffa\u202eb\u2066c\u200bd\u2028e f\u00adg\u3000é😀")
	assert.Equal(t, "abcde fgé😀", s.Nickname)
}

// No bit of the cookie can be flipped, cut off or added.
func TestSessionBitFlips(t *testing.T) {
	l := setup(t).login
	value := sealed(t, l)
	_, err := l.unseal(value)
	require.NoError(t, err)
	for i := range len(value) {
		for bit := range 8 {
			flipped := []byte(value)
			flipped[i] ^= 1 << bit
			_, err := l.unseal(string(flipped))
			assert.ErrorIs(t, err, ErrNoSession, "byte %d, bit %d", i, bit)
		}
		_, err := l.unseal(value[:i])
		assert.ErrorIs(t, err, ErrNoSession)
	}
	for _, end := range []string{"=", ".", "A", "\n", " "} {
		for _, forged := range []string{value + end, end + value, strings.Replace(value, ".", end+".", 1)} {
			_, err := l.unseal(forged)
			assert.ErrorIs(t, err, ErrNoSession, "%q", forged)
		}
	}
}

func FuzzSession(f *testing.F) {
	l, err := New(Config{
		AppID: "qyxapp", Platform: &platform{}, Store: &failing{}, CookieKeys: core.Secrets(testKey),
		RedirectURI: "https://shop.example/login/return", Now: func() time.Time { return time.Unix(1_785_000_000, 0) },
	})
	require.NoError(f, err)
	genuine := sealed(f, l)
	for _, seed := range []string{"", ".", "..", "v1..", genuine, "v2" + genuine[2:], genuine[:len(genuine)-1], strings.Repeat("a", 3000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		s, err := l.unseal(value)
		if value == genuine {
			require.NoError(t, err)
			assert.Equal(t, "ann", s.OpenID)
			return
		}
		assert.ErrorIs(t, err, ErrNoSession)
		assert.Zero(t, s)
	})
}

func TestKeyRotation(t *testing.T) {
	under := func(keys ...string) *Login {
		return setup(t, func(c *Config) { c.CookieKeys = core.Secrets(keys...) }).login
	}
	old, both, fresh := under(testKey), under(otherKey, testKey), under(otherKey)

	s, err := both.unseal(sealed(t, old))
	require.NoError(t, err)
	assert.Equal(t, "ann", s.OpenID)
	_, err = both.unseal(sealed(t, fresh))
	assert.NoError(t, err)
	_, err = fresh.unseal(sealed(t, both))
	assert.NoError(t, err, "the first key signs")
	_, err = fresh.unseal(sealed(t, old))
	assert.ErrorIs(t, err, ErrNoSession)
	_, err = old.unseal(sealed(t, both))
	assert.ErrorIs(t, err, ErrNoSession)
}

func TestSessionOfAnotherApp(t *testing.T) {
	a, b := setup(t).login, setup(t, func(c *Config) { c.AppID = "qyxother" }).login
	_, err := b.unseal(sealed(t, a))
	assert.ErrorIs(t, err, ErrNoSession)
}

// What is signed but no session of this version is none.
func TestSignedButNoSession(t *testing.T) {
	l := setup(t).login
	for _, text := range []string{
		"v2." + strings.Split(sealed(t, l), ".")[1],
		"v1", "v1.", "v1.!", "v1." + base64.RawURLEncoding.EncodeToString([]byte(`[]`)),
		"v1." + base64.RawURLEncoding.EncodeToString([]byte(`{"i":1785585600,"e":9785585600}`)),
	} {
		_, err := l.unseal(text + "." + l.mac(l.cfg.CookieKeys[0], text))
		assert.ErrorIs(t, err, ErrNoSession, text)
	}
}

func TestSessionEnds(t *testing.T) {
	b := setup(t, func(c *Config) { c.SessionTTL = time.Hour })
	value := sealed(t, b.login)
	b.now = b.now.Add(time.Hour - time.Millisecond)
	_, err := b.login.unseal(value)
	assert.NoError(t, err)
	b.now = b.now.Add(time.Millisecond)
	_, err = b.login.unseal(value)
	assert.ErrorIs(t, err, ErrNoSession)
	assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
}

// A shorter SessionTTL ends the sessions that were made under a longer one.
func TestShorterTTLAppliesToOldCookies(t *testing.T) {
	long := setup(t)
	short := setup(t, func(c *Config) { c.SessionTTL = time.Hour })
	value := sealed(t, long.login)
	s, err := short.login.unseal(value)
	require.NoError(t, err)
	assert.Equal(t, short.now.Add(time.Hour), s.ExpiresAt)
	short.now = short.now.Add(time.Hour)
	_, err = short.login.unseal(value)
	assert.ErrorIs(t, err, ErrNoSession)
}

func TestFromRequest(t *testing.T) {
	b := setup(t)
	value := sealed(t, b.login)
	name := b.login.sessionCookie
	for _, c := range []struct {
		name   string
		header core.Header
		ok     bool
	}{
		{"none", nil, false},
		{"others only", core.Header{{Name: "Cookie", Value: "a=b; imprest=" + value}}, false},
		{"alone", core.Header{{Name: "Cookie", Value: name + "=" + value}}, true},
		{"in a later line", core.Header{{Name: "Cookie", Value: "a=b"}, {Name: "cookie", Value: "x; " + name + "=" + value}}, true},
		{"after a bad one", core.Header{{Name: "Cookie", Value: name + "=x.y; " + name + "=" + value}}, true},
		{"name in another case", core.Header{{Name: "Cookie", Value: strings.ToLower(name) + "=" + value}}, false},
		{"quoted", core.Header{{Name: "Cookie", Value: name + `="` + value + `"`}}, false},
		{"empty", core.Header{{Name: "Cookie", Value: name + "="}}, false},
		{"eighth", core.Header{{Name: "Cookie", Value: strings.Repeat(name+"=x; ", 7) + name + "=" + value}}, true},
		{"ninth", core.Header{{Name: "Cookie", Value: strings.Repeat(name+"=x; ", 8) + name + "=" + value}}, false},
		{"huge", core.Header{{Name: "Cookie", Value: name + "=" + value + strings.Repeat("A", maxCookie)}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := b.login.FromRequest(&core.Request{Header: c.header})
			if !c.ok {
				assert.ErrorIs(t, err, ErrNoSession)
				assert.NotContains(t, err.Error(), value)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "ann", s.OpenID)
		})
	}
}

func TestRequire(t *testing.T) {
	b := setup(t)
	called := 0
	h := b.login.Require(core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		called++
		s, ok := FromContext(ctx)
		assert.True(t, ok)
		assert.Equal(t, "/", r.Path)
		return core.Text(200, s.OpenID)
	}))
	assert.Equal(t, core.Refuse(401), h.Handle(t.Context(), &core.Request{Method: "GET", Path: "/"}))
	assert.Equal(t, core.Refuse(401), h.Handle(t.Context(), request(b.login, sealed(t, b.login)+"A")))
	assert.Zero(t, called)
	assert.Equal(t, core.Text(200, "ann"), h.Handle(t.Context(), request(b.login, sealed(t, b.login))))

	_, ok := FromContext(t.Context())
	assert.False(t, ok)
}

// A write that a page of another site sends has no session, though the browser
// adds the cookie: a neighbouring subdomain is the same site to SameSite.
func TestRequireGuardsWrites(t *testing.T) {
	b := setup(t)
	h := b.login.Require(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return core.Text(200, "done") }))
	for _, c := range []struct {
		method, name, value string
		status              int
	}{
		{"POST", "Sec-Fetch-Site", "same-origin", 200},
		{"POST", "Sec-Fetch-Site", "none", 200},
		{"POST", "Origin", "https://shop.example", 200},
		{"POST", "X-No-Browser", "1", 200},
		{"POST", "Sec-Fetch-Site", "same-site", 403},
		{"POST", "Sec-Fetch-Site", "cross-site", 403},
		{"POST", "Origin", "https://evil.shop.example", 403},
		{"POST", "Origin", "null", 403},
		{"PUT", "Origin", "http://shop.example", 403},
		{"PATCH", "Origin", "https://evil.example", 403},
		{"DELETE", "Origin", "https://evil.example", 403},
		{"get", "Origin", "https://evil.example", 403},
		{"GET", "Sec-Fetch-Site", "cross-site", 200}, // a link
		{"HEAD", "Origin", "https://evil.example", 200},
		{"OPTIONS", "Origin", "https://evil.example", 200},
	} {
		r := request(b.login, sealed(t, b.login))
		r.Method = c.method
		r.Header.Add(c.name, c.value)
		assert.Equal(t, c.status, h.Handle(t.Context(), r).Status, "%s with %s: %s", c.method, c.name, c.value)
		_, err := b.login.FromRequest(r)
		assert.Equal(t, c.status != 200, errors.Is(err, ErrNoSession))
	}
	assert.Equal(t, core.Refuse(403), h.Handle(t.Context(), &core.Request{Method: "POST", Path: "/", Header: core.Header{{Name: "Origin", Value: "null"}}}))
}

func TestTheTokenIsNotInTheCookie(t *testing.T) {
	b := setup(t)
	br := b.browser()
	br.get("/login/return?code=code-ann&state=" + br.start(""))
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(br.cookies[b.login.sessionCookie], ".")[1])
	require.NoError(t, err)
	assert.Contains(t, string(payload), "ann")
	assert.NotContains(t, string(payload), "token")
}
