//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/purchase"
)

// A signal ends the sandbox in order: what it was doing is finished, and the
// exit status is that of a run that went well.
func TestAnInterruptEndsTheSandboxInOrder(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		// TestMain has put this program into the path as imprest.
		cmd := exec.CommandContext(ctx, "imprest", "sandbox", "--addr", "127.0.0.1:0", "--platform-addr", "127.0.0.1:0", "--journal", "memory")
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(stdout)
		for lines.Scan() && !strings.Contains(lines.Text(), "http://127.0.0.1:") {
		}
		require.NoError(t, cmd.Process.Signal(signal))
		for lines.Scan() {
		}
		assert.NoError(t, cmd.Wait(), stderr.String())
		assert.NotContains(t, stderr.String(), "imprest sandbox:")
	}
}

// --watch goes on sweeping, also after a sweep that broke off, and its end is a
// good one.
func TestReconcileWatchesUntilItIsInterrupted(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		file, granted := shop(t, owed(t, "A"))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, "imprest", "reconcile", "--watch", "--every", "1s")
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(stdout)
		next := func() string {
			require.True(t, lines.Scan(), "it has ended")
			return lines.Text()
		}
		assert.Contains(t, next(), "Z  due 1, advanced 1, delivered 1, ")
		require.NoError(t, writeJournal(file, owed(t, "B")))
		for line := next(); !strings.Contains(line, "due 1, advanced 1, delivered 1, "); line = next() {
			assert.Contains(t, line, "due 0, ")
		}
		assert.Equal(t, int64(2), granted.Load())
		require.NoError(t, cmd.Process.Signal(signal))
		last := ""
		for lines.Scan() {
			last = lines.Text()
		}
		assert.Regexp(t, `^ended after \d+ sweeps, 0 of which broke off: due 2, advanced 2, delivered 2, refunded 0, attention 0, purged 0, errors 0$`, last)
		assert.NoError(t, cmd.Wait(), stderr.String())
		assert.Empty(t, stderr.String())
		assert.Equal(t, purchase.Delivered, stateIn(t, file, "B"))
	}
}
