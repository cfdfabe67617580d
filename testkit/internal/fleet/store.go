//go:build unix

package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/adapters/pgstore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// Store is a journal on a server of its own, on loopback.
type Store struct {
	// Name is what the store is called in a report.
	Name string
	// Journal is our own way to it.
	Journal journal.Store
	// Env is what a process needs to find it.
	Env []string
	// Cut ends about half of the connections to it, in the middle of whatever
	// they are at; nil is a store that has none to speak of.
	Cut func(context.Context) error
	// Ended is closed when the server has ended.
	Ended <-chan struct{}
	// Close ends the server, and removes what it kept.
	Close func()
}

// watch returns a channel that is closed when a process ends.
func watch(server *exec.Cmd) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		_ = server.Wait()
		close(ended)
	}()
	return ended
}

// program finds a program, which Debian may keep out of the path.
func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return "", fmt.Errorf("there is no %s: make parts", name)
	}
	return found[len(found)-1], nil
}

func freePort() (string, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer free.Close()
	_, port, err := net.SplitHostPort(free.Addr().String())
	return port, err
}

// StartPostgres starts a PostgreSQL with an empty journal.
// It does not wait for the disk.
func StartPostgres(ctx context.Context) (*Store, error) { return StartPostgresWith(ctx) }

// StartPostgresWith is StartPostgres with settings of the server's own, each as
// NAME=VALUE: fsync=on makes it wait for the disk.
func StartPostgresWith(ctx context.Context, settings ...string) (_ *Store, err error) {
	dir, err := os.MkdirTemp("", "fleet")
	if err != nil {
		return nil, err
	}
	closing := []func(){func() { _ = os.RemoveAll(dir) }}
	stop := func() {
		for _, end := range closing {
			defer end()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	as := child(syscall.SIGINT)
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		if as.Credential, err = account("postgres"); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(as.Credential.Uid), int(as.Credential.Gid)); err != nil {
			return nil, err
		}
	}
	command := func(name string, args ...string) (*exec.Cmd, error) {
		path, err := program(name)
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(path, args...)
		cmd.Dir, cmd.SysProcAttr = dir, as
		return cmd, nil
	}
	data := filepath.Join(dir, "data")
	initdb, err := command("initdb", "-D", data, "-U", "imprest", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if err != nil {
		return nil, err
	}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	// The database is not what is killed here: a disk that is waited for would
	// only make the run slow.
	args := []string{"-D", data, "-p", port, "-h", "127.0.0.1", "-k", dir, "-c", "fsync=off", "-c", "max_connections=200"}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	server, err := command("postgres", args...)
	if err != nil {
		return nil, err
	}
	var log bytes.Buffer
	server.Stderr = &log
	if err := server.Start(); err != nil {
		return nil, err
	}
	ended := watch(server)
	closing = append(closing, func() {
		_ = server.Process.Signal(syscall.SIGINT)
		<-ended
	})
	url := "postgres://imprest@127.0.0.1:" + port + "/postgres?sslmode=disable"
	if err := ready(ctx, func() error { return execute(ctx, url, pgstore.Schema) }); err != nil {
		return nil, fmt.Errorf("PostgreSQL does not start: %w", err)
	}
	store, err := pgstore.Open(pgstore.Config{URL: core.NewSecret(url), Connections: 16})
	if err != nil {
		return nil, err
	}
	closing = append(closing, func() { _ = store.Close() })
	cut := func(ctx context.Context) error {
		return execute(ctx, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'imprest' AND random() < 0.5")
	}
	return &Store{Name: "postgres", Journal: store, Env: []string{"IMPREST_JOURNAL=" + url}, Cut: cut, Ended: ended, Close: stop}, nil
}

func account(name string) (*syscall.Credential, error) {
	found, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

func execute(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

// ready tries until a server is there.
func ready(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// StartDynalite starts a server with DynamoDB's API and an empty journal.
func StartDynalite(ctx context.Context) (*Store, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/imprest-go/imprest").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "testkit/internal/dynalite")
	script := filepath.Join(dir, "node_modules/dynalite/cli.js")
	if _, err := os.Stat(script); err != nil {
		return nil, fmt.Errorf("dynalite is missing: make parts (%w)", err)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	server := exec.Command("node", "--require", filepath.Join(dir, "survive.js"), script, "--host", "127.0.0.1", "--port", port, "--createTableMs", "5")
	server.SysProcAttr = child(syscall.SIGKILL)
	if err := server.Start(); err != nil {
		return nil, err
	}
	ended := watch(server)
	stop := func() {
		_ = server.Process.Kill()
		<-ended
	}
	cfg := dynamostore.Config{
		Table: "journal", Region: "eu-west-1", Endpoint: "http://127.0.0.1:" + port, Credentials: dynamostore.Environment(func(string) string { return "test" }),
	}
	store, err := dynamostore.New(cfg)
	if err == nil {
		err = ready(ctx, func() error {
			if err := dynamostore.CreateTable(ctx, cfg); err != nil && core.CodeOf(err) != core.CodeConflict {
				return err
			}
			if _, err := store.Get(ctx, "ready"); !errors.Is(err, journal.ErrNotFound) {
				return fmt.Errorf("the table is not ready: %w", err)
			}
			return nil
		})
	}
	if err != nil {
		stop()
		return nil, err
	}
	return &Store{Name: "dynalite", Journal: store, Ended: ended, Close: stop, Env: []string{
		"IMPREST_JOURNAL=dynamodb:" + cfg.Table, "AWS_REGION=" + cfg.Region, "AWS_ENDPOINT_URL_DYNAMODB=" + cfg.Endpoint,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=test",
	}}, nil
}
