package boot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

func runEnvironment(t *testing.T) map[string]string {
	t.Helper()
	offers := filepath.Join(t.TempDir(), "offers.json")
	require.NoError(t, os.WriteFile(offers, []byte(`{"voip-1y": {"title": "VoIP", "amount": 3600}}`), 0o600))
	return map[string]string{
		"IMPREST_APP_ID": "test", "IMPREST_APP_KEY": "a-key-of-sixteen-characters", "IMPREST_STORE_NO": "s1234",
		"IMPREST_BASE_URL": "https://platform.example", "IMPREST_NOTIFY_URL": "https://shop.example/callbacks/payment", "IMPREST_JOURNAL": "memory",
		"IMPREST_DELIVER_URL": "https://shop.example/deliveries", "IMPREST_DELIVER_KEY": strings.Repeat("k", 32), "IMPREST_OFFERS_FILE": offers,
		"IMPREST_COOKIE_KEYS": strings.Repeat("c", 32), "IMPREST_REDIRECT_URI": "https://shop.example/login/return", "IMPREST_LISTEN": "127.0.0.1:0",
	}
}

// output is written by a server and read by a test.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func runWith(ctx context.Context, program Program, target Target, env map[string]string, args ...string) (status int, stdout, stderr string) {
	var out, log output
	status = run(ctx, program, target, args, func(name string) string { return env[name] }, &out, &log)
	return status, out.String(), log.String()
}

func TestTheExitStatuses(t *testing.T) {
	env := runEnvironment(t)
	status, stdout, stderr := runWith(t.Context(), PayCallback, Target{}, nil, "--help")
	assert.Equal(t, []any{0, Help(PayCallback), ""}, []any{status, stdout, stderr})

	status, _, stderr = runWith(t.Context(), PayCallback, Target{}, nil)
	assert.Equal(t, 2, status)
	assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	assert.Contains(t, stderr, "paycallback: IMPREST_APP_ID must be set")

	status, _, stderr = runWith(t.Context(), PayCallback, Target{}, env, "--once")
	assert.Equal(t, 2, status)
	assert.Contains(t, stderr, `there is no "--once"`)

	status, _, stderr = runWith(t.Context(), PayCallback, Target{}, env)
	assert.Equal(t, 2, status)
	assert.Contains(t, stderr, "this build runs on AWS Lambda alone")

	env["IMPREST_JOURNAL"] = "postgres://user:password@host/db"
	opens := Target{Hosts: []Host{Server()}, Stores: map[string]Open{"sqlite": func(context.Context, string) (journal.Store, func() error, error) {
		return nil, nil, errors.New("the file is not a database")
	}}}
	status, _, stderr = runWith(t.Context(), PayCallback, opens, env)
	assert.Equal(t, 2, status)
	assert.Contains(t, stderr, "IMPREST_JOURNAL must be memory, or of the stores of this build: sqlite:…")
	assert.NotContains(t, stderr, "password")
	env["IMPREST_JOURNAL"] = "sqlite:x"
	status, _, stderr = runWith(t.Context(), PayCallback, opens, env)
	assert.Equal(t, 2, status)
	assert.Contains(t, stderr, "IMPREST_JOURNAL: the file is not a database")

	env["IMPREST_JOURNAL"], env["IMPREST_QUEUE_URL"] = "memory", "paid"
	status, _, stderr = runWith(t.Context(), PayCallback, opens, env)
	assert.Equal(t, 2, status)
	assert.Equal(t, "paycallback: IMPREST_QUEUE_URL must be empty: this build has no queue\n", stderr)
	var asked string
	opens.Queue = func(url string) (Enqueue, error) {
		asked = url
		return nil, errors.New("IMPREST_QUEUE_URL must be the queue's")
	}
	status, _, stderr = runWith(t.Context(), PayCallback, opens, env)
	assert.Equal(t, 2, status)
	assert.Equal(t, "paycallback: IMPREST_QUEUE_URL must be the queue's\n", stderr)
	assert.Equal(t, "paid", asked)
}

