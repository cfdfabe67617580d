package lambdatest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	nethttp "net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// built is the directory with the function, if a test needed it.
var built string

// function is the file of the function under testdata/function, once built.
var function = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lambdatest")
	if err != nil {
		return "", err
	}
	built = dir
	file := filepath.Join(dir, "bootstrap")
	out, err := exec.Command("go", "build", "-o", file, "./testdata/function").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return file, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

func binary(t *testing.T) string {
	t.Helper()
	file, err := function()
	require.NoError(t, err)
	return file
}

func invoke(t *testing.T, rt *lambdatest.Runtime, do string) string {
	t.Helper()
	payload, err := rt.Invoke(t.Context(), []byte(strconv.Quote(do)))
	require.NoError(t, err)
	return string(payload)
}

func alive(pid string) bool {
	number, err := strconv.Atoi(pid)
	return err == nil && syscall.Kill(number, 0) == nil
}

func TestInvoke(t *testing.T) {
	rt := lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: binary(t)})
	assert.Positive(t, rt.FirstPoll())
	assert.Equal(t, `"hello"`, invoke(t, rt, "hello"))
	pid := invoke(t, rt, "pid")
	assert.Equal(t, pid, invoke(t, rt, "pid"), "one process for many events")
	assert.Equal(t, 1, rt.Starts())

	event := lambdatest.Event(lambdatest.HTTPAPI, callback())
	payload, err := rt.Invoke(t.Context(), event)
	require.NoError(t, err)
	assert.Equal(t, event, payload, "the exact bytes, there and back")

	rt.Stop()
	assert.False(t, alive(pid))
	assert.Contains(t, rt.Stderr(), "event: hello\n")
	assert.Equal(t, "out: started\n", rt.Stdout())
	_, err = rt.Invoke(t.Context(), nil)
	assert.ErrorIs(t, err, lambdatest.ErrStopped)
	rt.Stop()
}

func TestTheFunctionSeesLambdasEnvironmentAndNoOther(t *testing.T) {
	t.Setenv("LAMBDATEST_LEAK", "1")
	dir := t.TempDir()
	rt := lambdatest.Start(t, lambdatest.RuntimeConfig{
		Binary: binary(t), Dir: dir, FunctionName: "pay", Handler: "main", MemoryMB: 256,
		Env: []string{"IMPREST_APP_ID=test", "AWS_REGION=cn-north-1"},
	})
	var lines []string
	require.NoError(t, json.Unmarshal([]byte(invoke(t, rt, "environment")), &lines))
	seen := map[string]string{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		seen[name] = value
	}
	assert.Equal(t, "test", seen["IMPREST_APP_ID"])
	assert.Equal(t, "cn-north-1", seen["AWS_REGION"], "the test's own lines win")
	assert.Equal(t, "pay", seen["AWS_LAMBDA_FUNCTION_NAME"])
	assert.Equal(t, "main", seen["_HANDLER"])
	assert.Equal(t, "256", seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
	assert.Equal(t, dir, seen["LAMBDA_TASK_ROOT"])
	assert.Equal(t, "$LATEST", seen["AWS_LAMBDA_FUNCTION_VERSION"])
	assert.True(t, strings.HasPrefix(seen["AWS_LAMBDA_RUNTIME_API"], "127.0.0.1:"))
	for _, name := range []string{"LAMBDATEST_LEAK", "HOME", "GOPATH", "USER"} {
		assert.NotContains(t, seen, name)
	}
	resolved, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	assert.Equal(t, strconv.Quote(resolved), invoke(t, rt, "directory"))
}

func TestTheFunctionIsToldWhatLambdaTells(t *testing.T) {
	rt := lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: binary(t), Timeout: time.Minute})
	read := func(ctx context.Context) nethttp.Header {
		payload, err := rt.Invoke(ctx, []byte(`"header"`))
		require.NoError(t, err)
		var header nethttp.Header
		require.NoError(t, json.Unmarshal(payload, &header))
		return header
	}
	before := time.Now()
	first := read(t.Context())
	after := time.Now()
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, first.Get("Lambda-Runtime-Aws-Request-Id"))
	assert.Equal(t, "arn:aws:lambda:us-east-1:123456789012:function:imprest", first.Get("Lambda-Runtime-Invoked-Function-Arn"))
	assert.Regexp(t, `^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]$`, first.Get("Lambda-Runtime-Trace-Id"))
	deadline := func(header nethttp.Header) int64 {
		ms, err := strconv.ParseInt(header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
		require.NoError(t, err)
		return ms
	}
	assert.GreaterOrEqual(t, deadline(first), before.Add(time.Minute).UnixMilli())
	assert.LessOrEqual(t, deadline(first), after.Add(time.Minute).UnixMilli())

	near := time.Now().Add(20 * time.Second)
	ctx, cancel := context.WithDeadline(t.Context(), near)
	defer cancel()
	second := read(ctx)
	assert.Equal(t, near.UnixMilli(), deadline(second), "a nearer deadline of the caller's is the function's")
	assert.NotEqual(t, first.Get("Lambda-Runtime-Aws-Request-Id"), second.Get("Lambda-Runtime-Aws-Request-Id"))
}

