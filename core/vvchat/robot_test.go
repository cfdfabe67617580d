package vvchat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
)

func robotToken(n int) string { return fmt.Sprintf("robot+token/%d-that-must-not-show", n) }

// robots is the platform as far as robots need it. Only the newest token
// works.
type robots struct {
	*httptest.Server

	mu       sync.Mutex
	token    int    // the one that works
	issued   int    // tokens asked for
	sent     int    // commands asked for
	expires  string // expire_in
	refusal  string // what a wrong token is answered with 400
	answer   string // if not "", what every command is answered
	status   int    // with this status
	noToken  string // if not "", what the token call answers with 400
	bodies   []string
	redirect string
}

func startRobots(t testing.TB) *robots {
	t.Helper()
	p := &robots{expires: "7200", refusal: `{"err_code":400,"err_msg":"无效的token"}`}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		query := r.URL.Query()
		p.mu.Lock()
		defer p.mu.Unlock()
		switch r.Method + " " + r.URL.Path {
		case "GET /robotapi/v1/token":
			p.issued++
			assert.Equal(t, "app1", query.Get("app_id"))
			assert.Equal(t, appKey, query.Get("app_key"))
			if p.noToken != "" {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, p.noToken)
				return
			}
			p.token++
			fmt.Fprintf(w, `{"token":%q,"expire_in":%s}`, robotToken(p.token), p.expires)
		case "POST /robotapi/v1/message/send":
			p.sent++
			assert.Equal(t, "R1", query.Get("robot_no"))
			assert.Empty(t, r.Header.Get("Authorization"))
			assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
			if p.redirect != "" {
				http.Redirect(w, r, p.redirect, http.StatusTemporaryRedirect)
				return
			}
			if query.Get("token") != robotToken(p.token) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, strings.ReplaceAll(p.refusal, "{token}", query.Get("token")))
				return
			}
			if p.status != 0 {
				w.WriteHeader(p.status)
			}
			p.bodies = append(p.bodies, strings.TrimSpace(string(body)))
			_, _ = io.WriteString(w, p.answer)
		default:
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *robots) set(change func(*robots)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// counts returns how many tokens and how many commands were asked for.
func (p *robots) counts() [2]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return [2]int{p.issued, p.sent}
}

// handClock is a time that a test moves.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newRobot(t testing.TB, base string, change ...func(*vvchat.Config)) (*vvchat.Robot, *handClock) {
	t.Helper()
	clock := &handClock{now: time.Unix(1_763_683_200, 0)}
	change = append([]func(*vvchat.Config){func(cfg *vvchat.Config) { cfg.Now = clock.Now }}, change...)
	robot, err := clientOf(t, base, change...).Robot("R1")
	require.NoError(t, err)
	return robot, clock
}

var (
	group = vvchat.RobotTarget{SessionOpenID: "8g8ZW-JHWSNvTvMCu9V9uF58NaIjmjy2", SessionType: vvchat.SessionGroup}
	hello = vvchat.SendText{Text: "hello"}
)

