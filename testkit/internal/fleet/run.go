//go:build unix

package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/imprest-go/imprest/adapters/webhook"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// Config says how large a run is.
type Config struct {
	// Store is the journal. Run does not close it.
	Store *Store
	// Binaries are the programs.
	Binaries Binaries
	// PayCallbacks and Reconciles are how many processes there are of each.
	PayCallbacks, Reconciles int
	// Callbacks is how many notifications are sent, at least, and Kills how
	// often a process is killed meanwhile. Stops is how often one is stopped
	// for longer than a lease, and goes on then; Cuts is how often connections
	// to the store are cut, where it has any.
	Callbacks, Kills, Stops, Cuts int
	// Workers is how many sales are under way at once.
	Workers int
	// Lease and InFlight are IMPREST_LEASE and IMPREST_IN_FLIGHT, in whole
	// seconds.
	Lease, InFlight time.Duration
	// Later is within what time duplicates come again.
	Later time.Duration
	// Load is how long the load may take, at most.
	Load time.Duration
	// Settle is how long the fleet may take to settle everything when the
	// load is over.
	Settle time.Duration
	// Brief leaves out what cannot be settled within a few seconds: sales that
	// only a query of the platform finds paid, and a warehouse that twice does
	// not say what it did.
	Brief bool
	// Seed fixes the sales.
	Seed uint64
	// Progress is told how far it is, every few seconds; nil is nobody.
	Progress func(Progress)
}

// Progress is how far a run is.
type Progress struct {
	Store                           string
	Elapsed                         time.Duration
	Phase                           string
	Sent, Acknowledged, Kills       int64
	Sales, Granted, Settled, Unsold int
}

// String is the line that people see.
func (p Progress) String() string {
	line := fmt.Sprintf("%-8s %4.0fs %-8s callbacks sent %d, acknowledged %d, kills %d, sales %d, granted %d",
		p.Store, p.Elapsed.Seconds(), p.Phase, p.Sent, p.Acknowledged, p.Kills, p.Sales, p.Granted)
	if p.Phase == "settling" {
		line += fmt.Sprintf(", not settled %d", p.Sales-p.Settled)
	}
	return line
}

// fleet is a run.
type fleet struct {
	cfg        Config
	began      time.Time
	account    testkit.Account
	vvchat     *testkit.Platform
	origin     string
	deliverKey core.Secret
	client     *vvchat.Client
	service    *purchase.Service
	forgeries  []testkit.Mutator
	processes  []*process
	callbacks  []*process

	ledger  ledger
	diary   diary
	closing []func()

	phase                       atomic.Pointer[string]
	sent, acknowledged, refused atomic.Int64
	settled                     atomic.Int64
	stops, cuts                 atomic.Int64
	afterwards                  sync.WaitGroup

	mu       sync.Mutex
	failures []string
	at       map[moment]int
}

func (f *fleet) killedAt(at moment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at[at]++
}

// fails records what went wrong with the fleet as such, and no sale.
func (f *fleet) fails(process, what string) {
	f.diary.told(process, what)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, process+": "+what)
}

func (f *fleet) process(name string) *process {
	for _, p := range f.processes {
		if p.name == name {
			return p
		}
	}
	return nil
}

// Run makes the run, and returns what came of it. The error is one of the
// machine, or of ctx: whether the end is exact is in the report.
func Run(ctx context.Context, cfg Config) (_ Report, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-ctx.Done():
		case <-cfg.Store.Ended:
			cancel(fmt.Errorf("the server of %s ended by itself", cfg.Store.Name))
		}
	}()
	defer func() {
		if err != nil && context.Cause(ctx) != nil {
			err = context.Cause(ctx)
		}
	}()
	f := &fleet{
		cfg: cfg, began: time.Now(), ledger: ledger{sales: map[string]*sale{}}, at: map[moment]int{}, deliverKey: core.NewSecret("the-key-of-the-warehouse-of-the-fleet"),
		account: testkit.Account{AppID: "fleet", AppKey: core.NewSecret("the-key-of-the-fleet"), StoreNo: "s1", OutOpenID: "payer"},
	}
	f.enters("load")
	defer f.close()
	if err := f.open(); err != nil {
		return Report{}, err
	}
	progress, stop := context.WithCancel(ctx)
	var reporting sync.WaitGroup
	reporting.Go(func() { f.reportProgress(progress) })
	defer reporting.Wait()
	defer stop()
	if err := f.load(ctx); err != nil {
		return Report{}, err
	}
	f.enters("settling")
	offenders := f.settle(ctx)
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	stop()
	f.enters("reading")
	return f.report(ctx, offenders)
}

func (f *fleet) enters(phase string) { f.phase.Store(&phase) }

