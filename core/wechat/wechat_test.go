package wechat_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/wechat"
)

const appSecret = "app-secret-that-must-not-show"

// fake is WeChat as far as it is documented: one token at a time for the
// AppID, and tickets for whoever has it.
type fake struct {
	URL string

	mu       sync.Mutex
	token    int           // the token that works is "token-<n>-that-must-not-show"
	issued   int           // how many were asked for
	tickets  int           // how many tickets were asked for
	expires  string        // what expires_in says
	answer   string        // what getsnticket answers in place of a ticket, with the {access_token} that it was sent
	refusal  string        // what token answers in place of a token
	status   int           // 0 is 200
	hold     chan struct{} // if not nil, a token is held back until it is closed
	asked    chan struct{} // if not nil, is told of every request for a token
	problems []string
}

func tokenText(n int) string { return fmt.Sprintf("token-%d-that-must-not-show", n) }

func startFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{expires: "7200"}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	t.Cleanup(func() { assert.Empty(t, f.problems) })
	f.URL = server.URL
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/cgi-bin/token" && f.asked != nil {
		f.asked <- struct{}{}
		<-f.hold
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	expect := func(holds bool, problem string) {
		if !holds {
			f.problems = append(f.problems, problem+": "+r.Method+" "+r.URL.String())
		}
	}
	if f.status != 0 {
		w.WriteHeader(f.status)
	}
	query := r.URL.Query()
	switch r.URL.Path {
	case "/cgi-bin/token":
		f.issued++
		expect(r.Method == http.MethodGet, "method")
		expect(query.Get("grant_type") == "client_credential" && query.Get("appid") == "wx1" && query.Get("secret") == appSecret, "query")
		if f.refusal != "" {
			fmt.Fprint(w, f.refusal)
			return
		}
		f.token++
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":%s}`, tokenText(f.token), f.expires)
	case "/wxa/getsnticket":
		f.tickets++
		expect(r.Method == http.MethodPost && r.Header.Get("Content-Type") == "application/json", "method or type")
		var body struct {
			SN      string `json:"sn"`
			ModelID string `json:"model_id"`
		}
		expect(json.NewDecoder(r.Body).Decode(&body) == nil, "body")
		switch {
		case query.Get("access_token") != tokenText(f.token):
			fmt.Fprint(w, `{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest rid: 1"}`)
		case f.answer != "":
			fmt.Fprint(w, strings.ReplaceAll(f.answer, "{access_token}", query.Get("access_token")))
		default:
			fmt.Fprintf(w, `{"errcode":0,"errmsg":"ok","sn_ticket":"ticket:%s:%s"}`, body.SN, body.ModelID)
		}
	default:
		expect(false, "path")
	}
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// counts returns how often a token and a ticket were asked for.
func (f *fake) counts() [2]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return [2]int{f.issued, f.tickets}
}

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newClient(t testing.TB, f *fake, change ...func(*wechat.Config)) (*wechat.Client, *clock) {
	t.Helper()
	at := &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	cfg := wechat.Config{AppID: "wx1", Secret: core.NewSecret(appSecret), BaseURL: f.URL, Now: at.Now}
	for _, c := range change {
		c(&cfg)
	}
	client, err := wechat.New(cfg)
	require.NoError(t, err)
	return client, at
}

func TestConfigurationIsChecked(t *testing.T) {
	for says, cfg := range map[string]wechat.Config{
		"appid must be given":      {Secret: core.NewSecret("s")},
		"appid must be 1":          {AppID: "wx 1", Secret: core.NewSecret("s")},
		"secret must be given":     {AppID: "wx1"},
		"base_url is plain":        {AppID: "wx1", Secret: core.NewSecret("s"), BaseURL: "http://api.example"},
		"base_url must":            {AppID: "wx1", Secret: core.NewSecret("s"), BaseURL: "api.example"},
		"timeout must be at least": {AppID: "wx1", Secret: core.NewSecret("s"), Timeout: -1},
	} {
		_, err := wechat.New(cfg)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), says)
		assert.ErrorContains(t, err, says)
	}
	client, err := wechat.New(wechat.Config{AppID: "wx1", Secret: core.NewSecret("s")})
	require.NoError(t, err)
	assert.Equal(t, "wx1", client.AppID())
	_, err = wechat.New(wechat.Config{AppID: "wx1", Secret: core.NewSecret("s"), BaseURL: "http://api.example", AllowInsecure: true})
	assert.NoError(t, err)
}

