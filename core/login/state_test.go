package login

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// process returns another process of b's site: the same journal, platform and
// clock, its own Login.
func (b *bundle) process(change func(*Config)) *bundle {
	other := *b
	if change != nil {
		change(&other.cfg)
	}
	var err error
	other.login, err = New(other.cfg)
	require.NoError(b.t, err)
	return &other
}

// finish comes back to process b with a state and a browser's cookies.
func (b *bundle) finish(br *browser, code, state string) int {
	return (&browser{b: b, cookies: br.cookies}).get("/login/return?code=" + code + "&state=" + state).Status
}

// A login that starts at one process may end at another, once.
func TestStateInAnotherProcess(t *testing.T) {
	first := setup(t)
	second := first.process(nil)
	br := first.browser()
	state := br.start("?return=/orders")
	assert.Equal(t, 400, second.finish(second.browser(), "code-ann", state), "another browser, another process")
	assert.Equal(t, 303, second.finish(br, "code-ann", state))
	assert.Equal(t, 400, second.finish(br, "code-bob", state))
	assert.Equal(t, 400, first.finish(br, "code-bob", state))
	assert.Equal(t, 1, first.platform.exchanges)
}

// While keys are rotated, processes with the old order of keys and with the new
// one serve the same browsers.
func TestStateKeyRotation(t *testing.T) {
	keys := func(keys ...string) func(*Config) {
		return func(c *Config) { c.CookieKeys = core.Secrets(keys...) }
	}
	for _, c := range []struct {
		name         string
		issue, check []string
		status       int
	}{
		{"the first key is now the second", []string{testKey}, []string{otherKey, testKey}, 303},
		{"the second key is not yet the first", []string{otherKey, testKey}, []string{testKey, otherKey}, 303},
		{"the key is gone", []string{testKey}, []string{otherKey}, 400},
		{"the key is not there yet", []string{otherKey, testKey}, []string{testKey}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			issuer := setup(t, keys(c.issue...))
			checker := issuer.process(keys(c.check...))
			br := issuer.browser()
			state := br.start("")
			assert.Equal(t, c.status, checker.finish(br, "code-ann", state))
			if c.status == 303 {
				assert.Equal(t, 400, issuer.finish(br, "code-bob", state), "once, whichever key")
			}
		})
	}
}

// A process whose clock is behind takes a state for good a little longer: its
// record must still be there.
func TestUsedStateIsRememberedPastItsEnd(t *testing.T) {
	ahead := setup(t)
	br := ahead.browser()
	state := br.start("")
	require.Equal(t, 303, ahead.finish(br, "code-ann", state))
	behind := ahead.process(func(c *Config) {
		now := ahead.now.Add(StateTTL - time.Second)
		c.Now = func() time.Time { return now }
	})
	ahead.now = ahead.now.Add(StateTTL + 4*time.Minute)
	_, err := ahead.login.Purge(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 400, behind.finish(br, "code-bob", state))
	assert.Equal(t, 1, ahead.platform.exchanges)
}

// Strangers can ask for states, and come back with what they like, as often as
// they like: the journal does not hear of it.
func TestStrangersWriteNothing(t *testing.T) {
	b := setup(t, func(c *Config) { c.Store = untouched{} })
	for range 10 {
		state := b.browser().start("?return=/a")
		b.browser().get("/login/state")
		b.browser().get("/login/return?code=x&state=" + state)
		b.browser().get("/login/return?err_code=1&state=" + state)
		b.browser().post("/login/code", "application/json", `{"code":"x","state":"`+state+`"}`)
	}
}

// untouched is a store that panics, since it is nil, when it is used.
type untouched struct{ journal.Store }

// No bit of a state can be flipped, and no spelling of it but its own is taken.
func TestStateBitFlips(t *testing.T) {
	b := setup(t)
	br := b.browser()
	state := br.start("?return=/orders/7")
	r := &core.Request{Header: core.Header{{Name: "Cookie", Value: b.login.browserCookie + "=" + br.cookies[b.login.browserCookie]}}}
	text, ok := decodeState(state)
	require.True(t, ok)
	for i := range len(text) * 8 {
		forged := append([]byte(nil), text...)
		forged[i/8] ^= 1 << (i % 8)
		_, err := b.login.consume(t.Context(), r, base64.RawURLEncoding.EncodeToString(forged))
		require.Error(t, err, "bit %d", i)
	}
	for i := range len(state) {
		flipped := []byte(state)
		flipped[i] ^= 1
		_, err := b.login.consume(t.Context(), r, string(flipped))
		require.Error(t, err, "character %d", i)
		_, err = b.login.consume(t.Context(), r, state[:i])
		require.Error(t, err, "first %d", i)
		_, err = b.login.consume(t.Context(), r, state[:i]+"\n"+state[i:])
		require.Error(t, err, "break at %d", i)
	}
	assert.Empty(t, b.states())
	returnTo, err := b.login.consume(t.Context(), r, state)
	require.NoError(t, err)
	assert.Equal(t, "/orders/7", returnTo)
}

// What one key signs for one use is no good for the other.
func TestStateIsNoSession(t *testing.T) {
	l := setup(t).login
	key := l.cfg.CookieKeys[0]
	assert.NotEqual(t, l.sum(key, "session", "x"), l.sum(key, "state", "x"))
}

// The longest state still comes back through a link.
func TestStateOfGreatestSize(t *testing.T) {
	b := setup(t)
	br := b.browser()
	long := "/" + strings.Repeat("a", maxReturn-1)
	state := br.start("?return=" + long)
	assert.Less(t, len(state), 450)
	assert.Equal(t, long, br.get("/login/return?code=code-ann&state="+state).Header.Get("Location"))
}

// The proof is looked for among a few cookies of its name, no more.
func TestProofAmongManyCookies(t *testing.T) {
	b := setup(t)
	br := b.browser()
	state := br.start("")
	name := b.login.browserCookie
	proof := name + "=" + br.cookies[name]
	for _, c := range []struct {
		before int
		ok     bool
	}{{8, false}, {7, true}} {
		junk := strings.Repeat(name+"="+strings.Repeat("A", proofLength)+"; ", c.before)
		_, err := b.login.consume(t.Context(), &core.Request{Header: core.Header{{Name: "Cookie", Value: junk + proof}}}, state)
		assert.Equal(t, c.ok, err == nil, "%d before: %v", c.before, err)
	}
}

func FuzzState(f *testing.F) {
	for _, seed := range []string{"", "A", strings.Repeat("A", 75), strings.Repeat("A", 76), strings.Repeat("A", 74) + "B", strings.Repeat("_", 417)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, state string) {
		text, ok := decodeState(state)
		if !ok {
			return
		}
		assert.Equal(t, state, base64.RawURLEncoding.EncodeToString(text))
		assert.GreaterOrEqual(t, len(text), stateHead)
		assert.LessOrEqual(t, len(text), stateHead+maxReturn)
	})
}