func TestCommandsOnTheWire(t *testing.T) {
	platform := startRobots(t)
	robot, _ := newRobot(t, platform.URL)
	assert.Equal(t, "R1", robot.RobotNo())
	const open = `{"type":"cmd","session_open_id":"8g8ZW-JHWSNvTvMCu9V9uF58NaIjmjy2","session_type":"2","to_type":"2","to":"8g8ZW-JHWSNvTvMCu9V9uF58NaIjmjy2","content":`
	for _, tt := range []struct {
		command vvchat.RobotCommand
		content string
	}{
		{vvchat.SendText{Text: `say "hi" & <b>` + "\n微信"}, `{"cmd":"send-text","params":"{\"text\":\"say \\\"hi\\\" & <b>\\n微信\"}"}`},
		{vvchat.WebviewGroupOpen{Height: "50%", URL: "https://shop.example/?a=1&b=2"}, `{"cmd":"webview-group-open","params":"{\"height\":\"50%\",\"url\":\"https://shop.example/?a=1&b=2\"}"}`},
		{vvchat.WebviewGroupOpen{Height: "234", URL: "https://shop.example"}, `{"cmd":"webview-group-open","params":"{\"height\":\"234\",\"url\":\"https://shop.example\"}"}`},
		{vvchat.WebviewGroupClose{}, `{"cmd":"webview-group-close","params":"{}"}`},
		{vvchat.WebviewGroupRefresh{URL: "https://shop.example"}, `{"cmd":"webview-group-refresh","params":"{\"url\":\"https://shop.example\"}"}`},
		{vvchat.WebviewGroupRefresh{Height: "100%", URL: "http://shop.example"}, `{"cmd":"webview-group-refresh","params":"{\"height\":\"100%\",\"url\":\"http://shop.example\"}"}`},
	} {
		require.NoError(t, robot.Send(t.Context(), group, tt.command))
		assert.Equal(t, open+tt.content+"}", platform.bodies[len(platform.bodies)-1])
	}
	require.NoError(t, robot.Send(t.Context(), vvchat.RobotTarget{SessionOpenID: "G1", SessionType: vvchat.SessionGroup, ToType: vvchat.SessionDirect, To: "U1"}, hello))
	assert.Equal(t, `{"type":"cmd","session_open_id":"G1","session_type":"2","to_type":"1","to":"U1","content":{"cmd":"send-text","params":"{\"text\":\"hello\"}"}}`, platform.bodies[len(platform.bodies)-1])
	assert.Equal(t, [2]int{1, 7}, platform.counts(), "one token for all")
}

func TestCommandsAreCheckedBeforeTheyAreSent(t *testing.T) {
	platform := startRobots(t)
	robot, _ := newRobot(t, platform.URL)
	open := func(height, url string) vvchat.RobotCommand { return vvchat.WebviewGroupOpen{Height: height, URL: url} }
	for _, tt := range []struct {
		command vvchat.RobotCommand
		says    string
	}{
		{nil, "command must be"},
		{&vvchat.SendText{Text: "x"}, "command must be"},
		{(*vvchat.WebviewGroupClose)(nil), "command must be"},
		{vvchat.SendText{}, "text must be given"},
		{vvchat.SendText{Text: "a\x00"}, "text must be valid"},
		{vvchat.SendText{Text: strings.Repeat("x", 16385)}, "text must have a length"},
		{open("", "https://shop.example"), "height must be given"},
		{open("0%", "https://shop.example"), "height"}, {open("101%", "https://shop.example"), "height"}, {open("50 %", "https://shop.example"), "height"},
		{open("234px", "https://shop.example"), "height"}, {open("-1", "https://shop.example"), "height"}, {open("0", "https://shop.example"), "height"},
		{open("50.5%", "https://shop.example"), "height"}, {open("５０%", "https://shop.example"), "height"}, {open("50%\n", "https://shop.example"), "height"},
		{open("50%", ""), "url must be given"}, {open("50%", "shop.example"), "url"}, {open("50%", "javascript:alert(1)"), "url"},
		{open("50%", "https://user:pass@shop.example"), "url"}, {open("50%", "https://"), "url"}, {open("50%", "https://x\n"), "url"}, {open("50%", "qyx://qpay?x=1"), "url"},
		{vvchat.WebviewGroupRefresh{}, "url must be given"},
		{vvchat.WebviewGroupRefresh{Height: "full", URL: "https://shop.example"}, "height"},
	} {
		err := robot.Send(t.Context(), group, tt.command)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "%+v", tt.command)
		assert.ErrorContains(t, err, tt.says)
	}
	for says, target := range map[string]vvchat.RobotTarget{
		"session_open_id": {SessionType: 1}, "session_open_id must be 1": {SessionOpenID: "a b", SessionType: 1}, "session_type": {SessionOpenID: "G1"},
		"to_type": {SessionOpenID: "G1", SessionType: 1, ToType: 3}, "to must be 1 to 64": {SessionOpenID: "G1", SessionType: 1, To: "a&b"},
		"to must be given": {SessionOpenID: "G1", SessionType: 2, ToType: 1},
	} {
		err := robot.Send(t.Context(), target, hello)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), says)
		assert.ErrorContains(t, err, says)
	}
	for _, no := range []string{"", "R1&token=x", "R 1", strings.Repeat("R", 65)} {
		_, err := clientOf(t, platform.URL).Robot(no)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
		assert.ErrorContains(t, err, "robot_no")
	}
	assert.Equal(t, [2]int{0, 0}, platform.counts(), "not even a token is asked for")
}

