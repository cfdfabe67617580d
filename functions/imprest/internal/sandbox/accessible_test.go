//go:build real

package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/functions/imprest/internal/axe"
	"github.com/imprest-go/imprest/testkit"
)

// everyEnd is a sandbox in which a purchase has come to each end.
type everyEnd struct {
	*world
	unpaid, expired, delivered, refunded, attention, mall string
	// forged is the step of a notification that was refused.
	forged string
}

func startEveryEnd(t *testing.T) everyEnd {
	w := everyEnd{world: startWorld(t, Config{})}
	b := newBrowser(w.base)
	t.Cleanup(b.client.CloseIdleConnections)
	require.NoError(t, w.logIn(t.Context(), b))
	order := func() string {
		chosen, err := w.choose(t.Context(), b)
		require.NoError(t, err)
		bought, err := w.order(t.Context(), b, chosen)
		require.NoError(t, err)
		return bought.ID
	}
	with := func(fault string, end purchase.State) string {
		if fault != "" {
			require.NoError(t, w.plan.switchTo(fault, true))
		}
		id := buyOne(t, w.world)
		moveTo(t, w.world, id, end)
		if fault != "" {
			require.NoError(t, w.plan.switchTo(fault, false))
		}
		return id
	}
	w.expired = order()
	w.clock.Advance(72 * time.Hour)
	eventually(t, w.world, w.expired, purchase.Expired)
	w.delivered = with("forged", purchase.Delivered)
	w.refunded = with(cloudDown, purchase.Refunded)
	w.attention = with(codeUsed, purchase.Attention)
	var err error
	w.mall, err = w.buyInMall(t.Context(), b)
	require.NoError(t, err)
	moveTo(t, w.world, w.mall, purchase.Delivered)
	status, body := post(t, w.world, "payouts", `[{"out_order_no": "payout-1", "amount": 100}]`)
	require.Equal(t, http.StatusOK, status, body)
	w.unpaid = order()

	p, err := w.purchase(t.Context(), w.delivered)
	require.NoError(t, err)
	hops, err := w.hops(t.Context(), p)
	require.NoError(t, err)
	for _, h := range hops {
		if h.Failed != "" && w.forged == "" {
			w.forged = h.ID
		}
	}
	require.NotEmpty(t, w.forged)
	return w
}

// later evaluates an expression in the page, or in the sheet that b stands for,
// waits for it if it is a promise, and returns it as a text.
func (b *tab) later(expression string) (string, error) {
	byValue, await := true, true
	p := runtime.EvaluateParams{Expression: expression, ReturnByValue: &byValue, AwaitPromise: &await}
	if b.frame != "" {
		world, err := chromedp.Call(b.ctx, cdppage.CreateIsolatedWorld, cdppage.CreateIsolatedWorldParams{FrameID: b.frame, WorldName: "test"})
		if err != nil {
			return "", err
		}
		p.ContextID = world.ExecutionContextID
	}
	got, err := chromedp.Call(b.ctx, runtime.Evaluate, p)
	if err != nil {
		return "", err
	}
	if got.ExceptionDetails != nil {
		return "", fmt.Errorf("%s: %s", got.ExceptionDetails.Text, got.Result.Description)
	}
	var text string
	err = json.Unmarshal(got.Result.Value, &text)
	return text, err
}

// size makes the window another one, whose user prefers a theme and, as most
// tests need it, little motion.
func (b *tab) size(width, height int64, theme string) {
	b.t.Helper()
	b.prefer("prefers-color-scheme", theme, "prefers-reduced-motion", "reduce")
	b.do(chromedp.EmulateViewport(width, height))
}

func (b *tab) prefer(features ...string) {
	b.t.Helper()
	var list []*emulation.MediaFeature
	for i := 0; i < len(features); i += 2 {
		list = append(list, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: list})
	require.NoError(b.t, err)
}

// rules fails the test for each rule of accessibility that a page breaks, of all
// or of some.
func (b *tab) rules(name string, only ...string) {
	b.t.Helper()
	found, err := axe.Violations("../axe", b.later, only...)
	require.NoError(b.t, err, name)
	for _, violation := range found {
		b.t.Errorf("%s: %s", name, violation)
	}
}

