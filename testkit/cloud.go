package testkit

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
)

// CloudConfig says what a fake cloud is like. The zero value is the world of
// [TestCloudUser]: one home with two devices ([TestDoorbell], [TestCamera]),
// what is sold for them ([TestCatalogs]) and a few exchange codes
// ([TestExchangeCodes]), on a port of its own, at a time that stands still.
type CloudConfig struct {
	// Users are the people with an account; [TestCloudUser] alone if there
	// are none.
	Users []CloudUser
	// Homes are where devices are; [TestHome] if there are none.
	Homes []Home
	// Devices are the devices; [TestDoorbell] and [TestCamera] if there are
	// none.
	Devices []Device
	// Catalogs are what is sold; [TestCatalogs] if there are none.
	Catalogs []Catalog
	// ExchangeCodes are the codes that can be redeemed;
	// [TestExchangeCodes] if the list is nil, none if it is empty.
	ExchangeCodes []ExchangeCode
	// Introductions introduce kinds of service, by categoryCode;
	// [TestIntroductions] if the map is nil.
	Introductions map[string]Introduction
	// WeChatApps are the mini programs; [TestWeChatApp] alone if there are
	// none.
	WeChatApps []WeChatApp
	// Projects are the cloud projects that may call the OpenAPI;
	// [TestProject] alone if there are none.
	Projects []Project
	// Clock is the time that the cloud lives in: when services end, codes
	// and tokens expire, late effects happen. If it is nil it is one that
	// stands still at the moment of creation. A program that people use
	// wants [NewRunningClock]; a test with a [Platform] as well hands both
	// the same one.
	Clock *Clock
	// Addr is the loopback address to listen on; "" is "127.0.0.1:0", a
	// port that is free.
	Addr string
	// NoListen leaves listening to the program, which serves
	// [Cloud.Handler] where it likes.
	NoListen bool
	// Seed makes the identifiers: the same seed gives the same ones, kind by
	// kind in the order of their making. 0 is a random seed.
	Seed uint64
	// Keep is how many exchanges [Cloud.Requests] remembers; 1000 if it is
	// 0.
	Keep int
	// OnExchange is told of every exchange when it has ended, before the
	// answer leaves. It may be called from many goroutines at once; nil
	// tells nobody.
	OnExchange func(Exchange)
	// Readings are the points on which Tuya's page is silent or can be read
	// in two ways. The zero value takes the reading of imprest.
	Readings CloudReadings
}

// Cloud is a fake of Tuya's mall and VoIP operations behind an action relay,
// with the homes, devices and services that they speak of, and of the two
// WeChat calls and the mini program that a VoIP authorization needs.
//
// The relay takes POST /action with a JSON object: action, the name of an
// operation; params, its parameters; and header with the user_id of the caller
// and, if he has a credential, the access_token. It answers HTTP 200 with
// success and result, or with success, code and msg. The code is a number of
// Tuya's gateway for whatever is wrong with the request, and a text for what is
// wrong with its matter: DEVICE_NOT_FOUND, PERMISSION_DENIED, MALL_NOT_FOUND;
// of a redemption also CATALOG_MISMATCH, CODE_NOT_FOUND, CODE_USED and
// CODE_EXPIRED; of a purchase also SKU_NOT_FOUND. Those of a redemption and of a
// purchase are the fake's own: Tuya publishes none.
//
// buyIncreaseServiceByWx makes a [MallOrder] and answers a [WXPayment];
// [Cloud.RequestPayment] or [Cloud.PayMallOrder] is the user who pays it, and
// [Cloud.MoveMallOrder] takes it through all its statuses.
//
// Below /v1.0 it is Tuya's signed OpenAPI: GET /token and /token/{refresh_token},
// POST /m/ecm/am/spu/list and /m/ecm/am/credential/list, GET
// /homes/{home_id}/devices, GET /mall/plugin/order/search and
// /mall/plugin/order/{order_id}, and PUT /sellercenter/order/close/{order_id}. A
// request is signed by one of the Projects, is from about now, is heard once,
// and shows a token that is good. What it is answered otherwise, in this order:
//
//   - 1108 for a path or method that there is not, 1109 for a query or a header
//     that cannot be read in one way
//   - 1105 without client_id, sign, sign_method or a header that
//     Signature-Headers names; 1005 for an unknown client_id, 1002 without
//     access_token
//   - 1013 if t is not 13 digits, or not within 5 minutes of the Clock
//   - 1004 for a wrong signature, one in lower case among them, and for a nonce
//     that came before
//   - 1011 for a token that is unknown or another project's, 1012 for one that
//     was taken back ([Cloud.RevokeTokens]), 1010 for one that has ended and for
//     a refresh_token that was used
//   - then what its page says of the parameters, or the gateway's 1006 and 1100
//     to 1109 where it says nothing; 1106 for what is not the project's to ask
//
// The knobs are in [CloudReadings]. Parameters of the query that a call does not
// have are signed like all others, and not looked at. Every code of the gateway
// can be had with [FaultErrorCode].
//
// Below /wechat it answers as api.weixin.qq.com does: GET /cgi-bin/token and
// POST /wxa/getsnticket, for the devices that have the VoIP capability.
//
// A Cloud is safe for use by many goroutines.
type Cloud struct {
	// URL is the base URL, such as "http://127.0.0.1:8702", without a slash
	// at the end; "" with NoListen.
	URL string
	// Clock is the time that the cloud lives in.
	Clock *Clock

	host
	readings   CloudReadings
	operations map[string]operation // by action name
	routes     []apiRoute           // of the OpenAPI
	closing    sync.Once

	mu       sync.Mutex
	closed   bool
	late     []func() bool // keep effects that are to come from happening
	ids      *ids
	users    []CloudUser
	homes    []Home
	devices  []*device
	catalogs []Catalog
	codes    []*ExchangeCode
	orders   []*MallOrder
	// subscriptions are those that paid orders began.
	subscriptions []*MallSubscription
	introductions map[string]Introduction
	apps          []WeChatApp
	tokens        map[string]*weChatToken
	tickets       []SNTicket
	byTicket      map[string]int // places in tickets
	gateway       gateway
	secrets       secrets
}

