package lambdatest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// environment is what Lambda calls an execution environment: one process and
// the Runtime API that it alone talks to. It is used up when the process ends.
type environment struct {
	cfg     RuntimeConfig
	cmd     *exec.Cmd
	started time.Time
	server  *http.Server
	tail    *tail // the process's standard error

	polls     chan chan *invocation // each poll offers a channel for its event
	polled    chan struct{}         // closed at the first poll
	once      sync.Once
	firstPoll time.Duration
	exited    chan struct{} // closed when the process has ended
	ending    sync.Once
	work      sync.WaitGroup // the server, its connections, and the wait for the process

	mu       sync.Mutex
	current  *invocation    // that the process works on
	reported *FunctionError // through init/error
}

// invocation is one event on its way.
type invocation struct {
	id       string
	event    []byte
	deadline time.Time
	allowed  time.Duration
	done     chan outcome // holds one
}

type outcome struct {
	payload []byte
	err     *FunctionError
}

func startEnvironment(cfg RuntimeConfig, stdout, stderr *tail) (*environment, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lambdatest: the runtime api: %w", err)
	}
	e := &environment{
		cfg: cfg, tail: stderr,
		polls: make(chan chan *invocation), polled: make(chan struct{}), exited: make(chan struct{}),
	}
	e.server = &http.Server{Handler: e.api(), ReadHeaderTimeout: 10 * time.Second, ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew: // Serve is still running, so that nobody waits at zero
			e.work.Add(1)
		case http.StateClosed, http.StateHijacked:
			e.work.Done()
		}
	}}
	e.cmd = exec.Command(cfg.Binary)
	e.cmd.Dir = cfg.Dir
	e.cmd.Env = append(cfg.variables(listener.Addr().String()), cfg.Env...)
	e.cmd.Stdout, e.cmd.Stderr = stdout, stderr
	e.cmd.WaitDelay = time.Second // a grandchild may hold the pipes open
	e.started = time.Now()
	e.work.Go(func() { _ = e.server.Serve(listener) }) // it ends when the server is closed
	if err := e.cmd.Start(); err != nil {
		_ = e.server.Close()
		e.work.Wait()
		return nil, fmt.Errorf("lambdatest: the function: %w", err)
	}
	e.work.Go(func() {
		_ = e.cmd.Wait() // how it ended is in ProcessState
		close(e.exited)
	})
	return e, nil
}

// variables are those that Lambda sets for a function on an OS-only runtime.
// The credentials are AWS's documented examples.
func (cfg RuntimeConfig) variables(api string) []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"_HANDLER=" + cfg.Handler,
		"LAMBDA_TASK_ROOT=" + cfg.Dir,
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"AWS_LAMBDA_FUNCTION_NAME=" + cfg.FunctionName,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(cfg.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + cfg.FunctionName,
		"AWS_LAMBDA_LOG_STREAM_NAME=2026/07/10/[$LATEST]0123456789abcdef0123456789abcdef",
		"AWS_REGION=" + region,
		"AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
		"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"AWS_SESSION_TOKEN=example",
		"PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"LANG=en_US.UTF-8",
		"TZ=:UTC",
	}
}

func (cfg RuntimeConfig) arn() string {
	return "arn:aws:lambda:" + region + ":" + accountID + ":function:" + cfg.FunctionName
}

// over tells whether the process has ended.
func (e *environment) over() bool {
	select {
	case <-e.exited:
		return true
	default:
		return false
	}
}

// end kills the process, closes the Runtime API, and waits for both.
func (e *environment) end() {
	e.ending.Do(func() {
		_ = e.cmd.Process.Kill() // it may have ended by itself
		<-e.exited
		_ = e.server.Close()
		e.work.Wait()
	})
}

func (e *environment) begin(inv *invocation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.current = inv
}

// answer ends the invocation that the process works on, if id is its.
func (e *environment) answer(id string, o outcome) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil || e.current.id != id {
		return false
	}
	e.current.done <- o
	e.current = nil
	return true
}

func (e *environment) busy() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.current != nil
}

// exitError is the error of an invocation whose process ended without an answer.
func (e *environment) exitError(id string) *FunctionError {
	message := fmt.Sprintf("RequestId: %s Error: Runtime exited %s", id, how(e.cmd))
	return &FunctionError{
		Type: typeExit, Message: message, Payload: errorPayload(typeExit, message),
		ExitCode: e.cmd.ProcessState.ExitCode(), Stderr: e.tail.String(),
	}
}

// initError is the error of a process that ended before its first poll.
func (e *environment) initError() *FunctionError {
	e.mu.Lock()
	failed := e.reported
	e.mu.Unlock()
	if failed == nil {
		message := "Runtime exited " + how(e.cmd)
		failed = &FunctionError{Type: typeExit, Message: message, Payload: errorPayload(typeExit, message)}
	}
	failed.Init, failed.ExitCode, failed.Stderr = true, e.cmd.ProcessState.ExitCode(), e.tail.String()
	return failed
}

func how(cmd *exec.Cmd) string {
	if cmd.ProcessState.Success() {
		return "without providing a reason"
	}
	return "with error: " + cmd.ProcessState.String()
}

// errorPayload is the JSON that Lambda hands to the invoker of a function that
// did not answer.
func errorPayload(kind, message string) []byte {
	return encode(map[string]string{"errorType": kind, "errorMessage": message})
}

var errTooLarge = errors.New("too large")

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailLimit = 1 << 20

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - tailLimit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(b), nil
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
