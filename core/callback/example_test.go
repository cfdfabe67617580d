package callback_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit"
)

// shop is a merchant's orders table: out_trade_no → price in fen.
type shop map[string]core.Fen

func (s shop) Paid(_ context.Context, n callback.PaymentNotice) error {
	if price, ok := s[n.OutTradeNo]; !ok || price != n.Amount {
		return core.Mismatch("shop", "no such order at this price")
	}
	fmt.Println("deliver", n.OutTradeNo, "paid by", n.TradeNo)
	return nil // durably on record: the platform is told "success"
}

// A whole handler: genuine notifications are delivered once, whatever else
// comes is refused with one fixed text.
func ExamplePayment() {
	key := core.NewSecret("the-app-key-from-the-platform")
	handler, err := callback.Payment(callback.Config{
		Apps: []callback.App{{ID: "my-app", Keys: []core.Secret{key}}},
		Sink: callback.Once(journal.NewMemory(), shop{"O1": 1990}), // in production: sqlitestore.Open
	})
	if err != nil {
		log.Fatal(err)
	}

	// mux.Handle("POST /callbacks/payment", nethttp.Wrap(handler)) mounts it.
	send := func(m testkit.Message) {
		resp := handler.Handle(context.Background(), m.Request("/callbacks/payment"))
		fmt.Println(resp.Status, string(resp.Body))
	}
	payment := testkit.PaymentFields{AppID: "my-app", AppKey: key, OutTradeNo: "O1", TradeNo: "T1", Amount: 1990}
	send(testkit.SignedPayment(payment))
	send(testkit.SignedPayment(payment)) // delivered again by the platform
	send(testkit.SignedPayment(payment, testkit.MutateTamperedAmount))
	// Output:
	// deliver O1 paid by T1
	// 200 success
	// 200 success
	// 400 refused
}

// A robot that answers who speaks to it. The address that is registered with
// the platform ends in the secret; without it there is nothing to be seen.
func ExampleRobot() {
	secret := core.NewSecret("QK7D2M4XW3LRZ5HVB6TNYCPJGA") // core.RandomText(rand.Reader, 26), once
	handler, err := callback.Robot(callback.RobotConfig{
		Secrets: []core.Secret{secret},
		AppIDs:  []string{"my-app"},
		Sink: callback.RobotSinkFunc(func(_ context.Context, e callback.RobotEvent) error {
			switch e.Event {
			case callback.EventSessionOpen:
				fmt.Println("greet", e.TriggerOpenID)
			case callback.EventAt:
				fmt.Printf("answer %q in chat %s of type %d\n", e.Text, e.SessionOpenID, e.SessionType)
			default: // the platform may add kinds
			}
			return nil
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	routes := core.Routes{"/callbacks/robot/{secret}": handler}

	post := func(path string) {
		body := `{"event":"at","version":"v1","data":{"robot":{"app_id":"my-app","open_id":"BOT","robot_no":"10001"},
			"session":{"session_open_id":"S1","session_type":2},"trigger":{"open_id":"U1","target":"user"},"content":{"text":"@bot hello"}}}`
		resp := routes.Handle(context.Background(), &core.Request{Method: http.MethodPost, Path: path, Body: []byte(body)})
		fmt.Println(resp.Status, string(resp.Body))
	}
	post("/callbacks/robot/" + secret.Reveal())
	post("/callbacks/robot/" + strings.Repeat("A", 26))
	// Output:
	// answer "@bot hello" in chat S1 of type 2
	// 200 success
	// 404 refused
}

// Money that went back: only status 1 means that it moved, and what came later
// changes nothing.
func ExamplePayout() {
	key := core.NewSecret("the-app-key-from-the-platform")
	handler, err := callback.Payout(callback.PayoutConfig{
		Apps: []callback.App{{ID: "my-app", Keys: []core.Secret{key}}},
		Sink: callback.PayoutSinkFunc(func(_ context.Context, n callback.PayoutNotice) error {
			fmt.Println(n.OutOrderNo, n.Status == callback.PayoutDone)
			return nil // durably on record
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	message := testkit.SignedPayout(testkit.PayoutFields{AppID: "my-app", AppKey: key, OutOrderNo: "refund-1"})
	resp := handler.Handle(context.Background(), message.Request("/callbacks/payout"))
	fmt.Println(resp.Status, string(resp.Body))
	// Output:
	// refund-1 true
	// 200 success
}

// A sink of one's own is handed each payment once, however often it is told.
func ExampleOnce() {
	sink := callback.Once(journal.NewMemory(), shop{"O1": 1990})
	notice := callback.PaymentNotice{AppID: "my-app", TradeNo: "T1", OutTradeNo: "O1", OpenID: "U1", Amount: 1990, Status: callback.StatusPaid}
	fmt.Println(sink.Paid(context.Background(), notice))
	fmt.Println(sink.Paid(context.Background(), notice))
	// Output:
	// deliver O1 paid by T1
	// <nil>
	// <nil>
}
