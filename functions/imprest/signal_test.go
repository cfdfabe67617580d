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
