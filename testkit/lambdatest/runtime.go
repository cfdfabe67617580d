package lambdatest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// RuntimeConfig says which function runs, and in what surroundings.
type RuntimeConfig struct {
	// Binary is the bootstrap's file. Required.
	Binary string
	// Env holds "NAME=value" lines. They come after the variables that Lambda
	// sets, and win over them; nothing else of this process's environment
	// reaches the function.
	Env []string
	// Dir is the function's working directory and its LAMBDA_TASK_ROOT. "" is
	// where Binary lies.
	Dir string
	// FunctionName is AWS_LAMBDA_FUNCTION_NAME. "" is "imprest".
	FunctionName string
	// Handler is _HANDLER. "" is "bootstrap".
	Handler string
	// MemoryMB is AWS_LAMBDA_FUNCTION_MEMORY_SIZE, in MB. It limits nothing.
	// 0 is 128.
	MemoryMB int
	// Timeout is how long an invocation may take; the function is told the
	// time of day at which it ends. 0 is 3 seconds.
	Timeout time.Duration
	// InitTimeout is how long the function may take from its start to its
	// first poll. 0 is 10 seconds.
	InitTimeout time.Duration
}

// Runtime runs a function as Lambda does: it starts its binary, is the Lambda
// Runtime API (version 2018-06-01) on a port of the loopback interface, hands
// it one event at a time, and starts it again after it ended, or was ended
// because it took too long.
type Runtime struct {
	cfg     RuntimeConfig
	turn    chan struct{} // held by the one invocation that runs
	stopped chan struct{}
	stop    sync.Once

	mu     sync.Mutex
	env    *environment // the last that was started
	starts int
	stderr tail
	stdout tail
}

// ErrStopped is what Invoke returns once Stop was called.
var ErrStopped = errors.New("lambdatest: the runtime was stopped")

// FunctionError says that an invocation failed, or that the function did not
// start.
type FunctionError struct {
	// Type is the errorType that the function reported, or Lambda's own:
	// "Sandbox.Timedout", "Runtime.ExitError", "Function.ResponseSizeTooLarge".
	Type string
	// Message is the errorMessage.
	Message string
	// Payload is the JSON that the function reported, and what Lambda hands to
	// whoever invoked it.
	Payload []byte
	// Init is set if the function failed before it asked for its first event.
	Init bool
	// ExitCode is the code with which the process ended; -1 if it was killed
	// or still runs.
	ExitCode int
	// Stderr is the end of what the process wrote to its standard error. It is
	// whole where the process has ended.
	Stderr string
}

// Error names the type, the message and, where the function did not start, the
// end of its standard error.
func (e *FunctionError) Error() string {
	text := fmt.Sprintf("lambdatest: %s: %s", e.Type, e.Message)
	if e.Init {
		text = fmt.Sprintf("lambdatest: the function did not start: %s: %s", e.Type, e.Message)
		if e.Stderr != "" {
			text += "\n" + e.Stderr
		}
	}
	return text
}

// Is makes a function that took too long a context.DeadlineExceeded.
func (e *FunctionError) Is(target error) bool {
	return target == context.DeadlineExceeded && e.Type == typeTimeout
}

const (
	typeTimeout  = "Sandbox.Timedout"
	typeExit     = "Runtime.ExitError"
	typeTooLarge = "Function.ResponseSizeTooLarge"
)

// Start is [Open] for tests: a function that does not start fails the test,
// and the test's end stops it. What it wrote to its standard error is in the
// log of a test that failed.
func Start(tb TB, cfg RuntimeConfig) *Runtime {
	tb.Helper()
	rt, err := Open(context.Background(), cfg)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() {
		rt.Stop()
		if text := rt.Stderr(); text != "" && tb.Failed() {
			tb.Logf("the function's standard error:\n%s", text)
		}
	})
	return rt
}

// Open starts the function and waits for its first poll. A function that ends
// before, reports an error, or takes too long is a [*FunctionError] whose Init
// is set. Stop must be called on what it returns.
func Open(ctx context.Context, cfg RuntimeConfig) (*Runtime, error) {
	if cfg.Binary == "" {
		return nil, errors.New("lambdatest: RuntimeConfig.Binary is empty: name the bootstrap's file")
	}
	binary, err := filepath.Abs(cfg.Binary)
	if err != nil {
		return nil, fmt.Errorf("lambdatest: %w", err)
	}
	cfg.Binary = binary
	if cfg.Dir == "" {
		cfg.Dir = filepath.Dir(binary)
	}
	if cfg.FunctionName == "" {
		cfg.FunctionName = "imprest"
	}
	if cfg.Handler == "" {
		cfg.Handler = "bootstrap"
	}
	if cfg.MemoryMB == 0 {
		cfg.MemoryMB = 128
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 3 * time.Second
	}
	if cfg.InitTimeout == 0 {
		cfg.InitTimeout = 10 * time.Second
	}
	rt := &Runtime{cfg: cfg, turn: make(chan struct{}, 1), stopped: make(chan struct{})}
	env, err := rt.start()
	if err != nil {
		return nil, err
	}
	if err := rt.awaitPoll(ctx, env); err != nil {
		rt.Stop()
		return nil, err
	}
	return rt, nil
}