// The paths of a cloud, below its URL.
const (
	actionPath = "/action"
	weChatPath = "/wechat"
)

// NewCloud returns a fake cloud that serves until it is closed. The error is
// one of the configuration, or of the port.
func NewCloud(cfg CloudConfig) (*Cloud, error) {
	c := &Cloud{
		readings: cfg.Readings.withDefaults(),
		ids:      newIDs(cfg.Seed),
		tokens:   map[string]*weChatToken{},
		byTicket: map[string]int{},
		gateway:  newGateway(),
		secrets:  newSecrets(),
	}
	c.secrets.others = c.maskIssued
	c.open(cfg.Clock, cfg.Keep, cfg.OnExchange, slices.Concat(tuyaCalls(), openAPICalls(), wechatCalls()))
	c.routes = c.apiRoutes()
	c.Clock = c.clock
	c.operations = map[string]operation{}
	for _, op := range c.allOperations() {
		name := string(op.call)
		if other, ok := c.readings.ActionNames[op.call]; ok {
			name = other
		}
		c.operations[name] = op
	}
	if c.introductions = maps.Clone(cfg.Introductions); c.introductions == nil {
		c.introductions = TestIntroductions()
	}
	for categoryCode, introduction := range c.introductions {
		c.introductions[categoryCode] = introduction.clone()
	}
	if err := c.admit(cfg.withDefaults()); err != nil {
		return nil, err
	}
	if cfg.NoListen {
		return c, nil
	}
	var err error
	if c.URL, err = c.listen("testkit.NewCloud", cfg.Addr, c.Handler()); err != nil {
		return nil, err
	}
	return c, nil
}

// StartCloud returns a fake cloud for the length of a test. It is quiet
// while the test passes, and writes the whole record of its exchanges to the
// log of a test that failed. (A tb that cannot tell, having no method Failed,
// gets a line for each as it happens.)
func StartCloud(tb TB, cfg CloudConfig) *Cloud {
	tb.Helper()
	var c *Cloud
	cfg.OnExchange = watch(tb, cfg.OnExchange, func() []Exchange {
		if c == nil {
			return nil
		}
		return c.Requests()
	})
	started, err := NewCloud(cfg)
	if err != nil {
		tb.Fatalf("the fake cloud does not start: %v", err)
		return nil
	}
	c = started
	tb.Cleanup(c.Close)
	return c
}

// ActionURL returns the URL of the action relay; its path alone with NoListen.
func (c *Cloud) ActionURL() string { return c.URL + actionPath }

// WeChatURL returns the base URL of the WeChat calls, which takes the place of
// https://api.weixin.qq.com; its path alone with NoListen.
func (c *Cloud) WeChatURL() string { return c.URL + weChatPath }

// Handler returns the action relay at /action, the OpenAPI below /v1.0 and the
// WeChat calls below /wechat, for a program that listens by itself.
func (c *Cloud) Handler() http.Handler {
	relay := face{
		peer:   PeerTuya,
		shown:  c.maskedAction,
		broken: func(why string) reply { return c.denied(deny("1109", "%s", why)) },
		answer: c.relay,
		masked: c.masked,
	}
	weChat := face{
		peer:   PeerWeChat,
		broken: func(why string) reply { return weChatError("47001", why) },
		answer: c.weChat,
		masked: c.masked,
	}
	openAPI := face{
		peer:   PeerTuya,
		broken: func(why string) reply { return c.denied(deny("1109", "%s", why)) },
		answer: c.openAPI,
		masked: c.maskedOpenAPI,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.EscapedPath(); {
		case strings.HasPrefix(path, weChatPath+"/"):
			c.serve(w, r, weChat)
		case versioned.MatchString(path):
			c.serve(w, r, openAPI)
		default:
			c.serve(w, r, relay)
		}
	})
}

