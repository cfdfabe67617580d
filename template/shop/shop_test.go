package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// street is the shop, its customer's browser, and the platform.
type street struct {
	*testing.T
	platform *testkit.Platform
	shop     *shop
	url      string
	browser  *http.Client
	log      *bytes.Buffer
}

// environment is what a shop that tries out against a fake platform is told.
func environment(platform, shop, data string) map[string]string {
	return map[string]string{
		"IMPREST_BASE_URL": platform, "IMPREST_APP_ID": "test", "IMPREST_APP_KEY": "123456", "IMPREST_STORE_NO": "s1234",
		"SHOP_URL": shop, "SHOP_DATA": data, "SHOP_COOKIE_KEY": strings.Repeat("k", 32),
	}
}

func getter(environment map[string]string) func(string) string {
	return func(name string) string { return environment[name] }
}

func open(t *testing.T) *street {
	t.Helper()
	s := &street{T: t, platform: testkit.StartPlatform(t, testkit.PlatformConfig{}), log: &bytes.Buffer{}}
	server := httptest.NewUnstartedServer(nil)
	s.url = "http://" + server.Listener.Addr().String()
	data := t.TempDir()
	cfg, err := readConfig(getter(environment(s.platform.URL, s.url, data)))
	s.must(err)
	journal, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: filepath.Join(data, "journal.db")})
	s.must(err)
	t.Cleanup(func() { _ = journal.Close() })
	keys, err := openLicences(t.Context(), filepath.Join(data, "licences.db"))
	s.must(err)
	t.Cleanup(func() { _ = keys.close() })
	var lock sync.Mutex
	s.shop, err = newShop(cfg, journal, keys, s.platform.Clock.Now, slog.New(slog.NewTextHandler(writer(func(line []byte) (int, error) {
		lock.Lock()
		defer lock.Unlock()
		return s.log.Write(line)
	}), nil)))
	s.must(err)
	server.Config.Handler = nethttp.Wrap(s.shop.routes)
	server.Start()
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	s.must(err)
	s.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

type writer func([]byte) (int, error)

func (w writer) Write(line []byte) (int, error) { return w(line) }

