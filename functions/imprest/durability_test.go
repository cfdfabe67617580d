//go:build real

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// build builds the command; args go to go build.
func build(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "imprest")
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-o", path}, args...), ".")...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// process is a sandbox that runs.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	base string
	log  bytes.Buffer
}

func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// start starts a sandbox on the journal in file, by command and args.
func start(t *testing.T, file string, command ...string) *process {
	t.Helper()
	addr := freeAddr(t)
	p := &process{t: t, base: "http://" + addr}
	args := append(command[1:], "sandbox", "--addr", addr, "--platform-addr", freeAddr(t), "--journal", "sqlite:"+file)
	p.cmd = exec.Command(command[0], args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, p.cmd.Start())
	t.Cleanup(p.kill)
	deadline := time.Now().Add(30 * time.Second)
	for {
		resp, err := http.Get(p.base + "/healthz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return p
			}
		}
		if time.Now().After(deadline) {
			p.kill()
			t.Fatal("the sandbox does not answer: " + p.log.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// kill ends the process and its children with SIGKILL.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		_ = p.cmd.Wait()
	}
}

func (p *process) post(path string, body any) {
	p.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(p.t, err)
	resp, err := http.Post(p.base+path, "application/json", bytes.NewReader(text))
	require.NoError(p.t, err)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	_ = resp.Body.Close()
	require.Less(p.t, resp.StatusCode, 300, "%s: %s", path, answer)
}

func (p *process) deliveries() map[string]int {
	p.t.Helper()
	resp, err := http.Get(p.base + "/_sandbox/deliveries")
	require.NoError(p.t, err)
	defer func() { _ = resp.Body.Close() }()
	var counts map[string]int
	require.NoError(p.t, json.NewDecoder(resp.Body).Decode(&counts))
	return counts
}

func (p *process) order(id string) {
	p.t.Helper()
	p.post("/_sandbox/orders", []map[string]any{{"out_trade_no": id, "amount": 100, "app_id": "test"}})
}

func (p *process) pay(id string) (*core.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: id}).Post(ctx, nil, p.base+"/callbacks/payment")
}

// A hundred times the sandbox is killed with SIGKILL while notifications of
// one payment come in: in half of the rounds at some moment after the first
// "success", in the other half at any moment. After the restart an
// acknowledged payment is there without being sent again, and is delivered
// once; one that was not acknowledged is taken when it is sent again.
func TestKillNine(t *testing.T) {
	binary := build(t)
	file := filepath.Join(t.TempDir(), "journal.db")
	const rounds = 100
	acknowledged := 0
	p := start(t, file, binary)
	for round := range rounds {
		id := fmt.Sprintf("order-%d", round)
		p.order(id)
		var success atomic.Bool
		told := make(chan struct{}, 8)
		running := p
		for range 4 {
			go func() {
				resp, err := running.pay(id)
				if err == nil && resp.Status == http.StatusOK && string(resp.Body) == "success" {
					success.Store(true)
					told <- struct{}{}
				}
			}()
		}
		pause := time.Duration(rand.IntN(15_000)) * time.Microsecond
		if round%2 == 0 {
			<-told
			pause /= 5
		}
		time.Sleep(pause)
		wasAcknowledged := success.Load()
		p.kill()

		p = start(t, file, binary)
		if wasAcknowledged {
			acknowledged++
			// A step that was killed holds its lease for a minute.
			for try := 0; p.deliveries()[id] == 0 && try < 10; try++ {
				p.post("/_sandbox/clock", map[string]string{"advance": "2m"})
				p.post("/_sandbox/sweep", nil)
			}
			require.Equal(t, 1, p.deliveries()[id], "acknowledged in round %d, and then lost or delivered twice", round)
		}
		resp, err := p.pay(id)
		require.NoError(t, err)
		testkit.RequireAcknowledged(t, resp)
	}
	for try := 0; try < 20; try++ {
		p.post("/_sandbox/clock", map[string]string{"advance": "2m"})
		p.post("/_sandbox/sweep", nil)
	}
	counts := p.deliveries()
	require.Len(t, counts, rounds)
	for id, count := range counts {
		assert.Equal(t, 1, count, id)
	}
	t.Logf("%d rounds, %d of them killed after success", rounds, acknowledged)
	assert.GreaterOrEqual(t, acknowledged, rounds/2)
}

