//go:build real

package dynamostore_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	if server.address != "" {
		return server.address
	}
	script, err := filepath.Abs("../../testkit/internal/dynalite/node_modules/dynalite/cli.js")
	require.NoError(t, err)
	require.FileExists(t, script, "dynalite is missing: make parts")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := ln.Addr().(*net.TCPAddr).Port
	require.NoError(t, ln.Close())
	cmd := exec.Command("node", "--require", filepath.Join(filepath.Dir(script), "../../survive.js"), script, "--host", "127.0.0.1", "--port", strconv.Itoa(port), "--createTableMs", "5")
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	server.address = "http://127.0.0.1:" + strconv.Itoa(port)
	server.stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, 20*time.Second, 20*time.Millisecond)
	return server.address
}

var tables atomic.Int64

func openTable(t testing.TB, table string) *dynamostore.Store {
	t.Helper()
	s, err := dynamostore.New(onDynalite(t, table))
	require.NoError(t, err)
	return s
}

func onDynalite(t testing.TB, table string) dynamostore.Config {
	t.Helper()
	return dynamostore.Config{
		Table: table, Region: "cn-north-1", Endpoint: dynalite(t), Timeout: 20 * time.Second,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// empty makes a table and returns its name.
func empty(t testing.TB) string {
	t.Helper()
	table := fmt.Sprintf("journal-%d", tables.Add(1))
	s := openTable(t, table)
	require.NoError(t, dynamostore.CreateTable(t.Context(), onDynalite(t, table)))
	require.Eventually(t, func() bool { // it takes a moment to be ready
		_, err := s.Get(t.Context(), "ready")
		return err != nil && core.CodeOf(err) == core.CodeNotFound
	}, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, core.CodeConflict, core.CodeOf(dynamostore.CreateTable(t.Context(), onDynalite(t, table))))
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
	})
}
