package testkit_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/imprest-go/imprest/testkit"
)

// A merchant who trusts whatever is posted, and what his developer reads. In a
// test, t is the *testing.T; a whole test file is in example_merchant_test.go.
func ExampleStart() {
	t := &reader{}
	delivered := 0
	m := testkit.Start(t, testkit.MerchantConfig{
		Open: func(*testkit.Process) (http.Handler, error) {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				delivered++
				_, _ = io.WriteString(w, "success")
			}), nil
		},
		Delivered: func(string) int { return delivered },
	})
	m.RequireRefuses(t, m.NewOrder(t), testkit.MutateWrongKey)

	for _, line := range strings.Split(t.failed, "\n") {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "expected") || strings.HasPrefix(line, "wrong-key") || strings.HasPrefix(line, "do") {
			fmt.Println(line)
		}
	}
	// Output:
	// expected the notification to be refused: 4xx, and nothing delivered; got 200 "success", and 1 delivery
	// wrong-key: signed with another app_key
	// do:   verify first: make the sign over all fields that came, with your own app_key, and compare the 16 bytes; a message that fails is answered 4xx and leaves no trace
}

// A merchant who notes a payment before he delivers it, and takes the note for
// the delivery when he is told again.
func ExampleMerchant_RequireSurvivesCrash() {
	t := &reader{}
	noted, delivered := map[string]bool{}, map[string]int{}
	m := testkit.Start(t, testkit.MerchantConfig{
		Open: func(p *testkit.Process) (http.Handler, error) {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				no := fmt.Sprint(fieldsOf(again(r))["out_trade_no"])
				if !noted[no] {
					noted[no] = true
					p.CrashPoint("noted, not delivered")
					delivered[no]++
				}
				_, _ = io.WriteString(w, "success")
			}), nil
		},
		Delivered: func(outTradeNo string) int { return delivered[outTradeNo] },
	})
	m.RequireSurvivesCrash(t)

	line, _, _ := strings.Cut(t.failed, "\n")
	fmt.Println(line)
	// Output:
	// expected the order "order-1" to be delivered after a crash at the crash point "noted, not delivered"; got a repeat that was answered success as a duplicate, and no delivery: the payment is lost
}

// An http.Handler of the merchant's own takes the platform's notifications
// without a port.
func ExampleHTTPClient() {
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{
		Client: testkit.HTTPClient(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Println(r.Method, r.Host, r.URL.Path, fieldsOf(again(r))["out_trade_no"])
			_, _ = io.WriteString(w, "success")
		})),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer platform.Close()
	pay(platform)
	fmt.Println(platform.Notifications()[0].Acknowledged)
	// Output:
	// POST shop.example /callbacks/payment order-1
	// true
}