// Whoever finds that a variable will not do: it is one line that names it, it is
// said before anything is served, and nothing that may be a secret is in it.
func TestABadVariableIsNamed(t *testing.T) {
	const secret = "hunter2"
	for _, tt := range []struct {
		program     Program
		name, value string
		says        string
	}{
		{PayCallback, "IMPREST_APP_ID", "a b", "IMPREST_APP_ID must be 1 to 64 of"},
		{PayCallback, "IMPREST_APP_KEY", secret, "IMPREST_APP_KEY must have 16 characters or more: ask the platform for a longer one, or set IMPREST_ALLOW_WEAK_KEY=true"},
		{Login, "IMPREST_APP_KEY", secret + " with a space in it", "IMPREST_APP_KEY holds a space"},
		{PayCallback, "IMPREST_ALLOW_WEAK_KEY", "yes", "IMPREST_ALLOW_WEAK_KEY must be true or false"},
		{PayCallback, "IMPREST_BASE_URL", "platform.example", "IMPREST_BASE_URL must be an address"},
		{PayCallback, "IMPREST_BASE_URL", "https://me:" + secret + "@platform.example", "IMPREST_BASE_URL must be an address"},
		{PayCallback, "IMPREST_BASE_URL", "http://platform.example", "IMPREST_BASE_URL is plain http"},
		{PayCallback, "IMPREST_STORE_NO", "s 1", "IMPREST_STORE_NO must be 1 to 64 of"},
		{Checkout, "IMPREST_NOTIFY_URL", "callbacks", "IMPREST_NOTIFY_URL must be"},
		{Checkout, "IMPREST_NOTIFY_URL", "http://shop.example/callbacks/payment", "IMPREST_NOTIFY_URL must be an https address"},
		{Checkout, "IMPREST_NOTIFY_URL", "https://me:" + secret + "@shop.example/callbacks/payment", "IMPREST_NOTIFY_URL must be an https address"},
		{PayCallback, "IMPREST_DELIVER_URL", "https://me:" + secret + "@shop.example", "IMPREST_DELIVER_URL must be an address"},
		{PayCallback, "IMPREST_DELIVER_KEY", secret, "IMPREST_DELIVER_KEY must have 32 characters"},
		{Login, "IMPREST_COOKIE_KEYS", secret, "each key of IMPREST_COOKIE_KEYS must have 32 random bytes"},
		{Login, "IMPREST_REDIRECT_URI", "http://shop.example/login/return", "IMPREST_REDIRECT_URI must begin with https://"},
		{Login, "IMPREST_REDIRECT_URI", "https://shop.example", "IMPREST_REDIRECT_URI must have a path of its own"},
		{Login, "IMPREST_REDIRECT_URI", "https://shop.example/healthz", "IMPREST_REDIRECT_URI must not be the address of GET /healthz"},
		{PayCallback, "IMPREST_LISTEN", "nonsense:port", "IMPREST_LISTEN must be HOST:PORT"},
		{PayCallback, "IMPREST_LISTEN", "127.0.0.1:99999", "IMPREST_LISTEN must be HOST:PORT"},
		{PayCallback, "IMPREST_OUT_OPEN_ID", "a b", "IMPREST_OUT_OPEN_ID must be 1 to 64 of"},
		{PayCallback, "IMPREST_PAYOUT_NOTIFY_URL", "http://shop.example/callbacks/payout", "IMPREST_PAYOUT_NOTIFY_URL must be an https address"},
		{PayCallback, "IMPREST_JOURNAL", "postgers://me:" + secret + "@host/db", "IMPREST_JOURNAL must be memory, or of the stores of this build: a:…, b:…"},
	} {
		env := runEnvironment(t)
		if tt.name == "IMPREST_OUT_OPEN_ID" || tt.name == "IMPREST_PAYOUT_NOTIFY_URL" {
			env["IMPREST_OUT_OPEN_ID"], env["IMPREST_PAYOUT_NOTIFY_URL"], env["IMPREST_REFUND_DAILY_CAP"] = "payer", "https://shop.example/callbacks/payout", "1000"
		}
		env[tt.name] = tt.value
		status, stdout, stderr := runWith(t.Context(), tt.program, Target{Stores: map[string]Open{"b": nil, "a": nil}, Hosts: []Host{Server()}}, env)
		assert.Equal(t, 2, status, stderr)
		assert.Empty(t, stdout)
		assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
		assert.True(t, strings.HasPrefix(stderr, string(tt.program)+": "+tt.says), stderr)
		assert.NotContains(t, stderr, secret)
	}
}

