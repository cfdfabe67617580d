package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/imprest-go/imprest/core"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the work in order; a second one finds the
	// default again, and ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// The exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// run is the whole program: args as in os.Args, the three streams, and the
// exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &outWriter{w: stdout}
	p := &program{
		stdin:  stdin,
		stdout: out,
		stderr: stderr,
		paint:  paint{on: wantsColour(stdout)},
		raw:    !isTerminal(stdout),
		getenv: os.LookupEnv,
		now:    time.Now,
	}
	err := p.root().Run(ctx, args)
	if out.err != nil && (err == nil || errors.Is(err, errSaid)) {
		err = fmt.Errorf("imprest: standard output: %w", out.err)
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintln(stderr, printable(err.Error())) // one line, and no other
		return exitUsage
	}
	for _, note := range p.notes {
		fmt.Fprintln(stderr, note)
	}
	switch {
	case err == nil:
		return exitDone
	case !errors.Is(err, errSaid):
		fmt.Fprintln(stderr, printable(err.Error()))
	}
	return exitFailed
}

// program is what the commands share.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	paint          paint
	// raw is true where standard output is no terminal: bytes leave as they
	// are.
	raw    bool
	getenv func(string) (string, bool)
	now    func() time.Time
	// notes are what the person is told besides the result, after it.
	notes []string
}

// note tells the person, after the result, something that is none.
func (p *program) note(format string, args ...any) {
	p.notes = append(p.notes, "note: "+printable(fmt.Sprintf(format, args...)))
}

// usageError is a command line, variable or named file that is wrong: exit
// status 2, and one line that names it.
type usageError struct{ reason string }

func (e *usageError) Error() string { return e.reason }

func usage(format string, args ...any) error {
	return &usageError{reason: fmt.Sprintf(format, args...)}
}

// errSaid ends a command with status 1 and without another word, since its
// output has said why.
const errSaid = said("said already")

type said string

func (e said) Error() string { return string(e) }

// reasonOf returns what an error says, without the operation in front of it:
// the person knows which command he ran.
func reasonOf(err error) string {
	if e, ok := err.(*core.Error); ok && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// plain returns a reason of core in the words of the command line; compare
// says how two texts are compared there.
func plain(reason, compare string) string {
	return strings.ReplaceAll(strings.TrimPrefix(reason, "sign: "), ": imprest explain, or sign.Explain", " with "+compare)
}

// outWriter remembers that a write failed, so that a full disk is not taken
// for success.
type outWriter struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

func (o *outWriter) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.w.Write(b)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}
