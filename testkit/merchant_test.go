package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shop is a merchant's server that answers notifications as the test says.
type shop struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	answer func(n int, body string) (status int, text string)
}

// openShop starts a merchant; nil acknowledges everything.
func openShop(t *testing.T, answer func(n int, body string) (int, string)) *shop {
	t.Helper()
	if answer == nil {
		answer = func(int, string) (int, string) { return http.StatusOK, "success" }
	}
	s := &shop{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		s.mu.Lock()
		s.bodies = append(s.bodies, string(body))
		n := len(s.bodies)
		s.mu.Unlock()
		status, text := s.answer(n, string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

// orderBody is a well-formed order, before it is signed.
func orderBody(outTradeNo, notifyURL string) *draft {
	return &draft{appKey: "123456", fields: []field{
		textField("app_id", "test"),
		textField("store_no", "s1234"),
		textField("nonce_str", "ibuaiVcKdpRxkhJA"),
		textField("sign_type", "MD5"),
		textField("out_trade_no", outTradeNo),
		bareField("amount", "990"),
		textField("notify_url", notifyURL),
		textField("scene_type", "APP"),
		textField("title", "storage, a month"),
	}}
}

func (d *draft) signed() []byte {
	d.setSign(dataSign(canonical(d.fields), d.appKey))
	return encodeJSON(d.fields)
}

type answered struct {
	status int
	body   string
	fields map[string]any
}

func do(t *testing.T, p *Platform, req *http.Request) answered {
	t.Helper()
	resp, err := p.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	a := answered{status: resp.StatusCode, body: string(body)}
	_ = json.Unmarshal(body, &a.fields)
	return a
}

func newRequest(t *testing.T, p *Platform, method, path, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.URL+path, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

const orderPath = "/paybusapi/v1/pay/unifiedorder"

func get(t *testing.T, p *Platform, path string) answered {
	t.Helper()
	return do(t, p, newRequest(t, p, http.MethodGet, path, ""))
}

func postOrder(t *testing.T, p *Platform, body []byte) answered {
	t.Helper()
	return do(t, p, newRequest(t, p, http.MethodPost, orderPath, string(body)))
}

// order makes an order and returns its imprest_code.
func order(t *testing.T, p *Platform, outTradeNo, notifyURL string) string {
	t.Helper()
	a := postOrder(t, p, orderBody(outTradeNo, notifyURL).signed())
	require.Equal(t, http.StatusOK, a.status, a.body)
	return a.fields["imprest_code"].(string)
}

func pay(t *testing.T, p *Platform, code string) Trade {
	t.Helper()
	trade, err := p.Pay(context.Background(), code, "")
	require.NoError(t, err)
	return trade
}

func testPlatform(t *testing.T, cfg PlatformConfig) *Platform {
	t.Helper()
	if cfg.Clock == nil {
		cfg.Clock = NewClock(time.Unix(1_700_000_000, 0))
	}
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	return StartPlatform(t, cfg)
}
