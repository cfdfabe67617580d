package boot_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/webhook"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/functions/internal/boot"
	"github.com/imprest-go/imprest/testkit"
)

const deliverKey = "0123456789abcdef0123456789abcdef"

// environment is one that every program takes.
func environment() map[string]string {
	return map[string]string{
		"IMPREST_APP_ID": "test", "IMPREST_APP_KEY": "a-key-of-sixteen-characters, an-older-key-of-sixteen", "IMPREST_STORE_NO": "s1234",
		"IMPREST_BASE_URL": "https://platform.example", "IMPREST_NOTIFY_URL": "https://shop.example/callbacks/payment", "IMPREST_JOURNAL": "memory",
		"IMPREST_DELIVER_URL": "https://shop.example/deliveries", "IMPREST_DELIVER_KEY": deliverKey, "IMPREST_OFFERS_FILE": "offers.json",
		"IMPREST_COOKIE_KEYS": strings.Repeat("c", 32), "IMPREST_REDIRECT_URI": "https://shop.example/login/return",
	}
}

func files(name string) ([]byte, error) {
	switch name {
	case "offers.json":
		return []byte(`{"voip-1y": {"title": "VoIP, one year", "amount": 3600, "data": {"a": 1}}}`), nil
	case "keys":
		return []byte("a-key-of-sixteen-characters\nan-older-key-of-sixteen\n"), nil
	case "empty":
		return []byte("\n"), nil
	case "bad.json":
		return []byte(`{"x": {"title": "t", "amount": 1.5}}`), nil
	case "regrouped.json":
		return []byte(`{"x": {"title": "tea&amount=1", "amount": 100}}`), nil
	case "lines.json":
		return []byte(`{"x": {"title": "tea", "remark": "a\nb", "amount": 100}}`), nil
	case "free.json":
		return []byte(`{"x": {"title": "t", "amount": 0}}`), nil
	}
	return nil, errors.New("no such file")
}

func load(program boot.Program, env map[string]string) (boot.Config, error) {
	return boot.Load(program, func(name string) string { return env[name] }, files)
}

var programs = []boot.Program{boot.PayCallback, boot.Checkout, boot.Login, boot.Reconcile}

func TestEveryProgramTakesAGoodEnvironment(t *testing.T) {
	for _, program := range programs {
		cfg, err := load(program, environment())
		require.NoError(t, err, program)
		assert.Len(t, cfg.AppKeys, 2)
		assert.Equal(t, []any{":8080", time.Minute, slog.LevelInfo}, []any{cfg.Listen, cfg.SweepEvery, cfg.LogLevel})
		f, err := boot.Build(cfg, journal.NewMemory(), nil, slog.New(slog.DiscardHandler))
		require.NoError(t, err, program)
		assert.NotNil(t, f.HTTP)
		assert.Equal(t, program != boot.Login, f.Tick != nil && f.Message != nil, program)
		resp := f.HTTP.Handle(t.Context(), &core.Request{Method: "GET", Path: "/healthz"})
		assert.Equal(t, 200, resp.Status)
	}
}

