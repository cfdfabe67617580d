package testkit

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// fakeTB is a test that can fail without failing.
type fakeTB struct {
	failed  string
	logged  []string
	cleanup []func()
	mu      sync.Mutex
}

func (f *fakeTB) Helper() {}
func (f *fakeTB) Fatalf(format string, args ...any) {
	if f.failed == "" {
		f.failed = fmt.Sprintf(format, args...)
	}
}
func (f *fakeTB) Logf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logged = append(f.logged, fmt.Sprintf(format, args...))
}
func (f *fakeTB) Cleanup(c func()) { f.cleanup = append(f.cleanup, c) }

func TestStartPlatform(t *testing.T) {
	tb := &fakeTB{}
	told := 0
	p := StartPlatform(tb, PlatformConfig{OnExchange: func(Exchange) { told++ }})
	order(t, p, "T1", "http://127.0.0.1:1/")
	get(t, p, tokenPath+"?app_id=test&app_key=123456&code=x")
	assert.Equal(t, 2, told)
	require.Len(t, tb.logged, 2)
	assert.Contains(t, tb.logged[0], "POST /paybusapi/v1/pay/unifiedorder out_trade_no=T1: 200")
	RequireNoSecret(t, strings.Join(tb.logged, "\n"), TestAccount().AppKey)
	for _, c := range tb.cleanup {
		c()
	}
	_, err := p.Client().Get(p.URL)
	assert.Error(t, err)

	assert.Nil(t, StartPlatform(tb, PlatformConfig{Addr: "0.0.0.0:0"}))
	assert.Contains(t, tb.failed, "not a loopback address")
}

func TestNewPlatformRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for name, cfg := range map[string]PlatformConfig{
		"every interface": {Addr: ":0"},
		"another host":    {Addr: "192.0.2.1:80"},
		"no port":         {Addr: "127.0.0.1"},
		"a taken port":    {Addr: taken.Addr().String()},
		"no key":          {Accounts: []Account{{AppID: "a", StoreNo: "s"}}},
		"one app twice":   {Accounts: []Account{TestAccount(), TestAccount()}},
		"one user twice":  {Users: []User{TestUser(), TestUser()}},
	} {
		p, err := NewPlatform(cfg)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.Nil(t, p, name)
	}
	p, err := NewPlatform(PlatformConfig{Addr: "localhost:0"})
	require.NoError(t, err)
	p.Close()
}

func TestPlatformWithoutListening(t *testing.T) {
	p, err := NewPlatform(PlatformConfig{NoListen: true})
	require.NoError(t, err)
	assert.Empty(t, p.URL)
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	resp, err := server.Client().Get(server.URL + orderPath)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	p.Close()
	resp, err = server.Client().Get(server.URL + orderPath)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
}

func TestZeroConfig(t *testing.T) {
	p := StartPlatform(t, PlatformConfig{})
	assert.Equal(t, TestAccount().AppID, p.Account().AppID)
	assert.Equal(t, []Account{TestAccount()}, p.Accounts())
	assert.Equal(t, []User{TestUser()}, p.Users())
	now := p.Clock.Now()
	assert.WithinDuration(t, time.Now(), now, time.Minute)
	assert.Equal(t, now, p.Clock.Now(), "it stands still")
}

func TestRecord(t *testing.T) {
	s := openShop(t, nil)
	p := testPlatform(t, PlatformConfig{Keep: 4})
	pay(t, p, order(t, p, "T1", s.URL))
	all := p.Requests()
	require.Len(t, all, 2)
	in, out := all[0], all[1]
	assert.Equal(t, CallUnifiedOrder, in.Call)
	assert.Equal(t, "POST", in.Method)
	assert.Equal(t, orderPath, in.Path)
	assert.Equal(t, 200, in.Status)
	assert.Contains(t, in.Body, `"out_trade_no":"T1"`)
	assert.Contains(t, in.Answer, "imprest_code")
	assert.Equal(t, "T1", in.OutTradeNo)
	assert.True(t, strings.HasPrefix(in.Canonical, "amount=990&") && strings.HasSuffix(in.Canonical, "&key=***"), in.Canonical)
	assert.Equal(t, CallNotification, out.Call)
	assert.Equal(t, s.URL, out.Path)
	assert.Equal(t, s.received()[0], out.Body)
	assert.Equal(t, "success", out.Answer)
	assert.Contains(t, out.String(), "-> POST "+s.URL+" out_trade_no=T1: 200 \"success\"")
	assert.Contains(t, out.Canonical, "status=1")

	for i := range 10 {
		get(t, p, fmt.Sprintf("/%d", i))
	}
	all = p.Requests()
	require.Len(t, all, 4)
	assert.Equal(t, "/6", all[0].Path)
	assert.Equal(t, 12, all[3].Seq)
}

