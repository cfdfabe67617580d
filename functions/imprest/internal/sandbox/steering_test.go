package sandbox

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/sign"
	"github.com/imprest-go/imprest/testkit"
)

// post sends JSON to the control API.
func post(t *testing.T, w *world, path, body string) (int, string) {
	t.Helper()
	return call(t, http.MethodPost, w.base+"/_sandbox/"+path, body, "Content-Type", "application/json")
}

func faultsOn(t *testing.T, w *world) (on []string) {
	t.Helper()
	for _, f := range getJSON[[]faultView](t, w.base+"/_sandbox/faults") {
		assert.NotEmpty(t, f.About+f.OnMall)
		if f.On {
			on = append(on, f.Name)
		}
	}
	return on
}

func TestFaultsAreSwitchedWhilePurchasesGoOn(t *testing.T) {
	w := startWorld(t, Config{})
	require.Len(t, getJSON[[]faultView](t, w.base+"/_sandbox/faults"), len(FaultList()))
	var buyers sync.WaitGroup
	ids := make([]string, 6)
	for i := range ids {
		buyers.Go(func() { ids[i] = buyOne(t, w) })
	}
	harmless := []string{"duplicate", "duplicate-concurrent", "reorder", "waiting-first"}
	for range 5 {
		for _, on := range []bool{true, false} {
			for _, name := range harmless {
				status, body := post(t, w, "faults", fmt.Sprintf(`{"name":%q,"on":%v}`, name, on))
				require.Equal(t, 200, status, body)
			}
		}
	}
	buyers.Wait()
	for _, id := range ids {
		eventually(t, w, id, purchase.Delivered)
	}
	assert.Empty(t, faultsOn(t, w))
	w.cloud.RequireCodesUsed(t, len(ids))

	// On: it strikes. Off: it does not. On again: it does again.
	struck := w.plan.times("duplicate")
	for _, on := range []bool{true, false, true} {
		require.NoError(t, w.switchFault("duplicate", on))
		require.NoError(t, w.switchFault("duplicate", on), "twice changes nothing")
		id := buyOne(t, w)
		eventually(t, w, id, purchase.Delivered)
		if on {
			struck++
		}
		assert.Equal(t, struck, w.plan.times("duplicate"))
		var lines []string
		require.Eventually(t, func() bool { // a hop is told when its answer is there
			_, lines = told(t, w, id)
			return strings.Contains(strings.Join(lines, "\n"), "notification")
		}, 10*time.Second, 5*time.Millisecond)
		assert.Equal(t, on, slices.Contains(lines, "platform>merchant notification duplicate"), lines)
	}
}

func TestFaultsThatCannotBeSwitched(t *testing.T) {
	w := startWorld(t, Config{Faults: []string{cloudDown}})
	for body, want := range map[string]int{
		``: 400, `{}`: 400, `{"name":"duplicate"}`: 400, `{"on":true}`: 400, `{"name":7,"on":true}`: 400, `{"name":"duplicate","on":"yes"}`: 400,
		`{"name":"unheard-of","on":true}`: 404, `{"name":"deliver-lost","on":true}`: 409, `{"name":"calls-refused","on":true}`: 409,
		`{"name":"cloud-permanent","on":true}`: 200, `{"name":"slow","on":true}`: 200,
	} {
		status, answer := post(t, w, "faults", body)
		assert.Equal(t, want, status, "%s: %s", body, answer)
		if want == 409 {
			assert.Contains(t, answer, cloudDown)
		}
	}
	assert.Equal(t, []string{slow, cloudDown}, faultsOn(t, w), "in the order of the list")
	require.NoError(t, w.switchFault(cloudDown, false))
	require.NoError(t, w.switchFault(deliverLost, true), "the way is free")
}

// Of the faults that change a message the first of the list wins, in whatever
// order they were switched on.
func TestFaultsKeepTheirOrderWhenSwitched(t *testing.T) {
	w := startWorld(t, Config{})
	require.NoError(t, w.switchFault(dropCallback, true))
	require.NoError(t, w.switchFault("forged", true))
	id := buyOne(t, w)
	// By itself drop-callback would leave none over.
	movingOn(t, w, id, "platform>merchant notification forged-sign", "platform>merchant notification drop-callback")
	list, _ := told(t, w, id)
	for _, h := range list {
		if len(h.Faults) > 0 && h.Faults[0] == dropCallback {
			assert.Equal(t, "it was never sent", h.Failed)
			o, err := w.open(t.Context(), h.ID)
			require.NoError(t, err)
			assert.Equal(t, h, o.hop)
		}
	}
}