// One line that names the variable, and says nothing of a secret.
func TestBadEnvironments(t *testing.T) {
	for name, tt := range map[string]struct {
		program boot.Program
		change  map[string]string
		says    string
	}{
		"no app_id":               {boot.Login, map[string]string{"IMPREST_APP_ID": ""}, "IMPREST_APP_ID must be set (it is not, or is empty): the app_id"},
		"no key":                  {boot.Login, map[string]string{"IMPREST_APP_KEY": " "}, "IMPREST_APP_KEY must be set, or IMPREST_APP_KEY_FILE"},
		"two keys":                {boot.Login, map[string]string{"IMPREST_APP_KEY_FILE": "keys"}, "IMPREST_APP_KEY_FILE and IMPREST_APP_KEY are both set"},
		"a key file not there":    {boot.Login, map[string]string{"IMPREST_APP_KEY": "", "IMPREST_APP_KEY_FILE": "nope"}, "IMPREST_APP_KEY_FILE names a file that cannot be read"},
		"an empty key file":       {boot.Login, map[string]string{"IMPREST_APP_KEY": "", "IMPREST_APP_KEY_FILE": "empty"}, "IMPREST_APP_KEY_FILE names a file without a key"},
		"no journal":              {boot.Login, map[string]string{"IMPREST_JOURNAL": ""}, "IMPREST_JOURNAL must be set"},
		"no store_no":             {boot.PayCallback, map[string]string{"IMPREST_STORE_NO": ""}, "IMPREST_STORE_NO must be set"},
		"no cookie keys":          {boot.Login, map[string]string{"IMPREST_COOKIE_KEYS": ""}, "IMPREST_COOKIE_KEYS must be set"},
		"no offers":               {boot.Checkout, map[string]string{"IMPREST_OFFERS_FILE": ""}, "IMPREST_OFFERS_FILE must be set"},
		"offers not there":        {boot.Checkout, map[string]string{"IMPREST_OFFERS_FILE": "nope"}, "IMPREST_OFFERS_FILE names a file that cannot be read"},
		"a price of half a fen":   {boot.Checkout, map[string]string{"IMPREST_OFFERS_FILE": "bad.json"}, "IMPREST_OFFERS_FILE must hold"},
		"an offer for nothing":    {boot.Checkout, map[string]string{"IMPREST_OFFERS_FILE": "free.json"}, "whose amount is not greater than 0"},
		"a title that is a field": {boot.Checkout, map[string]string{"IMPREST_OFFERS_FILE": "regrouped.json"}, "IMPREST_OFFERS_FILE has an offer \"x\" whose title or remark"},
		"a remark of two lines":   {boot.Checkout, map[string]string{"IMPREST_OFFERS_FILE": "lines.json"}, "IMPREST_OFFERS_FILE has an offer \"x\" whose title or remark"},
		"a cap of nothing":        {boot.PayCallback, map[string]string{"IMPREST_OUT_OPEN_ID": "o", "IMPREST_PAYOUT_NOTIFY_URL": "https://x.example/p"}, "IMPREST_REFUND_DAILY_CAP must be"},
		"a cap of half a fen":     {boot.PayCallback, map[string]string{"IMPREST_OUT_OPEN_ID": "o", "IMPREST_PAYOUT_NOTIFY_URL": "https://x.example/p", "IMPREST_REFUND_DAILY_CAP": "1.5"}, "IMPREST_REFUND_DAILY_CAP must be"},
		"a cap alone":             {boot.PayCallback, map[string]string{"IMPREST_REFUND_DAILY_CAP": "5"}, "without IMPREST_OUT_OPEN_ID"},
		"refunds untold":          {boot.PayCallback, map[string]string{"IMPREST_OUT_OPEN_ID": "o", "IMPREST_REFUND_DAILY_CAP": "5"}, "IMPREST_PAYOUT_NOTIFY_URL must be given"},
		"a port":                  {boot.Login, map[string]string{"IMPREST_LISTEN": "8080"}, "IMPREST_LISTEN must be HOST:PORT"},
		"PORT":                    {boot.Login, map[string]string{"PORT": "http"}, "PORT must be a number"},
		"a level":                 {boot.Login, map[string]string{"IMPREST_LOG": "loud"}, "IMPREST_LOG must be"},
		"a sweep":                 {boot.Reconcile, map[string]string{"IMPREST_SWEEP_EVERY": "often"}, "IMPREST_SWEEP_EVERY must be"},
		"a lease":                 {boot.PayCallback, map[string]string{"IMPREST_LEASE": "100ms"}, "IMPREST_LEASE must be"},
		"in flight":               {boot.Checkout, map[string]string{"IMPREST_IN_FLIGHT": "-1m"}, "IMPREST_IN_FLIGHT must be"},
	} {
		env := environment()
		for k, v := range tt.change {
			env[k] = v
		}
		_, err := load(tt.program, env)
		require.ErrorContains(t, err, tt.says, name)
		assert.NotContains(t, err.Error(), "\n", name)
		for _, secret := range []string{deliverKey, "a-key-of", "cccc"} {
			assert.NotContains(t, err.Error(), secret, name)
		}
	}
	env := environment()
	env["PORT"] = "9000"
	cfg, err := load(boot.Login, env)
	require.NoError(t, err)
	assert.Equal(t, ":9000", cfg.Listen)
	delete(env, "IMPREST_APP_KEY")
	env["IMPREST_APP_KEY_FILE"] = "keys"
	cfg, err = load(boot.Login, env)
	require.NoError(t, err)
	assert.Len(t, cfg.AppKeys, 2)
	// Whoever takes the messages of a queue puts none in.
	env["IMPREST_QUEUE_URL"] = "https://sqs.eu-west-1.amazonaws.com/123456789012/paid"
	for _, program := range programs {
		cfg, err = load(program, env)
		require.NoError(t, err)
		assert.Equal(t, program == boot.PayCallback, cfg.QueueURL == env["IMPREST_QUEUE_URL"], program)
		assert.Equal(t, program != boot.PayCallback, cfg.QueueURL == "", program)
	}
	// What a program does not read cannot trouble it.
	delete(env, "IMPREST_STORE_NO")
	env["IMPREST_SWEEP_EVERY"] = "often"
	_, err = load(boot.Login, env)
	assert.NoError(t, err)
}