func TestARobotsTokenIsRenewedBeforeItEnds(t *testing.T) {
	platform := startRobots(t)
	robot, clock := newRobot(t, platform.URL)
	for _, step := range []struct {
		after  time.Duration
		issued int
	}{{0, 1}, {115*time.Minute - 1, 1}, {1, 2}, {time.Hour, 2}, {time.Hour, 3}} {
		clock.advance(step.after)
		require.NoError(t, robot.Send(t.Context(), group, hello))
		assert.Equal(t, step.issued, platform.counts()[0], step.after)
	}
}

// All robots of an app share its token, whoever asks first, also while it is
// refused and renewed.
func TestManySendWithOneToken(t *testing.T) {
	platform := startRobots(t)
	robot, clock := newRobot(t, platform.URL)
	storm := func() {
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() { assert.NoError(t, robot.Send(t.Context(), group, hello)) })
		}
		all.Wait()
	}
	storm()
	assert.Equal(t, [2]int{1, 30}, platform.counts())
	platform.set(func(p *robots) { p.token++ }) // the platform ends the token
	storm()
	assert.Equal(t, 2, platform.counts()[0], "one new token, however many were refused")
	clock.advance(3 * time.Hour)
	storm()
	assert.Equal(t, 3, platform.counts()[0])
	assert.Len(t, platform.bodies, 90)
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	for name, refusal := range map[string]string{
		"by name":                `{"err_code":400,"err_msg":"无效的token"}`,
		"echoed":                 `{"err_code":400,"err_msg":"{token} is no good token"}`,
		"without saying so":      `{"err_code":400,"err_msg":"请求失败！"}`,
		"without any words":      `{}`,
		"as a number of its own": `{"err_code":40001,"err_msg":""}`,
	} {
		t.Run(name, func(t *testing.T) {
			platform := startRobots(t)
			platform.refusal = refusal
			robot, clock := newRobot(t, platform.URL)
			require.NoError(t, robot.Send(t.Context(), group, hello))
			platform.set(func(p *robots) { p.token = 100 })
			clock.advance(time.Minute)
			require.NoError(t, robot.Send(t.Context(), group, hello), "one new token, one more try")
			assert.Equal(t, [2]int{2, 3}, platform.counts())
		})
	}
	t.Run("and no more than once", func(t *testing.T) {
		platform := startRobots(t)
		robot, clock := newRobot(t, platform.URL)
		require.NoError(t, robot.Send(t.Context(), group, hello))
		clock.advance(time.Minute)
		platform.set(func(p *robots) { p.status, p.answer = 400, `{"err_code":400,"err_msg":"token of another app"}` })
		err := robot.Send(t.Context(), group, hello)
		assert.Equal(t, core.CodeRefused, core.CodeOf(err))
		assert.Equal(t, vvchat.ClassToken, classOf(err))
		assert.Equal(t, [2]int{2, 3}, platform.counts())
		requireClean(t, err)
	})
}

