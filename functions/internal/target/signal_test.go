package target_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// start runs paycallback as a process of its own.
func start(t *testing.T, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "paycallback")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/imprest-go/imprest/functions/paycallback").CombinedOutput()
	require.NoError(t, err, string(out))
	cmd := exec.Command(binary)
	cmd.Env = append([]string{
		"IMPREST_APP_ID=test", "IMPREST_APP_KEY=a-key-of-sixteen-characters", "IMPREST_STORE_NO=s1234", "IMPREST_BASE_URL=https://platform.example",
		"IMPREST_NOTIFY_URL=https://shop.example/callbacks/payment", "IMPREST_DELIVER_URL=https://shop.example/deliveries",
		"IMPREST_DELIVER_KEY=" + strings.Repeat("k", 32), "IMPREST_LISTEN=127.0.0.1:0", "IMPREST_JOURNAL=sqlite:" + filepath.Join(t.TempDir(), "journal.db"),
	}, env...)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewScanner(stderr)
}

func endsWell(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		assert.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
}

// The request that is under way when a server is told to end is answered; no other
// is taken, and the exit status is 0.
func TestAServerThatIsToldToEnd(t *testing.T) {
	cmd, log := start(t)
	var line struct{ Address string }
	for line.Address == "" && log.Scan() {
		require.NoError(t, json.Unmarshal(log.Bytes(), &line), log.Text())
	}
	conn, err := net.Dial("tcp", line.Address)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /callbacks/payment HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	require.NoError(t, err)
	answer := bufio.NewReader(conn)
	told, err := answer.ReadString('\n') // the request is with the handler
	require.NoError(t, err)
	require.Contains(t, told, "100 Continue")
	_, err = answer.ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool {
		other, err := net.Dial("tcp", line.Address)
		if err == nil {
			_ = other.Close()
		}
		return err != nil
	}, 5*time.Second, 10*time.Millisecond, "it goes on to listen")
	_, err = io.WriteString(conn, "{}")
	require.NoError(t, err)
	resp, err := http.ReadResponse(answer, nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	for log.Scan() {
		assert.NotContains(t, log.Text(), "a-key-of")
	}
	endsWell(t, cmd)
}

// Lambda tells a function that has an extension beside it to end, and kills it two
// seconds later: it has nothing under way then.
func TestALambdaThatIsToldToEnd(t *testing.T) {
	var polls atomic.Int64
	polled := make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/invocation/next") && polls.Add(1) == 1 {
			close(polled)
		}
		<-r.Context().Done()
	}))
	t.Cleanup(api.Close) // when the function is gone
	cmd, log := start(t, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"))
	select {
	case <-polled:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not poll")
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	go func() {
		for log.Scan() {
		}
	}()
	endsWell(t, cmd)
}
