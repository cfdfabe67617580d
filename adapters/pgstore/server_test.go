//go:build real

package pgstore_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// server is a PostgreSQL of this test's own, on loopback, with its files in a
// folder that goes with it.
type server struct{ port string }

var running struct {
	sync.Mutex
	*server
	stop func()
}

func TestMain(m *testing.M) {
	status := m.Run()
	if running.stop != nil {
		running.stop()
	}
	os.Exit(status)
}

// postgres returns the server, which all tests share.
func postgres(t testing.TB) *server {
	t.Helper()
	running.Lock()
	defer running.Unlock()
	if running.server == nil {
		running.server, running.stop = startServer(t)
	}
	return running.server
}

// program finds a program of PostgreSQL, which Debian keeps out of the path.
func program(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	require.NotEmpty(t, found, "there is no %s: make parts", name)
	return found[len(found)-1]
}

func startServer(t testing.TB) (*server, func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgstore")
	require.NoError(t, err)
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(program(t, name), args...)
		cmd.Dir = dir
		if os.Getuid() == 0 { // PostgreSQL refuses to run as root
			account, err := user.Lookup("postgres")
			require.NoError(t, err)
			uid, err := strconv.ParseUint(account.Uid, 10, 32)
			require.NoError(t, err)
			gid, err := strconv.ParseUint(account.Gid, 10, 32)
			require.NoError(t, err)
			require.NoError(t, os.Chown(dir, int(uid), int(gid)))
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		}
		return cmd
	}
	data := filepath.Join(dir, "data")
	out, err := command("initdb", "-D", data, "-U", "imprest", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync").CombinedOutput()
	require.NoError(t, err, string(out))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(free.Addr().String())
	require.NoError(t, err)
	require.NoError(t, free.Close())
	var log strings.Builder
	// synchronous_commit is off, as some databases have it, and the store turns
	// it on. A disk that is waited for would only make the suite slow.
	cmd := command("postgres", "-D", data, "-p", port, "-h", "127.0.0.1", "-k", dir, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "max_connections=200")
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	s := &server{port: port}
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(context.Background(), s.url("public"))
		if err == nil {
			_ = conn.Close(context.Background())
			return s, stop
		}
		if time.Now().After(deadline) {
			stop()
			t.Fatalf("PostgreSQL does not start: %v\n%s", err, &log)
		}
	}
}

// crash kills the process that serves a store: the server then ends all of them,
// throws away what it had in memory, the log that is not written among it, and
// recovers from its files. It returns when it has.
func (s *server) crash(t testing.TB) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.url("public"))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	var pid int
	require.NoError(t, conn.QueryRow(context.Background(), "SELECT pid FROM pg_stat_activity WHERE application_name = 'imprest' LIMIT 1").Scan(&pid))
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	_, err = conn.Exec(context.Background(), "SELECT pg_sleep(60)")
	require.Error(t, err, "the server ends every connection")
	require.Eventually(t, func() bool {
		again, err := pgx.Connect(context.Background(), s.url("public"))
		if err != nil {
			return false
		}
		return again.Close(context.Background()) == nil
	}, 30*time.Second, 10*time.Millisecond)
}

func (s *server) url(schema string) string {
	return fmt.Sprintf("postgres://imprest@127.0.0.1:%s/postgres?sslmode=disable&search_path=%s", s.port, schema)
}

// exec runs statements as a person with psql does.
func (s *server) exec(t testing.TB, schema, sql string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.url(schema))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.PgConn().Exec(context.Background(), sql).ReadAll()
	require.NoError(t, err)
}