func (s *street) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// ask makes a request as the browser does, and reads the answer into v if it
// is not nil.
func (s *street) ask(method, path string, body, v any) *http.Response {
	s.Helper()
	var text io.Reader
	if body != nil {
		content, err := json.Marshal(body)
		s.must(err)
		text = bytes.NewReader(content)
	}
	req, err := http.NewRequestWithContext(s.Context(), method, s.url+path, text)
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.browser.Do(req)
	s.must(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	s.must(err)
	if v != nil {
		if err := json.Unmarshal(answer, v); err != nil {
			s.Fatalf("%s %s: %d %.200s: %v", method, path, resp.StatusCode, answer, err)
		}
	}
	return resp
}

func (s *street) wants(status int, resp *http.Response) {
	s.Helper()
	if resp.StatusCode != status {
		s.Fatalf("%s is answered %d, want %d", resp.Request.URL.Path, resp.StatusCode, status)
	}
}

// logIn logs the browser in as a page inside the IM does.
func (s *street) logIn() {
	s.Helper()
	var asked struct {
		AppID string `json:"app_id"`
		Scope string `json:"scope"`
		State string `json:"state"`
	}
	s.wants(200, s.ask("GET", "/login/state", nil, &asked))
	code, err := s.platform.Consent(asked.AppID, "", asked.Scope)
	s.must(err)
	s.wants(200, s.ask("POST", "/login/code", map[string]string{"code": code, "state": asked.State}, nil))
}

// buy orders the first offer.
func (s *street) buy() purchase.View {
	s.Helper()
	first := offers()[0]
	var p purchase.View
	s.wants(201, s.ask("POST", "/purchases", map[string]any{"offer": first.ID, "price": first.Price}, &p))
	return p
}

func (s *street) state(id string) purchase.State {
	s.Helper()
	var p purchase.View
	s.wants(200, s.ask("GET", "/purchases/"+id, nil, &p))
	return p.State
}

func (s *street) bought() []licence {
	s.Helper()
	var front frontView
	s.wants(200, s.ask("GET", "/shop", nil, &front))
	return front.Licences
}

// A whole sale: look, log in, order, pay, get the licence.
func TestASale(t *testing.T) {
	s := open(t)
	s.wants(200, s.ask("GET", "/", nil, nil))
	var front frontView
	s.wants(200, s.ask("GET", "/shop", nil, &front))
	if front.SignedIn || len(front.Offers) != len(offers()) {
		t.Fatalf("a stranger sees %+v", front)
	}
	s.wants(401, s.ask("POST", "/purchases", map[string]any{"offer": offers()[0].ID, "price": offers()[0].Price}, nil))
	s.logIn()
	p := s.buy()
	if p.State != purchase.Unpaid || len(s.bought()) != 0 {
		t.Fatalf("before the payment: %+v, %v", p, s.bought())
	}
	_, err := s.platform.Pay(t.Context(), p.ImprestCode, "")
	s.must(err)
	s.platform.RequireNotified(t, p.ID)
	if state := s.state(p.ID); state != purchase.Delivered {
		t.Fatalf("after the payment: %s\n%s", state, s.log)
	}
	bought := s.bought()
	if len(bought) != 1 || bought[0].Title != offers()[0].Title || len(bought[0].Key) != 29 {
		t.Fatalf("bought: %+v", bought)
	}
	testkit.RequireNoSecret(t, s.log.String(), testkit.TestAccount().AppKey, core.NewSecret(bought[0].Key))

	var stranger street = *s
	stranger.browser = &http.Client{}
	stranger.wants(401, stranger.ask("GET", "/purchases/"+p.ID, nil, nil))
	if others := stranger.bought(); len(others) != 0 {
		t.Fatalf("a stranger sees %v", others)
	}
}

// A callback that is delivered again, and many at once, deliver once.
func TestADuplicate(t *testing.T) {
	s := open(t)
	s.logIn()
	p := s.buy()
	message := testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: p.ID, Amount: p.Amount})
	var senders sync.WaitGroup
	for range 20 {
		senders.Go(func() {
			resp, err := message.Post(t.Context(), nil, s.url+"/callbacks/payment")
			if err != nil {
				t.Error(err)
				return
			}
			testkit.RequireAcknowledged(t, resp)
		})
	}
	senders.Wait()
	if bought := s.bought(); len(bought) != 1 || s.state(p.ID) != purchase.Delivered {
		t.Fatalf("%s, bought: %+v", s.state(p.ID), bought)
	}
}

// What is forged delivers nothing, and keeps the genuine callback from nothing.
func TestAForgedCallback(t *testing.T) {
	s := open(t)
	s.logIn()
	p := s.buy()
	fields := testkit.PaymentFields{OutTradeNo: p.ID, Amount: p.Amount}
	for _, mutator := range []testkit.Mutator{testkit.MutateWrongKey, testkit.MutateTamperedAmount} {
		resp, err := testkit.SignedPayment(fields, mutator).Post(t.Context(), nil, s.url+"/callbacks/payment")
		s.must(err)
		testkit.RequireRefused(t, resp)
	}
	cheap := fields
	cheap.Amount = 1
	resp, err := testkit.SignedPayment(cheap).Post(t.Context(), nil, s.url+"/callbacks/payment")
	s.must(err)
	testkit.RequireRefused(t, resp)
	if state := s.state(p.ID); state != purchase.Unpaid || len(s.bought()) != 0 {
		t.Fatalf("%s, bought: %v", state, s.bought())
	}
	resp, err = testkit.SignedPayment(fields).Post(t.Context(), nil, s.url+"/callbacks/payment")
	s.must(err)
	testkit.RequireAcknowledged(t, resp)
	if bought := s.bought(); len(bought) != 1 {
		t.Fatalf("bought: %v", bought)
	}
}

// A callback that never came is found by the sweep.
func TestALostCallback(t *testing.T) {
	s := open(t)
	s.logIn()
	p := s.buy()
	s.platform.Inject(testkit.Fault{Kind: testkit.FaultDropCallback, Times: testkit.Always})
	_, err := s.platform.Pay(t.Context(), p.ImprestCode, "")
	s.must(err)
	s.platform.Clock.Advance(20 * time.Minute)
	for range 2 {
		_, err = s.shop.sales.Reconcile(t.Context())
		s.must(err)
	}
	if bought := s.bought(); len(bought) != 1 || s.state(p.ID) != purchase.Delivered {
		t.Fatalf("%s, bought: %v\n%s", s.state(p.ID), bought, s.log)
	}
}