func TestWhatFaultsRememberIsBounded(t *testing.T) {
	w := startWorld(t, Config{})
	for i := range 3 * maxSeen {
		require.True(t, w.plan.firstTime("forged", fmt.Sprint(i)))
	}
	assert.False(t, w.plan.firstTime("forged", fmt.Sprint(3*maxSeen-1)))
	assert.LessOrEqual(t, len(w.plan.seen), maxSeen)
	assert.Len(t, w.plan.order, len(w.plan.seen))
}

func TestTheMerchantCrashesAndStartsAgain(t *testing.T) {
	w := startWorld(t, Config{Journal: "sqlite:" + filepath.Join(t.TempDir(), "journal.db"), Faults: []string{dropCallback}})
	id := buyOne(t, w)
	eventually(t, w, id, purchase.Unpaid)
	first := w.current.Load()
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			status, body := post(t, w, "crash", ``)
			assert.Equal(t, 200, status, body)
		})
	}
	callers.Wait()
	assert.NotSame(t, first, w.current.Load())
	require.NoError(t, w.switchFault(dropCallback, false))
	status, body := post(t, w, "notify", fmt.Sprintf(`{"out_trade_no":%q}`, id))
	require.Equal(t, 200, status, body)
	eventually(t, w, id, purchase.Delivered)
	_, lines := told(t, w, id)
	inOrder(t, lines, "merchant> ordering → unpaid", "merchant> unpaid → paid", "merchant> delivering → delivered")
}

func TestNotify(t *testing.T) {
	w := startWorld(t, Config{Faults: []string{dropCallback}})
	status, body := post(t, w, "orders", `[{"out_trade_no":"order-1","amount":100}]`)
	require.Equal(t, 200, status, body)
	send := func(id, mutate string) (int, notified) {
		status, body := post(t, w, "notify", fmt.Sprintf(`{"out_trade_no":%q,"mutate":[%s]}`, id, mutate))
		var n notified
		require.NoError(t, json.Unmarshal([]byte(body), &n))
		return status, n
	}
	for body, want := range map[string]int{
		``: 400, `{}`: 400, `[]`: 400, `{"out_trade_no":"a b"}`: 400, `{"out_trade_no":"order-1","mutate":["unheard-of"]}`: 400,
		`{"out_trade_no":"order-1","mutate":"wrong-key"}`: 400, `{"out_trade_no":"unknown"}`: 404,
	} {
		status, answer := post(t, w, "notify", body)
		assert.Equal(t, want, status, "%s: %s", body, answer)
	}

	// An order that the platform does not know: what it would send.
	status, n := send("order-1", `"wrong-key"`)
	require.Equal(t, 200, status)
	assert.Equal(t, notified{Status: 400, Answer: "refused", Hop: "sent-1", Failed: n.Failed, Want: testkit.VerdictRefuse}, n)
	assert.Contains(t, n.Failed, "sign")
	assert.Equal(t, 0, getJSON[map[string]int](t, w.base+"/_sandbox/deliveries")["order-1"])
	_, n = send("order-1", ``)
	assert.Equal(t, "success", n.Answer)
	assert.Equal(t, 1, getJSON[map[string]int](t, w.base+"/_sandbox/deliveries")["order-1"])

	// One that it knows, and nobody has paid; then somebody has.
	b := newBrowser(w.base)
	defer b.client.CloseIdleConnections()
	require.NoError(t, w.logIn(t.Context(), b))
	chosen, err := w.choose(t.Context(), b)
	require.NoError(t, err)
	bought, err := w.order(t.Context(), b, chosen)
	require.NoError(t, err)
	status, _ = send(bought.ID, ``)
	assert.Equal(t, 409, status, "nobody has paid")
	status, _ = send(bought.ID, `"lower-case-sign"`)
	assert.Equal(t, 409, status, "it is genuine")
	status, n = send(bought.ID, `"unkeyed-sign"`)
	assert.Equal(t, 200, status)
	assert.Equal(t, "refused", n.Answer)
	require.NoError(t, w.pay(t.Context(), b, bought))
	eventually(t, w, bought.ID, purchase.Unpaid)
	_, n = send(bought.ID, `"other-amount"`)
	assert.GreaterOrEqual(t, n.Status, 400)
	assert.Contains(t, n.Failed, "amount")
	require.NoError(t, w.switchFault(dropCallback, false))
	_, n = send(bought.ID, ``)
	assert.Equal(t, "success", n.Answer)
	assert.True(t, strings.HasPrefix(n.Hop, "vvchat-"), "the platform itself sent it: %s", n.Hop)
	eventually(t, w, bought.ID, purchase.Delivered)
}

