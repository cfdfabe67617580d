package login

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/vvchat"
)

func TestDeclined(t *testing.T) {
	b := setup(t)
	br := b.browser()
	state := br.start("")
	resp := br.get("/login/return?err_code=400&err_msg=no&state=" + state)
	assert.Equal(t, 200, resp.Status)
	assert.Equal(t, "you are not logged in", string(resp.Body))
	assert.Empty(t, b.states(), "a state that was declined is used up")
	assert.Empty(t, br.session())
	assert.Equal(t, 200, br.get("/login/return?err_code=400").Status, "a no without a state is a no")
	assert.Zero(t, b.platform.exchanges)

	assert.Equal(t, 303, br.get("/login/return?err_code=0&code=code-ann&state="+br.start("")).Status)

	b = setup(t, func(c *Config) {
		c.Declined = core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
			return core.Text(403, r.RawQuery)
		})
	})
	assert.Equal(t, core.Text(403, "err_code=7&code=code-ann"), b.browser().get("/login/return?err_code=7&code=code-ann"))
	b = setup(t, func(c *Config) {
		c.Declined = core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return nil })
	})
	assert.Equal(t, core.TryLater(), b.browser().get("/login/return?err_code=7"))
}

func TestPlatformErrors(t *testing.T) {
	failure := func(code core.Code, safe bool) error {
		return &core.Error{Op: "vvchat.ExchangeCode", Code: code, Safe: safe, Err: errors.New("for a reason")}
	}
	for _, c := range []struct {
		name   string
		err    error
		status int
	}{
		{"refused", failure(core.CodeRefused, false), 400},
		{"invalid", failure(core.CodeInvalid, false), 400},
		{"too many requests", failure(core.CodeRefused, true), 503},
		{"unreached", failure(core.CodeUnreached, false), 503},
		{"unknown", failure(core.CodeUnknown, false), 503},
		{"deadline", context.DeadlineExceeded, 503},
		{"anything", errors.New("anything"), 503},
	} {
		for _, where := range []string{"code", "profile"} {
			t.Run(c.name+" "+where, func(t *testing.T) {
				b := setup(t)
				if where == "code" {
					b.platform.err = c.err
				} else {
					b.platform.profile = func(string) (vvchat.Profile, error) { return vvchat.Profile{}, c.err }
				}
				br := b.browser()
				state := br.start("")
				resp := br.get("/login/return?code=code-ann&state=" + state)
				assert.Equal(t, c.status, resp.Status)
				assert.Empty(t, resp.Header.Get("Set-Cookie"))
				assert.Empty(t, br.session())
				assert.Equal(t, 400, br.get("/login/return?code=code-ann&state="+state).Status, "the state is used up")
				assert.Contains(t, b.log.String(), "reason=")
			})
		}
	}
}

func TestPlatformThatMakesNoSense(t *testing.T) {
	for name, change := range map[string]func(*platform){
		"another's profile": func(p *platform) {
			p.profile = func(string) (vvchat.Profile, error) { return vvchat.Profile{OpenID: "bob"}, nil }
		},
		"no open_id":        func(p *platform) { p.users["code-ann"] = "" },
		"open_id of breaks": func(p *platform) { p.users["code-ann"] = "a\nb" },
		"open_id too long":  func(p *platform) { p.users["code-ann"] = strings.Repeat("a", 129) },
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			change(b.platform)
			br := b.browser()
			assert.Equal(t, core.TryLater(), br.get("/login/return?code=code-ann&state="+br.start("")))
			assert.Empty(t, br.session())
		})
	}
}

func TestOnLogin(t *testing.T) {
	var got vvchat.Token
	var profile vvchat.Profile
	var fail error
	b := setup(t, func(c *Config) {
		c.OnLogin = func(_ context.Context, token vvchat.Token, p vvchat.Profile) error {
			got, profile = token, p
			return fail
		}
	})
	br := b.browser()
	assert.Equal(t, 303, br.get("/login/return?code=code-ann&state="+br.start("")).Status)
	assert.Equal(t, "token-of-ann", got.Token.Reveal())
	assert.Equal(t, "小明", profile.Nickname)

	br = b.browser()
	fail = core.Mismatch("shop", "bob is banned")
	assert.Equal(t, core.Refuse(403), br.get("/login/return?code=code-bob&state="+br.start("")))
	assert.Empty(t, br.session())
	assert.Contains(t, b.log.String(), "bob is banned")

	b.platform.users["code-eve"] = "eve"
	fail = errors.New("database down")
	assert.Equal(t, core.TryLater(), br.get("/login/return?code=code-eve&state="+br.start("")))
	assert.Empty(t, br.session())
}

