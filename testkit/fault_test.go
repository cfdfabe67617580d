package testkit

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFaultsAreListed(t *testing.T) {
	seen := map[FaultKind]bool{}
	for _, info := range Faults() {
		assert.False(t, seen[info.Kind], info.Kind)
		seen[info.Kind] = true
		assert.NotEmpty(t, info.Doc, info.Kind)
		assert.NotEmpty(t, info.Calls, info.Kind)
		found, ok := FindFault(string(info.Kind))
		assert.True(t, ok)
		assert.Equal(t, info, found)
	}
	_, ok := FindFault("nope")
	assert.False(t, ok)
	p := testPlatform(t, PlatformConfig{})
	assert.Panics(t, func() { p.Inject(Fault{Kind: "nope"}) })
	assert.Panics(t, func() { p.Inject(Fault{}) })
	assert.Panics(t, func() { p.Inject(Fault{Kind: FaultWrongCode, Call: CallQuery}) })
	assert.Panics(t, func() { p.Inject(Fault{Kind: FaultMutate, Mutators: []Mutator{"nope"}}) })
}

// try makes an order, and tells what the client saw.
func try(t *testing.T, p *Platform, outTradeNo string) (answered, error) {
	t.Helper()
	req := newRequest(t, p, http.MethodPost, orderPath, string(orderBody(outTradeNo, "http://127.0.0.1:1/").signed()))
	resp, err := p.Client().Do(req)
	if err != nil {
		return answered{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answered{status: resp.StatusCode, body: string(body)}, err
}

func TestFaultsOfRequests(t *testing.T) {
	for _, c := range []struct {
		kind   FaultKind
		effect bool // an order is made
		status int  // 0: the connection ends
		body   string
	}{
		{FaultCut, false, 0, ""},
		{FaultAnswerLost, true, 0, ""},
		{FaultError500, false, 500, `"err_code":500`},
		{FaultError500After, true, 500, `"err_code":500`},
		{FaultRefused, false, 400, `"err_code":400`},
		{FaultRefusedPlain, false, 400, "bad request"},
		{FaultTooMany, false, 429, `"err_code":429`},
		{FaultRedirectAway, false, 302, ""},
		{FaultGarbage, false, 200, "<html>"},
		{FaultRedirect, false, 302, ""},
		{FaultHugeAnswer, true, 200, "{        "},
		{FaultUnsignedAnswer, true, 200, `"imprest_code"`},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			p := testPlatform(t, PlatformConfig{})
			get(t, p, orderPath) // so that the connection is one that is used again
			injected := p.Inject(Fault{Kind: c.kind, Call: CallUnifiedOrder})
			a, err := try(t, p, "T1")
			assert.Equal(t, c.status == 0, err != nil, "%v", err)
			assert.Equal(t, c.status, a.status)
			assert.Contains(t, a.body, c.body)
			_, made := p.Trade("T1")
			assert.Equal(t, c.effect, made)
			assert.Equal(t, 1, injected.Applied())
			all := p.Requests()
			assert.Equal(t, []FaultKind{c.kind}, all[len(all)-1].Faults)
			assert.Len(t, all, 2, "the client did not send it again")
			if c.kind == FaultHugeAnswer {
				assert.Len(t, a.body, len(all[1].Answer)+16<<20)
			}
			if c.kind == FaultUnsignedAnswer {
				assert.NotContains(t, a.body, `"sign"`)
			}

			a, err = try(t, p, "T2")
			require.NoError(t, err)
			assert.Equal(t, 200, a.status, "it struck once")
		})
	}
}

func TestCutOfAQueryIsNotHiddenByTheClient(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	order(t, p, "T1", "http://127.0.0.1:1/")
	query := orderPath + "?app_id=test&out_trade_no=T1"
	get(t, p, query)
	p.Inject(Fault{Kind: FaultCut, Call: CallQuery})
	resp, err := p.Client().Do(newRequest(t, p, http.MethodGet, query, ""))
	if err == nil {
		resp.Body.Close()
	}
	assert.Error(t, err)
}

