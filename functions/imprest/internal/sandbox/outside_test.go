//go:build real

package sandbox

import (
	"testing"

	"github.com/stretchr/testify/assert"

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

	b.press("nav form button")
	b.until("document.querySelector('header a.button')")
}