func TestPanicsOfSeamsAreAnswers(t *testing.T) {
	seen := &observer{}
	b := setup(t, func(c *Config) {
		c.OnLogin = func(context.Context, vvchat.Token, vvchat.Profile) error { panic("index out of luck") }
		c.Observer = seen
	})
	br := b.browser()
	assert.Equal(t, core.TryLater(), br.get("/login/return?code=code-ann&state="+br.start("")))
	assert.Contains(t, b.log.String(), "index out of luck")
	assert.Equal(t, []string{"login login.Return internal"}, seen.ended)
}

// observer writes down how work ended.
type observer struct{ ended []string }

func (o *observer) Observe(ctx context.Context, w core.Work) (context.Context, func(error)) {
	return ctx, func(err error) {
		o.ended = append(o.ended, strings.TrimSpace(w.Kind+" "+w.Name+" "+string(core.CodeOf(err))))
	}
}

func TestObserver(t *testing.T) {
	seen := &observer{}
	b := setup(t, func(c *Config) { c.Observer = seen })
	br := b.browser()
	br.get("/login/return?code=code-ann&state=" + br.start(""))
	b.platform.err = &core.Error{Code: core.CodeUnreached}
	br.get("/login/return?code=code-bob&state=" + br.start(""))
	assert.Equal(t, []string{"login login.Return", "login login.Return unreached"}, seen.ended)
}

func TestProfileIsAskedOnlyWithItsScope(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"scope": func(c *Config) { c.Scope = "sessionapi_sendmsg:1:2" },
		"skip":  func(c *Config) { c.SkipProfile = true },
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, change)
			b.platform.profile = func(string) (vvchat.Profile, error) { panic("asked") }
			br := b.browser()
			assert.Equal(t, 303, br.get("/login/return?code=code-ann&state="+br.start("")).Status)
			assert.Equal(t, "ann", br.session())
		})
	}
}

func TestLinkOfTheConfiguration(t *testing.T) {
	b := setup(t, func(c *Config) {
		c.Link = func(state string) string { return "http://127.0.0.1:8701/phone?state=" + state }
	})
	assert.Regexp(t, `^http://127\.0\.0\.1:8701/phone\?state=[A-Z2-7]{26}$`, b.browser().get("/login").Header.Get("Location"))
}

// failing fails at one method.
type failing struct {
	journal.Store
	put, get, delete error
}

func (f *failing) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if f.put != nil {
		return journal.Record{}, f.put
	}
	return f.Store.Put(ctx, r)
}

func (f *failing) Get(ctx context.Context, id string) (journal.Record, error) {
	if f.get != nil {
		return journal.Record{}, f.get
	}
	return f.Store.Get(ctx, id)
}

func (f *failing) Delete(ctx context.Context, id string, version int64) error {
	if f.delete != nil {
		return f.delete
	}
	return f.Store.Delete(ctx, id, version)
}

func TestStoreErrors(t *testing.T) {
	store := &failing{}
	b := setup(t, func(c *Config) { store.Store, c.Store = c.Store, store })
	br := b.browser()
	store.put = journal.ErrUnknown
	assert.Equal(t, core.TryLater(), br.get("/login"))
	assert.Equal(t, core.TryLater(), br.get("/login/state"))
	store.put = nil
	for err, status := range map[error]int{
		journal.ErrUnknown: 503, errors.New("disk"): 503, journal.ErrConflict: 400, journal.ErrNotFound: 400,
	} {
		state := br.start("")
		store.delete = err
		assert.Equal(t, status, br.get("/login/return?code=code-ann&state="+state).Status, err)
		store.delete = nil
	}
	state := br.start("")
	store.get = errors.New("disk")
	assert.Equal(t, core.TryLater(), br.get("/login/return?code=code-ann&state="+state))
	store.get = nil
	assert.Zero(t, b.platform.exchanges, "no code is exchanged for a state that may be used")
	assert.Empty(t, br.session())

	b = setup(t)
	br = b.browser()
	state = br.start("")
	record := b.states()[0]
	record.Body = []byte("{")
	_, err := b.store.Put(t.Context(), record)
	require.NoError(t, err)
	assert.Equal(t, core.TryLater(), br.get("/login/return?code=code-ann&state="+state))
	assert.Zero(t, b.platform.exchanges)
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.cfg.Platform = hanging{}
		b.cfg.Timeout = 3 * time.Second
		var err error
		b.login, err = New(b.cfg)
		require.NoError(t, err)
		br := b.browser()
		state := br.start("")
		began := time.Now()
		assert.Equal(t, core.TryLater(), br.get("/login/return?code=code-ann&state="+state))
		assert.Equal(t, 3*time.Second, time.Since(began))
	})
}

// hanging is a platform that never answers.
type hanging struct{}

func (hanging) ExchangeCode(ctx context.Context, _ string) (vvchat.Token, error) {
	<-ctx.Done()
	return vvchat.Token{}, ctx.Err()
}

func (hanging) Profile(context.Context, core.Secret) (vvchat.Profile, error) {
	panic("there is no token")
}
