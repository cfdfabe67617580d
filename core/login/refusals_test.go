package login_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// lastError is an Observer that keeps how the last login ended.
type lastError struct{ err error }

func (o *lastError) Observe(ctx context.Context, _ core.Work) (context.Context, func(error)) {
	return ctx, func(err error) { o.err = err }
}

// What the platform refuses leaves no session; an operator is told the
// platform's own words and what to do, as a type, and never the code.
func TestWhatThePlatformRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		// spoil makes the code, or what it leads to, no good, and returns
		// the code.
		spoil  func(t *testing.T, p *testkit.Platform, client *vvchat.Client, code string) string
		status int
		class  vvchat.Class // "" is no refusal of the platform's
		says   string
	}{
		"a code that was used": {func(t *testing.T, _ *testkit.Platform, client *vvchat.Client, code string) string {
			_, err := client.ExchangeCode(t.Context(), code)
			require.NoError(t, err)
			return code
		}, 400, vvchat.ClassCode, "let the user consent again"},
		"a code that is too old": {func(_ *testing.T, p *testkit.Platform, _ *vvchat.Client, code string) string {
			p.Clock.Advance(time.Hour)
			return code
		}, 400, vvchat.ClassCode, "无效的code"},
		"a code of nobody": {func(_ *testing.T, _ *testkit.Platform, _ *vvchat.Client, code string) string {
			return strings.ToLower(code) + "x"
		}, 400, vvchat.ClassCode, "无效的code"},
		"a token that has expired": {func(_ *testing.T, p *testkit.Platform, _ *vvchat.Client, code string) string {
			p.Inject(testkit.Fault{Call: testkit.CallUserInfo, Kind: testkit.FaultTokenExpired})
			return code
		}, 400, vvchat.ClassToken, "let the user consent again"},
		"a code of a consent to messages": {func(t *testing.T, p *testkit.Platform, _ *vvchat.Client, _ string) string {
			code, err := p.Consent("test", "", vvchat.SessionScope(vvchat.Session{ID: testkit.TestSessions()[1].ID, Type: vvchat.SessionGroup}))
			require.NoError(t, err)
			return code
		}, 400, "", `"sessionapi_sendmsg:` + testkit.TestSessions()[1].ID + `:2", and a login needs snsapi_userinfo`},
		"an app_key that is not ours": {func(_ *testing.T, p *testkit.Platform, _ *vvchat.Client, code string) string {
			p.SetAppKey("test", core.NewSecret("another-key-of-this-app"))
			return code
		}, 503, vvchat.ClassAccount, "check app_id and app_key"},
	} {
		for _, way := range []string{"by the link", "inside the app"} {
			t.Run(name+", "+way, func(t *testing.T) {
				platform := testkit.StartPlatform(t, testkit.PlatformConfig{})
				client, err := vvchat.New(vvchat.Config{BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456"), Now: platform.Clock.Now})
				require.NoError(t, err)
				var log bytes.Buffer
				seen := &lastError{}
				l, err := login.New(login.Config{
					AppID: "test", Platform: client, Store: journal.NewMemory(), CookieKeys: core.Secrets(strings.Repeat("k", 32)),
					RedirectURI: "http://127.0.0.1:8700/login/return", Logger: slog.New(slog.NewTextHandler(&log, nil)), Observer: seen,
				})
				require.NoError(t, err)
				code, err := platform.Consent("test", "", vvchat.ScopeUserInfo)
				require.NoError(t, err)
				code = c.spoil(t, platform, client, code)

				start := l.Start(t.Context(), &core.Request{Method: "GET", Path: "/login"})
				link, err := url.Parse(start.Header.Get("Location"))
				require.NoError(t, err)
				state := link.Query().Get("state")
				cookie, _, _ := strings.Cut(start.Header.Get("Set-Cookie"), ";")
				r := &core.Request{Method: "GET", Path: "/login/return", RawQuery: url.Values{"code": {code}, "state": {state}}.Encode(), Header: core.Header{{Name: "Cookie", Value: cookie}}}
				if way == "inside the app" {
					r = &core.Request{
						Method: "POST", Path: "/login/code", Body: []byte(`{"code":"` + code + `","state":"` + state + `"}`),
						Header: core.Header{{Name: "Cookie", Value: cookie}, {Name: "Content-Type", Value: "application/json"}},
					}
				}
				resp := l.Routes().Handle(t.Context(), r)

				assert.Equal(t, c.status, resp.Status)
				assert.Empty(t, resp.Header.Get("Set-Cookie"))
				assert.Contains(t, []string{core.RefusedText, core.TryLaterText}, string(resp.Body))
				require.Error(t, seen.err)
				assert.Contains(t, seen.err.Error(), c.says)
				refused, ok := errors.AsType[*vvchat.PlatformError](seen.err)
				assert.Equal(t, c.class != "", ok)
				if ok {
					assert.Equal(t, c.class, refused.Class)
					assert.Equal(t, 400, refused.Status)
				}
				assert.Contains(t, log.String(), "reason=")
				for _, secret := range []string{code, state, "123456", cookie} {
					assert.NotContains(t, log.String()+seen.err.Error(), secret)
				}
			})
		}
	}
}
