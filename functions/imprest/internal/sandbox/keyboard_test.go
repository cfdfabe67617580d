//go:build real

package sandbox

import (
	"fmt"
	"net/url"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// reachable lists what the keys must reach in a page, in its order: of a group
// of radio buttons the one that is chosen. It keeps them as stops.
const reachable = `(() => {
	const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")].filter((e) =>
		!e.disabled && e.type !== "hidden" && e.checkVisibility({ visibilityProperty: true }) &&
		(e.type !== "radio" || e.checked || !document.querySelector("input[name='" + e.name + "']:checked")));
	globalThis.stops = all; // no attribute: what a page swaps must find itself as it was
	return all.length;
})()`

// stop is what has the focus: its number, its name, and whether a person can
// see that it has it. What lies in front of it, as a bar that does not move,
// must not hide it whole.
const stop = `(() => {
	const e = document.activeElement;
	if (!e || e === document.body) return { number: -2 };
	const box = e.getBoundingClientRect();
	const points = [0.5, 0.1, 0.9].flatMap((x) => [0.5, 0.1, 0.9].map((y) => document.elementFromPoint(box.left + box.width * x, box.top + box.height * y)));
	const hit = points.some((p) => p && (e.contains(p) || p.contains(e)) || p?.closest("label")?.control === e);
	return { number: stops.indexOf(e), name: (e.id || e.className) + " " + (e.innerText || e.name || "").slice(0, 40),
		ring: getComputedStyle(e).outlineStyle !== "none", seen: hit };
})()`

type focused struct {
	Number     int
	Name       string
	Ring, Seen bool
}

// tabThrough presses Tab from the beginning of a page to its end: everything is
// reached, in the order in which it is read, and the focus is always seen.
func (b *tab) tabThrough(name string) {
	b.t.Helper()
	count := eval[int](b, reachable)
	require.Positive(b.t, count, name)
	eval[bool](b, "(document.activeElement?.blur(), getSelection().removeAllRanges(), scrollTo(0, 0), true)")
	for i := range count {
		b.keys(kb.Tab)
		at := eval[focused](b, stop)
		if !assert.Equal(b.t, i, at.Number, "%s: stop %d is %q", name, i, at.Name) {
			return
		}
		assert.True(b.t, at.Ring, "%s: nobody sees that %q has the focus", name, at.Name)
		assert.True(b.t, at.Seen, "%s: %q has the focus behind something else", name, at.Name)
	}
}

func TestEverythingIsReachedByKeys(t *testing.T) {
	w := startEveryEnd(t)
	b := openTab(t, 1440, 900)
	walk := func(name, address string) {
		b.open(address)
		b.until("document.readyState == 'complete' && (document.getElementById('wire')?.classList.contains('on') ?? true)")
		b.tabThrough(name)
	}
	b.open(w.base + "/?lang=en")
	b.tabThrough("shop-offers")
	// Log in by keys alone.
	eval[bool](b, "(document.querySelector('header a.button').focus(), true)")
	b.keys(kb.Enter)
	b.until("location.origin == " + js(w.platformBase))
	b.tabThrough("phone-consent")
	eval[bool](b, "(document.querySelector('button[value=allow]').focus(), true)")
	b.keys(kb.Enter)
	b.until("location.origin == " + js(w.base) + " && document.querySelector('[data-calls] button') && document.querySelector('.badge')")
	b.tabThrough("shop-purchases")
	for _, screen := range []string{"/phone", "/phone/chats"} {
		walk(screen, w.platformBase+screen)
	}
	for _, width := range []int64{1440, 390} {
		b.size(width, 900, "light")
		for _, s := range w.consoleScreens("en") {
			switch s.name {
			case "opened", "mall", "journal", "explained", "api":
				walk(fmt.Sprint("console-", s.name, " ", width), w.base+s.path)
			}
		}
	}
}

// In the shop inside the IM a sheet takes the focus, Escape leaves it, and the
// focus is back where it was.
func TestSheetsOfTheShopByKeys(t *testing.T) {
	w := startWorld(t, Config{})
	b := openTab(t, 390, 844)
	b.open(w.platformBase + "/phone/open?" + url.Values{"url": {w.base + "/?lang=en"}, "session": {testkit.TestSessions()[1].ID}}.Encode())
	b.until("location.hostname.endsWith('.localhost') && document.readyState == 'complete'")
	eval[bool](b, "(document.querySelector('header [data-action=login]').focus(), true)")
	b.keys(kb.Enter)
	s := b.sheet()
	s.until("document.readyState == 'complete' && document.activeElement.tagName == 'H1'")
	b.keys(kb.Escape)
	b.until("!document.querySelector('vvchat-sheet') && document.activeElement.dataset.action == 'login'")
	assert.Equal(t, shopEnglish().Script["declined"], b.notice())

	b.keys(kb.Enter)
	s = b.sheet()
	s.until("document.readyState == 'complete' && document.activeElement.tagName == 'H1'")
	s.tabThrough("sheet-login")
	eval[bool](s, "(document.querySelector('button[value=allow]').focus(), true)")
	b.keys(kb.Enter)
	b.until("document.querySelector('.who') && document.querySelector('[data-calls] button')")
	b.tabThrough("inside-shop")
	eval[bool](b, "(document.querySelector('[data-offer]').focus(), true)")
	b.keys(kb.Enter)
	s = b.sheet()
	s.until("document.readyState == 'complete' && document.activeElement.tagName == 'H1'")
	b.keys(kb.Escape)
	b.until("!document.querySelector('vvchat-sheet') && document.querySelector('.badge[data-state=unpaid]')")
	assert.True(t, eval[bool](b, "document.activeElement.matches('[data-offer]')"), "the focus is back where it was")
}

// Twice as large, four times as large, and with letters alone twice as large:
// nothing stands out at the side.
func TestPagesGrow(t *testing.T) {
	w := startEveryEnd(t)
	b := openTab(t, 1280, 800)
	grow := func(name string) {
		for _, s := range []struct {
			as            string
			width, height int64
			letters       int64
		}{{"200 %", 640, 400, 16}, {"400 %", 320, 256, 16}, {"letters at 200 %", 1280, 800, 32}} {
			b.do(chromedp.EmulateViewport(s.width, s.height))
			_, err := chromedp.Call(b.ctx, cdppage.SetFontSizes, cdppage.SetFontSizesParams{FontSizes: &cdppage.FontSizes{Standard: s.letters}})
			require.NoError(t, err)
			assert.LessOrEqual(t, eval[int64](b, "document.documentElement.scrollWidth"), s.width, "%s at %s: %s", name, s.as,
				eval[string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > %d).slice(-3).map((e) => e.outerHTML.slice(0, 160) + " " + e.getBoundingClientRect().right).join("\n")`, s.width)))
			b.shot(fmt.Sprintf("grown-%s-%d-%d", name, s.width, s.letters))
		}
	}
	for _, lang := range []string{"en", "zh"} {
		for _, s := range w.consoleScreens(lang) {
			b.open(withLang(w.base+s.path, lang))
			grow(s.name + "-" + lang)
		}
		b.open(withLang(w.base+"/", lang))
		grow("shop-" + lang)
		b.open(w.platformBase + "/phone")
		grow("phone-" + lang)
	}
}

// Whoever asks for little motion sees none; others do.
func TestLittleMotion(t *testing.T) {
	w := startEveryEnd(t)
	b := openTab(t, 390, 844)
	b.open(w.base + "/?lang=en")
	b.press("header a.button")
	b.press("button[value=allow]")
	b.until("location.origin == " + js(w.base) + " && document.querySelector('.badge[data-state=" + string(purchase.Unpaid) + "]')")
	const moving = "document.getAnimations().filter((a) => a.playState == 'running').length"
	b.prefer("prefers-reduced-motion", "no-preference")
	b.until(moving + " > 0")
	b.prefer("prefers-reduced-motion", "reduce")
	b.until(moving + " == 0")

	for _, c := range []struct {
		wish string
		want string
	}{{"no-preference", "> 0"}, {"reduce", "== 0"}} {
		b.prefer("prefers-reduced-motion", c.wish)
		b.open(w.base + consolePath + "purchases/" + w.delivered)
		b.until("document.getElementById('wire').classList.contains('on')")
		eval[bool](b, `(document.querySelector("#rows .row").classList.add("fresh"), document.querySelector(".switch").setAttribute("aria-pressed", "true"), true)`)
		assert.True(t, eval[bool](b, moving+" "+c.want), c.wish)
	}
}

// Theme and language are chosen by clicking, and kept on the next page and when
// the page comes again.
func TestThemeAndLanguageAreKept(t *testing.T) {
	w := startWorld(t, Config{})
	b := openTab(t, 1440, 900)
	b.prefer("prefers-color-scheme", "light")
	b.open(w.base + "/_sandbox")
	state := func() string {
		return eval[string](b, "document.documentElement.lang + ' ' + getComputedStyle(document.documentElement).colorScheme + ' ' + getComputedStyle(document.body).backgroundColor")
	}
	click := func(selector string) {
		b.t.Helper()
		before := eval[float64](b, "performance.timeOrigin")
		b.do(chromedp.Click(chromedp.CSS(selector)))
		b.until(fmt.Sprintf("performance.timeOrigin != %f && document.readyState == 'complete'", before))
	}
	const light, dark = "rgb(245, 246, 248)", "rgb(14, 16, 19)"
	require.Equal(t, "en light dark "+light, state())
	click("#theme-dark")
	assert.Equal(t, "en dark "+dark, state())
	assert.Equal(t, "true", eval[string](b, "document.getElementById('theme-dark').getAttribute('aria-current')"))
	click("#lang")
	assert.Equal(t, "zh dark "+dark, state())
	for _, page := range []string{"journal", "payouts", "codes", "explain", "api"} {
		click(".tabs a[href$=" + page + "]")
		assert.Equal(t, "zh dark "+dark, state(), page)
	}
	click("#theme-light")
	b.prefer("prefers-color-scheme", "dark")
	assert.Equal(t, "zh light "+light, state(), "what was chosen outdoes what the device prefers")
	click("#theme-auto")
	assert.Equal(t, "zh light dark "+dark, state())
	click("#lang")
	assert.True(t, eval[bool](b, "location.pathname.endsWith('/api')"), "the page stays the same")
	click(".brand")
	assert.Equal(t, "en light dark "+dark, state())
	b.do(chromedp.Reload())
	assert.Equal(t, "en light dark "+dark, state())
}
