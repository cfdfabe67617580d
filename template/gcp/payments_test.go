package gcp

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/imprest-go/imprest/adapters/cloudfunc"
	"github.com/imprest-go/imprest/adapters/webhook"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

func environment(platform, site, deliveries string) map[string]string {
	return map[string]string{
		"IMPREST_APP_ID": "test", "IMPREST_APP_KEY": "123456", "IMPREST_BASE_URL": platform, "IMPREST_STORE_NO": "s1234", "SITE_URL": site,
		"IMPREST_JOURNAL": "postgres://nobody@127.0.0.1:1/none", "IMPREST_DELIVER_URL": deliveries, "IMPREST_DELIVER_KEY": strings.Repeat("d", 32),
		"IMPREST_COOKIE_KEYS": strings.Repeat("c", 32),
	}
}

func TestConfig(t *testing.T) {
	good := environment("https://platform.example", "https://shop.example", "https://shop.example/deliveries")
	if cfg, err := readConfig(func(name string) string { return good[name] }); err != nil || len(cfg.appKeys) != 1 {
		t.Fatal(cfg, err)
	}
	for missing := range good {
		_, err := readConfig(func(name string) string {
			if name == missing {
				return ""
			}
			return good[name]
		})
		if err == nil || err.Error() != missing+" is not set" {
			t.Errorf("without %s: %v", missing, err)
		}
	}
}

// A whole sale, by HTTP as the function gets it: login, order, payment, delivery
// by a server of one's own; then the same callback again, and a forged one.
func TestASale(t *testing.T) {
	ctx := t.Context()
	platform := testkit.StartPlatform(t, testkit.PlatformConfig{})
	var delivered atomic.Int64
	key := core.NewSecret(strings.Repeat("d", 32))
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || webhook.Verify(key, time.Now(), r.Method, r.URL.EscapedPath(), r.Header, body) != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.Method == http.MethodPost {
			delivered.Add(1)
		}
		_, _ = w.Write([]byte(`{"granted": false}`))
	}))
	defer own.Close()

	site := httptest.NewUnstartedServer(nil)
	url := "http://" + site.Listener.Addr().String()
	variables := environment(platform.URL, url, own.URL+"/deliveries")
	cfg, err := readConfig(func(name string) string { return variables[name] })
	must(t, err)
	cfg.testing = true
	p, err := newPayments(cfg, journal.NewMemory(), slog.New(slog.DiscardHandler))
	must(t, err)
	if never := p.routes.Check(); len(never) > 0 {
		t.Errorf("never reached: %v", never)
	}
	site.Config.Handler = cloudfunc.HTTP(p.routes)
	site.Start()
	defer site.Close()
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar}
	ask := func(method, path string, body, v any) int {
		t.Helper()
		text, err := json.Marshal(body)
		must(t, err)
		req, err := http.NewRequestWithContext(ctx, method, url+path, bytes.NewReader(text))
		must(t, err)
		req.Header.Set("Content-Type", "application/json")
		resp, err := browser.Do(req)
		must(t, err)
		defer resp.Body.Close()
		if v != nil {
			must(t, json.NewDecoder(resp.Body).Decode(v))
		}
		return resp.StatusCode
	}

	if status := ask("GET", "/healthz", nil, nil); status != 200 {
		t.Fatalf("healthz: %d", status)
	}
	var asked map[string]string
	ask("GET", "/login/state", nil, &asked)
	code, err := platform.Consent(asked["app_id"], "", asked["scope"])
	must(t, err)
	if status := ask("POST", "/login/code", map[string]string{"code": code, "state": asked["state"]}, nil); status != 200 {
		t.Fatalf("login: %d", status)
	}
	var bought purchase.View
	if status := ask("POST", "/purchases", map[string]any{"offer": "voip-1y", "price": 3600}, &bought); status != 201 {
		t.Fatalf("purchase: %d", status)
	}
	forged, err := testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: bought.ID, Amount: bought.Amount}, testkit.MutateWrongKey).Post(ctx, nil, url+"/callbacks/payment")
	must(t, err)
	testkit.RequireRefused(t, forged)
	_, err = platform.Pay(ctx, bought.ImprestCode, "")
	must(t, err)
	platform.RequireNotified(t, bought.ID)
	_, err = platform.Redeliver(ctx, bought.ID)
	must(t, err)
	must(t, p.sweep(ctx))
	ask("GET", "/purchases/"+bought.ID, nil, &bought)
	if bought.State != purchase.Delivered || delivered.Load() != 1 {
		t.Fatalf("%s, delivered %d times", bought.State, delivered.Load())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
