package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit"
)

// newTerminal returns a terminal for a program to write to, and what says, once
// that is closed, all that was written.
func newTerminal(t *testing.T) (terminal *os.File, shown func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there is no terminal to be had: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	control := func(request uintptr, value *uint32) {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(value)))
		require.Zero(t, errno)
	}
	var number, locked uint32
	control(syscall.TIOCSPTLCK, &locked)
	control(syscall.TIOCGPTN, &number)
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there is no terminal to be had: %v", err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	var text bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&text, master) // it ends with an error when nobody has the terminal open
	}()
	return terminal, func() string {
		_ = terminal.Close()
		<-done
		return text.String()
	}
}

// onTerminal runs a command at a terminal, and returns what it shows.
func onTerminal(t *testing.T, variable string, args ...string) string {
	t.Helper()
	terminal, shown := newTerminal(t)
	cmd := exec.Command("imprest", args...)
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=")
	cmd.Env = append(cmd.Env, variable)
	cmd.Stdout, cmd.Stderr = terminal, terminal
	assert.NoError(t, cmd.Run())
	return shown()
}

const colour = `\x1b\[\d+m`

func TestColoursAreForATerminalAndWhoWantsThem(t *testing.T) {
	m := newMerchant(t)
	dir := t.TempDir()
	body, record := filepath.Join(dir, "body.json"), filepath.Join(dir, "notices.jsonl")
	require.NoError(t, os.WriteFile(body, []byte(`{"a":"1","sign":"`+someSign+`"}`), 0o600))
	require.NoError(t, os.WriteFile(record, []byte(`{"id":"aaaaaaaa","kind":"payment","method":"POST","to":"http://127.0.0.1:1/","answer_status":200,"answer":"success"}`+"\n"), 0o600))
	for _, args := range [][]string{
		{"explain", "--key", "k", body},
		{"send", "--key", "k", "--url", m.URL + "/callbacks/payment", "--out-trade-no", "T1"},
		{"resend", "--list", "--record", record},
		{"sandbox", "--once", "--journal", "memory"},
	} {
		coloured := onTerminal(t, "NO_COLOR=", args...)
		assert.Regexp(t, colour, coloured, args)
		for _, variable := range []string{"NO_COLOR=1", "TERM=dumb"} {
			assert.NotRegexp(t, colour, onTerminal(t, variable, args...), args)
		}
		piped := invoke(t, "", args...)
		assert.Equal(t, exitDone, piped.status, args)
		assert.NotContains(t, piped.stdout+piped.stderr, "\x1b", args)
	}
}

// Long work shows that it lives, in one line that is taken away again.
func TestProgressIsForATerminal(t *testing.T) {
	m := newMerchant(t)
	send := func(stderr io.Writer) summary {
		now := time.Unix(1700000000, 0)
		p := &program{stdout: io.Discard, stderr: stderr, now: func() time.Time {
			now = now.Add(time.Second)
			return now
		}}
		return p.post(t.Context(), testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: "T1", Amount: 100}), m.URL+"/callbacks/payment", 3, 1)
	}
	t.Setenv("TERM", "xterm")
	terminal, shown := newTerminal(t)
	require.Equal(t, 3, send(terminal).Answered)
	text := shown()
	assert.Contains(t, text, "\r\x1b[K2 of 3 sent …\r\x1b[K")
	assert.True(t, strings.HasSuffix(text, "\r\x1b[K"), "%q", text)

	t.Setenv("TERM", "dumb")
	terminal, shown = newTerminal(t)
	require.Equal(t, 3, send(terminal).Answered)
	assert.Empty(t, shown())
	var pipe bytes.Buffer
	require.Equal(t, 3, send(&pipe).Answered)
	assert.Empty(t, pipe.String())
}