func TestFaultsOfTheOrdersAnswer(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	holds := func(body string) bool {
		fields, err := readDocument([]byte(body))
		require.NoError(t, err)
		return dataSign(canonical(fields), "123456") == (&draft{fields: fields}).value("sign")
	}
	p.Inject(Fault{Kind: FaultForgedAnswer})
	a, err := try(t, p, "T1")
	require.NoError(t, err)
	assert.False(t, holds(a.body))
	p.Inject(Fault{Kind: FaultOtherApp})
	a, err = try(t, p, "T2")
	require.NoError(t, err)
	assert.True(t, holds(a.body))
	assert.Contains(t, a.body, `"app_id":"testx"`)

	for i, c := range []struct {
		kind        FaultKind
		field, want string
	}{
		{FaultOtherStore, "store_no", `^s1234x$`},
		{FaultOtherScene, "scene_type", `^WEB$`},
		{FaultOddCode, "imprest_code", `^[A-Za-z0-9]{32}[^A-Za-z0-9_-]`},
	} {
		p.Inject(Fault{Kind: c.kind, Call: CallUnifiedOrder})
		id := fmt.Sprintf("O%d", i)
		a, err = try(t, p, id)
		require.NoError(t, err)
		assert.True(t, holds(a.body), c.kind)
		fields, _ := readDocument([]byte(a.body))
		assert.Regexp(t, c.want, (&draft{fields: fields}).value(c.field), c.kind)
		truth := p.RequireTrade(t, id)
		assert.Equal(t, "s1234 APP", truth.StoreNo+" "+truth.SceneType, "on the books it is right")
		assert.Regexp(t, `^[A-Za-z0-9]{32}$`, truth.ImprestCode)
	}
}

func TestTornAnswer(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	p.Inject(Fault{Kind: FaultTornAnswer})
	a, err := try(t, p, "T1")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, 200, a.status, "its header arrived")
	assert.True(t, strings.HasPrefix(a.body, `{"app_id":`), a.body)
	p.RequireTrade(t, "T1")
	assert.Contains(t, p.Requests()[0].Err, "in the middle")
}

// A client that follows is seen where it went, with what it took along.
func TestRedirectAway(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	p.Inject(Fault{Kind: FaultRedirectAway, Call: CallToken})
	resp, err := p.Client().Do(newRequest(t, p, http.MethodGet, tokenPath+"?app_id=test&app_key=123456&code="+consent(t, p, ScopeUserInfo), ""))
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusFound, resp.StatusCode)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(p.URL, "http://"))
	require.NoError(t, err)
	assert.Equal(t, "http://localhost:"+port+"/elsewhere", resp.Header.Get("Location"))
	resp, err = http.Get(resp.Header.Get("Location"))
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, "/elsewhere", p.Requests()[1].Path)
	assert.Equal(t, "http://127.0.0.1:80", otherName("localhost:80"))
	assert.Equal(t, "http://localhost:80", otherName("shop.example"))
}

func TestFaultsOfTheQuery(t *testing.T) {
	s := openShop(t, nil)
	p := testPlatform(t, PlatformConfig{})
	pay(t, p, order(t, p, "T1", s.URL))
	query := func() map[string]any { return get(t, p, orderPath+"?app_id=test&out_trade_no=T1").fields }
	p.Inject(Fault{Kind: FaultOtherAmount, Call: CallQuery})
	p.Inject(Fault{Kind: FaultOtherStore, Call: CallQuery})
	p.Inject(Fault{Kind: FaultUnpaid})
	assert.Equal(t, 991.0, query()["amount"])
	assert.Equal(t, "s1234x", query()["store_no"])
	assert.Equal(t, 0.0, query()["status"])
	p.Inject(Fault{Kind: FaultOtherOrder})
	other := query()
	assert.Equal(t, "T1x", other["out_trade_no"])
	assert.NotEqual(t, p.RequireTrade(t, "T1").ImprestCode, other["imprest_code"])
	p.Inject(Fault{Kind: FaultOddStatus})
	assert.Equal(t, 2.0, query()["status"])
	p.Inject(Fault{Kind: FaultTextNumbers})
	text := query()
	assert.Equal(t, "990", text["amount"])
	assert.Equal(t, "1", text["status"])
	truth := query()
	assert.Equal(t, 990.0, truth["amount"])
	assert.Equal(t, "s1234", truth["store_no"])
	assert.Equal(t, 1.0, truth["status"])
}

