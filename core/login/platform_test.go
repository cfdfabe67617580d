package login

import (
	"context"
	"errors"
	"log/slog"
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
	assert.Equal(t, 400, br.get("/login/return?code=code-ann&state="+state).Status, "a state that was declined is used up")
	assert.Empty(t, br.session())
	assert.Equal(t, 200, br.get("/login/return?err_code=400").Status, "a no without a state is a no")
	assert.Equal(t, 200, b.browser().get("/login/return?err_code=400&state="+br.start("")).Status)
	assert.Len(t, b.states(), 1, "a stranger's no writes nothing")
	assert.Zero(t, b.platform.exchanges)

	assert.Equal(t, 303, br.get("/login/return?err_code=0&code=code-ann&state="+br.start("")).Status)
	assert.Equal(t, 303, br.get("/login/return?err_code=200&code=code-bob&state="+br.start("")).Status)

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

// The page hands in what the JSSDK gave it, a "no" included.
func TestDeclinedInsideTheApp(t *testing.T) {
	b := setup(t, func(c *Config) {
		c.Declined = core.HandlerFunc(func(context.Context, *core.Request) *core.Response { panic("a page's script reads the answer") })
	})
	br := b.browser()
	for _, errCode := range []string{`400`, `"400"`, `-1`, `1`, `2000`} {
		state := br.start("")
		declined := `{"err_code":` + errCode + `,"err_msg":"no","code":"code-ann","state":"` + state + `"}`
		resp := br.post("/login/code", "application/json", declined)
		assert.Equal(t, 403, resp.Status, errCode)
		assert.JSONEq(t, `{"declined":true}`, string(resp.Body), "not the answer to a stranger, nor to who is kept out")
		assert.Equal(t, 400, br.post("/login/code", "application/json", `{"code":"code-ann","state":"`+state+`"}`).Status, "used up")
	}
	assert.Equal(t, 403, br.post("/login/code", "application/json", `{"err_code":400,"err_msg":"no"}`).Status)
	assert.Zero(t, b.platform.exchanges)
	assert.Empty(t, br.session())

	for i, errCode := range []string{`0`, `200`, `null`, `"0"`} {
		code := "code-" + string(rune('0'+i))
		b.platform.users[code] = "ann"
		agreed := `{"err_code":` + errCode + `,"code":"` + code + `","state":"` + br.start("") + `"}`
		assert.Equal(t, 200, br.post("/login/code", "application/json", agreed).Status, errCode)
	}
}

// A consent to send into a chat is no login, though its code is good.
func TestACodeOfAnotherScopeLogsNobodyIn(t *testing.T) {
	b := setup(t, func(c *Config) {
		c.OnLogin = func(context.Context, vvchat.Token, vvchat.Profile) error { panic("nobody logs in") }
	})
	for _, scope := range []string{"sessionapi_sendmsg:1:2", "", "snsapi_userinfo ", "SNSAPI_USERINFO"} {
		b.platform.users["code"], b.platform.scope = "ann", &scope
		br := b.browser()
		assert.Equal(t, core.Refuse(400), br.get("/login/return?code=code&state="+br.start("")), scope)
		assert.Empty(t, br.session())
		// From a page inside the app, which has asked for more than the login.
		b.platform.users["code"] = "ann"
		body := `{"code":"code","state":"` + br.start("") + `"}`
		assert.Equal(t, core.Refuse(400), br.post("/login/code", "application/json", body), scope)
		assert.Empty(t, br.session())
	}
	assert.Contains(t, b.log.String(), "sessionapi_sendmsg")
}

// The limit that the package comment names: the protocol has nothing that ties
// a code to a state, so a code that leaked before it was exchanged logs in
// whoever hands it in. If this test fails, the protocol has learned PKCE: say so
// in the package comment.
func TestALeakedCodeLogsInWhoHandsItIn(t *testing.T) {
	b := setup(t)
	ann, eve := b.browser(), b.browser()
	stateOfAnn := ann.start("")
	assert.Equal(t, 303, eve.get("/login/return?code=code-ann&state="+eve.start("")).Status)
	assert.Equal(t, "ann", eve.session())
	assert.Equal(t, 400, ann.get("/login/return?code=code-ann&state="+stateOfAnn).Status, "the code worked once, for eve")
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
type observer struct {
	ended []string
	last  error
}

func (o *observer) Observe(ctx context.Context, w core.Work) (context.Context, func(error)) {
	return ctx, func(err error) {
		o.last = err
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
	br.get("/login/return?err_code=400&state=" + br.start(""))
	assert.ErrorIs(t, seen.last, ErrDeclined)
	br.post("/login/code", "application/json", `{"err_code":400}`)
	assert.ErrorIs(t, seen.last, ErrDeclined)
	br.get("/login/return?code=code-bob&state=x")
	b.platform.err = &core.Error{Code: core.CodeRefused}
	br.get("/login/return?code=code-bob&state=" + br.start(""))
	assert.NotErrorIs(t, seen.last, ErrDeclined)
	assert.Equal(t, []string{
		"login login.Return", "login login.Return unreached", "login login.Return refused", "login login.HandIn refused",
		"login login.Return invalid", "login login.Return refused",
	}, seen.ended)
}

type loginKey struct{}

// within is an Observer that marks the context of a login, and a slog.Handler
// that keeps what was logged and whether it bears the mark.
type within struct {
	slog.Handler
	said map[string]bool
}

func (w *within) Observe(ctx context.Context, _ core.Work) (context.Context, func(error)) {
	return context.WithValue(ctx, loginKey{}, true), func(error) {}
}

func (w *within) Enabled(context.Context, slog.Level) bool { return true }

func (w *within) Handle(ctx context.Context, r slog.Record) error {
	w.said[r.Message] = ctx.Value(loginKey{}) != nil
	return nil
}

// Why a login was refused is logged when its work is over, and still belongs to
// its trace.
func TestWhatIsLoggedOfALoginBelongsToIt(t *testing.T) {
	seen := &within{said: map[string]bool{}}
	b := setup(t, func(c *Config) { c.Observer, c.Logger = seen, slog.New(seen) })
	br := b.browser()
	br.get("/login/return?code=code-bob&state=x")
	b.platform.err = &core.Error{Code: core.CodeUnreached}
	br.get("/login/return?code=code-bob&state=" + br.start(""))
	assert.Equal(t, map[string]bool{"login refused": true, "login not possible now": true}, seen.said)
}

func TestProfileIsAskedOnlyWithItsScope(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"scope": func(c *Config) {
			c.Scope = "snsapi_base"
			c.Platform.(*platform).scope = &c.Scope
		},
		"skip": func(c *Config) { c.SkipProfile = true },
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
	assert.Regexp(t, `^http://127\.0\.0\.1:8701/phone\?state=[A-Za-z0-9_-]{75}$`, b.browser().get("/login").Header.Get("Location"))
}

// failing fails to put.
type failing struct {
	journal.Store
	put error
}

func (f *failing) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if f.put != nil {
		return journal.Record{}, f.put
	}
	return f.Store.Put(ctx, r)
}

func TestStoreErrors(t *testing.T) {
	store := &failing{}
	b := setup(t, func(c *Config) { store.Store, c.Store = c.Store, store })
	br := b.browser()
	for err, status := range map[error]int{journal.ErrUnknown: 503, errors.New("disk"): 503, journal.ErrConflict: 400} {
		store.put = err
		state := br.start("")
		assert.Equal(t, status, br.get("/login/return?code=code-ann&state="+state).Status, err)
		assert.Equal(t, 200, br.get("/login/return?err_code=400&state="+state).Status, "a no is a no")
	}
	assert.Zero(t, b.platform.exchanges, "no code is exchanged for a state that may be used")
	assert.Empty(t, br.session())
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
