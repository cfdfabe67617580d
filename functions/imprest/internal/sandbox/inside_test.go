//go:build real

package sandbox

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// sheet waits for a sheet of the phone that was not looked at yet, and returns
// it.
func (b *tab) sheet() *tab {
	b.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		tree, err := chromedp.Call(b.ctx, cdppage.GetFrameTree, cdp.Empty{})
		require.NoError(b.t, err)
		for _, child := range tree.FrameTree.ChildFrames {
			if id := child.Frame.ID; strings.Contains(child.Frame.URL, "/phone/sheet/") && !b.sheets[id] {
				b.sheets[id] = true
				return &tab{t: b.t, ctx: b.ctx, frame: id}
			}
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("no sheet; the page is at %s: %.300s", eval[string](b, "location.href"), eval[string](b, "document.body.innerText"))
		}
	}
}

// answer presses a button of the next sheet.
func (b *tab) answer(button string) *tab {
	b.t.Helper()
	s := b.sheet()
	s.until("document.readyState == 'complete' && document.querySelector('button[value=" + button + "]')")
	b.shot("sheet-" + button)
	s.press("button[value=" + button + "]")
	return s
}

func (b *tab) notice() string {
	b.t.Helper()
	b.until("!document.getElementById('notice').hidden")
	return b.see("#notice")
}

// Inside the IM, on both systems and with the bridge there early or late: the
// page uses the JSSDK, and the phone shows its sheets over it.
func TestTheShopInsideTheIM(t *testing.T) {
	chats := testkit.TestSessions()
	for _, c := range []struct{ platform, bridge string }{{"android", "late"}, {"android", "early"}, {"ios", "late"}, {"ios", "early"}} {
		t.Run(c.platform+" "+c.bridge, func(t *testing.T) {
			w := startWorld(t, Config{})
			b := openTab(t, 390, 844)
			b.open(w.platformBase + "/phone/open?" + url.Values{"url": {w.base + "/?lang=en"}, "session": {chats[1].ID}, "platform": {c.platform}, "bridge": {c.bridge}}.Encode())
			b.until("location.hostname.endsWith('.localhost') && document.readyState == 'complete'")
			words := shopEnglish()

			b.press("header [data-action=login]")
			b.answer("refuse")
			assert.Equal(t, words.Script["declined"], b.notice())
			b.press("header [data-action=login]")
			b.answer("allow")
			assert.Equal(t, testkit.TestUser().Nickname, b.see(".who"))

			// Cancelled, too little money, paid.
			b.press("[data-offer]")
			b.answer("cancel")
			assert.Contains(t, b.notice(), words.Script["notPaid"])
			require.True(t, w.platform.SetBalance("", 1))
			b.press(".purchases .button")
			short := b.answer("pay")
			short.until("document.querySelector('button[value=topup]')")
			b.shot("sheet-short")
			short.press("button[value=cancel]")
			assert.Contains(t, b.notice(), words.Script["notPaid"])
			assert.Equal(t, words.States[string(purchase.Unpaid)], b.see(".badge"))
			require.True(t, w.platform.SetBalance("", 10_000))
			b.press(".purchases .button")
			b.answer("pay")
			b.see(".badge[data-state=delivered]")
			b.shot("inside-delivered-" + c.platform)
			w.cloud.RequireCodesUsed(t, 1)
			left, _ := w.platform.Balance("")
			assert.Equal(t, 10_000-3600, int(left))

			// A message to this chat, and to one that the user picks.
			b.press("[data-action=say-here]")
			b.answer("allow")
			b.until("document.getElementById('notice').innerText == " + js(words.Script["said"]))
			w.platform.RequireMessage(t, chats[1].ID, words.Script["hello"])
			b.press("[data-action=say-there]")
			pick := b.sheet()
			pick.press("input[value='" + chats[0].ID + "']")
			pick.press("button[value=pick]")
			b.answer("allow")
			b.until("document.getElementById('notice').innerText == " + js(words.Script["said"]))
			w.platform.RequireMessage(t, chats[0].ID, words.Script["hello"])

			// Both kinds of share, and one that the user takes back.
			b.press("[data-action=share]")
			b.answer("cancel")
			assert.Contains(t, b.notice(), words.Script["notShared"])
			b.press("[data-action=share]")
			b.answer("share")
			b.until("document.getElementById('notice').innerText == " + js(words.Script["shared"]))
			basic := w.platform.RequireShare(t, words.Shop)
			assert.Empty(t, basic.ShareDataURL)
			b.press("[data-action=share-more]")
			b.answer("share")
			b.until("document.getElementById('notice').innerText == " + js(words.Script["shared"]))
			shares := w.platform.Shares()
			require.Len(t, shares, 2)
			assert.Contains(t, shares[1].ShareDataURL, `"tpl_type":"MultipleLine"`)

			// Customer service.
			b.press("[data-action=service]")
			b.until("location.pathname == '/phone/chat'")
			b.shot("inside-service-" + c.platform)
			assert.Contains(t, b.see("main"), testkit.TestRobot().Name)
		})
	}
}