func TestSNTicket(t *testing.T) {
	f := startFake(t)
	client, _ := newClient(t, f)
	ticket, err := client.SNTicket(t.Context(), "sn_1-A", "model/1+x=")
	require.NoError(t, err)
	assert.Equal(t, "ticket:sn_1-A:model/1+x=", ticket)
}

func TestSNAndModelAreCheckedBeforeAnythingIsSent(t *testing.T) {
	f := startFake(t)
	client, _ := newClient(t, f)
	for _, sn := range []string{"", strings.Repeat("a", 129), "a b", "a/b", "a.b", "a@b", "a[b", "a`b", "a{b", "a:b", "ä", "a\x00", "ａ"} {
		_, err := client.SNTicket(t.Context(), sn, "m")
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "%q", sn)
		assert.ErrorContains(t, err, "sn must be 1 to 128")
	}
	for _, model := range []string{"", strings.Repeat("a", 129), "a b", "ä", "a\n"} {
		_, err := client.SNTicket(t.Context(), "s", model)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "%q", model)
		assert.ErrorContains(t, err, "model_id must be")
	}
	assert.Equal(t, [2]int{0, 0}, f.counts(), "nothing was sent, not even for a token")
	_, err := client.SNTicket(t.Context(), strings.Repeat("azAZ09_-", 16), "m")
	assert.NoError(t, err)
}

func TestATokenIsKeptAndRenewedBeforeItEnds(t *testing.T) {
	for expires, kept := range map[string]time.Duration{
		`7200`:            7200*time.Second - 5*time.Minute,
		`"7200"`:          7200*time.Second - 5*time.Minute,
		`400`:             200 * time.Second, // half its time is all that is safe
		`999999999999999`: 24*time.Hour - 5*time.Minute,
	} {
		f := startFake(t)
		f.expires = expires
		client, at := newClient(t, f)
		for range 3 {
			_, err := client.SNTicket(t.Context(), "s", "m")
			require.NoError(t, err)
		}
		assert.Equal(t, [2]int{1, 3}, f.counts(), "one token for all")
		at.add(kept - time.Second)
		_, err := client.SNTicket(t.Context(), "s", "m")
		require.NoError(t, err)
		assert.Equal(t, [2]int{1, 4}, f.counts(), expires)
		at.add(time.Second)
		_, err = client.SNTicket(t.Context(), "s", "m")
		require.NoError(t, err)
		assert.Equal(t, [2]int{2, 5}, f.counts(), expires)
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	for _, errcode := range []string{"40001", "42001", "40014", `"42001"`} {
		f := startFake(t)
		client, _ := newClient(t, f)
		_, err := client.SNTicket(t.Context(), "s", "m")
		require.NoError(t, err)
		f.set(func(f *fake) { f.token += 100 }) // another program took the token
		_, err = client.SNTicket(t.Context(), "s", "m")
		require.NoError(t, err)
		assert.Equal(t, [2]int{2, 3}, f.counts())

		// WeChat insists: two attempts, and no more.
		f.set(func(f *fake) { f.answer = `{"errcode":` + errcode + `,"errmsg":"access_token expired"}` })
		_, err = client.SNTicket(t.Context(), "s", "m")
		assert.Equal(t, wechat.ClassToken, classOf(t, err))
		assert.Equal(t, [2]int{3, 5}, f.counts(), errcode)

		// And it is tried anew the next time.
		f.set(func(f *fake) { f.answer = "" })
		_, err = client.SNTicket(t.Context(), "s", "m")
		assert.NoError(t, err)
	}
}

func TestOneFetchForManyRefusals(t *testing.T) {
	f := startFake(t)
	client, _ := newClient(t, f)
	_, err := client.SNTicket(t.Context(), "s", "m")
	require.NoError(t, err)
	f.set(func(f *fake) { f.token += 100 })
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := client.SNTicket(t.Context(), "s", "m")
			assert.NoError(t, err)
		})
	}
	all.Wait()
	assert.Equal(t, 2, f.counts()[0], "the token that one got is not thrown away for another's refusal")
}

func classOf(t testing.TB, err error) wechat.Class {
	t.Helper()
	remote := remoteOf(err)
	require.NotNil(t, remote, "%v", err)
	return remote.Class
}
