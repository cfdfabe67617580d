package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "imprest" { // this is the test, not a command of a script
		for _, variable := range os.Environ() {
			if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "IMPREST_") || strings.HasPrefix(name, "LC_") || name == "LANG" {
				os.Unsetenv(name)
			}
		}
	}
	testscript.Main(m, map[string]func(){"imprest": main})
}

func TestScripts(t *testing.T) {
	merchant := newMerchant(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("MERCHANT", merchant.URL)
			env.Setenv("MERCHANT_ADDR", strings.TrimPrefix(merchant.URL, "http://"))
			env.Setenv("SHUT", shutAddress(t))
			env.Setenv("GORACE", "atexit_sleep_ms=0") // or each command waits a second under -race
			env.Setenv("WITH_LINE_END", "two\nlines")
			return writeJournals(env.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a command and holds it to an exit status: "exits 2 imprest …".
// Status 2 means one line on stderr and nothing on stdout.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND [ARGUMENT…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
	if stderr := ts.ReadFile("stderr"); want == exitUsage && (strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "imprest")) {
		ts.Fatalf("want one line on stderr that begins with the command")
	}
	if want == exitUsage && ts.ReadFile("stdout") != "" {
		ts.Fatalf("want nothing on stdout")
	}
}

// result is what came of a run of the program inside the test.
type result struct {
	status         int
	stdout, stderr string
}

func invoke(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), append([]string{"imprest"}, args...), strings.NewReader(stdin), &stdout, &stderr)
	return result{status, stdout.String(), stderr.String()}
}

// fullDisk fails like a file system without space.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputThatIsLostIsAFailure(t *testing.T) {
	for _, args := range [][]string{
		{"version"},
		{"sign", "--key", "k"},
		{"verify", "--key", "k"},
		{"explain", "--key", "k"},
		{"explain", "--key", "k", "--json"},
	} {
		var stderr bytes.Buffer
		status := run(t.Context(), append([]string{"imprest"}, args...), strings.NewReader(`{"a":1}`), fullDisk{}, &stderr)
		assert.Equal(t, exitFailed, status, args)
		assert.Contains(t, stderr.String(), "no space left", args)
	}
}

// neverReads is a terminal at which nobody types.
type neverReads struct{ done <-chan struct{} }

func (n neverReads) Read([]byte) (int, error) { <-n.done; return 0, errors.New("closed") }

func TestAnInterruptEndsTheWaitForInput(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr bytes.Buffer
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	cancel()
	status := run(ctx, []string{"imprest", "verify", "--key", "k"}, neverReads{done}, &stdout, &stderr)
	require.Equal(t, exitFailed, status)
	assert.Equal(t, "imprest verify: interrupted\n", stderr.String())
	assert.Empty(t, stdout.String())
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	for _, command := range []string{"sandbox", "sign", "verify", "explain", "send", "listen", "resend", "journal ls", "journal show", "journal stats", "journal retry", "journal resolve", "journal purge", "journal migrate", "reconcile"} {
		words := strings.Fields(command)
		byFlag := invoke(t, "", append(words, "--help")...)
		assert.Equal(t, exitDone, byFlag.status, command)
		assert.Contains(t, byFlag.stdout, "EXAMPLES:\n   ", command)
		assert.Empty(t, byFlag.stderr, command)
		byCommand := invoke(t, "", append([]string{"help"}, words...)...)
		assert.Equal(t, byFlag, byCommand, command)
	}
}
