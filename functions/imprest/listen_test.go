package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
	"github.com/imprest-go/imprest/testkit"
)

// running is a command that goes on until it is ended.
type running struct {
	t              *testing.T
	stdout, stderr growing
	cancel         context.CancelFunc
	done           chan struct{}
	status         int
}

// growing is output that can be read while it is written.
type growing struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (g *growing) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.Write(b)
}

func (g *growing) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.String()
}

// begin runs a command in the background, until end or the end of the test.
func begin(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{t: t, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.status = run(ctx, append([]string{"imprest"}, args...), strings.NewReader(""), &r.stdout, &r.stderr)
	}()
	t.Cleanup(func() { r.end() })
	return r
}

// end interrupts the command, and returns its exit status.
func (r *running) end() int {
	r.cancel()
	<-r.done
	return r.status
}

// says waits until the output matches pattern, and returns its groups.
func (r *running) says(output *growing, pattern string) []string {
	r.t.Helper()
	expression := regexp.MustCompile("(?m)" + pattern)
	var found []string
	require.Eventually(r.t, func() bool {
		found = expression.FindStringSubmatch(output.String())
		return found != nil
	}, 20*time.Second, 5*time.Millisecond, "it never said %s", pattern)
	return found
}

// order makes an order on a platform, and returns the status of its answer.
func order(t *testing.T, platform, outTradeNo, notifyURL, key string) int {
	t.Helper()
	fields := map[string]string{
		"app_id": "test", "store_no": "s1234", "nonce_str": "n", "sign_type": "MD5", "out_trade_no": outTradeNo,
		"notify_url": notifyURL, "scene_type": "APP", "title": "a lamp",
	}
	body := `{"amount":100`
	for name, value := range fields {
		body += fmt.Sprintf(",%q:%q", name, value)
	}
	signed, err := sign.Parse(typeJSON, []byte(body+"}"))
	require.NoError(t, err)
	signature, err := sign.Data(signed, core.NewSecret(key))
	require.NoError(t, err)
	resp, err := http.Post(platform+"/paybusapi/v1/pay/unifiedorder", typeJSON, strings.NewReader(body+fmt.Sprintf(`,"sign":%q}`, signature)))
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	t.Logf("%s", answer)
	return resp.StatusCode
}

func recordOf(t *testing.T, file string) []notice {
	t.Helper()
	notices, err := readRecord(file)
	require.NoError(t, err)
	return notices
}

func TestListenForwardsWhatThePlatformSends(t *testing.T) {
	m := newMerchant(t)
	file := filepath.Join(t.TempDir(), "notices.jsonl")
	l := begin(t, "listen", "--platform-addr", "127.0.0.1:0", "--forward-to", m.URL+"/callbacks/payment?token=hidden", "--pay-after", "1ms",
		"--record", file, "--app-key", longKey)
	platform := l.says(&l.stderr, `platform +(http://\S+)`)[1]
	l.says(&l.stderr, `server +point your server's base URL at `+platform+`$`)
	require.Equal(t, http.StatusOK, order(t, platform, "order-1", "https://shop.example.com/pay", longKey))
	id := l.says(&l.stdout, `^\d\d:\d\d:\d\d  payment      order-1 100 fen status 1  200 success  [0-9.]+ ms  ([a-z2-7]{8})$`)[1]
	l.says(&l.stdout, `asked        unifiedorder order-1  200$`)
	require.Equal(t, http.StatusBadRequest, order(t, platform, "order-2", "https://shop.example.com/pay", "another key of sixteen"))
	l.says(&l.stdout, `asked        unifiedorder order-2  400 .*sign`)
	assert.Equal(t, exitDone, l.end(), l.stderr.String())
	assert.Equal(t, 1, m.payments["order-1"])
	assert.NotContains(t, l.stdout.String()+l.stderr.String(), longKey)
	assert.NotContains(t, l.stdout.String()+l.stderr.String(), "hidden", "a query may hold a token")

	notices := recordOf(t, file)
	require.Len(t, notices, 1)
	assert.Equal(t, id, notices[0].ID)
	assert.Equal(t, 200, notices[0].AnswerStatus)
	assert.Equal(t, "success", notices[0].Answer)

	// Sent again, the merchant delivers nothing twice.
	for _, args := range [][]string{{id}, {"--last", "5"}, {"--all"}, {"--all", "--to", m.URL + "/callbacks/payment"}} {
		r := invoke(t, "", append([]string{"resend", "--record", file}, args...)...)
		require.Equal(t, exitDone, r.status, r.stderr)
		assert.Regexp(t, `^\d\d:\d\d:\d\d  payment      order-1 100 fen status 1  200 success  [0-9.]+ ms  `+id+`\n$`, r.stdout)
		assert.Empty(t, r.stderr)
	}
	assert.Equal(t, 1, m.payments["order-1"])
	assert.Len(t, recordOf(t, file), 1, "what was sent again is not recorded again")
}

