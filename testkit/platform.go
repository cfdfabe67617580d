package testkit

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/imprest-go/imprest/core"
)

// PlatformConfig says what a fake platform is like. The zero value is one with
// the documented test account and one user, on a port of its own, whose clock
// stands still.
type PlatformConfig struct {
	// Accounts are the merchants; [TestAccount] alone if there are none.
	Accounts []Account
	// Users are the people with a phone; [TestUser] alone if there are none.
	Users []User
	// Sessions are the chats; [TestSessions] if it is nil.
	Sessions []Session
	// Robots are the apps' robots; [TestRobot] alone if it is nil.
	Robots []Robot
	// Clock is the time that the platform lives in. If it is nil it is one
	// that stands still at the moment of creation, so that a notification
	// is delivered again when the test says so. A program that people use
	// wants [NewRunningClock].
	Clock *Clock
	// Addr is the loopback address to listen on; "" is "127.0.0.1:0", a
	// port that is free.
	Addr string
	// NoListen leaves listening to the program, which serves
	// [Platform.Handler] where it likes.
	NoListen bool
	// Client delivers the notifications. If it is nil it is one that
	// connects to loopback addresses only and follows no redirect.
	// [HandlerClient] makes one that needs no network.
	Client *http.Client
	// Async makes each attempt of a notification on a goroutine that Close
	// waits for. Otherwise Pay makes the first before it returns, and
	// Advance of a clock that stands still the others.
	Async bool
	// Schedule is how long the platform waits before it delivers a
	// notification again, attempt by attempt; after the last it gives up.
	// Nil is [DefaultSchedule]; an empty one delivers once.
	Schedule []time.Duration
	// AttemptTimeout is how long an attempt may take, on the wall clock; 5
	// seconds if it is 0.
	AttemptTimeout time.Duration
	// Seed makes the identifiers: the same seed gives the same ones, kind by
	// kind in the order of their making. 0 is a random seed.
	Seed uint64
	// Keep is how many exchanges [Platform.Requests] remembers, and how many
	// [Attempt]s are remembered in full; 1000 if it is 0.
	Keep int
	// OnExchange is told of every exchange when it has ended, before the
	// answer leaves. It may be called from many goroutines at once; nil
	// tells nobody.
	OnExchange func(Exchange)
	// Readings are the points on which the platform's page is silent or can
	// be read in two ways. The zero value takes the reading of imprest.
	Readings Readings
}

// DefaultSchedule returns the waits between the attempts of a notification:
// 15 s, 15 s, 30 s, and so on to 6 h, fifteen in all. The platform publishes
// none; this one is that of its kind.
func DefaultSchedule() []time.Duration {
	const s, m, h = time.Second, time.Minute, time.Hour
	return []time.Duration{15 * s, 15 * s, 30 * s, 3 * m, 10 * m, 20 * m, 30 * m, 30 * m, 30 * m, 1 * h, 3 * h, 3 * h, 3 * h, 6 * h, 6 * h}
}

// Platform is a fake of the VVChat open platform, as strict as its published
// page, and the phones of its users. It answers calls of the server API at URL,
// remembers every order, and delivers signed notifications.
//
// The calls that it serves:
//
//	POST /paybusapi/v1/pay/unifiedorder            an order
//	GET  /paybusapi/v1/pay/unifiedorder            the query of one
//	GET  /userservices/v2/authorization/token      a code for a token
//	GET  /userservices/v2/authorization/userinfo   a user's profile
//	POST /paybusapi/v1/app/agentpay                a payout
//	POST /messageapi/v1/authorization/sendmsg      a message into a chat
//	GET  /robotapi/v1/token                        a token for an app's robots
//	POST /robotapi/v1/message/send                 a robot's command
//	GET  /paybusapi/v1/test/imprest                an order of one fen to try
//	                                               out paying; it has no
//	                                               notify_url
//
// A path that the page does not have is answered 404.
//
// A Platform is safe for use by many goroutines.
type Platform struct {
	// URL is the base URL, such as "http://127.0.0.1:8701", without a slash
	// at the end; "" with NoListen.
	URL string
	// Clock is the time that the platform lives in.
	Clock *Clock

	host
	async    bool
	schedule []time.Duration
	timeout  time.Duration
	readings Readings
	notifier *http.Client
	routes   map[string]endpoint

	outbound *http.Transport // of notifier, if it is our own
	attempts sync.WaitGroup
	closing  sync.Once

	mu            sync.Mutex
	noAttempts    bool
	ids           *ids
	accounts      []Account
	users         []User
	books         books
	codes         map[string]grant
	secrets       secrets
	balances      map[string]core.Fen
	sessions      []Session
	messages      []ChatMessage
	shares        []Share
	robots        []Robot
	commands      []RobotCommand
	payouts       []*payout
	nonces        map[string]time.Time // of joint signatures, until when they are remembered
	notifications []*notification
	sent          []sentMessage // those that are remembered in full
}