// Commands that are refused for another reason do not each ask for a token.
func TestRefusedCommandsAreNotATokenEach(t *testing.T) {
	platform := startRobots(t)
	robot, clock := newRobot(t, platform.URL)
	platform.status, platform.answer = 400, `{"err_code":400,"err_msg":"请求失败！"}`
	for range 10 {
		err := robot.Send(t.Context(), group, hello)
		assert.Equal(t, core.CodeRefused, core.CodeOf(err))
		assert.Equal(t, vvchat.ClassRefused, classOf(err))
		assert.ErrorContains(t, err, "robot_no")
	}
	assert.Equal(t, [2]int{1, 10}, platform.counts())
	clock.advance(time.Minute)
	for range 10 {
		assert.Error(t, robot.Send(t.Context(), group, hello))
	}
	assert.Equal(t, [2]int{2, 21}, platform.counts())
}

func TestWhatEachAnswerToACommandLeavesKnown(t *testing.T) {
	for _, tt := range []struct {
		status int
		answer string
		code   core.Code
		class  vvchat.Class
	}{
		{200, ``, "", ""}, {200, `{"x":1}`, "", ""}, {200, `<html>`, "", ""},
		{403, `{}`, core.CodeRefused, vvchat.ClassRefused}, {404, `{}`, core.CodeRefused, vvchat.ClassRefused}, {429, `{}`, core.CodeRefused, vvchat.ClassBusy},
		{400, `<html>`, core.CodeUnknown, ""}, {500, `{}`, core.CodeUnknown, ""}, {502, ``, core.CodeUnknown, ""}, {302, ``, core.CodeUnknown, ""},
		{200, strings.Repeat(" ", 1<<20+1), core.CodeUnknown, ""},
	} {
		platform := startRobots(t)
		platform.status, platform.answer = tt.status, tt.answer
		robot, _ := newRobot(t, platform.URL)
		err := robot.Send(t.Context(), group, hello)
		assert.Equal(t, tt.code, core.CodeOf(err), "%d %.20s", tt.status, tt.answer)
		assert.Equal(t, tt.class, classOf(err), "%d %.20s", tt.status, tt.answer)
		assert.Equal(t, tt.status == 429, core.Retryable(err))
		assert.Equal(t, [2]int{1, 1}, platform.counts(), "one attempt")
		if tt.code == core.CodeUnknown {
			assert.ErrorContains(t, err, "may have been carried out")
		}
		requireClean(t, err)
	}
}

func TestNoTokenNoCommand(t *testing.T) {
	for answer, code := range map[string]core.Code{
		`{"err_code":400,"err_msg":"无效的app_key ` + appKey + `"}`: core.CodeRefused,
		`<html>`: core.CodeUnknown,
	} {
		platform := startRobots(t)
		platform.noToken = answer
		robot, _ := newRobot(t, platform.URL)
		err := robot.Send(t.Context(), group, hello)
		assert.Equal(t, code, core.CodeOf(err))
		if code == core.CodeRefused {
			assert.Equal(t, vvchat.ClassAccount, classOf(err))
			assert.ErrorContains(t, err, "check app_id and app_key")
		} else {
			assert.True(t, core.Retryable(err), "nothing was sent, and a token may be asked for again")
		}
		assert.Equal(t, [2]int{1, 0}, platform.counts())
		requireClean(t, err)
		platform.set(func(p *robots) { p.noToken = "" })
		assert.NoError(t, robot.Send(t.Context(), group, hello), "a failure is not kept")
	}
}

