package purchase_test

import (
	"context"
	"fmt"
	"log"
	"sync"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// warehouse grants goods, and remembers for which purchase it did.
type warehouse struct{ granted sync.Map }

func (w *warehouse) Deliver(_ context.Context, p purchase.Purchase) error {
	w.granted.Store(p.ID, true)
	fmt.Println("granted:", p.Title)
	return nil
}

func (w *warehouse) Delivered(_ context.Context, p purchase.Purchase) (bool, error) {
	_, ok := w.granted.Load(p.ID)
	return ok, nil
}

// A whole sale against the fake platform: an order, its payment, the signed
// notification, the delivery.
func Example() {
	ctx := context.Background()
	var handler core.Handler
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{
		// The platform posts its notifications straight into the handler.
		Client: testkit.HandlerClient(core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response { return handler.Handle(ctx, r) })),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer platform.Close()
	client, err := vvchat.New(vvchat.Config{BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456"), StoreNo: "s1234"})
	if err != nil {
		log.Fatal(err)
	}
	sales, err := purchase.New(purchase.Config{
		Store:     journal.NewMemory(), // in production: sqlitestore.Open
		Platform:  client,
		Catalog:   purchase.Offers{"voip-1y": {Title: "VoIP, one year", Amount: 1990}},
		Deliverer: &warehouse{},
		NotifyURL: "https://shop.example/callbacks/payment",
		Now:       platform.Clock.Now,
	})
	if err != nil {
		log.Fatal(err)
	}
	handler, err = callback.Payment(callback.Config{
		Apps: []callback.App{{ID: "test", Keys: core.Secrets("123456")}}, Sink: sales, AllowWeakKey: true,
	})
	if err != nil {
		log.Fatal(err)
	}

	p, err := sales.Begin(ctx, purchase.Request{Buyer: "alice", OfferID: "voip-1y", Price: 1990})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.State)
	if _, err := platform.Pay(ctx, p.ImprestCode, ""); err != nil { // the user's tap on "pay"
		log.Fatal(err)
	}
	p, err = sales.Get(ctx, p.ID)
	fmt.Println(p.State, err)
	// Output:
	// unpaid
	// granted: VoIP, one year
	// delivered <nil>
}