// NewPlatform returns a fake platform that serves until it is closed. The
// error is one of the configuration, or of the port.
func NewPlatform(cfg PlatformConfig) (*Platform, error) {
	if err := cfg.Readings.check(); err != nil {
		return nil, err
	}
	p := &Platform{
		async:    cfg.Async,
		schedule: slices.Clone(cfg.Schedule),
		timeout:  cfg.AttemptTimeout,
		readings: cfg.Readings.withDefaults(),
		notifier: cfg.Client,
		ids:      newIDs(cfg.Seed),
		books:    newBooks(),
		codes:    map[string]grant{},
		nonces:   map[string]time.Time{},
		balances: map[string]core.Fen{},
		secrets:  newSecrets(),
	}
	p.routes = p.endpoints()
	p.open(cfg.Clock, cfg.Keep, cfg.OnExchange, append(vvchatCalls(), CallNotification, CallPayoutNotification))
	p.Clock = p.clock
	if cfg.Schedule == nil {
		p.schedule = DefaultSchedule()
	}
	if p.timeout <= 0 {
		p.timeout = 5 * time.Second
	}
	if err := p.admit(cfg.Accounts, cfg.Users); err != nil {
		return nil, err
	}
	if cfg.Sessions == nil {
		cfg.Sessions = TestSessions()
	}
	for _, s := range cfg.Sessions {
		if _, err := p.addSession("testkit.NewPlatform", s); err != nil {
			return nil, err
		}
	}
	if err := p.admitRobots(cfg.Robots); err != nil {
		return nil, err
	}
	if p.notifier == nil {
		dialer := &net.Dialer{Timeout: p.timeout, Control: loopbackOnly}
		p.outbound = &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 64}
		p.notifier = &http.Client{Transport: p.outbound, CheckRedirect: stayPut}
	}
	if cfg.NoListen {
		return p, nil
	}
	var err error
	if p.URL, err = p.listen("testkit.NewPlatform", cfg.Addr, p.Handler()); err != nil {
		return nil, err
	}
	return p, nil
}

// StartPlatform returns a fake platform for the length of a test. It is quiet
// while the test passes, and writes the whole record of its exchanges to the
// log of a test that failed. (A tb that cannot tell, having no method Failed,
// gets a line for each as it happens.)
func StartPlatform(tb TB, cfg PlatformConfig) *Platform {
	tb.Helper()
	var p *Platform
	cfg.OnExchange = watch(tb, cfg.OnExchange, func() []Exchange {
		if p == nil {
			return nil
		}
		return p.Requests()
	})
	started, err := NewPlatform(cfg)
	if err != nil {
		tb.Fatalf("the fake platform does not start: %v", err)
		return nil
	}
	p = started
	tb.Cleanup(p.Close)
	return p
}

func (p *Platform) admit(accounts []Account, users []User) error {
	if len(accounts) == 0 {
		accounts = []Account{TestAccount()}
	}
	for _, a := range accounts {
		switch {
		case a.AppID == "", a.AppKey.IsZero(), a.StoreNo == "":
			return core.Invalid("testkit.NewPlatform", "Accounts: each needs an AppID, an AppKey and a StoreNo")
		case slices.ContainsFunc(p.accounts, func(b Account) bool { return b.AppID == a.AppID }):
			return core.Invalid("testkit.NewPlatform", "Accounts: two have the same AppID")
		}
		p.accounts = append(p.accounts, a)
		p.secrets.addKey(a.AppKey)
	}
	if len(users) == 0 {
		users = []User{TestUser()}
	}
	for _, u := range users {
		if slices.ContainsFunc(p.users, func(v User) bool { return v.OpenID == u.OpenID && u.OpenID != "" }) {
			return core.Invalid("testkit.NewPlatform", "Users: two have the same OpenID")
		}
		p.AddUser(u)
	}
	return nil
}

// Client returns a client for the platform: it follows no redirect and gives
// up after 10 seconds.
func (p *Platform) Client() *http.Client { return p.client() }

// Close ends the platform: no notification is delivered again, those on their
// way are waited for, answers held back are let go, and the server stops. It
// may be called twice.
func (p *Platform) Close() {
	p.closing.Do(func() {
		p.release()
		p.mu.Lock()
		p.noAttempts = true
		for _, n := range p.notifications {
			n.cancel()
		}
		p.mu.Unlock()
		// The server goes last: whoever is being notified may still ask it.
		p.attempts.Wait()
		p.host.close()
		if p.outbound != nil {
			p.outbound.CloseIdleConnections()
		}
	})
}

// Accounts returns all accounts.
func (p *Platform) Accounts() []Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.accounts)
}

// Account returns the first account.
func (p *Platform) Account() Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accounts[0]
}

// SetAppKey gives an app another key: what it signs from now on must fit the
// new one, and so does what the platform signs for it. It reports whether
// there is such an app.
func (p *Platform) SetAppKey(appID string, appKey core.Secret) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.accounts {
		if p.accounts[i].AppID == appID {
			p.accounts[i].AppKey = appKey
			p.secrets.addKey(appKey)
			return true
		}
	}
	return false
}

// account is called with the lock held.
func (p *Platform) account(appID string) (Account, bool) {
	for _, a := range p.accounts {
		if a.AppID == appID {
			return a, true
		}
	}
	return Account{}, false
}

// AddUser adds a person, who gets an OpenID if he has none, and returns him.
func (p *Platform) AddUser(u User) User {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u.OpenID == "" {
		u.OpenID = p.ids.next("open_id", 32)
	}
	p.users = append(p.users, u)
	return u
}

// Users returns all people, the first of whom is meant where an open_id is
// left empty.
func (p *Platform) Users() []User {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.users)
}

// user is called with the lock held. An empty open_id is the first user's.
func (p *Platform) user(openID string) (User, bool) {
	for _, u := range p.users {
		if u.OpenID == openID || openID == "" {
			return u, true
		}
	}
	return User{}, false
}

// Inject makes something go wrong. It panics on a kind that does not exist, or
// that cannot happen to the call that it is limited to.
func (p *Platform) Inject(f Fault) *Injection { return p.faults.inject(f) }

// ClearFaults ends every fault that was injected.
func (p *Platform) ClearFaults() { p.faults.clear() }

// Requests returns the last exchanges, to the platform and from it, in the
// order in which they began.
func (p *Platform) Requests() []Exchange { return p.record.all() }

// loopbackOnly keeps a fake from posting to whatever host an order names.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsLoopback() {
		return nil
	}
	return errors.New("the notify_url is not on loopback; set PlatformConfig.Client to reach it")
}