// look holds a page, or a sheet over it, to the rules as it is now: on a phone
// and on a desk, light and dark. Both languages together see each width in each
// theme.
func (b *tab) look(name, lang string) {
	b.t.Helper()
	phone, desk := "light", "dark"
	if lang == "en" {
		phone, desk = desk, phone
	}
	top := &tab{t: b.t, ctx: b.ctx}
	for _, s := range []struct {
		width, height int64
		theme         string
		only          []string
	}{{390, 844, phone, nil}, {1440, 900, desk, axe.ByLook()}} {
		top.size(s.width, s.height, s.theme)
		as := fmt.Sprintf("%s-%d-%s-%s", name, s.width, s.theme, lang)
		assert.Equal(b.t, lang, eval[string](b, "document.documentElement.lang"), as)
		b.rules(as, s.only...)
		assert.LessOrEqual(b.t, eval[int64](top, "document.documentElement.scrollWidth"), s.width, "%s is wider than its window", as)
	}
	if os.Getenv("IMPREST_SHOTS") == "" {
		return
	}
	for _, width := range []int64{390, 1440} { // for a person, all of it
		for _, theme := range []string{"light", "dark"} {
			top.size(width, 900, theme)
			top.size(width, min(max(900, eval[int64](top, "document.documentElement.scrollHeight")), 4000), theme)
			top.shot(fmt.Sprintf("%s-%d-%s-%s", name, width, theme, lang))
		}
	}
}

// A page that breaks rules is told so: by its elements, and how to repair them.
func TestTheRulesOfAccessibilityFindWhatIsWrong(t *testing.T) {
	b := openTab(t, 390, 844)
	b.open("about:blank")
	eval[bool](b, `(document.body.innerHTML = '<input id="a"><p style="color: #bbb; background: #fff">Pale</p><a id="tiny" href="#x">i</a><a href="#y">j</a>', true)`)
	found, err := axe.Violations("../axe", b.later)
	require.NoError(t, err)
	some, err := axe.Violations("../axe", b.later, axe.ByLook()...)
	require.NoError(t, err)
	require.Len(t, some, 3, "pale letters, and two links too small: %s", some)
	all := fmt.Sprint(found)
	for _, want := range []string{"label (critical)", "color-contrast (serious)", "html-has-lang (serious)", "document-title (serious)", `<input id="a">`, "Fix any of the following"} {
		assert.Contains(t, all, want)
	}
}

// consoleScreens are the addresses of the console, by name. What differs from
// another one in words alone is looked at in one language.
func (w everyEnd) consoleScreens(lang string) []struct{ name, path string } {
	of := func(id string) string { return consolePath + "purchases/" + id }
	screens := []struct{ name, path string }{
		{"delivered", of(w.delivered)}, {"opened", of(w.delivered) + "?hop=" + w.forged}, {"hop", consolePath + "hops/" + w.forged + "?purchase=" + w.delivered},
		{"refunded", of(w.refunded)}, {"attention", of(w.attention)}, {"mall", of(w.mall)},
		{"journal", consolePath + "journal"}, {"payouts", consolePath + "payouts"}, {"codes", consolePath + "codes"}, {"explain", consolePath + "explain"},
		{"explained", consolePath + "explain?example=" + string(testkit.MutateWrongKey)}, {"api", consolePath + "api"}, {"not-there", of("unknown")},
	}
	more := []struct{ name, path string }{{"unpaid", of(w.unpaid)}, {"journal-none", consolePath + "journal?prefix=none"}}
	if lang == "en" {
		more = []struct{ name, path string }{{"expired", of(w.expired)}, {"explained-hop", consolePath + "explain?hop=" + w.forged}}
	}
	return append(screens, more...)
}

// withLang is an address that asks for a language.
func withLang(address, lang string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	q.Set("lang", lang)
	u.RawQuery = q.Encode()
	return u.String()
}

func TestTheConsoleKeepsTheRulesOfAccessibility(t *testing.T) {
	w := startEveryEnd(t)
	empty := startWorld(t, Config{})
	for _, lang := range []string{"zh", "en"} {
		t.Run(lang, func(t *testing.T) {
			b := openTab(t, 390, 844)
			b.open(withLang(empty.base+"/_sandbox", lang))
			b.look("console-empty", lang)
			for _, s := range w.consoleScreens(lang) {
				b.open(withLang(w.base+s.path, lang))
				// What is folded away is looked at too.
				eval[bool](b, "(document.querySelectorAll('details').forEach((d) => { d.open = true; }), true)")
				b.look("console-"+s.name, lang)
			}
		})
	}
}