func TestFaultsOfTheToken(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	exchange := tokenPath + "?app_id=test&app_key=123456&code=" + consent(t, p, ScopeUserInfo)
	p.Inject(Fault{Kind: FaultWrongCode})
	assert.Contains(t, get(t, p, exchange).body, "无效的code")
	p.Inject(Fault{Kind: FaultDurationExpiry})
	a := get(t, p, exchange)
	assert.Equal(t, 7200.0, a.fields["expire_in"], "and the code was still good")
	p.Inject(Fault{Kind: FaultTokenExpired})
	token := a.fields["token"].(string)
	assert.Equal(t, http.StatusBadRequest, profile(t, p, token).status)
	p.Inject(Fault{Kind: FaultOtherUser})
	assert.Equal(t, TestUser().OpenID+"x", profile(t, p, token).fields["open_id"])
	assert.Equal(t, http.StatusOK, profile(t, p, token).status)
}

func TestSlowWaitsOnTheClock(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	p.Inject(Fault{Kind: FaultSlow, Delay: 3 * time.Second})
	done := make(chan answered)
	go func() {
		a, _ := try(t, p, "T1")
		done <- a
	}()
	require.Eventually(t, func() bool { _, ok := p.Clock.Next(); return ok }, 5*time.Second, time.Millisecond)
	p.RequireTrade(t, "T1")
	select {
	case <-done:
		t.Error("it did not wait")
	default:
	}
	p.Clock.Advance(3 * time.Second)
	assert.Equal(t, 200, (<-done).status)
}

func TestSlowEndsWithTheClientOrThePlatform(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	p.Inject(Fault{Kind: FaultSlow, Times: 2})
	ctx, cancel := context.WithCancel(t.Context())
	req := newRequest(t, p, http.MethodPost, orderPath, string(orderBody("T1", "http://127.0.0.1:1/").signed()))
	done := make(chan error)
	send := func(ctx context.Context) {
		resp, err := p.Client().Do(req.WithContext(ctx))
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}
	go send(ctx)
	require.Eventually(t, func() bool { return len(p.Trades()) == 1 }, 5*time.Second, time.Millisecond)
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
	require.Eventually(t, func() bool { return len(p.Requests()) == 1 }, 5*time.Second, time.Millisecond)
	assert.Contains(t, p.Requests()[0].Err, "gave up")

	go func() { _, _ = try(t, p, "T2"); done <- nil }()
	require.Eventually(t, func() bool { return len(p.Trades()) == 2 }, 5*time.Second, time.Millisecond)
	p.Close()
	<-done
}

func TestFaultsAreCounted(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	status := func(outTradeNo string) int {
		a, err := try(t, p, outTradeNo)
		require.NoError(t, err)
		return a.status
	}
	second := p.Inject(Fault{Kind: FaultError500, Call: CallUnifiedOrder, Skip: 1, Times: 2})
	one := p.Inject(Fault{Kind: FaultRefused, OutTradeNo: "B"})
	assert.Equal(t, []int{200, 500, 500, 400, 200}, []int{status("A"), status("B"), status("C"), status("B"), status("D")},
		"each call has one of those that exclude each other, and the other waits")
	assert.Equal(t, 2, second.Applied())
	assert.Equal(t, 1, one.Applied())

	always := p.Inject(Fault{Kind: FaultRefused, Times: Always, Match: func(f FaultTarget) bool { return strings.HasPrefix(f.OutTradeNo, "x") && f.AppID == "test" }})
	for range 5 {
		assert.Equal(t, 400, status("x1"))
	}
	assert.Equal(t, 200, status("E"))
	bad := postOrder(t, p, []byte("{}"))
	assert.Contains(t, bad.body, "is missing", "a bad request meets no fault")
	assert.Equal(t, 5, always.Applied())
	always.Remove()
	assert.Equal(t, 200, status("x1"))
	p.Inject(Fault{Kind: FaultRefused})
	p.ClearFaults()
	assert.Equal(t, 200, status("F"))
}