// The price is the shop's: what a request says is only what the buyer saw.
func TestThePriceIsTheShops(t *testing.T) {
	s := open(t)
	s.logIn()
	s.wants(409, s.ask("POST", "/purchases", map[string]any{"offer": offers()[0].ID, "price": 1}, nil))
	s.wants(404, s.ask("POST", "/purchases", map[string]any{"offer": "unknown", "price": 1}, nil))
	if trades := s.platform.Trades(); len(trades) != 0 {
		t.Fatalf("ordered: %v", trades)
	}
}

// In a browser outside of the IM, links lead into the app and back.
func TestLinks(t *testing.T) {
	s := open(t)
	resp := s.ask("GET", "/login?return=/", nil, nil)
	s.wants(302, resp)
	link, err := vvchat.ParseLink(resp.Header.Get("Location"))
	s.must(err)
	login, ok := link.(vvchat.LoginLink)
	if !ok || login.RedirectURI != s.url+"/login/return" {
		t.Fatalf("the login leads to %#v", link)
	}
	code, err := s.platform.Consent(login.AppID, "", login.Scope)
	s.must(err)
	resp = s.ask("GET", "/login/return?"+url.Values{"code": {code}, "state": {login.State}}.Encode(), nil, nil)
	s.wants(303, resp)
	p := s.buy()
	resp = s.ask("GET", "/purchases/"+p.ID+"/pay", nil, nil)
	s.wants(303, resp)
	link, err = vvchat.ParseLink(resp.Header.Get("Location"))
	s.must(err)
	if pay, ok := link.(vvchat.PayLink); !ok || pay.ImprestCode != p.ImprestCode || pay.RedirectURI != s.url+"/?purchase="+p.ID {
		t.Fatalf("the payment leads to %#v", link)
	}
	s.wants(404, s.ask("GET", "/purchases/unknown/pay", nil, nil))
	_, err = s.platform.Pay(t.Context(), p.ImprestCode, "")
	s.must(err)
	resp = s.ask("GET", "/purchases/"+p.ID+"/pay", nil, nil)
	if to := resp.Header.Get("Location"); to != "/?purchase="+p.ID {
		t.Fatalf("what is paid is paid again at %s", to)
	}
	s.browser.Jar, err = cookiejar.New(nil)
	s.must(err)
	resp = s.ask("GET", "/purchases/"+p.ID+"/pay", nil, nil)
	if to := resp.Header.Get("Location"); to != "/login?return=/" {
		t.Fatalf("a stranger is led to %s", to)
	}
	s.wants(303, s.ask("GET", "/login/return?err_code=400", nil, nil)) // he does not agree
}

func TestRoutes(t *testing.T) {
	s := open(t)
	if never := s.shop.routes.Check(); len(never) != 0 {
		t.Errorf("never reached: %v", never)
	}
	s.wants(200, s.ask("GET", "/healthz", nil, nil))
	for path, contentType := range map[string]string{"/": "text/html", "/shop.js": "text/javascript", "/shop.css": "text/css"} {
		resp := s.ask("GET", path, nil, nil)
		s.wants(200, resp)
		if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, contentType) {
			t.Errorf("%s is %s", path, got)
		}
	}
}

// The program as it is started, and stopped by a signal.
func TestStart(t *testing.T) {
	platform := testkit.StartPlatform(t, testkit.PlatformConfig{})
	variables := environment(platform.URL, "http://127.0.0.1:8080", filepath.Join(t.TempDir(), "data"))
	variables["SHOP_ADDR"] = "127.0.0.1:0"
	lines, out := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int)
	go func() {
		status := start(ctx, getter(variables), out)
		_ = out.Close()
		ended <- status
	}()
	var line struct {
		Msg, Address string
	}
	if err := json.NewDecoder(lines).Decode(&line); err != nil || line.Address == "" {
		t.Fatalf("the first line of the log is %+v: %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	resp, err := http.Get("http://" + line.Address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("the shop is not well: %d", resp.StatusCode)
	}
	stop()
	if status := <-ended; status != 0 {
		t.Errorf("the shop ends with %d", status)
	}
	if status := start(t.Context(), getter(nil), io.Discard); status != 2 {
		t.Errorf("without a configuration the shop ends with %d", status)
	}
}