// The shop, and the phone that it leads to, one screen after the other.
func TestTheShopAndThePhoneKeepTheRulesOfAccessibility(t *testing.T) {
	w := startEveryEnd(t)
	b := openTab(t, 390, 844)
	chats := testkit.TestSessions()
	for _, lang := range []string{"zh", "en"} {
		b.open(withLang(w.base+"/", lang))
		b.look("shop-offers", lang)
		b.press("header a.button")
		b.until("location.origin == " + js(w.platformBase))
		b.look("phone-consent", lang)
		b.press("button[value=allow]")
		b.until("location.origin == " + js(w.base) + " && document.querySelector('[data-calls] button')")
		for _, state := range []purchase.State{purchase.Unpaid, purchase.Expired, purchase.Delivered, purchase.Refunded, purchase.Attention} {
			b.until("document.querySelector('.badge[data-state=" + string(state) + "]')")
		}
		b.look("shop-purchases", lang)
		b.press("[data-calls=unknown] button")
		b.until("location.origin == " + js(w.cloudBase))
		b.look("miniprogram", lang)
		b.open(w.cloudBase + "/miniprogram")
		b.look("miniprogram-problem", lang)

		unpaid, err := w.purchase(t.Context(), w.unpaid)
		require.NoError(t, err)
		b.open(w.payLink(unpaid.View()))
		b.look("phone-pay", lang)
		require.True(t, w.platform.SetBalance("", 1))
		b.press("button[value=pay]")
		b.until("document.querySelector('button[value=topup]')")
		b.look("phone-short", lang)
		b.press("button[value=cancel]")
		b.until("location.origin == " + js(w.base) + " && !document.getElementById('notice').hidden && document.querySelector('.fresh')")
		b.look("shop-cancelled", lang)
		require.True(t, w.platform.SetBalance("", 100_000))

		for _, s := range []struct{ name, address string }{
			{"home", w.platformBase + "/phone"}, {"chats", w.platformBase + "/phone/chats"},
			{"chat", w.platformBase + "/phone/chat?session=" + chats[1].ID}, {"robot", w.platformBase + "/phone/chat?open_id=" + testkit.TestRobot().OpenID},
			{"problem", w.platformBase + "/phone/link?uri=nothing"},
			{"scan", w.platformBase + "/phone/scan?" + url.Values{"uri": {"qyx://qpay?imprest_code=CODE&app_id=test&redirect_uri=" + url.QueryEscape(w.base+"/")}}.Encode()},
		} {
			b.open(s.address)
			b.look("phone-"+s.name, lang)
		}
		b.open(w.platformBase + "/phone")
		b.press(".orders.paid a")
		b.until("document.querySelector('.mark.good')")
		b.look("phone-paid", lang)
		b.open(w.base + "/")
		b.press("[data-action=share-more]")
		b.until("location.pathname == '/phone/share'")
		b.look("phone-share", lang)
		b.press("button[value=share]")
		b.until("location.origin == " + js(w.base) + " && !document.getElementById('notice').hidden")
		b.press("nav form button")
		b.until("document.querySelector('header a.button')")
	}
}

// The sheets that the phone lays over a page inside the IM.
func TestSheetsKeepTheRulesOfAccessibility(t *testing.T) {
	w := startWorld(t, Config{})
	b := openTab(t, 390, 844)
	for _, lang := range []string{"zh", "en"} {
		require.True(t, w.platform.SetBalance("", 1))
		b.open(w.platformBase + "/phone?lang=" + lang)
		b.open(w.platformBase + "/phone/open?" + url.Values{"url": {w.base + "/?lang=" + lang}, "session": {testkit.TestSessions()[1].ID}, "platform": {"ios"}}.Encode())
		b.until("location.hostname.endsWith('.localhost') && document.readyState == 'complete'")
		press := func(selector string) *tab {
			b.press(selector)
			s := b.sheet()
			s.until("document.readyState == 'complete' && document.querySelector('h1')")
			s.look("sheet-"+map[string]string{"header [data-action=login]": "login", "[data-offer]": "pay", "[data-action=say-there]": "pick", "[data-action=share-more]": "share"}[selector], lang)
			return s
		}
		press("header [data-action=login]").press("button[value=allow]")
		b.until("document.querySelector('.who')")
		b.look("inside-shop", lang)
		short := press("[data-offer]")
		short.press("button[value=pay]")
		short.until("document.querySelector('button[value=topup]')")
		short.look("sheet-short", lang)
		short.press("button[value=topup]")
		short.until("document.querySelector('button[value=pay]')")
		short.press("button[value=pay]")
		b.until("document.querySelector('.badge[data-state=delivered]')")
		press("[data-action=say-there]").press("button[value=cancel]")
		press("[data-action=share-more]").press("button[value=cancel]")
		eval[bool](b, `(window.vvchat.call("auth", { app_id: "nobody", scope: "x" }, () => {}, () => {}), true)`)
		stop := b.sheet()
		stop.until("document.readyState == 'complete' && document.querySelector('h1')")
		stop.look("sheet-stop", lang)
		stop.press("button[value=cancel]")
		b.press("nav form button")
		b.until("document.querySelector('header [data-action=login]')")
	}
}
