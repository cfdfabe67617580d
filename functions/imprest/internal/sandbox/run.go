package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

// sweepEvery is how often the journal is looked through for what is due.
const sweepEvery = 500 * time.Millisecond

// Run serves the sandbox until ctx ends, or with cfg.Once runs one purchase
// and returns an error that says what did not end as the faults imply.
//
// An error with core.CodeInvalid is about cfg and names the field as the
// command line spells it ("--addr"). Run returns nil when ctx has ended it,
// unless cfg.Once was not done by then.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := cfg.settle(); err != nil {
		return err
	}
	begun := false
	defer func() { cfg.leaveJournal(begun, err) }() // when it is closed
	w, err := newWorld(ctx, cfg)
	if err != nil {
		return err
	}
	defer w.close()
	begun = true
	w.greet()
	work := w.sweepLoop
	if cfg.Once {
		work = w.once
	}
	if err := w.serve(ctx, work); err != nil {
		return err
	}
	if cfg.Once {
		return ctx.Err()
	}
	return nil
}

// leaveJournal removes the temporary folder of the journal where nobody can want
// it, and says how to look into it and go on with it where somebody may.
func (cfg Config) leaveJournal(begun bool, err error) {
	switch {
	case cfg.made == "":
	case !begun, cfg.Once && err == nil:
		if err := os.RemoveAll(cfg.made); err != nil {
			cfg.Logger.Warn("the temporary folder of the journal stays", "reason", err.Error())
		}
	default:
		out := newPrinter(cfg)
		out.line("\nWhat happened is kept. To look into it, and to go on with it:")
		out.line("  imprest journal ls --journal " + cfg.Journal)
		if !cfg.Once {
			out.line("  imprest sandbox --journal " + cfg.Journal)
		}
	}
}

// serve serves everything while work runs, ends it all when work or ctx does,
// and returns the first error.
func (w *world) serve(parent context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	// The servers go last: whoever is being notified may still ask for
	// something, and a notification that is on its way may still arrive.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var running sync.WaitGroup
	start := func(ctx context.Context, run func(context.Context) error) {
		running.Go(func() {
			if err := run(ctx); err != nil {
				cancel(err) // the first one counts
			}
		})
	}
	for _, ln := range w.listeners {
		start(serving, serveOn(ln, http.HandlerFunc(w.serveMerchant), w.log))
	}
	start(serving, serveOn(w.platformListener, w.platformHandler(), w.log))
	start(serving, serveOn(w.cloudListener, w.cloudHandler(), w.log))
	start(ctx, w.reviveLoop)
	start(ctx, func(ctx context.Context) error {
		if err := work(ctx); err != nil {
			return err
		}
		return errDone
	})
	<-ctx.Done()
	w.bus.close() // who looks on would keep a server from ending
	w.platform.Close()
	w.cloud.Close()
	w.outbound.CloseIdleConnections()
	stop()
	running.Wait()
	if cause := context.Cause(ctx); cause != errDone && parent.Err() == nil {
		return cause
	}
	return nil
}

// errDone ends a run that went well.
var errDone = errors.New("done")

func serveOn(ln net.Listener, h http.Handler, log *slog.Logger) func(context.Context) error {
	server := nethttp.NewServer("", h)
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	var unused unusedConns
	server.ConnState = unused.note
	return func(ctx context.Context) error {
		defer context.AfterFunc(ctx, unused.close)()
		return nethttp.Serve(ctx, server, ln)
	}
}

// unusedConns are connections on which nothing has come yet. Browsers keep a
// few at hand, and net/http's Shutdown would wait five seconds for each.
type unusedConns struct {
	mu  sync.Mutex
	set map[net.Conn]bool
}

func (u *unusedConns) note(conn net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state != http.StateNew {
		delete(u.set, conn)
		return
	}
	if u.set == nil {
		u.set = map[net.Conn]bool{}
	}
	u.set[conn] = true
}

func (u *unusedConns) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for conn := range u.set {
		_ = conn.Close()
	}
}