func TestRecordKeepsTheOrderOfBeginnings(t *testing.T) {
	var p *Platform
	s := openShop(t, func(int, string) (int, string) {
		get(t, p, orderPath+"?app_id=test&out_trade_no=T1")
		return 200, "success"
	})
	p = testPlatform(t, PlatformConfig{})
	pay(t, p, order(t, p, "T1", s.URL))
	var calls []Call
	for _, e := range p.Requests() {
		calls = append(calls, e.Call)
	}
	assert.Equal(t, []Call{CallUnifiedOrder, CallNotification, CallQuery}, calls)
}

// A platform that runs for long remembers what orders became of, and not every
// byte that was sent.
func TestOldMessagesAreForgotten(t *testing.T) {
	s := openShop(t, func(int, string) (int, string) { return 200, strings.Repeat("x", 1000) })
	p := testPlatform(t, PlatformConfig{Keep: 3})
	for i := range 2 {
		pay(t, p, order(t, p, fmt.Sprintf("T%d", i), s.URL))
	}
	p.Clock.Advance(15 * time.Second)
	var full int
	for i, n := range p.Notifications() {
		require.Len(t, n.Attempts, 2)
		for j, a := range n.Attempts {
			forgotten := i == 0 && j == 0
			assert.Equal(t, forgotten, a.Message.Body == nil)
			assert.Equal(t, forgotten, len(a.Answer) == 100)
			assert.Equal(t, 200, a.Status)
			assert.True(t, a.Genuine)
			if !forgotten {
				full++
			}
		}
	}
	assert.Equal(t, 3, full)
	p.Clock.Advance(48 * time.Hour)
	assert.Len(t, p.sent, 3)
}

func TestExpiredGrantsAreDropped(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	for range 1500 {
		consent(t, p, ScopeUserInfo)
	}
	assert.Len(t, p.codes, 1500, "all are good")
	p.Clock.Advance(5 * time.Minute)
	for range 1024 {
		consent(t, p, ScopeUserInfo)
	}
	assert.LessOrEqual(t, len(p.codes), 1024)
	code := consent(t, p, ScopeUserInfo)
	token := get(t, p, tokenPath+"?app_id=test&app_key=123456&code="+code).fields["token"].(string)
	assert.NotContains(t, p.codes, code, "used")
	assert.Equal(t, http.StatusOK, profile(t, p, token).status)
}

func TestMaskQuery(t *testing.T) {
	for raw, want := range map[string]string{
		"":                           "",
		"app_id=test&app_key=123456": "app_id=test&app_key=***",
		"app%5fkey=123456&a=1":       "app%5fkey=***&a=1",
		"app_key=1&app_key=2":        "app_key=***&app_key=***",
		"token=x&code=y":             "token=***&code=y",
		"%zz=123456":                 "%zz=***",
	} {
		assert.Equal(t, want, maskQuery(raw))
	}
}

func TestMaskHeader(t *testing.T) {
	sent := core.Header{{Name: "Authorization", Value: "a"}, {Name: "x-relay-KEY", Value: "b"}, {Name: "X-Token-Of-Mine", Value: "c"}, {Name: "Accept", Value: "d"}}
	want := core.Header{{Name: "Authorization", Value: "***"}, {Name: "x-relay-KEY", Value: "***"}, {Name: "X-Token-Of-Mine", Value: "***"}, {Name: "Accept", Value: "d"}}
	assert.Equal(t, want, maskHeader(sent))
	assert.Equal(t, "a", sent[0].Value, "what was sent is left alone")
}

func TestManyMerchantsAtOnce(t *testing.T) {
	s := openShop(t, func(n int, _ string) (int, string) {
		if n%3 == 0 {
			return 503, ""
		}
		return 200, "success"
	})
	p := testPlatform(t, PlatformConfig{Keep: 10})
	p.Inject(Fault{Kind: FaultDuplicateConcurrent, Times: 5})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				id := fmt.Sprintf("T%d-%d", i, j)
				a := postOrder(t, p, orderBody(id, s.URL).signed())
				if !assert.Equal(t, 200, a.status) {
					return
				}
				_, err := p.Pay(t.Context(), a.fields["imprest_code"].(string), "")
				assert.NoError(t, err)
				p.Clock.Advance(time.Second)
				p.Requests()
				p.Notifications()
				p.Trades()
				p.AddUser(User{})
			}
		})
	}
	wg.Wait()
	p.Clock.Advance(24 * time.Hour)
	for _, n := range p.Notifications() {
		assert.True(t, n.Acknowledged, n.OutTradeNo)
	}
	assert.Len(t, p.Notifications(), 40)
}