// What Load does not know, the parts check when they are wired.
func TestBuildChecks(t *testing.T) {
	for name, change := range map[string]func(*boot.Config){
		"IMPREST_DELIVER_URL": func(c *boot.Config) { c.DeliverURL = "http://shop.example/d" },
		"IMPREST_BASE_URL":    func(c *boot.Config) { c.BaseURL = "http://platform.example" },
		"IMPREST_APP_KEY":     func(c *boot.Config) { c.AppKeys = core.Secrets("short") },
		"IMPREST_NOTIFY_URL":  func(c *boot.Config) { c.NotifyURL = "callbacks" },
		"no program":          func(c *boot.Config) { c.Program = "x" },
	} {
		cfg, err := load(boot.PayCallback, environment())
		require.NoError(t, err)
		change(&cfg)
		_, err = boot.Build(cfg, journal.NewMemory(), nil, slog.New(slog.DiscardHandler))
		assert.ErrorContains(t, err, name)
	}
}

func TestHelpHasEveryVariableThatIsRead(t *testing.T) {
	read := map[string]bool{}
	for _, program := range programs {
		_, err := boot.Load(program, func(name string) string { read[name] = true; return environment()[name] }, files)
		require.NoError(t, err)
		help := boot.Help(program)
		for name := range read {
			assert.Contains(t, boot.Help(boot.PayCallback)+boot.Help(boot.Checkout)+boot.Help(boot.Login)+boot.Help(boot.Reconcile), name)
		}
		assert.Contains(t, help, "* IMPREST_APP_ID")
	}
	assert.NotContains(t, boot.Help(boot.Login), "IMPREST_STORE_NO")
}

// warehouse is the merchant's server behind the webhook.
type warehouse struct {
	mu      sync.Mutex
	granted map[string]int
}

func (w *warehouse) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if webhook.Verify(core.NewSecret(deliverKey), time.Now(), r.Method, r.URL.Path, r.Header, body) != nil {
		rw.WriteHeader(401)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id := r.Header.Get("Idempotency-Key")
	if r.Method == http.MethodGet {
		_ = json.NewEncoder(rw).Encode(map[string]bool{"granted": w.granted[id] > 0})
		return
	}
	w.granted[id]++
}

// sale is a platform, a merchant's server, and the programs on one journal.
type sale struct {
	env      map[string]string
	store    journal.Store
	goods    *warehouse
	platform *testkit.Platform
	built    map[boot.Program]boot.Function
}

