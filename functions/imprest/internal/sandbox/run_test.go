package sandbox

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

func TestRunNamesTheFlagThatIsWrong(t *testing.T) {
	folder := t.TempDir()
	foreign := filepath.Join(folder, "notes.db")
	require.NoError(t, os.WriteFile(foreign, bytes.Repeat([]byte("not a database. "), 100), 0o600))
	for _, c := range []struct {
		cfg  Config
		says string
	}{
		{Config{Addr: "8700"}, "--addr: "},
		{Config{PlatformAddr: "nowhere"}, "--platform-addr: "},
		{Config{PlatformAddr: "0.0.0.0:0"}, "--platform-addr: "},
		{Config{CloudAddr: "0.0.0.0:0"}, "--cloud-addr: "},
		{Config{Faults: []string{cloudDown, deliverLost}}, "both decide"},
		{Config{Faults: []string{callsRefused, redeemLost}}, "calls-refused strikes what was granted, and redeem-lost"},
		{Config{PlatformAddr: "192.0.2.1:0"}, "--platform-addr: "},
		{Config{PlatformAddr: ":0"}, "--platform-addr: "},
		{Config{CloudAddr: "nowhere"}, "--cloud-addr: "},
		{Config{Faults: []string{"slow", "sloow"}}, `--faults: there is no "sloow"`},
		{Config{Journal: "sqlite:"}, "--journal: "},
		{Config{Journal: "sqlite:" + foreign}, "--journal: "},
		{Config{Journal: "postgres://user:hunter2hunter2@db:port/x"}, "--journal: URL cannot be read"},
		{Config{Journal: "dynamodb:"}, "--journal: "},
		{Config{Journal: "mysql://user:hunter2hunter2@db/x"}, `--journal: "mysql://…" is no journal`},
		{Config{Journal: "shop.db"}, `--journal: "shop.db" is no journal`},
	} {
		c.cfg.Once = true
		err := Run(t.Context(), c.cfg)
		require.ErrorContains(t, err, c.says)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), c.says)
		testkit.RequireNoSecret(t, err.Error(), core.NewSecret("hunter2hunter2"))
	}
}

func TestRunSaysWhatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", freePort)
	require.NoError(t, err)
	defer taken.Close()
	addr := taken.Addr().String()
	for _, cfg := range []Config{{Addr: addr}, {PlatformAddr: addr}, {CloudAddr: addr}} {
		cfg.Once, cfg.Journal = true, "memory"
		err := Run(t.Context(), cfg)
		require.ErrorContains(t, err, addr)
		assert.Equal(t, core.CodeInternal, core.CodeOf(err), "the flag is not wrong, it is a bad day")
	}
}

// syncBuffer is a buffer that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestRunServesUntilItsContextEnds(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	var out syncBuffer
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Config{Addr: freePort, PlatformAddr: freePort, CloudAddr: freePort, Out: &out, Faults: []string{"duplicate"}})
	}()
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "Ctrl-C") }, 10*time.Second, time.Millisecond)
	shown := out.String()
	find := func(pattern string) string {
		match := regexp.MustCompile(pattern).FindStringSubmatch(shown)
		require.Len(t, match, 2, "%s in %s", pattern, shown)
		return match[1]
	}
	shop, phone := find(`shop +(http://127\.0\.0\.1:\d+/)`), find(`phone +(http://127\.0\.0\.1:\d+/phone)`)
	file := find(`journal +sqlite:(\S+)`)
	find(`seed +(\d+)`)
	find(`faults +(duplicate)`)
	for _, url := range []string{shop, phone, shop + "_sandbox", strings.TrimSuffix(phone, "phone")} {
		status, _ := call(t, http.MethodGet, url, "")
		assert.Contains(t, []int{http.StatusOK, http.StatusFound}, status, url)
	}
	cancel()
	require.NoError(t, <-ended)
	assert.FileExists(t, file, "the journal that it named is still there")
	assert.True(t, strings.HasSuffix(out.String(), "\n  imprest journal ls --journal sqlite:"+file+"\n  imprest sandbox --journal sqlite:"+file+"\n"), out.String())
	http.DefaultClient.CloseIdleConnections()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		require.True(t, time.Now().Before(deadline), "%d goroutines are left over", runtime.NumGoroutine()-before)
	}
}

type writerFunc func(text []byte) (int, error)

func (f writerFunc) Write(text []byte) (int, error) { return f(text) }

