//go:build real

package sandbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// In a browser outside the IM: the shop leads to the phone by links, and the
// phone comes back.
func TestTheShopOutsideTheIM(t *testing.T) {
	w := startWorld(t, Config{})
	b := openTab(t, 390, 844)
	b.open(w.base + "/?lang=en")
	b.shot("outside-shop")
	b.press("header a.button")
	b.press("button[value=refuse]")
	b.until("location.origin == " + js(w.base) + " && !document.getElementById('notice').hidden")
	assert.Equal(t, shopEnglish().LoginRefused, b.see("#notice"))

	b.press("header a.button")
	b.until("location.origin == " + js(w.platformBase))
	b.shot("outside-consent")
	b.press("button[value=allow]")
	b.until("location.origin == " + js(w.base) + " && document.querySelector('.who')")
	assert.Equal(t, testkit.TestUser().Nickname, b.see(".who"))

	// Cancelled: the order can still be paid.
	b.press("[data-offer]")
	b.shot("outside-pay")
	b.press("button[value=cancel]")
	b.until("location.origin == " + js(w.base) + " && !document.getElementById('notice').hidden")
	assert.Equal(t, shopEnglish().Script["cancelled"], b.see("#notice"))
	assert.Equal(t, shopEnglish().States[string(purchase.Unpaid)], b.see(".badge"))

	b.press(".purchases .button")
	b.press("button[value=pay]")
	assert.NotEmpty(t, b.see(".badge[data-state=delivered]"))
	b.shot("outside-delivered")

	// The doorbell may call, once its user lets it.
	b.press("[data-calls=unknown] button")
	b.until("location.origin == " + js(w.cloudBase))
	b.shot("outside-calls")
	b.press("button[value=allow]")
	b.see("[data-calls=allowed]")
	w.cloud.RequireAuthorized(t, testkit.TestDoorbell().ID)
	w.cloud.RequireCodesUsed(t, 1)

	// The same order as a QR code, for a desktop that has no app.
	b.press("[data-offer]")
	b.press("button[value=cancel]")
	b.until("location.origin == " + js(w.base) + " && document.readyState == 'complete'")
	b.press(".purchases .button.quiet")
	b.until("location.pathname == '/phone/scan' && document.querySelector('img, svg')")
	b.shot("outside-scan")
	b.open(w.base + "/?lang=en")

	// Both kinds of share, by links, and one that is taken back.
	b.press("[data-action=share]")
	b.until("location.pathname == '/phone/share'")
	b.press("button[value=cancel]")
	b.until("location.origin == " + js(w.base) + " && !document.getElementById('notice').hidden")
	assert.Equal(t, shopEnglish().Script["notShared"], b.see("#notice"))
	for _, kind := range []string{"share", "share-more"} {
		b.press("[data-action=" + kind + "]")
		b.until("location.pathname == '/phone/share'")
		b.press("button[value=share]")
		b.until("location.origin == " + js(w.base) + " && !document.getElementById('notice').hidden")
		assert.Equal(t, shopEnglish().Script["shared"], b.see("#notice"))
	}
	assert.Len(t, w.platform.Shares(), 2)

	b.press("[data-action=service]")
	b.until("location.pathname == '/phone/chat'")
	assert.Contains(t, b.see("main"), testkit.TestRobot().Name)
	require.Eventually(t, func() bool { return len(getJSON[[]robotEvent](t, w.base+"/_sandbox/robot-events")) == 1 }, 5*time.Second, 10*time.Millisecond)

	b.open(w.base + "/?lang=en")
	b.press("nav form button")
	b.until("document.querySelector('header a.button')")
}

// On a desktop, in Chinese: nothing is wider than the window.
func TestTheShopOnADesktop(t *testing.T) {
	w := startWorld(t, Config{})
	b := openTab(t, 1440, 900)
	b.open(w.base + "/?lang=zh")
	b.press("header a.button")
	b.until("location.origin == " + js(w.platformBase))
	b.shot("desktop-consent")
	b.press("button[value=allow]")
	b.until("location.origin == " + js(w.base) + " && document.querySelector('[data-device]')")
	b.shot("desktop-shop")
	assert.LessOrEqual(t, eval[int](b, "document.documentElement.scrollWidth"), 1440)
	b.open(w.platformBase + "/phone")
	b.shot("desktop-phone")
	assert.LessOrEqual(t, eval[int](b, "document.documentElement.scrollWidth"), 1440)
}
