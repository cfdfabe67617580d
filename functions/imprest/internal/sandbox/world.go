package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/functions/internal/stores"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/phone"
)

// merchantName is what the phone calls the shop.
const merchantName = "Imprest Shop"

// world is everything that a run consists of.
type world struct {
	cfg   Config
	out   *printer
	log   *slog.Logger
	draws *draws
	clock *testkit.Clock
	plan  *plan
	tape  *tape
	bus   *bus
	watch *watch // of a run with Once; else nil

	platform     *testkit.Platform
	cloud        *testkit.Cloud
	phone        http.Handler
	control      http.Handler // below /_sandbox on the merchant's address
	base         string       // the merchant's address, on loopback
	platformBase string
	cloudBase    string
	local        bool // nobody but this machine reaches the merchant

	listeners        []net.Listener // the merchant's
	platformListener net.Listener
	cloudListener    net.Listener
	outbound         *http.Client // the merchant's way out
	notifies         *http.Client // the platform's

	cookieKeys  []core.Secret
	robotEvents *robotEvents
	pages       shopPages

	// askedForCalls are the devices that WeChat has asked their user about.
	askedForCalls sync.Map

	journal journal.Store // as opened last
	closing func() error

	current atomic.Pointer[merchant]
	ending  sync.Once
}

// users are the people who hold the phone.
func users() []testkit.User {
	return []testkit.User{
		testkit.TestUser(),
		{OpenID: "hT7mKx2QvYb9WsLc4RzPnD1jGf6EaU8o", Nickname: "小红", Sex: "女", Avatar: "http://dev.vvchat.im/avatar/xiaohong.png"},
	}
}