// Every way to change a notification gets the answer that is wanted, and can
// be looked at and copied.
func TestNotifyWithEveryMutator(t *testing.T) {
	w := startWorld(t, Config{})
	all := getJSON[[]mutatorView](t, w.base+"/_sandbox/mutators")
	require.Len(t, all, len(testkit.Mutators()))
	for i, m := range all {
		id := fmt.Sprintf("order-%d", i)
		status, body := post(t, w, "orders", fmt.Sprintf(`[{"out_trade_no":%q,"amount":100}]`, id))
		require.Equal(t, 200, status, body)
		n, err := w.notifyAgain(t.Context(), id, []string{string(m.Name)})
		require.NoError(t, err)
		assert.Equal(t, m.Want, n.Want)
		assert.Equal(t, m.Want != testkit.VerdictRefuse, n.Answer == "success", "%s: %d %s", m.Name, n.Status, n.Failed)
		o := getJSON[map[string]any](t, w.base+"/_sandbox/hops/"+n.Hop)
		assert.Equal(t, []any{string(m.Name)}, o["faults"])
		if m.Want == testkit.VerdictRefuse {
			assert.NotEmpty(t, o["failed"], m.Name)
			assert.Contains(t, o["go_test"], "RequireRefused", m.Name)
		} else {
			assert.Equal(t, "accept", o["verdict"], m.Name)
			assert.Contains(t, o["go_test"], "RequireAcknowledged", m.Name)
		}
		_, err = parser.ParseFile(token.NewFileSet(), "x_test.go", o["go_test"], 0)
		require.NoError(t, err, o["go_test"])
	}
}

func TestExplainOverTheControlAPI(t *testing.T) {
	w := startWorld(t, Config{})
	message := testkit.SignedPayment(testkit.PaymentFields{})
	ask := func(body, theirs string) sign.Explanation {
		wish, err := json.Marshal(map[string]string{"body": body, "theirs": theirs})
		require.NoError(t, err)
		status, answer := post(t, w, "explain", string(wish))
		require.Equal(t, 200, status, answer)
		assert.NotContains(t, answer, "key="+testkit.TestAccount().AppKey.Reveal())
		var e sign.Explanation
		require.NoError(t, json.Unmarshal([]byte(answer), &e))
		return e
	}
	e := ask(string(message.Body), message.Canonical)
	assert.Equal(t, "accept", e.Verdict)
	assert.Nil(t, e.Difference)
	key := testkit.TestAccount().AppKey.Reveal()
	e = ask(strings.Replace(string(message.Body), `"100"`, `"101"`, 1), strings.TrimSuffix(message.Canonical, "***")+key)
	assert.Equal(t, "reject", e.Verdict)
	require.NotNil(t, e.Difference)
	for body, want := range map[string]int{``: 400, `[]`: 400, `{"body":"` + strings.Repeat("x", 70_000) + `"}`: 400, `{}`: 200} {
		status, answer := post(t, w, "explain", body)
		assert.Equal(t, want, status, "%.100s", answer)
	}
}