// Client returns a client for the cloud: it follows no redirect and gives up
// after 10 seconds.
func (c *Cloud) Client() *http.Client { return c.client() }

// Close ends the cloud: effects that are to come do not happen any more,
// answers held back are let go, and the server stops. It may be called twice.
func (c *Cloud) Close() {
	c.closing.Do(func() {
		c.release()
		c.mu.Lock()
		c.closed = true
		for _, stop := range c.late {
			stop()
		}
		c.late = nil
		c.mu.Unlock()
		c.host.close()
	})
}

// Inject makes something go wrong. It panics on a kind that does not exist, or
// that cannot happen to a cloud, or to the call that it is limited to.
func (c *Cloud) Inject(f Fault) *Injection { return c.faults.inject(f) }

// ClearFaults ends every fault that was injected. Effects that are late
// already still happen.
func (c *Cloud) ClearFaults() { c.faults.clear() }

// Requests returns the last exchanges, in the order in which they began.
func (c *Cloud) Requests() []Exchange { return c.record.all() }

// later makes an effect happen after d on the clock; a minute, if d is 0.
func (c *Cloud) later(d time.Duration, effect func()) time.Duration {
	if d <= 0 {
		d = time.Minute
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return d
	}
	c.late = append(c.late, c.Clock.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.closed {
			effect()
		}
	}))
	return d
}

// admit enters what a configuration holds.
func (c *Cloud) admit(cfg CloudConfig) error {
	const op = "testkit.NewCloud"
	if err := cfg.Readings.check(op); err != nil {
		return err
	}
	for _, u := range cfg.Users {
		if _, err := c.AddUser(u); err != nil {
			return err
		}
	}
	for _, h := range cfg.Homes {
		if _, err := c.AddHome(h); err != nil {
			return err
		}
	}
	for _, k := range cfg.Catalogs {
		switch {
		case k.Code == "", k.Service.Code == "", !k.Period.valid():
			return core.Invalid(op, "Catalogs: each needs a Code, a Service with a Code, and a Period")
		case slices.ContainsFunc(c.catalogs, func(other Catalog) bool { return other.Code == k.Code }):
			return core.Invalid(op, "Catalogs: two have the same Code")
		}
		k.Service = k.Service.clone()
		c.catalogs = append(c.catalogs, k)
	}
	for _, a := range cfg.WeChatApps {
		switch {
		case a.AppID == "", a.Secret.IsZero():
			return core.Invalid(op, "WeChatApps: each needs an AppID and a Secret")
		case slices.ContainsFunc(c.apps, func(other WeChatApp) bool { return other.AppID == a.AppID }):
			return core.Invalid(op, "WeChatApps: two have the same AppID")
		}
		c.apps = append(c.apps, a)
		c.secrets.addKey(a.Secret)
	}
	for _, p := range cfg.Projects {
		if err := c.addProject(op, p); err != nil {
			return err
		}
	}
	for _, d := range cfg.Devices {
		if _, err := c.AddDevice(d); err != nil {
			return err
		}
	}
	return c.AddCodes(cfg.ExchangeCodes...)
}

func (cfg CloudConfig) withDefaults() CloudConfig {
	if len(cfg.Users) == 0 {
		cfg.Users = []CloudUser{TestCloudUser()}
	}
	if len(cfg.Homes) == 0 {
		home := TestHome()
		home.OwnerID = "" // the first user
		cfg.Homes = []Home{home}
	}
	if len(cfg.Devices) == 0 {
		cfg.Devices = []Device{TestDoorbell(), TestCamera()}
		for i := range cfg.Devices {
			cfg.Devices[i].HomeID = "" // the first home
		}
	}
	if len(cfg.Catalogs) == 0 {
		cfg.Catalogs = TestCatalogs()
	}
	if cfg.ExchangeCodes == nil {
		for _, code := range TestExchangeCodes() {
			if slices.ContainsFunc(cfg.Catalogs, func(k Catalog) bool { return k.Code == code.CatalogCode }) {
				cfg.ExchangeCodes = append(cfg.ExchangeCodes, code)
			}
		}
	}
	if len(cfg.WeChatApps) == 0 {
		cfg.WeChatApps = []WeChatApp{TestWeChatApp()}
	}
	if len(cfg.Projects) == 0 {
		cfg.Projects = []Project{TestProject()}
	}
	return cfg
}