func TestErrorsThatTheFunctionReports(t *testing.T) {
	rt := lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: binary(t)})
	var failed *lambdatest.FunctionError
	_, err := rt.Invoke(t.Context(), []byte(`"fail"`))
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "errorString", failed.Type)
	assert.Equal(t, "no such order", failed.Message)
	assert.JSONEq(t, `{"errorType":"errorString","errorMessage":"no such order","stackTrace":[]}`, string(failed.Payload))
	assert.False(t, failed.Init)

	_, err = rt.Invoke(t.Context(), []byte(`"fail without words"`))
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "Runtime.Unknown", failed.Type)
	assert.Equal(t, "oops", string(failed.Payload))

	_, err = rt.Invoke(t.Context(), []byte(`"large"`))
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "Function.ResponseSizeTooLarge", failed.Type)
	assert.Equal(t, `"still there"`, invoke(t, rt, "still there"))
	assert.Equal(t, 1, rt.Starts())
	rt.Stop()
	assert.Contains(t, rt.Stderr(), "large answered 413")
}

func TestAFunctionThatEndsIsStartedAgain(t *testing.T) {
	rt := lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: binary(t)})
	var failed *lambdatest.FunctionError
	_, err := rt.Invoke(t.Context(), []byte(`"exit"`))
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "Runtime.ExitError", failed.Type)
	assert.Equal(t, 7, failed.ExitCode)
	assert.Contains(t, failed.Message, "exit status 7")
	assert.Contains(t, failed.Stderr, "panic: leaving")
	assert.Equal(t, `"hello"`, invoke(t, rt, "hello"))
	assert.Equal(t, 2, rt.Starts())

	assert.Equal(t, `"bye"`, invoke(t, rt, "answer and exit"))
	assert.Equal(t, `"hello"`, invoke(t, rt, "hello"))
	assert.Equal(t, 3, rt.Starts())
}

func TestAFunctionThatOverrunsItsDeadlineIsKilled(t *testing.T) {
	rt := lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: binary(t), Timeout: 300 * time.Millisecond})
	pid := invoke(t, rt, "pid")
	_, err := rt.Invoke(t.Context(), []byte(`"sleep"`))
	var failed *lambdatest.FunctionError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "Sandbox.Timedout", failed.Type)
	assert.Contains(t, failed.Message, "Task timed out after 0.30 seconds")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Contains(t, failed.Stderr, "event: sleep")
	assert.False(t, alive(pid))

	again := invoke(t, rt, "pid")
	assert.NotEqual(t, pid, again)
	assert.Equal(t, 2, rt.Starts())
	assert.Positive(t, rt.FirstPoll())
}

func TestACallerThatGoesAwayEndsTheFunction(t *testing.T) {
	rt := lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: binary(t), Timeout: time.Minute})
	pid := invoke(t, rt, "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := rt.Invoke(ctx, []byte(`"sleep"`))
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.False(t, alive(pid))

	<-ctx.Done()
	_, err = rt.Invoke(ctx, []byte(`"hello"`))
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Equal(t, 1, rt.Starts(), "an invocation that is late already starts nothing")

	ctx, cancel = context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := rt.Invoke(ctx, []byte(`"sleep"`))
		done <- err
	}()
	for strings.Count(rt.Stderr(), "event: sleep") < 2 {
		runtime.Gosched()
	}
	cancel()
	err = <-done
	assert.ErrorIs(t, err, context.Canceled)
}

func TestInvocationsRunOneAtATime(t *testing.T) {
	rt := lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: binary(t), Timeout: 10 * time.Second})
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			want := fmt.Sprintf(`"event %d"`, i)
			payload, err := rt.Invoke(t.Context(), []byte(want))
			assert.NoError(t, err)
			assert.Equal(t, want, string(payload))
		})
	}
	group.Wait()
	assert.Equal(t, 1, rt.Starts())
}