func TestTheJournalIsShownInPages(t *testing.T) {
	w := startWorld(t, Config{})
	id := buyOne(t, w)
	eventually(t, w, id, purchase.Delivered)
	var want, got, shown []string
	require.NoError(t, walk(t.Context(), w.current.Load().store, "", func(r journal.Record) error {
		want = append(want, r.ID)
		return nil
	}))
	for after := ""; ; {
		page := getJSON[[]recordView](t, w.base+"/_sandbox/journal?limit=2&after="+url.QueryEscape(after))
		for _, r := range page {
			got = append(got, r.ID)
			shown = append(shown, string(r.Body))
			assert.Positive(t, r.Version)
		}
		if len(page) < 2 {
			break
		}
		after = page[1].ID
	}
	assert.Equal(t, want, got)
	requireNoSecrets(t, w, shown...)
	assert.Contains(t, strings.Join(shown, ""), `"***`, "the codes are there, and masked")
	purchases := getJSON[[]recordView](t, w.base+"/_sandbox/journal?prefix=p/")
	require.Len(t, purchases, 1)
	assert.Equal(t, purchase.Prefix+id, purchases[0].ID)
	assert.JSONEq(t, `[]`, func() string { _, b := call(t, "GET", w.base+"/_sandbox/journal?prefix=none/", ""); return b }())
	for _, bad := range []string{"0", "501", "x"} {
		status, _ := call(t, http.MethodGet, w.base+"/_sandbox/journal?limit="+bad, "")
		assert.Equal(t, 400, status, bad)
	}
}

// Whatever the control API answers to a GET holds no secret.
func TestNoControlCallShowsASecret(t *testing.T) {
	w := startWorld(t, Config{Faults: []string{"forged"}})
	id := buyOne(t, w)
	for _, c := range w.controlCalls() {
		if c.Method != http.MethodGet || c.handle == nil {
			continue
		}
		path := strings.ReplaceAll(c.Path, "/_sandbox/hops/{id}", "/_sandbox/hops/vvchat-1")
		status, body := call(t, http.MethodGet, w.base+strings.ReplaceAll(path, "{id}", id), "")
		require.Equal(t, 200, status, path)
		requireNoSecrets(t, w, body)
	}
}

func TestTheClockGoesToWhatIsNext(t *testing.T) {
	w := startWorld(t, Config{Faults: []string{dropCallback}})
	id := buyOne(t, w)
	eventually(t, w, id, purchase.Unpaid)
	before := getJSON[map[string]time.Time](t, w.base+"/_sandbox/clock")
	require.True(t, before["next"].After(before["now"]))
	for range 20 {
		status, body := post(t, w, "clock", `{"to":"next"}`)
		require.Equal(t, 200, status, body)
		post(t, w, "sweep", ``)
		if p, err := w.purchase(t.Context(), id); err == nil && p.State == purchase.Delivered {
			return
		}
	}
	eventually(t, w, id, purchase.Delivered)
}

// What another process wrote is told by the purchase's own history.
func TestHopsOverARestart(t *testing.T) {
	cfg := Config{Journal: "sqlite:" + filepath.Join(t.TempDir(), "journal.db")}
	w, stop := serveWorld(t, cfg)
	id := buyOne(t, w)
	eventually(t, w, id, purchase.Delivered)
	stop()
	w = startWorld(t, cfg)
	list, lines := told(t, w, id)
	inOrder(t, lines, "merchant> ordering", "merchant> ordering → unpaid", "merchant> unpaid → paid", "merchant> paid → delivering", "merchant> delivering → delivered")
	for _, h := range list {
		assert.Equal(t, h.ID, getJSON[map[string]any](t, w.base+"/_sandbox/hops/"+h.ID)["id"])
	}
}

func TestTheTapeIsBounded(t *testing.T) {
	tape := newTape()
	for i := range 5 * tapeFrames {
		p := purchase.Purchase{ID: fmt.Sprintf("order-%d", i), State: purchase.Unpaid}
		tape.wrote(time.Time{}, journal.Record{ID: purchase.Prefix + p.ID, Version: 1}, p)
		tape.refused(fmt.Sprint(i), "of nobody's message")
	}
	assert.LessOrEqual(t, len(tape.all()), 2*tapeFrames)
	assert.LessOrEqual(t, len(tape.states), 2*tapeFrames)
	assert.LessOrEqual(t, len(tape.reasons), 1000)
	_, ok := tape.find(fmt.Sprintf("journal-order-%d-1", 5*tapeFrames-1))
	assert.True(t, ok, "the newest is there")
	for i := range 4 * tapeBytes / (1 << 20) {
		tape.exchanged(testkit.Exchange{Seq: i, Peer: testkit.PeerVVChat, Answer: strings.Repeat("x", 1<<20)})
		assert.LessOrEqual(t, tape.bytes, tapeBytes)
	}
}
