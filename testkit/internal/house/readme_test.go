package house_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), name))
	require.NoError(t, err)
	return string(text)
}

// blocks returns the fenced blocks of a language.
func blocks(text, language string) []string {
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// existing returns a file that is there if the link's target is.
func existing(t testing.TB, link string) string {
	path := filepath.Join(root(t), filepath.FromSlash(link))
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(root(t), "go.mod")
	}
	return path
}

// The README's program, built in a module of its own as a user would, takes a
// signed payment fifty times at once, delivers it once, and refuses a forged one.
func TestTheReadmesProgram(t *testing.T) {
	programs := blocks(readFile(t, "README.md"), "go")
	require.Len(t, programs, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	require.Equal(t, 1, strings.Count(programs[0], "127.0.0.1:8080"))
	program := strings.Replace(programs[0], "127.0.0.1:8080", address, 1)

	dir := t.TempDir()
	userModule(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600))
	for _, args := range [][]string{{"vet", "-mod=mod", "."}, {"build", "-mod=mod", "-o", "shop", "."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}

	var log strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	shop := exec.CommandContext(ctx, filepath.Join(dir, "shop"))
	shop.Dir, shop.Stderr = dir, &log
	shop.Env = append(os.Environ(), "IMPREST_APP_ID=my-app", "IMPREST_APP_KEY=a-key-of-16-chars")
	require.NoError(t, shop.Start())
	url := "http://" + address + "/callbacks/payment"
	waitFor(t, ctx, "http://"+address+"/")

	payment := testkit.PaymentFields{AppID: "my-app", AppKey: core.NewSecret("a-key-of-16-chars"), OutTradeNo: "order-1", Amount: 100}
	answers := make(chan *core.Response, 50)
	for range cap(answers) {
		go func() {
			resp, err := testkit.SignedPayment(payment).Post(ctx, nil, url)
			if err != nil {
				resp = core.Text(0, err.Error())
			}
			answers <- resp
		}()
	}
	for range cap(answers) {
		testkit.RequireAcknowledged(t, <-answers)
	}
	resp, err := testkit.SignedPayment(payment, testkit.MutateTamperedAmount).Post(ctx, nil, url)
	require.NoError(t, err)
	testkit.RequireRefused(t, resp)

	require.NoError(t, shop.Process.Kill())
	_ = shop.Wait()
	assert.Equal(t, 1, strings.Count(log.String(), "order order-1 is paid: deliver it"), log.String())
	assert.NotContains(t, log.String(), "a-key-of-16-chars")
}

// waitFor asks until somebody answers.
func waitFor(t testing.TB, ctx context.Context, url string) {
	t.Helper()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("nobody listens at " + url)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