// newWorld builds everything and serves nothing yet. Whoever gets a world
// calls its close.
func newWorld(ctx context.Context, cfg Config) (_ *world, err error) {
	w := &world{cfg: cfg, out: newPrinter(cfg), log: cfg.Logger, clock: testkit.NewRunningClock(), tape: newTape(), bus: newBus()}
	if cfg.Once {
		// A clock that stands still unless the run moves it: nothing then
		// happens by itself, and the same seed ends in the same state.
		w.clock = testkit.NewClock(time.Now().Truncate(time.Millisecond))
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.platformListener, err = listenFake(ctx, "--platform-addr", cfg.PlatformAddr); err != nil {
		return nil, err
	}
	if w.cloudListener, err = listenCloud(ctx, cfg.CloudAddr); err != nil {
		return nil, err
	}
	if w.listeners, w.local, err = listenMerchant(ctx, cfg.Addr); err != nil {
		return nil, err
	}
	w.base, w.platformBase, w.cloudBase = baseURL(w.listeners[0]), baseURL(w.platformListener), baseURL(w.cloudListener)
	if err := w.openJournal(ctx); err != nil {
		return nil, err
	}
	run, err := w.beginRun(ctx)
	if err != nil {
		return nil, err
	}
	w.draws = newDraws(cfg.Seed, run)
	w.notifies = w.notifier()
	if w.platform, err = testkit.NewPlatform(testkit.PlatformConfig{
		Users: users(), Clock: w.clock, NoListen: true, Client: w.notifies, Async: !cfg.Once, Seed: w.draws.seedOf("platform"), OnExchange: w.exchanged,
	}); err != nil {
		return nil, err
	}
	if w.cloud, err = testkit.NewCloud(testkit.CloudConfig{
		ExchangeCodes: []testkit.ExchangeCode{}, Clock: w.clock, NoListen: true, Seed: w.draws.seedOf("cloud"), OnExchange: w.asked,
	}); err != nil {
		return nil, err
	}
	if err := w.reissue(ctx); err != nil {
		return nil, err
	}
	w.plan = newPlan(cfg, w.draws, w.platform, w.cloud)
	if cfg.Once {
		w.watch = newWatch()
	}
	if w.phone, err = phone.New(phone.Config{Platform: w.platform, Apps: map[string]string{w.platform.Account().AppID: merchantName}}); err != nil {
		return nil, err
	}
	// Keys of this process alone: a session does not outlive it, and no seed
	// tells anybody what they are.
	key, err := core.RandomText(rand.Reader, login.MinKeyLength)
	if err != nil {
		return nil, err
	}
	w.cookieKeys = core.Secrets(key)
	if w.robotEvents, err = newRobotEvents(w.clock.Now); err != nil {
		return nil, err
	}
	w.platform.SetEventURL(testkit.TestRobot().RobotNo, w.robotURL())
	if w.pages, err = parsePages(); err != nil {
		return nil, err
	}
	w.outbound = &http.Client{Transport: marking{&http.Transport{MaxIdleConnsPerHost: 16}}}
	m, err := w.newMerchant(w.journal)
	if err != nil {
		return nil, err
	}
	w.current.Store(m)
	if err := m.stockUp(ctx, w); err != nil {
		return nil, err
	}
	w.plan.lockStock()
	w.control = w.controlHandler()
	return w, nil
}

// close ends what newWorld began. The servers have ended by then.
func (w *world) close() {
	w.ending.Do(func() {
		for _, ln := range w.listeners {
			_ = ln.Close()
		}
		if w.platformListener != nil {
			_ = w.platformListener.Close()
		}
		if w.cloudListener != nil {
			_ = w.cloudListener.Close()
		}
		if w.platform != nil {
			w.platform.Close()
		}
		if w.cloud != nil {
			w.cloud.Close()
		}
		if m := w.current.Load(); m != nil {
			m.store.drain()
		}
		if w.notifies != nil {
			w.notifies.CloseIdleConnections()
		}
		if w.outbound != nil {
			w.outbound.CloseIdleConnections()
		}
		if w.closing != nil {
			if err := w.closing(); err != nil {
				w.log.Error("the journal did not close well", "reason", err.Error())
			}
		}
	})
}

// openJournal opens the journal, again after a crash. One in memory outlives
// the merchant as a database server would.
func (w *world) openJournal(ctx context.Context) error {
	if w.journal != nil && w.cfg.Journal == "memory" {
		return nil
	}
	store, closing, err := stores.Open(ctx, w.cfg.Journal)
	if core.CodeOf(err) == core.CodeInvalid {
		reason := err
		if e, ok := errors.AsType[*core.Error](err); ok && e.Err != nil {
			reason = e.Err
		}
		return &core.Error{Op: "sandbox.Run", Code: core.CodeInvalid, Err: fmt.Errorf("--journal: %w", reason)}
	}
	if err != nil {
		return err
	}
	w.journal, w.closing = store, closing
	return nil
}

// beginRun counts the runs on this journal, and sets the clock to where the
// last one left it.
func (w *world) beginRun(ctx context.Context) (int64, error) {
	var counted struct {
		Runs int64 `json:"runs"`
	}
	err := edit(ctx, w.journal, runID, &counted, func(bool) error {
		counted.Runs++
		return nil
	})
	if err != nil {
		return 0, err
	}
	var ahead clockRecord
	err = edit(ctx, w.journal, clockID, &ahead, func(bool) error { return errUnchanged })
	if err != nil {
		return 0, err
	}
	w.clock.Advance(time.Duration(ahead.Ahead))
	return counted.Runs, nil
}

// clockRecord is how far the sandbox's clock is ahead of the wall clock.
type clockRecord struct {
	Ahead int64 `json:"ahead_ns"`
}

// advance moves the clock, and remembers it for the next run on this journal:
// else a record that is due later than now would seem to be stuck.
func (w *world) advance(ctx context.Context, by time.Duration) error {
	var ahead clockRecord
	err := edit(ctx, w.current.Load().store, clockID, &ahead, func(bool) error {
		ahead.Ahead += int64(by)
		return nil
	})
	if err != nil {
		return err
	}
	w.clock.Advance(by)
	w.bus.publish("clock", map[string]any{"now": w.clock.Now().UTC()})
	return nil
}

// revive builds the next life of a merchant that has crashed.
func (w *world) revive(ctx context.Context, dead *merchant) error {
	dead.store.drain()
	if w.cfg.Journal != "memory" {
		if err := w.closing(); err != nil {
			return err
		}
		w.closing = nil
	}
	if err := w.openJournal(ctx); err != nil {
		return err
	}
	next, err := w.newMerchant(w.journal)
	if err != nil {
		return err
	}
	w.current.Store(next)
	w.revived()
	close(dead.replaced)
	return nil
}

// alive returns the merchant, and waits for the next one if it has crashed.
func (w *world) alive(ctx context.Context) (*merchant, error) {
	for {
		m := w.current.Load()
		if !m.store.crashed() {
			return m, nil
		}
		select {
		case <-m.replaced:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// consentLink is where a login sends the browser: the phone, in the place of
// the qyx:// link into the app.
func (w *world) consentLink(state string) string {
	return w.link(vvchat.LoginLink{AppID: w.platform.Account().AppID, Scope: vvchat.ScopeUserInfo, State: state, RedirectURI: w.base + "/login/return"})
}

// payLink is where the shop sends the browser to pay.
func (w *world) payLink(p purchase.View) string {
	if p.ImprestCode == "" {
		return ""
	}
	return w.link(vvchat.PayLink{ImprestCode: p.ImprestCode, AppID: p.AppID, RedirectURI: w.base + "/?purchase=" + p.ID})
}