func TestFaultsOfNotifications(t *testing.T) {
	// bodies counts what arrives before and after the clock moves a day.
	type seen struct {
		first, later int
		acknowledged bool // after the first attempt
		fits         bool // the sign of the first body
		parts        string
	}
	for _, c := range []struct {
		fault Fault
		want  seen
	}{
		{Fault{Kind: FaultDropCallback, Times: 2}, seen{0, 1, false, false, ""}},
		{Fault{Kind: FaultDropCallback, Times: Always}, seen{0, 0, false, false, ""}},
		{Fault{Kind: FaultDelayCallback, Delay: time.Hour}, seen{0, 1, false, false, ""}},
		{Fault{Kind: FaultDelayCallback, Times: Always}, seen{0, 1, false, false, ""}},
		{Fault{Kind: FaultDuplicate}, seen{2, 0, true, true, `"status":1`}},
		{Fault{Kind: FaultDuplicate, Copies: 4}, seen{5, 0, true, true, `"status":1`}},
		{Fault{Kind: FaultDuplicateConcurrent, Copies: 7}, seen{8, 0, true, true, `"status":1`}},
		{Fault{Kind: FaultReorder}, seen{2, 0, true, true, `"status":1`}},
		{Fault{Kind: FaultWaitingFirst}, seen{2, 0, true, true, `"status":0`}},
		{Fault{Kind: FaultOtherAmount}, seen{1, 1, false, true, `"amount":"991"`}},
		{Fault{Kind: FaultForgedSign}, seen{1, 1, false, false, `"amount":"990"`}},
		{Fault{Kind: FaultTampered}, seen{1, 1, false, false, `"amount":"991"`}},
		{Fault{Kind: FaultLowerCaseSign}, seen{1, 0, true, false, ""}},
		{Fault{Kind: FaultExtraField}, seen{1, 0, true, true, `"extra":"1"`}},
		{Fault{Kind: FaultMutate, Mutators: []Mutator{MutateExtraBool, MutateStatusText}}, seen{1, 0, true, true, `"extra":true`}},
		{Fault{Kind: FaultMutate, Mutators: []Mutator{MutateBOM}}, seen{1, 1, false, false, "\uFEFF"}},
		{Fault{Kind: FaultSecondPayment, Times: Always}, seen{2, 0, true, true, `"status":1`}},
	} {
		t.Run(string(c.fault.Kind), func(t *testing.T) {
			s := openShop(t, nil) // one who believes everything
			p := testPlatform(t, PlatformConfig{})
			injected := p.Inject(c.fault)
			pay(t, p, order(t, p, "T1", s.URL))
			n := p.Notifications()[0]
			first := s.received()
			p.Clock.Advance(24 * time.Hour)
			got := seen{first: len(first), later: len(s.received()) - len(first), acknowledged: n.Acknowledged}
			if len(first) > 0 {
				assert.Contains(t, first[0], c.want.parts)
				got.parts = c.want.parts
				fields, err := readDocument([]byte(first[0]))
				got.fits = err == nil && dataSign(canonical(fields), "123456") == (&draft{fields: fields}).value("sign")
			}
			assert.Equal(t, c.want, got)
			assert.Positive(t, injected.Applied())
			if c.fault.Times != Always {
				p.RequireNotified(t, "T1")
			}
		})
	}
}

func TestFaultsJoin(t *testing.T) {
	s := openShop(t, nil)
	p := testPlatform(t, PlatformConfig{})
	p.Inject(Fault{Kind: FaultDuplicate})
	p.Inject(Fault{Kind: FaultReorder})
	p.Inject(Fault{Kind: FaultForgedSign})
	p.Inject(Fault{Kind: FaultSecondPayment, Skip: 1})
	pay(t, p, order(t, p, "T1", s.URL))
	assert.Len(t, s.received(), 3, "two forged ones, and a status 0")
	assert.Contains(t, s.received()[2], `"status":0`)
	p.Clock.Advance(15 * time.Second)
	assert.Len(t, s.received(), 5, "the genuine one, and that of a second payment")
	trade := p.RequireTrade(t, "T1")
	require.Len(t, trade.Surplus, 1)
	assert.Contains(t, s.received()[4], trade.Surplus[0].TradeNo)
	require.Len(t, p.Notifications(), 2)
	assert.True(t, p.Notifications()[1].Acknowledged)
}