// open starts the platform, the warehouse and the processes.
func (f *fleet) open() (err error) {
	schedule := make([]time.Duration, 600)
	for i := range schedule {
		schedule[i] = min(time.Duration(i+1)*100*time.Millisecond, time.Second)
	}
	f.vvchat, err = testkit.NewPlatform(testkit.PlatformConfig{
		Accounts: []testkit.Account{f.account}, Clock: testkit.NewRunningClock(), NoListen: true, Async: true,
		Client: &http.Client{Transport: notifications{f}}, Schedule: schedule, AttemptTimeout: attemptTimeout, Seed: f.cfg.Seed + 1, Keep: 10,
		Readings: testkit.Readings{PayoutDelay: f.payoutDelay()},
	})
	if err != nil {
		return err
	}
	f.closing = append(f.closing, f.vvchat.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/from/", f.warehouse())
	mux.Handle("/of/", f.platformFor())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(listener) }()
	f.closing = append(f.closing, func() { _ = server.Close() })
	f.origin = "http://" + listener.Addr().String()
	for _, m := range testkit.Mutators() {
		if m.Verdict == testkit.VerdictRefuse && m.Name != testkit.MutateDepthBomb && m.Name != testkit.MutateOver64K {
			f.forgeries = append(f.forgeries, m.Name)
		}
	}
	if err := f.openService(); err != nil {
		return err
	}
	for i := range f.cfg.PayCallbacks {
		p := f.newProcess(fmt.Sprintf("paycallback-%d", i+1), f.cfg.Binaries.PayCallback)
		p.takes = true
		f.callbacks = append(f.callbacks, p)
	}
	f.processes = append(f.processes, f.callbacks...)
	for i := range f.cfg.Reconciles {
		f.processes = append(f.processes, f.newProcess(fmt.Sprintf("reconcile-%d", i+1), f.cfg.Binaries.Reconcile))
	}
	for _, p := range f.processes {
		f.closing = append(f.closing, p.end)
		if err := p.start(); err != nil {
			return err
		}
	}
	return nil
}

// payoutDelay is how long the platform takes to move money back: so long that
// whoever asked for it has lost his lease, if he died.
func (f *fleet) payoutDelay() time.Duration {
	if f.cfg.Brief {
		return f.cfg.InFlight
	}
	return f.cfg.Lease + f.cfg.InFlight + f.cfg.Lease/2
}

// openService makes our own way to put orders on record.
func (f *fleet) openService() error {
	var err error
	f.client, err = vvchat.New(vvchat.Config{
		BaseURL: f.origin + "/of/driver", AppID: f.account.AppID, AppKeys: []core.Secret{f.account.AppKey}, StoreNo: f.account.StoreNo,
		HTTPClient: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	})
	if err != nil {
		return err
	}
	nobody, err := webhook.New(webhook.Config{URL: f.origin + "/from/driver", Key: f.deliverKey})
	if err != nil {
		return err
	}
	f.service, err = purchase.New(purchase.Config{
		Store: f.cfg.Store.Journal, Platform: f.client, Catalog: purchase.Offers{}, Deliverer: nobody, NotifyURL: f.origin + paymentPath,
	})
	return err
}

func (f *fleet) newProcess(name, binary string) *process {
	return &process{name: name, binary: binary, told: f.diary.told, failed: f.fails, killedAt: f.killedAt, env: append([]string{
		"IMPREST_APP_ID=" + f.account.AppID, "IMPREST_APP_KEY=" + f.account.AppKey.Reveal(), "IMPREST_STORE_NO=" + f.account.StoreNo,
		"IMPREST_BASE_URL=" + f.origin + "/of/" + name, "IMPREST_NOTIFY_URL=" + f.origin + paymentPath,
		"IMPREST_DELIVER_URL=" + f.origin + "/from/" + name, "IMPREST_DELIVER_KEY=" + f.deliverKey.Reveal(),
		"IMPREST_OUT_OPEN_ID=" + f.account.OutOpenID, "IMPREST_PAYOUT_NOTIFY_URL=" + f.origin + "/callbacks/payout", "IMPREST_REFUND_DAILY_CAP=100000000000",
		"IMPREST_LEASE=" + f.cfg.Lease.String(), "IMPREST_IN_FLIGHT=" + f.cfg.InFlight.String(), "IMPREST_SWEEP_EVERY=1s",
	}, f.cfg.Store.Env...)}
}

// close ends whatever was started, the last first.
func (f *fleet) close() {
	for _, end := range f.closing {
		defer end()
	}
}

func (f *fleet) kills() (n int64) {
	for _, p := range f.processes {
		n += p.kills.Load()
	}
	return n
}

