package callback_test

import (
	"context"
	"fmt"
	"log"

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