// TestRunLeavesNoFolderThatNobodyWants: of a run that ended well nothing is left,
// nor of one that never began; one that did not end well can be looked into.
func TestRunLeavesNoFolderThatNobodyWants(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	left := func() []string {
		list, err := filepath.Glob(folder + "/imprest-sandbox-*/journal.db")
		require.NoError(t, err)
		return list
	}
	var out syncBuffer
	require.NoError(t, Run(t.Context(), Config{Once: true, Out: &out}), out.String())
	assert.Empty(t, left())
	require.Error(t, Run(t.Context(), Config{Addr: "192.0.2.1:1", PlatformAddr: freePort, CloudAddr: freePort, Out: &out}))
	assert.Empty(t, left())
	assert.NotContains(t, out.String(), "is kept")

	ctx, cancel := context.WithCancel(t.Context())
	broken := writerFunc(func(text []byte) (int, error) {
		cancel() // as soon as it has said where the journal is
		return out.Write(text)
	})
	require.ErrorIs(t, Run(ctx, Config{Once: true, Out: broken}), context.Canceled)
	require.Len(t, left(), 1)
	assert.True(t, strings.HasSuffix(out.String(), "\n  imprest journal ls --journal sqlite:"+left()[0]+"\n"), out.String())
}

// TestServedFaults: in a served sandbox the faults strike each purchase, and
// time has to be moved by hand where a person would wait.
func TestServedFaults(t *testing.T) {
	for _, names := range []string{"duplicate,duplicate-concurrent,reorder", "forged", crash, crash + "," + dropCallback, journalDown + "," + deliverFails, "order-answer-lost"} {
		t.Run(names, func(t *testing.T) {
			t.Parallel()
			w := startWorld(t, Config{Faults: strings.Split(names, ","), Journal: "sqlite:" + filepath.Join(t.TempDir(), "journal.db")})
			for range 2 {
				b := newBrowser(w.base)
				defer b.client.CloseIdleConnections()
				require.NoError(t, w.logIn(t.Context(), b))
				chosen, err := w.choose(t.Context(), b)
				require.NoError(t, err)
				bought, err := w.order(t.Context(), b, chosen)
				require.NoError(t, err)
				require.NoError(t, w.pay(t.Context(), b, bought))
				require.Eventually(t, func() bool {
					_ = w.advance(t.Context(), 10*time.Second) // fails while the merchant is down
					p, err := w.purchase(t.Context(), bought.ID)
					return err == nil && p.State == purchase.Delivered
				}, 20*time.Second, 50*time.Millisecond)
				all, err := deliveries(t.Context(), w.current.Load().store)
				require.NoError(t, err)
				assert.Equal(t, 1, all[bought.ID])
			}
		})
	}
}

func TestDrawsAreTheSeeds(t *testing.T) {
	read := func(d *draws, name string) string {
		text, err := core.RandomText(d.reader(name), 26)
		require.NoError(t, err)
		return text
	}
	a, b := newDraws(7, 1), newDraws(7, 1)
	read(b, "another") // what one draws does not shift what another gets
	assert.Equal(t, read(a, "shop"), read(b, "shop"))
	assert.NotEqual(t, read(a, "shop"), read(newDraws(7, 2), "shop"), "the next run on a journal")
	assert.NotEqual(t, read(newDraws(8, 1), "shop"), read(newDraws(7, 1), "shop"))
	assert.Equal(t, newDraws(7, 1).number("x", 1000), newDraws(7, 1).number("x", 1000))
	assert.NotZero(t, newDraws(0, 0).seedOf("platform"))
}

func TestAddresses(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "localhost:8700": true, "[::1]:1": true, "127.9.9.9:80": true,
		"": false, "shop.example": false, "localhost.example": false, "10.0.0.1:80": false, "[::1": false, "127.0.0.1:80@evil.example": false,
	} {
		assert.Equal(t, want, hostIsLoopback(host), host)
	}
	listeners, local, err := listenMerchant(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer listeners[0].Close()
	assert.True(t, local)
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+$`, baseURL(listeners[0]))
}

// Pages of other sites, and names that were rebound to this machine, reach no
// fake: neither its answers nor its effects.
func TestFakesAreForProgramsOfThisMachine(t *testing.T) {
	w := startWorld(t, Config{})
	for _, c := range []struct {
		url    string
		header []string
		status int
	}{
		{w.platformBase + "/robotapi/v1/token?app_id=test&app_key=123456", nil, http.StatusOK},
		{w.platformBase + "/robotapi/v1/token?app_id=test&app_key=123456", []string{"Host", "evil.example:8701"}, http.StatusForbidden},
		{w.platformBase + "/robotapi/v1/token?app_id=test&app_key=123456", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{w.cloudBase + "/action", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{w.cloudBase + "/action", []string{"Host", "evil.example"}, http.StatusForbidden},
	} {
		status, body := call(t, http.MethodGet, c.url, "", c.header...)
		assert.Equal(t, c.status, status, "%s %v: %s", c.url, c.header, body)
	}
}