// load sells until enough notifications were sent and enough processes killed.
func (f *fleet) load(ctx context.Context) error {
	ctx, late := context.WithTimeoutCause(ctx, f.cfg.Load, errors.New("the load did not come to its end in time"))
	defer late()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var killing, selling sync.WaitGroup
	over, end := context.WithCancel(ctx)
	defer end()
	for range 2 {
		killing.Go(func() { f.killAtRandom(over) })
	}
	killing.Go(func() { f.stopAtRandom(over) })
	killing.Go(func() { f.cutAtRandom(over) })
	var n atomic.Int64
	for range f.cfg.Workers {
		selling.Go(func() {
			for ctx.Err() == nil && (f.sent.Load() < int64(f.cfg.Callbacks) || f.kills() < int64(f.cfg.Kills) || f.stops.Load() < int64(f.cfg.Stops)) {
				if err := f.sell(ctx, int(n.Add(1))); err != nil {
					cancel(err)
				}
			}
		})
	}
	selling.Wait()
	end()
	killing.Wait()
	f.afterwards.Wait()
	for _, p := range f.processes {
		p.running.Lock() // whoever is being started again is up then
		if p.alive() == nil {
			f.fails(p.name, "is not up after the load")
		}
		p.running.Unlock()
	}
	return context.Cause(ctx)
}

// killAtRandom kills processes in step with the notifications that were sent:
// most of them in the middle of something.
func (f *fleet) killAtRandom(ctx context.Context) {
	for pause(ctx, 10*time.Millisecond) {
		share := min(float64(f.sent.Load())/float64(f.cfg.Callbacks), 1)
		p := f.processes[rand.IntN(len(f.processes))]
		if float64(f.kills()) >= share*float64(f.cfg.Kills) || p.alive() == nil {
			continue
		}
		moments, patience := takerMoments, 50
		if !p.takes {
			moments, patience = sweeperMoments, 150 // a sweep begins every second
		}
		at := moments[rand.IntN(len(moments))]
		before := p.kills.Load()
		if !p.armed.CompareAndSwap(nil, &at) {
			continue // another is after it
		}
		for wait := 0; at != atOnce && wait < patience && p.armed.Load() == &at && pause(ctx, 10*time.Millisecond); wait++ {
		}
		if p.armed.CompareAndSwap(&at, nil) {
			p.killAndRestart(atOnce) // the moment did not come
		}
		for p.kills.Load() == before && p.alive() != nil && pause(ctx, 5*time.Millisecond) {
		}
	}
}

// When processes are killed, as often as it stands here: those that take
// notifications, and those that sweep.
var (
	takerMoments   = []moment{onForward, onForward, onForward, onForward, beforeGrant, afterGrant, atOnce}
	sweeperMoments = []moment{beforePayout, beforePayout, afterPayout, afterPayout, beforeGrant, afterGrant, atOnce}
)

// stopAtRandom stops a process for longer than its lease, and lets it go on.
func (f *fleet) stopAtRandom(ctx context.Context) {
	for pause(ctx, 20*time.Millisecond) {
		done := f.stops.Load()
		if done >= int64(f.cfg.Stops) || float64(f.sent.Load())/float64(f.cfg.Callbacks) < (float64(done)+0.3)/float64(f.cfg.Stops) {
			continue
		}
		p := f.processes[rand.IntN(len(f.processes))]
		if p.alive() == nil {
			continue
		}
		if p.sleep(ctx, f.cfg.Lease+f.cfg.InFlight+time.Duration(rand.Int64N(int64(time.Second)))) == nil {
			f.stops.Add(1)
		}
	}
}

// cutAtRandom cuts connections to the store: nobody knows then what became of
// the statement that was under way.
func (f *fleet) cutAtRandom(ctx context.Context) {
	for f.cfg.Store.Cut != nil && pause(ctx, 20*time.Millisecond) {
		done := f.cuts.Load()
		if done >= int64(f.cfg.Cuts) || float64(f.sent.Load())/float64(f.cfg.Callbacks) < (float64(done)+0.5)/float64(f.cfg.Cuts) {
			continue
		}
		f.cuts.Add(1)
		if err := f.cfg.Store.Cut(ctx); err != nil && ctx.Err() == nil {
			f.fails("store", "its connections could not be cut: "+err.Error())
		}
		f.diary.told("store", "connections cut")
	}
}

func (f *fleet) reportProgress(ctx context.Context) {
	if f.cfg.Progress == nil {
		return
	}
	for pause(ctx, 3*time.Second) {
		p := Progress{
			Store: f.cfg.Store.Name, Elapsed: time.Since(f.began), Phase: *f.phase.Load(),
			Sent: f.sent.Load(), Acknowledged: f.acknowledged.Load(), Kills: f.kills(), Settled: int(f.settled.Load()),
		}
		for _, s := range f.ledger.all() {
			s.mu.Lock()
			p.Sales++
			if s.granted {
				p.Granted++
			}
			s.mu.Unlock()
		}
		f.cfg.Progress(p)
	}
}

// ErrNotExact says that an end is not exact.
var ErrNotExact = errors.New("the end is not exact")