func startSale(t *testing.T, enqueue boot.Enqueue) *sale {
	t.Helper()
	s := &sale{env: environment(), store: journal.NewMemory(), goods: &warehouse{granted: map[string]int{}}, built: map[boot.Program]boot.Function{}}
	shop := httptest.NewServer(s.goods)
	t.Cleanup(shop.Close)
	s.platform = testkit.StartPlatform(t, testkit.PlatformConfig{
		Clock: testkit.NewRunningClock(),
		Client: testkit.HandlerClient(core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
			return s.built[boot.PayCallback].HTTP.Handle(ctx, r)
		})),
	})
	account := s.platform.Account()
	s.env["IMPREST_APP_ID"], s.env["IMPREST_APP_KEY"], s.env["IMPREST_ALLOW_WEAK_KEY"] = account.AppID, account.AppKey.Reveal(), "true"
	s.env["IMPREST_STORE_NO"], s.env["IMPREST_BASE_URL"], s.env["IMPREST_DELIVER_URL"] = account.StoreNo, s.platform.URL, shop.URL+"/deliveries"
	for _, program := range programs {
		cfg, err := load(program, s.env)
		require.NoError(t, err)
		s.built[program], err = boot.Build(cfg, s.store, enqueue, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
	}
	return s
}

// pay orders, and pays; the platform's notification is answered when it returns.
func (s *sale) pay(t *testing.T) purchase.Purchase {
	t.Helper()
	p := orderOne(t, s.env, s.store)
	_, err := s.platform.Pay(t.Context(), p.ImprestCode, "")
	require.NoError(t, err)
	s.platform.RequireNotified(t, p.ID)
	return p
}

func (s *sale) assertState(t *testing.T, id string, state purchase.State) {
	t.Helper()
	record, err := s.store.Get(t.Context(), purchase.Prefix+id)
	require.NoError(t, err)
	assert.Contains(t, string(record.Body), `"state":"`+string(state)+`"`)
}

// A sale by three programs on one journal: ordered at the checkout, paid, told to
// paycallback, delivered by webhook; a message of the queue and a sweep find
// nothing left to do.
func TestASaleOverThePrograms(t *testing.T) {
	s := startSale(t, nil)
	// Nobody buys without a session; the order itself is made by the service.
	resp := s.built[boot.Checkout].HTTP.Handle(t.Context(), &core.Request{Method: "POST", Path: "/purchases", Body: []byte(`{"offer":"voip-1y","price":3600}`),
		Header: core.Header{{Name: "Content-Type", Value: "application/json"}}})
	require.Equal(t, 401, resp.Status)

	p := s.pay(t)
	s.assertState(t, p.ID, purchase.Delivered)
	assert.Equal(t, map[string]int{p.ID: 1}, s.goods.granted)

	require.NoError(t, s.built[boot.PayCallback].Message(t.Context(), []byte(`{"id":"`+p.ID+`"}`)))
	require.Error(t, s.built[boot.PayCallback].Message(t.Context(), []byte(`{}`)))
	require.NoError(t, s.built[boot.Reconcile].Tick(t.Context()))
	assert.Equal(t, map[string]int{p.ID: 1}, s.goods.granted)
}

// With a queue the notification is answered first, and whoever takes the message
// delivers; he puts none in. What the queue does not take the sweep delivers.
func TestASaleOverAQueue(t *testing.T) {
	var queue []string
	s := startSale(t, func(_ context.Context, id string) error {
		queue = append(queue, id)
		return nil
	})
	p := s.pay(t)
	s.assertState(t, p.ID, purchase.Paid)
	assert.Empty(t, s.goods.granted)
	require.Equal(t, []string{p.ID}, queue)
	for range 2 { // a queue may deliver twice
		require.NoError(t, s.built[boot.Reconcile].Message(t.Context(), []byte(`{"id":"`+queue[0]+`"}`)))
		s.assertState(t, p.ID, purchase.Delivered)
	}
	require.NoError(t, s.built[boot.Reconcile].Tick(t.Context()))
	assert.Equal(t, map[string]int{p.ID: 1}, s.goods.granted)
	assert.Len(t, queue, 1)

	failing := startSale(t, func(context.Context, string) error { return errors.New("no such queue") })
	p = failing.pay(t)
	failing.assertState(t, p.ID, purchase.Paid)
	require.NoError(t, failing.built[boot.Reconcile].Tick(t.Context()))
	failing.assertState(t, p.ID, purchase.Delivered)
}

