package storetest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// request and answer are the lines that a [Process] and its [Serve] exchange.
type request struct {
	Number int64
	Op     string // the empty one says that the other side is there
	Record journal.Record
	All    []journal.Record // of a putall
	ID     string
	After  string
	Before time.Time
	Limit  int
}

type answer struct {
	Number  int64
	Records []journal.Record
	Code    core.Code // empty: no error
	Safe    bool
	Err     string
}

// Serve lets another process use store: it reads requests from in and answers
// on out until in ends. It is the other side of [Process]; a test binary runs
// it from TestMain, on os.Stdin and os.Stdout.
func Serve(store journal.Store, in io.Reader, out io.Writer) error {
	var mu sync.Mutex
	var running sync.WaitGroup
	defer running.Wait()
	encoder := json.NewEncoder(out)
	decoder := json.NewDecoder(bufio.NewReader(in))
	for {
		var r request
		if err := decoder.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		running.Go(func() {
			a := serveOne(store, r)
			mu.Lock()
			defer mu.Unlock()
			_ = encoder.Encode(a) // if nobody listens any more, in has ended too
		})
	}
}

// unsupported is what errors.ErrUnsupported is called on the way.
const unsupported core.Code = "unsupported"

func serveOne(store journal.Store, r request) answer {
	ctx := context.Background()
	var one journal.Record
	var many []journal.Record
	var err error
	switch r.Op {
	case "put":
		one, err = store.Put(ctx, r.Record)
	case "putall":
		many, err = journal.PutAll(ctx, store, r.All...)
	case "get":
		one, err = store.Get(ctx, r.ID)
	case "delete":
		err = store.Delete(ctx, r.ID, r.Record.Version)
	case "due":
		many, err = store.Due(ctx, r.Before, r.Limit)
	case "list":
		many, err = store.List(ctx, r.ID, r.After, r.Limit)
	}
	if r.Op == "put" || r.Op == "get" {
		many = []journal.Record{one}
	}
	a := answer{Number: r.Number, Records: many}
	if err != nil {
		a.Code, a.Err, a.Safe = core.CodeOf(err), err.Error(), core.Retryable(err)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			a.Code = unsupported
		case a.Code == "":
			a.Code = core.CodeInternal
		}
	}
	return a
}

// Process is a store in a process of its own, which can be killed: what an
// embedded engine shows in [Harness.Crash]. It may be used from many goroutines
// at once. Make one with [Start].
type Process struct {
	cmd *exec.Cmd
	in  io.Writer

	writing sync.Mutex // one line at a time

	mu      sync.Mutex
	number  int64
	pending map[int64]chan answer
	gone    bool
	ended   chan struct{}
}

var _ journal.AtomicStore = (*Process)(nil)

// Start runs cmd, which must call [Serve] on its standard input and output, and
// returns when the store there answers. What cmd writes to its standard error
// goes to the test's, unless cmd has one. The process ends with the test.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	require.NoError(t, cmd.Start())
	p := &Process{cmd: cmd, in: in, pending: map[int64]chan answer{}, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		decoder := json.NewDecoder(bufio.NewReader(out))
		for {
			var a answer
			if decoder.Decode(&a) != nil {
				break
			}
			p.mu.Lock()
			waiting := p.pending[a.Number]
			delete(p.pending, a.Number)
			p.mu.Unlock()
			if waiting != nil {
				waiting <- a
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.gone = true
		for _, waiting := range p.pending {
			close(waiting)
		}
		p.pending = nil
		_ = cmd.Wait()
	}()
	t.Cleanup(p.Kill)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = p.ask(ctx, request{})
	require.NoError(t, err, "the process serves a store")
	return p
}

// Kill ends the process as kill -9 does, and returns when it is gone. Writes
// that were not answered are ErrUnknown.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

func (p *Process) ask(ctx context.Context, r request) ([]journal.Record, error) {
	writes := r.Op == "put" || r.Op == "putall" || r.Op == "delete"
	failed := func(sent bool, cause error) error {
		if sent && writes {
			return fmt.Errorf("%w: %w", journal.ErrUnknown, cause)
		}
		return &core.Error{Op: "storetest.Process", Code: core.CodeUnreached, Safe: true, Err: cause}
	}
	if err := ctx.Err(); err != nil {
		return nil, failed(false, err)
	}
	waiting := make(chan answer, 1)
	p.mu.Lock()
	if p.gone {
		p.mu.Unlock()
		return nil, failed(false, errGone)
	}
	p.number++
	r.Number = p.number
	p.pending[r.Number] = waiting
	p.mu.Unlock()
	line, err := json.Marshal(r)
	if err != nil {
		return nil, failed(false, err)
	}
	p.writing.Lock()
	_, err = p.in.Write(append(line, '\n'))
	p.writing.Unlock()
	if err != nil {
		return nil, failed(true, err)
	}
	select {
	case a, ok := <-waiting:
		if !ok {
			return nil, failed(true, errGone)
		}
		return a.Records, a.err()
	case <-ctx.Done():
		return nil, failed(true, ctx.Err())
	}
}

var errGone = errors.New("the process has ended")

// err is the error of the other side, as far as a caller may tell.
func (a answer) err() error {
	if a.Code == "" {
		return nil
	}
	if a.Code == unsupported {
		return errors.ErrUnsupported
	}
	for _, known := range []error{journal.ErrNotFound, journal.ErrConflict, journal.ErrUnknown} {
		if core.CodeOf(known) == a.Code {
			return fmt.Errorf("%w (%s)", known, a.Err)
		}
	}
	return &core.Error{Op: "storetest.Process", Code: a.Code, Safe: a.Safe, Err: errors.New(a.Err)}
}

func (p *Process) one(ctx context.Context, r request) (journal.Record, error) {
	found, err := p.ask(ctx, r)
	if len(found) == 0 {
		return journal.Record{}, err
	}
	return found[0], err
}

// Put implements [journal.Store].
func (p *Process) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if err := r.Check(); err != nil {
		return journal.Record{}, err
	}
	r.Due, r.Expires = journal.Millis(r.Due), journal.Millis(r.Expires)
	return p.one(ctx, request{Op: "put", Record: r})
}

// PutAll implements [journal.AtomicStore], if the store of the process does.
func (p *Process) PutAll(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
	if err := journal.CheckAll(records); err != nil {
		return nil, err
	}
	all := slices.Clone(records)
	for i := range all {
		all[i].Due, all[i].Expires = journal.Millis(all[i].Due), journal.Millis(all[i].Expires)
	}
	return p.ask(ctx, request{Op: "putall", All: all})
}

// Get implements [journal.Store].
func (p *Process) Get(ctx context.Context, id string) (journal.Record, error) {
	return p.one(ctx, request{Op: "get", ID: id})
}

// Delete implements [journal.Store].
func (p *Process) Delete(ctx context.Context, id string, version int64) error {
	_, err := p.ask(ctx, request{Op: "delete", ID: id, Record: journal.Record{Version: version}})
	return err
}

// Due implements [journal.Store].
func (p *Process) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	return p.ask(ctx, request{Op: "due", Before: before, Limit: limit})
}

// List implements [journal.Store]. It takes no bytes but UTF-8.
func (p *Process) List(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
	return p.ask(ctx, request{Op: "list", ID: prefix, After: after, Limit: limit})
}
