package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/internal/fleet"
)

var appKey = core.NewSecret("a-key-of-sixteen-characters")

// price is what every order costs.
const price = 3600

// shop is a merchant on a store: it takes notifications, and leaves what is paid
// to the sweep.
type shop struct {
	name    string
	store   journal.Store
	sales   *purchase.Service
	payment core.Handler
	next    int
}

func newShop(name string, store journal.Store) (*shop, error) {
	client, err := vvchat.New(vvchat.Config{BaseURL: "https://platform.example", AppID: "test", AppKeys: []core.Secret{appKey}, StoreNo: "s1234"})
	if err != nil {
		return nil, err
	}
	sales, err := purchase.New(purchase.Config{
		Store: store, Platform: client, Catalog: purchase.Offers{}, Deliverer: granted{}, NotifyURL: "https://shop.example/callbacks/payment",
		InlineBudget: -1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	payment, err := callback.Payment(callback.Config{
		Apps: []callback.App{{ID: "test", Keys: []core.Secret{appKey}}}, Sink: sales, Logger: slog.New(slog.DiscardHandler),
	})
	return &shop{name: name, store: store, sales: sales, payment: payment}, err
}

// granted grants at once.
type granted struct{}

func (granted) Deliver(context.Context, purchase.Purchase) error { return nil }
func (granted) Delivered(context.Context, purchase.Purchase) (bool, error) {
	return false, nil
}

// orders puts n orders on record, and returns what the platform tells of each.
func (s *shop) orders(ctx context.Context, n int) ([]*core.Request, error) {
	requests := make([]*core.Request, n)
	first := s.next
	s.next += n
	_, err := together(64, n, func(i int) error {
		// Ids of real orders are in no order either.
		id := fmt.Sprintf("%08x-n%d", uint32(first+i)*2654435761, first+i)
		_, err := s.sales.Import(ctx, purchase.Purchase{ID: id, AppID: "test", Amount: price, Buyer: "ming", OfferID: "voip-1y", Title: "VoIP, one year"})
		message := testkit.SignedPayment(testkit.PaymentFields{AppKey: appKey, OutTradeNo: id, Amount: price})
		requests[i] = &core.Request{Method: "POST", Path: "/callbacks/payment", Body: message.Body, Header: core.Header{{Name: "Content-Type", Value: "application/json"}}}
		return err
	})
	return requests, err
}

var errNotAcknowledged = errors.New("a genuine notification was not acknowledged")

// pay tells of payments from so many callers at once, and returns how long each
// took.
func (s *shop) pay(ctx context.Context, callers int, requests []*core.Request) (took []time.Duration, err error) {
	return together(callers, len(requests), func(i int) error {
		if resp := s.payment.Handle(ctx, requests[i]); resp.Status != 200 {
			return fmt.Errorf("%w: %s: %d", errNotAcknowledged, s.name, resp.Status)
		}
		return nil
	})
}

// put writes n records of the size of a purchase.
func (s *shop) put(ctx context.Context, callers, n int) (took []time.Duration, err error) {
	first := s.next
	s.next += n
	body := make([]byte, 700)
	return together(callers, n, func(i int) error {
		_, err := s.store.Put(ctx, journal.Record{ID: fmt.Sprintf("b/%08x", uint32(first+i)*2654435761), Body: body})
		return err
	})
}

// together does n things from so many callers at once.
func together(callers, n int, do func(i int) error) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range callers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				begun := time.Now()
				if err := do(i); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
				took[i] = time.Since(begun)
			}
		})
	}
	wg.Wait()
	return took, failed
}

// at returns the value that a share of all does not exceed.
func at(took []time.Duration, share float64) time.Duration {
	slices.Sort(took)
	return took[min(len(took)-1, int(share*float64(len(took))))]
}

// openSQLite opens a store in a file of its own below dir.
func openSQLite(ctx context.Context, dir, name string) (*sqlitestore.Store, error) {
	return sqlitestore.Open(ctx, sqlitestore.Config{Path: filepath.Join(dir, name)})
}

// appendLoop is the floor: one caller appends records to a file and waits for the
// disk after each. It returns how many it made in a second.
func appendLoop(dir string, n int) (float64, error) {
	f, err := os.OpenFile(filepath.Join(dir, "floor"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	body := make([]byte, 1024)
	begun := time.Now()
	for range n {
		if _, err := f.Write(body); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(begun).Seconds(), nil
}

// openPostgres starts a PostgreSQL that waits for the disk.
func openPostgres(ctx context.Context) (*fleet.Store, error) {
	return fleet.StartPostgresWith(ctx, "fsync=on", "shared_buffers=256MB", "max_wal_size=4GB")
}

func say(progress io.Writer, format string, args ...any) { fmt.Fprintf(progress, format+"\n", args...) }