func TestRobotTokenEitherWay(t *testing.T) {
	now := time.Unix(1_763_683_200, 0)
	at := func(cfg *vvchat.Config) { cfg.Now = func() time.Time { return now } }
	for expires, want := range map[string]time.Duration{
		`7200`: 2 * time.Hour, `"7200"`: 2 * time.Hour, `1763686800`: time.Hour, `999999999`: 24 * time.Hour, `9223372036854775807`: 24 * time.Hour,
	} {
		token, lifetime, err := answering(t, 200, `{"token":"t","expire_in":`+expires+`}`, at).RobotToken(t.Context())
		require.NoError(t, err, expires)
		assert.Equal(t, want, lifetime, expires)
		assert.Equal(t, "t", token.Reveal())
	}
	for _, body := range []string{
		``, `[]`, `null`, `{}`, `{"token":"t"}`, `{"expire_in":7200}`, `{"token":"","expire_in":7200}`, `{"token":["t"],"expire_in":7200}`, `{"TOKEN":"t","EXPIRE_IN":7200}`,
		`{"token":"t","expire_in":0}`, `{"token":"t","expire_in":-1}`, `{"token":"t","expire_in":1763683200}`, `{"token":"t","expire_in":"soon"}`, `{"token":"t","expire_in":7.2e3}`,
	} {
		_, _, err := answering(t, 200, body, at).RobotToken(t.Context())
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err), body)
		assert.True(t, core.Retryable(err), body)
	}
}

// recorder keeps what an observer is shown.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorder) Observe(ctx context.Context, w core.Work) (context.Context, func(error)) {
	return ctx, func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		fmt.Fprintf(&r.text, "%+v %s\n", w, chain(err))
	}
}

// The token and the app_key travel in URLs: whatever goes wrong, nobody who
// watches is shown them.
func TestNoSecretOfARobotShows(t *testing.T) {
	seen := &recorder{}
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	for name, fault := range map[string]func(*robots){
		"redirected": func(p *robots) { p.redirect = other.URL },
		"echoed": func(p *robots) {
			p.status, p.answer = 403, `{"err_msg":"`+robotToken(1)+` robot%2Btoken%2F1-that-must-not-show robot+tok\u0000en/1-that-must-not-show `+appKey+`"}`
		},
		"broken": func(p *robots) { p.status = 500 },
		"taken":  func(*robots) {},
	} {
		platform := startRobots(t)
		fault(platform)
		robot, _ := newRobot(t, platform.URL, func(cfg *vvchat.Config) { cfg.Observer = seen })
		err := robot.Send(t.Context(), group, hello)
		assert.Equal(t, name != "taken", err != nil, name)
		requireClean(t, err)
		platform.Close()
		err = robot.Send(t.Context(), group, hello)
		assert.Equal(t, core.CodeUnreached, core.CodeOf(err), name)
		requireClean(t, err)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", robot, robot, robot), "must-not-show")
	}
	assert.Zero(t, elsewhere)
	assert.Contains(t, seen.text.String(), "vvchat.Robot.Send")
	assert.Contains(t, seen.text.String(), "vvchat.RobotToken")
	assert.Contains(t, seen.text.String(), group.SessionOpenID)
	assert.NotContains(t, seen.text.String(), "must-not-show")
	assert.NotContains(t, seen.text.String(), "token=")

	leaky := roundTrip(func(r *http.Request) (*http.Response, error) { return nil, fmt.Errorf("proxy cannot reach %s", r.URL) })
	robot, _ := newRobot(t, "http://127.0.0.1:1", func(cfg *vvchat.Config) { cfg.HTTPClient = &http.Client{Transport: leaky} })
	requireClean(t, robot.Send(t.Context(), group, hello))
}

func TestACommandThatNobodyAnswers(t *testing.T) {
	hold := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			<-hold
		}
		fmt.Fprintf(w, `{"token":%q,"expire_in":7200}`, robotToken(1))
	}))
	defer server.Close()
	defer close(hold)
	robot, _ := newRobot(t, server.URL, func(cfg *vvchat.Config) { cfg.Timeout = 50 * time.Millisecond })
	err := robot.Send(t.Context(), group, hello)
	assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	requireClean(t, err)
}