func TestStopEndsAnInvocation(t *testing.T) {
	rt := lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: binary(t), Timeout: time.Minute})
	pid := invoke(t, rt, "pid")
	done := make(chan error, 1)
	go func() {
		_, err := rt.Invoke(context.Background(), []byte(`"sleep"`))
		done <- err
	}()
	for !strings.Contains(rt.Stderr(), "event: sleep") {
		runtime.Gosched()
	}
	rt.Stop()
	assert.ErrorIs(t, <-done, lambdatest.ErrStopped)
	assert.False(t, alive(pid))
}

func TestStopLeavesNothing(t *testing.T) {
	file := binary(t)
	before := runtime.NumGoroutine()
	for range 3 {
		rt, err := lambdatest.Open(t.Context(), lambdatest.RuntimeConfig{Binary: file})
		require.NoError(t, err)
		_, err = rt.Invoke(t.Context(), []byte(`"exit"`))
		require.Error(t, err)
		_, err = rt.Invoke(t.Context(), []byte(`"hello"`))
		require.NoError(t, err)
		rt.Stop()
	}
	// A goroutine that has reported its end may have a last step to go.
	for late := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(late) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestAFunctionThatDoesNotStart(t *testing.T) {
	open := func(cfg lambdatest.RuntimeConfig, env ...string) *lambdatest.FunctionError {
		cfg.Binary, cfg.Env = binary(t), env
		_, err := lambdatest.Open(t.Context(), cfg)
		var failed *lambdatest.FunctionError
		require.ErrorAs(t, err, &failed)
		assert.True(t, failed.Init)
		return failed
	}
	exited := open(lambdatest.RuntimeConfig{}, "START=exit")
	assert.Equal(t, "Runtime.ExitError", exited.Type)
	assert.Equal(t, 2, exited.ExitCode)
	assert.Equal(t, "IMPREST_APP_ID is missing\n", exited.Stderr)
	assert.Contains(t, exited.Error(), "IMPREST_APP_ID is missing")

	told := open(lambdatest.RuntimeConfig{}, "START=error")
	assert.Equal(t, "Function.NoKey", told.Type)
	assert.Equal(t, "IMPREST_APP_KEY is missing", told.Message)
	assert.Equal(t, 1, told.ExitCode)
	assert.Contains(t, told.Stderr, "init error answered 202")

	hung := open(lambdatest.RuntimeConfig{InitTimeout: 200 * time.Millisecond}, "START=hang")
	assert.ErrorIs(t, hung, context.DeadlineExceeded)

	_, err := lambdatest.Open(t.Context(), lambdatest.RuntimeConfig{})
	assert.ErrorContains(t, err, "Binary")
	_, err = lambdatest.Open(t.Context(), lambdatest.RuntimeConfig{Binary: filepath.Join(t.TempDir(), "none")})
	assert.ErrorIs(t, err, os.ErrNotExist)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = lambdatest.Open(ctx, lambdatest.RuntimeConfig{Binary: binary(t), Env: []string{"START=hang"}})
	assert.True(t, errors.Is(err, context.Canceled))
}

func TestTheRuntimeAPIIsStrict(t *testing.T) {
	rt := lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: binary(t)})
	var seen []string
	require.NoError(t, json.Unmarshal([]byte(invoke(t, rt, "break the rules")), &seen))
	require.Len(t, seen, 5)
	for i, want := range []string{"400 .*InvalidRequestID", "400 .*InvalidRequestID", "403 .*InvalidStateTransition", "403 .*InvalidStateTransition", "404"} {
		assert.Regexp(t, "^"+want, seen[i])
	}
	invoke(t, rt, "hello")
	rt.Stop()
	assert.Contains(t, rt.Stderr(), `answered 202 {"status":"OK"}`)
}

// failing is a test that fails at the first word.
type failing struct {
	said    string
	cleanup []func()
}

func (f *failing) Helper()             {}
func (f *failing) Logf(string, ...any) {}
func (f *failing) Failed() bool        { return f.said != "" }
func (f *failing) Cleanup(do func())   { f.cleanup = append(f.cleanup, do) }
func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestStartFailsTheTest(t *testing.T) {
	file := binary(t)
	tb := &failing{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		lambdatest.Start(tb, lambdatest.RuntimeConfig{Binary: file, Env: []string{"START=exit"}})
	}()
	<-done
	assert.Contains(t, tb.said, "the function did not start")
	assert.Contains(t, tb.said, "IMPREST_APP_ID is missing")
	assert.Empty(t, tb.cleanup)
}