// broken is a journal whose calls fail so.
type broken struct {
	journal.Store
	get, put error
}

func (b broken) Get(ctx context.Context, id string) (journal.Record, error) {
	if b.get != nil {
		return journal.Record{}, b.get
	}
	return b.Store.Get(ctx, id)
}

func (b broken) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if b.put != nil {
		return journal.Record{}, b.put
	}
	return b.Store.Put(ctx, r)
}

// Whatever becomes of the journal, a payment that is not on record is not answered
// "success", and the platform delivers it again.
func TestAJournalThatFails(t *testing.T) {
	env := environment()
	platform := testkit.StartPlatform(t, testkit.PlatformConfig{})
	env["IMPREST_BASE_URL"], env["IMPREST_APP_ID"], env["IMPREST_STORE_NO"] = platform.URL, platform.Account().AppID, platform.Account().StoreNo
	env["IMPREST_APP_KEY"], env["IMPREST_ALLOW_WEAK_KEY"] = platform.Account().AppKey.Reveal(), "true"
	memory := journal.NewMemory()
	p := orderOne(t, env, memory)
	message := testkit.SignedPayment(testkit.PaymentFields{
		AppKey: platform.Account().AppKey, AppID: platform.Account().AppID, OutTradeNo: p.ID, Amount: p.Amount,
	})
	unreached := error(&core.Error{Op: "store", Code: core.CodeUnreached, Err: errors.New("nobody is there")})
	pay := func(store journal.Store) *core.Response {
		cfg, err := load(boot.PayCallback, env)
		require.NoError(t, err)
		f, err := boot.Build(cfg, store, nil, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		return f.HTTP.Handle(t.Context(), &core.Request{Method: "POST", Path: "/callbacks/payment", Body: message.Body,
			Header: core.Header{{Name: "Content-Type", Value: "application/json"}}})
	}
	for name, store := range map[string]broken{
		"nothing is read":    {memory, unreached, nil},
		"nothing is written": {memory, nil, unreached},
		"nobody knows":       {memory, nil, journal.ErrUnknown},
		"nothing works":      {memory, unreached, journal.ErrUnknown},
	} {
		resp := pay(store)
		assert.Equal(t, 5, resp.Status/100, name)
		assert.NotContains(t, string(resp.Body), "success", name)
	}
	resp := pay(memory)
	assert.Equal(t, []any{200, "success"}, []any{resp.Status, string(resp.Body)}, "and then it is taken")
}

// orderOne makes an order as the checkout does for a buyer who is logged in.
func orderOne(t *testing.T, env map[string]string, store journal.Store) purchase.Purchase {
	t.Helper()
	client, err := vvchat.New(vvchat.Config{
		BaseURL: env["IMPREST_BASE_URL"], AppID: env["IMPREST_APP_ID"], AppKeys: core.Secrets(env["IMPREST_APP_KEY"]), StoreNo: env["IMPREST_STORE_NO"],
	})
	require.NoError(t, err)
	deliverer, err := webhook.New(webhook.Config{URL: env["IMPREST_DELIVER_URL"], Key: core.NewSecret(deliverKey)})
	require.NoError(t, err)
	sales, err := purchase.New(purchase.Config{
		Store: store, Platform: client, Catalog: purchase.Offers{"voip-1y": {Title: "VoIP, one year", Amount: 3600}}, Deliverer: deliverer,
		NotifyURL: "http://127.0.0.1/callbacks/payment",
	})
	require.NoError(t, err)
	p, err := sales.Begin(t.Context(), purchase.Request{Buyer: "ming", OfferID: "voip-1y", Price: 3600})
	require.NoError(t, err)
	return p
}