// Whatever a text holds, the platform reads it out of the document inside the
// text as it was put in.
func FuzzSendText(f *testing.F) {
	for _, seed := range []string{"hello", `"`, `\`, "微信\n\t", "\u2028", "</script>&", `{"text":"x"}`, "\x00", "\xff", strings.Repeat("\"", 4000)} {
		f.Add(seed)
	}
	var body []byte
	robot := bodyless(f, func(r *http.Request) string {
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		}
		return `{"token":"t","expire_in":7200}`
	})
	f.Fuzz(func(t *testing.T, text string) {
		body = nil
		err := robot.Send(t.Context(), group, vvchat.SendText{Text: text})
		if err != nil {
			require.Equal(t, core.CodeInvalid, core.CodeOf(err))
			require.Nil(t, body)
			return
		}
		var sent struct {
			Content struct{ Cmd, Params string }
		}
		require.NoError(t, json.Unmarshal(body, &sent))
		var params map[string]string
		require.NoError(t, json.Unmarshal([]byte(sent.Content.Params), &params))
		require.Equal(t, map[string]string{"text": text}, params)
	})
}

// bodyless returns a robot whose platform answers 200 without a network.
func bodyless(tb testing.TB, answer func(*http.Request) string) *vvchat.Robot {
	tb.Helper()
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer(r)))}, nil
	})
	robot, _ := newRobot(tb, "http://127.0.0.1:1", func(cfg *vvchat.Config) { cfg.HTTPClient = &http.Client{Transport: transport} })
	return robot
}

func FuzzRobotToken(f *testing.F) {
	for _, seed := range []string{`{"token":"t","expire_in":7200}`, `{"token":"t","expire_in":"7200"}`, `{"token":1,"expire_in":1763686800}`, `{"token":"t","expire_in":-9223372036854775808}`, `{}`, `[`, "\xff"} {
		f.Add([]byte(seed))
	}
	var body []byte
	now := time.Unix(1_763_683_200, 0)
	client := clientOf(f, "http://127.0.0.1:1", func(cfg *vvchat.Config) {
		cfg.Now = func() time.Time { return now }
		cfg.HTTPClient = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body)))}, nil
		})}
	})
	f.Fuzz(func(t *testing.T, answer []byte) {
		body = answer
		token, lifetime, err := client.RobotToken(t.Context())
		if err != nil {
			require.Equal(t, core.CodeUnknown, core.CodeOf(err))
			require.True(t, token.IsZero())
			return
		}
		require.False(t, token.IsZero())
		require.Positive(t, lifetime)
		require.LessOrEqual(t, lifetime, 24*time.Hour)
	})
}

// Whatever the platform says of a refusal, no secret is in what is kept of it,
// and a refusal stays one.
func FuzzRefusal(f *testing.F) {
	for _, seed := range []string{"无效的code", "token expired", "scope", userToken, "a" + userToken + "b", "eyJ\x00hbGciOiJSUzI1NiIsInR5cCI6.token-that-must-not-show", "\x1b[31m", strings.Repeat("微", 300)} {
		f.Add(400, seed)
	}
	f.Add(401, "")
	f.Add(403, "x")
	var answer []byte
	var code int
	client := clientOf(f, "http://127.0.0.1:1", func(cfg *vvchat.Config) {
		cfg.HTTPClient = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(answer)))}, nil
		})}
	})
	f.Fuzz(func(t *testing.T, status int, words string) {
		if status == http.StatusOK {
			return
		}
		var err error
		code = status
		answer, err = json.Marshal(map[string]any{"err_code": 400, "err_msg": words})
		require.NoError(t, err)
		err = client.SendMessage(t.Context(), core.NewSecret(userToken), vvchat.Message{Content: "x"})
		require.Error(t, err)
		require.Contains(t, []core.Code{core.CodeRefused, core.CodeUnknown}, core.CodeOf(err))
		require.Equal(t, core.CodeOf(err) == core.CodeRefused, classOf(err) != "")
		require.NotContains(t, chain(err), userToken)
		require.NotContains(t, err.Error(), "\x1b")
		require.Less(t, len(err.Error()), 2400)
	})
}