// Invoke hands the function an event and returns its answer. An error is a
// [*FunctionError] if the function reported one, ended, or took longer than
// the configured time; it is ended then, and the next Invoke starts it again.
//
// Invocations run one at a time; others wait for their turn. A deadline of ctx
// that is nearer than the configured time becomes the invocation's, and a ctx
// that is cancelled while the function works ends it, too.
func (rt *Runtime) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	select {
	case rt.turn <- struct{}{}:
		defer func() { <-rt.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-rt.stopped:
		return nil, ErrStopped
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	inv := &invocation{id: newID(), event: event, done: make(chan outcome, 1)}
	env, err := rt.deliver(ctx, inv)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(time.Until(inv.deadline))
	defer timer.Stop()
	select {
	case o := <-inv.done:
		return rt.finish(env, inv, o)
	case <-env.exited:
		select {
		case o := <-inv.done: // answered, then ended
			return rt.finish(env, inv, o)
		default:
		}
		return nil, env.exitError(inv.id)
	case <-timer.C:
	case <-ctx.Done():
	case <-rt.stopped:
		return nil, ErrStopped
	}
	env.end()
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, err
	}
	message := fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.id, inv.allowed.Seconds())
	return nil, &FunctionError{
		Type: typeTimeout, Message: message, Payload: errorPayload(typeTimeout, message),
		ExitCode: -1, Stderr: rt.Stderr(),
	}
}

func (rt *Runtime) finish(env *environment, inv *invocation, o outcome) ([]byte, error) {
	if o.err != nil {
		o.err.Stderr = rt.Stderr()
		return nil, o.err
	}
	return o.payload, nil
}

// deliver hands inv to a process that polls, starting one if none is left.
func (rt *Runtime) deliver(ctx context.Context, inv *invocation) (*environment, error) {
	rt.mu.Lock()
	env := rt.env
	rt.mu.Unlock()
	for {
		if env.over() {
			var err error
			if env, err = rt.start(); err != nil {
				return nil, err
			}
		}
		if err := rt.awaitPoll(ctx, env); err != nil {
			return nil, err
		}
		select {
		case poll := <-env.polls:
			inv.allowed = rt.cfg.Timeout
			inv.deadline = time.Now().Add(inv.allowed)
			if d, ok := ctx.Deadline(); ok && d.Before(inv.deadline) {
				inv.deadline, inv.allowed = d, time.Until(d)
			}
			env.begin(inv)
			poll <- inv
			return env, nil
		case <-env.exited: // between two events: start it again
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-rt.stopped:
			return nil, ErrStopped
		}
	}
}

// awaitPoll waits until env's process has asked for its first event.
func (rt *Runtime) awaitPoll(ctx context.Context, env *environment) error {
	select {
	case <-env.polled:
		return nil
	default:
	}
	timer := time.NewTimer(time.Until(env.started.Add(rt.cfg.InitTimeout)))
	defer timer.Stop()
	var err error
	select {
	case <-env.polled:
		return nil
	case <-env.exited:
		err = env.initError()
	case <-timer.C:
		message := fmt.Sprintf("no first poll within %s", rt.cfg.InitTimeout)
		err = &FunctionError{Type: typeTimeout, Message: message, Payload: errorPayload(typeTimeout, message), Init: true, ExitCode: -1, Stderr: rt.Stderr()}
	case <-ctx.Done():
		err = ctx.Err()
	case <-rt.stopped:
		err = ErrStopped
	}
	env.end()
	return err
}

func (rt *Runtime) start() (*environment, error) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	select {
	case <-rt.stopped:
		return nil, ErrStopped
	default:
	}
	if rt.env != nil {
		rt.env.end()
	}
	env, err := startEnvironment(rt.cfg, &rt.stdout, &rt.stderr)
	if err != nil {
		return nil, err
	}
	rt.env = env
	rt.starts++
	return env, nil
}

// FirstPoll is how long the process that was started last took from its start
// to its first request for an event, as this process saw it; 0 if it has not
// asked yet.
func (rt *Runtime) FirstPoll() time.Duration {
	rt.mu.Lock()
	env := rt.env
	rt.mu.Unlock()
	select {
	case <-env.polled:
		return env.firstPoll
	default:
		return 0
	}
}

// Starts is how often the function was started.
func (rt *Runtime) Starts() int {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.starts
}

// Stderr is what the function wrote to its standard error, over all its
// starts: the last MiB of it. It comes through a pipe, so that the last lines
// may follow an answer by a moment; after Stop, all is there.
func (rt *Runtime) Stderr() string { return rt.stderr.String() }

// Stdout is what the function wrote to its standard output, over all its
// starts, kept as Stderr is. Lambda keeps both in one log.
func (rt *Runtime) Stdout() string { return rt.stdout.String() }

// Stop ends the function, by the process that was started and no other, and
// the Runtime API. An invocation that runs returns [ErrStopped]. Nothing that
// the Runtime started is left when Stop returns; further calls do nothing.
func (rt *Runtime) Stop() {
	rt.stop.Do(func() { close(rt.stopped) })
	rt.turn <- struct{}{} // the last invocation has left
	defer func() { <-rt.turn }()
	rt.mu.Lock()
	env := rt.env
	rt.mu.Unlock()
	if env != nil {
		env.end()
	}
}

// newID is a request ID in the shape of a version 4 UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