// The developer's server hears the exact bytes, and the platform its answer:
// what is not answered success comes again.
func TestAForwardIsByteForByteBothWays(t *testing.T) {
	type request struct {
		method, uri string
		header      http.Header
		body        []byte
	}
	var got []request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		got = append(got, request{r.Method, r.RequestURI, r.Header, body})
		w.Header().Set("X-Answer", "a")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("later\xff " + longKey))
	}))
	defer server.Close()
	var stdout, stderr bytes.Buffer
	p := &program{stdout: &stdout, stderr: &stderr, now: time.Now}
	file := filepath.Join(t.TempDir(), "notices.jsonl")
	record, err := openRecord(file)
	require.NoError(t, err)
	f := &forwarder{p: p, client: loopbackClient(1), payments: server.URL + "/pay", payouts: server.URL + "/payout", robots: server.URL + "/robot/s3cret-path",
		record: record, hide: core.Secrets(longKey)}
	bodies := []struct{ kind, path, body string }{
		{kindPayment, "/pay", `{"out_trade_no": "a",  "amount":"1","status":1, "note":"<&>\u4e2d"}` + "\n"},
		{kindPayment, "/pay", "out_trade_no=a&amount=1&note=%E4%B8%AD+x"},
		{kindPayment, "/pay", "\xff\xfe{\x00"},
		{kindPayment, "/pay", ""},
		{kindPayout, "/payout", `{"out_order_no":"p","status":"2"}`},
		{kindRobot, "/robot/s3cret-path", `{"event":"at","version":"v1","data":{"content":{"text":"hi"}}}`},
	}
	for _, b := range bodies {
		req, err := http.NewRequest(http.MethodPost, "https://shop.example.com/elsewhere?x=1", strings.NewReader(b.body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "text/odd; charset=x")
		req.Header.Add("X-Twice", "1")
		req.Header.Add("X-Twice", "2")
		resp, err := f.RoundTrip(req)
		require.NoError(t, err)
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, http.StatusAccepted, resp.StatusCode)
		assert.Equal(t, "later\xff "+longKey, string(answer))
		assert.Equal(t, "a", resp.Header.Get("X-Answer"))
	}
	require.NoError(t, record.close())
	check := func(got []request) {
		t.Helper()
		require.Len(t, got, len(bodies))
		for i, b := range bodies {
			assert.Equal(t, b.body, string(got[i].body))
			assert.Equal(t, http.MethodPost, got[i].method)
			assert.Equal(t, b.path, got[i].uri)
			assert.Equal(t, []string{"text/odd; charset=x"}, got[i].header["Content-Type"])
			assert.Equal(t, []string{"1", "2"}, got[i].header["X-Twice"])
		}
	}
	check(got)
	notices := recordOf(t, file)
	require.Len(t, notices, len(bodies))
	for i, b := range bodies {
		assert.Equal(t, b.kind, notices[i].Kind)
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, output := range []string{string(text), stdout.String()} {
		assert.NotContains(t, output, longKey)
		assert.NotContains(t, output, "s3cret-path")
	}
	assert.Contains(t, stdout.String(), "payment      a 1 fen status 1  202 later")

	// The record sends the same bytes again; the robot's path has to be told.
	got = nil
	refused := invoke(t, "", "resend", "--all", "--record", file)
	assert.Equal(t, exitUsage, refused.status)
	assert.Contains(t, refused.stderr, "--to: is needed for "+notices[5].ID+": the secret path")
	assert.Empty(t, got, "nothing is sent before all is looked at")
	for i, b := range bodies {
		r := invoke(t, "", "resend", notices[i].ID, "--record", file, "--to", server.URL+b.path)
		require.Equal(t, exitDone, r.status, r.stderr)
	}
	check(got)
}

