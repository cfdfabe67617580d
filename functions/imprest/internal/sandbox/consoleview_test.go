//go:build real

package sandbox

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/purchase"
)

// rowsWith is an expression for the steps that show a text.
func rowsWith(text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#rows .row")].filter(r => r.innerText.includes(%q))`, text)
}

// keys presses keys as a keyboard does.
func (b *tab) keys(text string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(text))
}

// A purchase watched while it happens, with faults, time, and a signature
// explained: nothing is reloaded.
func TestConsoleWatchesAPurchaseLive(t *testing.T) {
	w := startWorld(t, Config{})
	b := openTab(t, 1440, 900)
	b.open(w.base + "/_sandbox?lang=en")
	b.until("document.getElementById('wire').classList.contains('on')")
	eval[bool](b, "window.same = true")
	b.shot("live-empty")

	// A fault is switched on, and somebody buys in the shop.
	b.press("#fault-duplicate")
	b.until(`document.getElementById("fault-duplicate").getAttribute("aria-pressed") == "true"`)
	id := buyOne(t, w)
	b.until(`document.getElementById("state")?.dataset.state == "delivered"`)
	assert.Contains(t, eval[string](b, "document.querySelector('.stage .facts').innerText"), id)
	b.until(rowsWith("duplicate") + ".length >= 2")
	b.until(`document.querySelector(".machine.wide .node.now").dataset.state == "delivered"`)
	assert.Equal(t, "ordering → unpaid → paid → delivering → delivered", strings.TrimPrefix(eval[string](b, "document.querySelector('#machine-part p.sr').innerText"), consoleEnglish().MachineOf+" "))
	b.until(`document.querySelector("#fault-duplicate small")`) // it says that it struck
	b.press("#fault-duplicate")
	b.until(`document.getElementById("fault-duplicate").getAttribute("aria-pressed") == "false"`)

	// A notification made wrong: refused, shown where it failed, and explained.
	b.until(`document.getElementById("mutators")`)
	eval[bool](b, `(document.getElementById("mutators").value = "wrong-key", true)`)
	b.press("#do-mutate")
	b.until(rowsWith("wrong-key") + ".length == 1")
	b.until(`document.querySelector("#panel .verdict.reject")`)
	b.shot("live-refused")
	assert.Contains(t, b.see("#panel"), "&key=***")
	assert.True(t, eval[bool](b, "window.same"), "nothing was reloaded")
	assert.True(t, eval[bool](b, `document.getElementById("state").dataset.state == "delivered"`), "a forged notification changes nothing")

	// Time.
	before := w.clock.Now()
	b.press("#do-15m")
	b.until(`document.querySelector(".clock small")?.innerText.startsWith("+1")`)
	assert.GreaterOrEqual(t, w.clock.Now().Sub(before), 15*time.Minute)
	b.until(`document.getElementById("said").innerText.includes(":")`) // it is said aloud

	// The merchant dies and comes back; the page goes on.
	life := w.current.Load()
	b.press("#do-crash")
	select {
	case <-life.replaced:
	case <-time.After(10 * time.Second):
		t.Fatal("the merchant was not started again")
	}
	again := buyOne(t, w)
	b.until("document.getElementById(" + js("p-"+again) + ")")
	assert.True(t, eval[bool](b, "window.same"))

	b.press("#panel a[href*=explain]")
	b.until(`location.pathname.endsWith("/explain") && document.getElementById("verdict")`)
	b.shot("live-explained")
	assert.Contains(t, b.see("#verdict"), consoleEnglish().Reject)
}

// What a person looks at does not move away under his hands, and every control
// can be reached and worked by keys alone.
func TestConsoleByKeyboardAlone(t *testing.T) {
	w := startWorld(t, Config{})
	id := buyOne(t, w)
	eventually(t, w, id, purchase.Delivered)
	b := openTab(t, 1440, 900)
	b.open(w.base + "/_sandbox?lang=en")
	b.until("document.getElementById('wire').classList.contains('on')")

	b.keys(kb.Tab)
	assert.Equal(t, "skip", eval[string](b, "document.activeElement.className"))
	seen := map[string]bool{}
	for range 200 {
		b.keys(kb.Tab)
		at := eval[string](b, "document.activeElement.id")
		seen[at] = true
		if eval[bool](b, "document.activeElement == document.body") {
			break
		}
		require.NotEqual(t, "none", eval[string](b, "document.activeElement == document.body ? '' : getComputedStyle(document.activeElement).outlineStyle"), "focus is seen at %s", at)
	}
	for _, control := range []string{"lang", "theme-dark", "do-buy", "do-1m", "do-15m", "do-24h", "do-due", "fault-duplicate", "fault-forged", "do-crash", "do-notify", "mutators", "do-mutate"} {
		disabled := eval[bool](b, "document.getElementById("+js(control)+")?.disabled ?? true")
		assert.True(t, seen[control] || control == "do-due" && disabled, control)
	}

	// A step is opened by Enter, and Escape comes back to it.
	eval[bool](b, `(document.querySelector("#rows a").focus(), true)`)
	b.keys(kb.ArrowDown)
	first := eval[string](b, "document.activeElement.id")
	require.NotEqual(t, eval[string](b, `document.querySelector("#rows a").id`), first)
	b.keys(kb.Enter)
	b.until(`document.activeElement.id == "hop-title"`)
	// What happens meanwhile takes neither the focus nor the step away.
	other := buyOne(t, w)
	b.until("document.getElementById(" + js("p-"+other) + ")")
	b.keys(kb.Escape)
	b.until("document.activeElement.id == " + js(first))
	assert.False(t, eval[bool](b, `document.querySelector("#panel .opened") != null`))

	// A switch keeps the focus when its page changes under it.
	eval[bool](b, `(document.getElementById("fault-slow").focus(), true)`)
	b.keys(" ")
	b.until(`document.getElementById("fault-slow").getAttribute("aria-pressed") == "true"`)
	assert.Equal(t, "fault-slow", eval[string](b, "document.activeElement.id"))
}
