package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
)

// visitor posts notifications to a server of its own, over one connection on
// loopback that is kept alive.
type visitor struct {
	name   string
	url    string
	client *http.Client
	server *http.Server
	ended  chan error
	// next is the body of the request that comes next.
	next func() ([]byte, error)
}

func newVisitor(name string, h http.Handler, next func() ([]byte, error)) (*visitor, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	v := &visitor{
		name: name, url: "http://" + ln.Addr().String() + "/callbacks/payment", next: next,
		client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second},
		server: nethttp.NewServer(ln.Addr().String(), h), ended: make(chan error, 1),
	}
	go func() { v.ended <- v.server.Serve(ln) }()
	return v, nil
}

func (v *visitor) close() {
	v.client.CloseIdleConnections()
	_ = v.server.Close()
	<-v.ended
}

// visit makes one request and reads its answer.
func (v *visitor) visit() error {
	body, err := v.next()
	if err != nil {
		return err
	}
	resp, err := v.client.Post(v.url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || string(text) != "success") {
		return fmt.Errorf("%w: %s: %d %s", errNotAcknowledged, v.name, resp.StatusCode, text)
	}
	return err
}

// empty is the floor: what any handler does that takes a body and answers.
func empty(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, _ = io.WriteString(w, "success")
}

// callbacks measures a whole payment callback over net/http beside a handler that
// reads the same body and answers the same, on the same server with the same
// client: from the bytes on the wire to "success", with a journal in memory.
func callbacks(ctx context.Context, progress io.Writer) (table, error) {
	const rounds, fresh = 15, 30_000
	say(progress, "http: %d orders are put on record", fresh)
	sold, err := newShop("memory", journal.NewMemory())
	if err != nil {
		return table{}, err
	}
	// The orders are there before anything is measured: to make one is not a
	// part of its payment.
	unpaid, err := sold.orders(ctx, fresh)
	if err != nil {
		return table{}, err
	}
	one, err := sold.orders(ctx, 1)
	if err != nil {
		return table{}, err
	}
	verified, err := callback.Payment(callback.Config{
		Apps: []callback.App{{ID: "test", Keys: []core.Secret{appKey}}}, Logger: slog.New(slog.DiscardHandler),
		Sink: callback.SinkFunc(func(context.Context, callback.PaymentNotice) error { return nil }),
	})
	if err != nil {
		return table{}, err
	}
	success := core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return core.Text(http.StatusOK, "success") })
	same := func() ([]byte, error) { return one[0].Body, nil }
	paid := 0
	another := func() ([]byte, error) {
		if paid == len(unpaid) {
			return nil, fmt.Errorf("http: %d orders were not enough", fresh)
		}
		paid++
		return unpaid[paid-1].Body, nil
	}
	var all []contender
	for _, v := range []struct {
		name string
		h    http.Handler
		next func() ([]byte, error)
	}{
		{"empty handler", http.HandlerFunc(empty), same},
		{"nethttp.Wrap, nothing in it", nethttp.Wrap(success), same},
		{"verified, a sink that does nothing", nethttp.Wrap(verified), same},
		{"a payment, whole", nethttp.Wrap(sold.payment), another},
		{"its duplicate", nethttp.Wrap(sold.payment), same},
	} {
		visitor, err := newVisitor(v.name, v.h, v.next)
		if err != nil {
			return table{}, err
		}
		defer visitor.close()
		all = append(all, contender{name: v.name, do: visitor.visit})
	}
	say(progress, "http: %d rounds", rounds)
	found, err := measure(rounds, all)
	if err != nil {
		return table{}, err
	}
	t := table{
		title:   "A payment callback over net/http",
		columns: []string{"what", "µs/request", "allocations", "× empty"},
		notes: []string{
			"Processor time of a request over loopback on a connection that is kept alive, the client's part of it included, as in the empty handler's, " +
				fmt.Sprintf("which reads the same body of %d bytes and answers the same. ", len(one[0].Body)) + fmt.Sprintf("Medians of %d rounds in which all take turns.", rounds),
			"A whole payment is read, verified, bound to its order, claimed and put on record in memory; its delivery is the sweep's. A duplicate is told from the record.",
		},
	}
	floor := found[0]
	for _, f := range found {
		t.rows = append(t.rows, []string{f.name, fmt.Sprintf("%.1f", f.ns/1000), fmt.Sprintf("%.0f", f.allocs), fmt.Sprintf("%.2f", f.over(floor))})
		if f.name == "a payment, whole" {
			t.bars = append(t.bars, bar{what: "a whole payment over net/http × an empty handler", value: f.over(floor), limit: 1.6})
		}
	}
	return t, nil
}