// A delay moves an attempt; whatever else struck it comes with it.
func TestDelayJoinsEveryAddedFault(t *testing.T) {
	for _, info := range Faults() {
		if !info.added || !slices.Contains(info.Calls, CallNotification) {
			continue
		}
		for _, delayFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%v", info.Kind, delayFirst), func(t *testing.T) {
				run := func(delayed bool) (first, later []string, n Notification) {
					s := openShop(t, nil)
					p := testPlatform(t, PlatformConfig{})
					faults := []Fault{{Kind: info.Kind, Times: Always}}
					if delayed {
						faults = append(faults, Fault{Kind: FaultDelayCallback, Delay: time.Hour})
					}
					if delayFirst {
						slices.Reverse(faults)
					}
					injected := p.Inject(faults[0])
					for _, f := range faults[1:] {
						p.Inject(f)
					}
					pay(t, p, order(t, p, "T1", s.URL))
					first = s.received()
					p.Clock.Advance(24 * time.Hour)
					assert.Positive(t, injected.Applied())
					return first, s.received()[len(first):], p.Notifications()[0]
				}
				want, none, _ := run(false)
				assert.Empty(t, none)
				first, later, n := run(true)
				assert.Empty(t, first)
				if info.Kind == FaultSecondPayment { // which is made later too
					for i, body := range want[1:] {
						paid := regexp.MustCompile(`("pay_time":"|"sign":").{10}[0-9A-F]*`)
						want[i+1], later[i+1] = paid.ReplaceAllString(body, ""), paid.ReplaceAllString(later[i+1], "")
					}
				}
				assert.Equal(t, want, later, "the same messages, only later")
				assert.Greater(t, len(later), 1)
				genuine := n.Attempts[slices.IndexFunc(n.Attempts, func(a Attempt) bool { return a.Genuine })]
				assert.ElementsMatch(t, []FaultKind{FaultDelayCallback, info.Kind}, genuine.Faults)
				assert.True(t, n.Acknowledged)
			})
		}
	}
}

// An exclusive fault that waited for the delay to pass strikes what the delay
// has postponed, and joins what was carried along.
func TestDelayThenForged(t *testing.T) {
	s := openShop(t, nil)
	p := testPlatform(t, PlatformConfig{})
	p.Inject(Fault{Kind: FaultDelayCallback})
	p.Inject(Fault{Kind: FaultForgedSign})
	p.Inject(Fault{Kind: FaultDuplicate})
	pay(t, p, order(t, p, "T1", s.URL))
	p.Clock.Advance(time.Minute)
	assert.Len(t, s.received(), 2)
	assert.False(t, p.Notifications()[0].Acknowledged, "both forged")
	p.Clock.Advance(time.Hour)
	p.RequireNotified(t, "T1")
}

func TestSlowJoinsEveryOtherFaultOfARequest(t *testing.T) {
	for _, info := range Faults() {
		if info.Kind == FaultSlow || !slices.Contains(info.Calls, CallUnifiedOrder) {
			continue
		}
		t.Run(string(info.Kind), func(t *testing.T) {
			run := func(slow bool) (status int, body string, made bool) {
				p := testPlatform(t, PlatformConfig{})
				p.Inject(Fault{Kind: info.Kind, Call: CallUnifiedOrder})
				if !slow {
					a, _ := try(t, p, "T1")
					_, made = p.Trade("T1")
					return a.status, a.body, made
				}
				p.Inject(Fault{Kind: FaultSlow, Delay: time.Second})
				done := make(chan answered)
				go func() {
					a, _ := try(t, p, "T1")
					done <- a
				}()
				require.Eventually(t, func() bool { _, ok := p.Clock.Next(); return ok }, 5*time.Second, time.Millisecond, "it waits")
				p.Clock.Advance(time.Second)
				a := <-done
				_, made = p.Trade("T1")
				return a.status, a.body, made
			}
			status, body, made := run(false)
			slowStatus, slowBody, slowMade := run(true)
			assert.Equal(t, status, slowStatus)
			assert.Equal(t, body, slowBody)
			assert.Equal(t, made, slowMade)
		})
	}
}

func TestSameSeedSameIdentifiers(t *testing.T) {
	run := func(seed uint64, noise bool) []string {
		s := openShop(t, nil)
		p := testPlatform(t, PlatformConfig{Seed: seed})
		if noise {
			consent(t, p, ScopeUserInfo)
			order(t, p, "T0", s.URL)
		}
		first := order(t, p, "T1", s.URL)
		return []string{first, pay(t, p, first).TradeNo, consent(t, p, ScopeUserInfo), p.AddUser(User{}).OpenID}
	}
	assert.Equal(t, run(7, false), run(7, false))
	assert.NotEqual(t, run(7, false), run(8, false))
	assert.Equal(t, run(7, false)[1], run(7, true)[1], "each kind counts for itself")
	assert.NotEqual(t, newIDs(0).next("code", 32), newIDs(0).next("code", 32), "a seed of 0 is random")
}
