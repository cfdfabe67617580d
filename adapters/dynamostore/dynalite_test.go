//go:build real

package dynamostore_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit/storetest"
)

// server is a dynalite of this test's own, on loopback and in memory.
var server struct {
	sync.Mutex
	address string
	stop    func()
}

func TestMain(m *testing.M) {
	status := m.Run()
	if server.stop != nil {
		server.stop()
	}
	os.Exit(status)
}

// dynalite returns the address of the server, which all tests share.
func dynalite(t testing.TB) string {
	t.Helper()
	server.Lock()
	defer server.Unlock()
	if server.address == "" {
		server.address, server.stop = startDynalite(t, "0", "")
	}
	return server.address
}

// startDynalite starts a server, on any port if that is "0", with its files in
// dir, or in memory. What stops it kills it.
func startDynalite(t testing.TB, port, dir string) (address string, stop func()) {
	t.Helper()
	script, err := filepath.Abs("../../testkit/internal/dynalite/node_modules/dynalite/cli.js")
	require.NoError(t, err)
	require.FileExists(t, script, "dynalite is missing: make parts")
	if port == "0" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		port = strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
		require.NoError(t, ln.Close())
	}
	args := []string{"--require", filepath.Join(filepath.Dir(script), "../../survive.js"), script, "--host", "127.0.0.1", "--port", port, "--createTableMs", "5"}
	if dir != "" {
		args = append(args, "--path", dir)
	}
	cmd := exec.Command("node", args...)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
			return "http://127.0.0.1:" + port, stop
		}
		if time.Now().After(deadline) {
			stop()
			require.NoError(t, err, "dynalite does not start")
		}
	}
}

var tables atomic.Int64

// client keeps as many connections as the suite has racers.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

func openTable(t testing.TB, table string) *dynamostore.Store {
	t.Helper()
	return openAt(t, dynalite(t), table)
}

func openAt(t testing.TB, address, table string) *dynamostore.Store {
	t.Helper()
	s, err := dynamostore.New(onDynalite(address, table))
	require.NoError(t, err)
	return s
}

func onDynalite(address, table string) dynamostore.Config {
	return dynamostore.Config{
		Table: table, Region: "cn-north-1", Endpoint: address, Timeout: 20 * time.Second, HTTPClient: client,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// empty makes a table and returns its name.
func empty(t testing.TB) string {
	t.Helper()
	return emptyAt(t, dynalite(t))
}

func emptyAt(t testing.TB, address string) string {
	t.Helper()
	table := fmt.Sprintf("journal-%d", tables.Add(1))
	s := openAt(t, address, table)
	require.NoError(t, dynamostore.CreateTable(t.Context(), onDynalite(address, table)))
	require.Eventually(t, func() bool { // it takes a moment to be ready
		_, err := s.Get(t.Context(), "ready")
		return err != nil && core.CodeOf(err) == core.CodeNotFound
	}, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, core.CodeConflict, core.CodeOf(dynamostore.CreateTable(t.Context(), onDynalite(address, table))))
	return table
}

func TestStore(t *testing.T) {
	var names sync.Map
	remember := func(table string) journal.Store {
		s := openTable(t, table)
		names.Store(s, table)
		return s
	}
	storetest.Run(t, storetest.Harness{
		Open: func(t testing.TB) journal.Store { return remember(empty(t)) },
		Reopen: func(t testing.TB, s journal.Store) journal.Store {
			table, _ := names.Load(s)
			return remember(table.(string))
		},
		Share: func(t testing.TB, s journal.Store) journal.Store {
			table, _ := names.Load(s)
			return openTable(t, table.(string))
		},
		Crash: func(t testing.TB) (journal.Store, func() journal.Store) {
			dir := t.TempDir()
			address, stop := startDynalite(t, "0", dir)
			table := emptyAt(t, address)
			_, port, err := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
			require.NoError(t, err)
			t.Cleanup(func() { stop() })
			return openAt(t, address, table), func() journal.Store {
				stop()
				_, stop = startDynalite(t, port, dir)
				return openAt(t, address, table)
			}
		},
		Through: func(t testing.TB, s journal.Store) (journal.Store, *storetest.Link) {
			link := storetest.NewLink(t, strings.TrimPrefix(dynalite(t), "http://"))
			table, _ := names.Load(s)
			return openAt(t, "http://"+link.Addr(), table.(string)), link
		},
		Lacks: map[string]string{"PutAll": "a transaction costs twice the writes, and dynalite has none to test it with"},
	})
}