// serveMerchant serves the merchant's address.
func (w *world) serveMerchant(rw http.ResponseWriter, r *http.Request) {
	if isControl(r.URL.Path) {
		w.control.ServeHTTP(rw, r)
		return
	}
	w.current.Load().handler.ServeHTTP(rw, r)
}

// platformHandler serves the platform's address, slowly where that is asked for.
func (w *world) platformHandler() http.Handler {
	api := ownRequests(w.platform.Handler())
	return faces(w.phone, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if pause := w.plan.slowness(r.URL.Path); pause > 0 {
			timer := time.NewTimer(pause)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
			}
		}
		api.ServeHTTP(rw, r)
	}))
}

// sweepLoop finishes what is due, at once what an earlier process left, as
// long as ctx lasts.
func (w *world) sweepLoop(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		m, err := w.alive(ctx)
		if err != nil {
			return nil // ctx has ended
		}
		if _, err := m.sweeper.Reconcile(ctx); err != nil && ctx.Err() == nil && !m.store.crashed() {
			w.log.ErrorContext(ctx, "the sweep failed", "code", string(core.CodeOf(err)), "reason", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// reviveLoop starts the merchant again whenever it has crashed.
func (w *world) reviveLoop(ctx context.Context) error {
	for {
		m := w.current.Load()
		select {
		case <-ctx.Done():
			return nil
		case <-m.store.dead:
		}
		if err := w.revive(ctx, m); err != nil {
			return fmt.Errorf("the merchant does not start again: %w", err)
		}
	}
}

// served is what a script wants to know of a sandbox.
type served struct {
	Shop     string   `json:"shop"`
	Platform string   `json:"platform"`
	Phone    string   `json:"phone"`
	Cloud    string   `json:"cloud"`
	Control  string   `json:"control,omitempty"` // none where others reach the merchant
	AppID    string   `json:"app_id"`
	StoreNo  string   `json:"store_no"`
	Journal  string   `json:"journal"`
	Seed     uint64   `json:"seed"`
	Faults   []string `json:"faults,omitempty"`
}

// greet says what is served where.
func (w *world) greet() {
	account := w.platform.Account()
	if w.cfg.JSON && !w.cfg.Once {
		s := served{
			Shop: w.base + "/", Platform: w.platformBase, Phone: w.platformBase + "/phone", Cloud: w.cloudBase,
			AppID: account.AppID, StoreNo: account.StoreNo, Journal: stores.Shown(w.cfg.Journal), Seed: w.cfg.Seed, Faults: w.plan.names(),
		}
		if w.local {
			s.Control = w.base + "/_sandbox"
		}
		_ = w.out.json(s) // texts and a number always encode
	}
	if !w.cfg.Once {
		w.out.line(w.out.paint(bold, "imprest sandbox"))
		w.out.pair("shop", w.base+"/")
		w.out.pair("phone", w.platformBase+"/phone")
		w.out.pair("platform", fmt.Sprintf("%s  app_id %s, app_key %s, store_no %s", w.platformBase, account.AppID, account.AppKey.Reveal(), account.StoreNo))
		w.out.pair("cloud", w.cloudBase)
		if w.local {
			w.out.pair("console", w.base+"/_sandbox")
			w.out.pair("robot", w.robotURL())
		} else {
			w.out.pair("console", "off: "+w.cfg.Addr+" can be reached from other machines")
		}
	}
	w.out.pair("journal", stores.Shown(w.cfg.Journal))
	w.out.pair("seed", fmt.Sprint(w.cfg.Seed))
	if names := w.plan.names(); len(names) > 0 {
		w.out.pair("faults", strings.Join(names, ", "))
	}
	if !w.cfg.Once {
		watch := ""
		if w.local {
			watch = ", or watch at " + w.base + "/_sandbox"
		}
		w.out.line("\nOpen the shop in a browser" + watch + ". Ctrl-C ends the sandbox.")
	}
}