// A host may find that the environment is not what it needs.
func TestAHostThatCannotServe(t *testing.T) {
	for err, want := range map[error]int{core.Invalid("", "FUNCTION_SIGNATURE_TYPE must be http"): 2, errors.New("out of sockets"): 1} {
		host := Host{Here: func(func(string) string) bool { return true }, Run: func(context.Context, Function, string, *slog.Logger) error { return err }}
		status, _, stderr := runWith(t.Context(), Login, Target{Hosts: []Host{host}}, runEnvironment(t))
		assert.Equal(t, want, status)
		assert.Contains(t, stderr, err.Error())
	}
}

func TestReconcileOnce(t *testing.T) {
	status, _, stderr := runWith(t.Context(), Reconcile, Target{}, runEnvironment(t), "--once")
	assert.Equal(t, 0, status, stderr)
	assert.Contains(t, stderr, `"msg":"sweep"`)
}

// A server answers until it is told to end, and then ends well.
func TestAServerEndsWell(t *testing.T) {
	for _, program := range []Program{PayCallback, Reconcile} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan int, 1)
		var log output
		env := runEnvironment(t)
		go func() {
			ended <- run(ctx, program, Target{Hosts: []Host{Server()}}, nil, func(name string) string { return env[name] }, io.Discard, &log)
		}()
		var address string
		require.Eventually(t, func() bool {
			_, rest, ok := strings.Cut(log.String(), `"address":"`)
			address, _, _ = strings.Cut(rest, `"`)
			return ok
		}, 5*time.Second, time.Millisecond)
		resp, err := http.Get("http://" + address + "/healthz")
		require.NoError(t, err)
		_ = resp.Body.Close()
		assert.Equal(t, 200, resp.StatusCode)
		cancel()
		select {
		case status := <-ended:
			assert.Equal(t, 0, status, log.String())
		case <-time.After(10 * time.Second):
			t.Fatal("it did not end")
		}
		assert.NotContains(t, log.String(), "a-key-of")
	}
}

func TestAnAddressThatIsTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	env := runEnvironment(t)
	env["IMPREST_LISTEN"] = ln.Addr().String()
	status, _, stderr := runWith(t.Context(), Login, Target{Hosts: []Host{Server()}}, env)
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "IMPREST_LISTEN")
}

// The first host that this process runs under has the function, and no server is
// started.
func TestHosts(t *testing.T) {
	var ran []string
	host := func(name string, here bool) Host {
		return Host{Here: func(func(string) string) bool { return here }, Run: func(ctx context.Context, f Function, listen string, _ *slog.Logger) error {
			assert.NoError(t, ctx.Err())
			assert.Equal(t, "127.0.0.1:0", listen)
			ran = append(ran, name)
			assert.NotNil(t, f.HTTP)
			return nil
		}}
	}
	status, _, stderr := runWith(t.Context(), PayCallback, Target{Hosts: []Host{host("no", false), host("yes", true), host("late", true)}}, runEnvironment(t))
	assert.Equal(t, 0, status)
	assert.Equal(t, []string{"yes"}, ran)
	assert.NotContains(t, stderr, "serving")
}

func TestTheLogIsReadByCloudLogging(t *testing.T) {
	for service, want := range map[string][]string{
		"":            {`"level":"INFO","msg":"a"`, `"level":"WARN","msg":"b"`, `"level":"ERROR","msg":"c"`},
		"paycallback": {`"severity":"INFO","message":"a"`, `"severity":"WARNING","message":"b"`, `"severity":"ERROR","message":"c"`},
	} {
		var log bytes.Buffer
		logger := newLogger(&log, slog.LevelInfo, func(string) string { return service })
		logger.Debug("none")
		logger.Info("a")
		logger.Warn("b")
		logger.Error("c", slog.Group("g", "level", "kept"))
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		require.Len(t, lines, 3)
		for i, line := range lines {
			assert.Contains(t, line, want[i])
		}
		assert.Contains(t, lines[2], `"g":{"level":"kept"}`)
	}
}