// kill -9 cannot show that a commit reached the disk, since the page cache
// survives it. strace can: the log is synced after its last write and before
// the first byte of "success". The same test fails for a build whose SQLite
// does not sync.
func TestTheSyncComesBeforeSuccess(t *testing.T) {
	strace, err := exec.LookPath("strace")
	require.NoError(t, err, "make parts installs it")
	trace := func(binary string) string {
		out := filepath.Join(t.TempDir(), "trace")
		file := filepath.Join(t.TempDir(), "journal.db")
		p := start(t, file, strace, "-f", "-y", "-s", "256", "-e", "trace=read,write,pwrite64,fsync,fdatasync", "-o", out, binary)
		p.order("order-1")
		resp, err := p.pay("order-1")
		require.NoError(t, err)
		testkit.RequireAcknowledged(t, resp)
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
		_ = p.cmd.Wait()
		text, err := os.ReadFile(out)
		require.NoError(t, err)
		return string(text)
	}
	require.NoError(t, syncedBeforeSuccess(trace(build(t))))

	source, err := filepath.Abs("../../adapters/sqlitestore/open.go")
	require.NoError(t, err)
	text, err := os.ReadFile(source)
	require.NoError(t, err)
	weak := strings.Replace(string(text), `synchronous = "FULL"`, `synchronous = "OFF"`, 1)
	require.NotEqual(t, string(text), weak, "the line that asks for a sync is somewhere else now")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "open.go"), []byte(weak), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: filepath.Join(dir, "open.go")}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	err = syncedBeforeSuccess(trace(build(t, "-overlay", filepath.Join(dir, "overlay.json"))))
	assert.ErrorContains(t, err, "without a sync", "without the sync this test must fail")
}

var (
	requestRead = regexp.MustCompile(`read\(\d+<[^>]*>, "POST /callbacks/payment`)
	walWrite    = regexp.MustCompile(`pwrite64\(\d+<[^>]*-wal>`)
	walSync     = regexp.MustCompile(`(fsync|fdatasync)\(\d+<[^>]*-wal>(.*)`)
	resumed     = regexp.MustCompile(`<\.\.\. (fsync|fdatasync) resumed>.*= 0`)
	answerSent  = regexp.MustCompile(`write\(\d+<[^>]*>, "HTTP/1\.1 200 .*success"`)
)

// syncedBeforeSuccess reads a trace: between the request and the answer the
// log must be written, and synced after the last of these writes.
func syncedBeforeSuccess(trace string) error {
	var request bool
	var writes, synced int      // writes of the log, and how many of them a sync has covered
	syncing := map[string]int{} // threads inside a sync: how many writes it covers
	for line := range strings.Lines(trace) {
		thread, call, _ := strings.Cut(line, " ")
		switch {
		case requestRead.MatchString(call):
			request = true
		case !request:
		case walWrite.MatchString(call):
			writes++
		case walSync.MatchString(call):
			rest := walSync.FindStringSubmatch(call)[2]
			switch {
			case strings.Contains(rest, "unfinished"):
				syncing[thread] = writes
			case strings.Contains(rest, "= 0"):
				synced = writes
			}
		case syncing[thread] > 0 && resumed.MatchString(call):
			synced = max(synced, syncing[thread])
			delete(syncing, thread)
		case answerSent.MatchString(call):
			switch {
			case writes == 0:
				return fmt.Errorf("success was answered and the log was never written")
			case synced < writes:
				return fmt.Errorf("success was answered without a sync of the log")
			}
			return nil
		}
	}
	return fmt.Errorf("the trace shows no request, or no answer to it")
}

func TestTheTraceReaderSeesWhatIsWrong(t *testing.T) {
	const (
		request = `11 read(7<socket:[1]>, "POST /callbacks/payment HTTP/1.1\r\n", 4096) = 512` + "\n"
		write   = `12 pwrite64(5</tmp/j.db-wal>, "x", 4096, 0) = 4096` + "\n"
		sync    = `12 fdatasync(5</tmp/j.db-wal>) = 0` + "\n"
		begun   = `12 fdatasync(5</tmp/j.db-wal> <unfinished ...>` + "\n"
		ended   = `12 <... fdatasync resumed>) = 0` + "\n"
		other   = `12 fdatasync(4</tmp/other>) = 0` + "\n"
		answer  = `11 write(7<socket:[1]>, "HTTP/1.1 200 OK\r\n\r\nsuccess", 90) = 90` + "\n"
	)
	for trace, good := range map[string]bool{
		request + write + sync + answer:                  true,
		request + write + begun + ended + answer:         true,
		request + write + sync + write + sync + answer:   true,
		request + write + answer:                         false,
		request + write + begun + answer + ended:         false,
		request + write + other + answer:                 false,
		request + write + sync + write + answer + sync:   false,
		write + sync + request + answer:                  false,
		request + write + sync:                           false,
		request + sync + write + answer:                  false,
		request + write + begun + write + ended + answer: false,
	} {
		assert.Equal(t, good, syncedBeforeSuccess(trace) == nil, trace)
	}
}