// A sandbox that runs is joined: what its platform sends comes here too.
func TestListenJoinsASandbox(t *testing.T) {
	m := newMerchant(t)
	s := begin(t, "sandbox", "--addr", "127.0.0.1:0", "--platform-addr", "127.0.0.1:0", "--cloud-addr", "127.0.0.1:0", "--journal", "memory")
	shop := s.says(&s.stdout, `shop +(http://\S+?)/?$`)[1]
	l := begin(t, "listen", "--sandbox", shop, "--forward-to", m.URL+"/callbacks/payment?token=hidden", "--json", "--record", filepath.Join(t.TempDir(), "r"))
	l.says(&l.stderr, `^Joined\.`)
	post := func(path, body string) {
		resp, err := http.Post(shop+path, typeJSON, strings.NewReader(body))
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	post("/_sandbox/orders", `[{"out_trade_no":"order-1","amount":100},{"out_trade_no":"order-2","amount":123456}]`)
	post("/_sandbox/notify", `{"out_trade_no":"order-1"}`)
	l.says(&l.stdout, `^{"id":"[a-z2-7]{8}",.*"out_trade_no":"order-1".*"answer_status":200,"answer":"success",`)
	post("/_sandbox/notify", `{"out_trade_no":"order-1","mutate":["wrong-key"]}`)
	l.says(&l.stdout, `"answer_status":400,"answer":"refused",`)
	// The documented key is an amount, too: a masked copy of it would be refused for its signature.
	post("/_sandbox/notify", `{"out_trade_no":"order-2"}`)
	l.says(&l.stdout, `"out_trade_no":"order-2","amount":"123456",`)
	assert.Equal(t, map[string]int{"order-1": 1}, m.payments)
	require.Equal(t, exitDone, s.end())
	l.says(&l.stderr, `^note: the sandbox has gone`)
	assert.Equal(t, exitDone, l.end(), l.stderr.String())

	assert.NotContains(t, l.stdout.String()+l.stderr.String(), "hidden")

	alone := invoke(t, "", "listen", "--sandbox", shop, "--forward-to", m.URL, "--record", filepath.Join(t.TempDir(), "r"))
	assert.Equal(t, exitFailed, alone.status)
	assert.Contains(t, alone.stderr, "imprest listen: there is no sandbox to join: dial: ")
}

func TestARecordIsReadStrictly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	line := `{"id":"aaaaaaaa","kind":"payment","method":"POST","to":"http://192.0.2.1/","body":"{}"}`
	write(line + "\n" + `{"id":"torn`)
	assert.Len(t, recordOf(t, file), 1, "the end of a line that was never written")
	r := invoke(t, "", "resend", "--all", "--record", file)
	assert.Equal(t, exitUsage, r.status)
	assert.Contains(t, r.stderr, "--to: is needed for aaaaaaaa, which did not go to this machine")
	write(strings.ReplaceAll(line, "aaaaaaaa", `a\u001b[2Ja`) + "\n")
	assert.NotContains(t, invoke(t, "", "resend", "--list", "--record", file).stdout, "\x1b")
	write(line + "\n[]\n")
	r = invoke(t, "", "resend", "--all", "--record", file)
	assert.Equal(t, exitUsage, r.status)
	assert.Contains(t, r.stderr, "r:2 is no notification as imprest listen records it")
}

// Without --record there is a usual place; it is its owner's alone, and does
// not grow for ever.
func TestTheUsualRecord(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	r := invoke(t, "", "resend", "--last", "1")
	assert.Equal(t, exitUsage, r.status)
	assert.Equal(t, "imprest resend: nothing is recorded yet (imprest listen records)\n", r.stderr)
	add := func() {
		record, err := openRecord("")
		require.NoError(t, err)
		record.add(&notice{ID: newNoticeID(), Method: "POST"})
		require.NoError(t, record.close())
	}
	add()
	add()
	assert.Len(t, recordOf(t, ""), 2)
	name, err := defaultRecord()
	require.NoError(t, err)
	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, os.Truncate(name, recordLimit+1))
	add()
	assert.Len(t, recordOf(t, ""), 1)
	assert.FileExists(t, name+".old")
}

func TestPayoutsAreToldApart(t *testing.T) {
	payout := testkit.SignedPayout(testkit.PayoutFields{OutOrderNo: "P1", Status: "2"})
	n := readNotice(payout.Method, http.Header{"Content-Type": {payout.ContentType}}, payout.Body)
	assert.Equal(t, kindPayout, n.Kind)
	assert.Equal(t, "P1", n.OutOrderNo)
	assert.Equal(t, "2", n.Status)
	form := testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: "T1", Amount: 5}, testkit.MutateForm)
	n = readNotice(form.Method, nil, form.Body)
	assert.Equal(t, []string{kindPayment, "T1", "5", "1"}, []string{n.Kind, n.OutTradeNo, n.Amount, n.Status})
}

// Whatever a notification holds, its exact bytes survive the record.
func FuzzARecordKeepsTheBytes(f *testing.F) {
	for _, m := range testkit.Mutators() {
		f.Add(testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: "T1", Amount: 100}, m.Name).Body)
	}
	for _, body := range []string{"", "{", `{"out_order_no":1e3,"status":null}`, "a=%zz&a=1", "\xff", "\xef\xbf\xbd", "\u2028<&>", "null", `{"amount":{}}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n := readNotice(http.MethodPost, http.Header{"X": {"1", "2"}}, body)
		line, err := encodeLine(&n)
		require.NoError(t, err)
		require.Equal(t, 1, bytes.Count(line, []byte("\n")))
		var read notice
		require.NoError(t, json.Unmarshal(line, &read))
		m := read.message()
		require.Equal(t, string(body), string(m.Body))
		require.Equal(t, core.Header{{Name: "X", Value: "1"}, {Name: "X", Value: "2"}}, m.Header)
		require.Contains(t, []string{kindPayment, kindPayout, kindRobot}, read.Kind)
	})
}
