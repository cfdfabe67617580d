package cloudfunc_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/cloudfunc"
	"github.com/imprest-go/imprest/core"
)

// serve runs start by the real framework until the test ends, or stop is called,
// and returns the address.
func serve(t *testing.T, start func(ctx context.Context, addr string) error) (url string, stop func()) {
	t.Helper()
	t.Setenv("FUNCTION_TARGET", "function") // the framework then serves the function that was registered last
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	require.NoError(t, ln.Close())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- start(ctx, addr) }()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 5*time.Second, time.Millisecond)
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		http.DefaultClient.CloseIdleConnections() // a new one that brought no request yet is waited for
		cancel()
		select {
		case err := <-ended:
			assert.NoError(t, err)
		case <-time.After(10 * time.Second):
			t.Error("the server did not end")
		}
	}
	t.Cleanup(stop)
	return "http://" + addr, stop
}

func serveEvents(t *testing.T, fn func(context.Context, event.Event) error) string {
	t.Helper()
	url, _ := serve(t, func(ctx context.Context, addr string) error { return cloudfunc.StartEvents(ctx, addr, fn) })
	return url
}

// byTheFramework has the framework receive events, one at a time. Its server lives
// as long as the tests: nothing can stop it.
func byTheFramework(t *testing.T, fn func(context.Context, event.Event) error) string {
	t.Helper()
	t.Setenv("FUNCTION_TARGET", "function")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	require.NoError(t, ln.Close())
	require.NoError(t, funcframework.RegisterCloudEventFunctionContext(t.Context(), "/", fn))
	_, port, _ := net.SplitHostPort(addr)
	go func() { _ = funcframework.StartHostPort("127.0.0.1", port) }()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 5*time.Second, time.Millisecond)
	return "http://" + addr
}

func post(t *testing.T, url string, header map[string]string, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// binary is a CloudEvent in the headers, as Eventarc sends it.
func binary(kind, data string) (map[string]string, string) {
	return map[string]string{
		"Ce-Id": "1", "Ce-Specversion": "1.0", "Ce-Type": kind, "Ce-Time": "2026-01-02T03:04:05.678Z",
		"Ce-Source": "//pubsub.googleapis.com/projects/p/topics/t", "Content-Type": "application/json",
	}, data
}

// structured is a CloudEvent in the body.
func structured(kind, data string) (map[string]string, string) {
	return map[string]string{"Content-Type": "application/cloudevents+json; charset=UTF-8"},
		`{"id":"1","specversion":"1.0","type":"` + kind + `","source":"//pubsub.googleapis.com/projects/p/topics/t","datacontenttype":"application/json","data":` + data + `}`
}

// A core handler as an HTTP function, by the real framework.
func TestHTTP(t *testing.T) {
	var seen *core.Request
	h := core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		if string(r.Body) == "panic" {
			panic("key 123456")
		}
		_, bounded := ctx.Deadline()
		assert.True(t, bounded)
		seen = r
		return &core.Response{Status: 201, Header: core.Header{{Name: "Set-Cookie", Value: "a=1"}, {Name: "Set-Cookie", Value: "b=2"}}, Body: []byte("suc\x00cess")}
	})
	url, _ := serve(t, func(ctx context.Context, addr string) error { return cloudfunc.StartHTTP(ctx, addr, cloudfunc.HTTP(h)) })

	resp, err := http.Post(url+"/callbacks/pay%2Fment?b=%20&a=1&b", "text/x", strings.NewReader("\x00\xff exact"))
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	_ = resp.Body.Close()
	assert.Equal(t, 201, resp.StatusCode)
	assert.Equal(t, "suc\x00cess", string(body))
	assert.Equal(t, []string{"a=1", "b=2"}, resp.Header.Values("Set-Cookie"))
	assert.Equal(t, []any{"POST", "/callbacks/pay%2Fment", "b=%20&a=1&b", "\x00\xff exact"}, []any{seen.Method, seen.Path, seen.RawQuery, string(seen.Body)})

	status, text := post(t, url, nil, "panic")
	assert.Equal(t, []any{500, core.TryLaterText}, []any{status, text}, "the framework's own answer to a panic does not show")
	status, text = post(t, url, nil, strings.Repeat("x", core.MaxBody+1))
	assert.Equal(t, []any{413, core.RefusedText}, []any{status, text})
}

// What is under way when the platform asks for an end is answered.
func TestAnEndLetsRequestsFinish(t *testing.T) {
	begun, finish := make(chan bool), make(chan bool)
	url, stop := serve(t, func(ctx context.Context, addr string) error {
		return cloudfunc.StartHTTP(ctx, addr, cloudfunc.HTTP(core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
			close(begun)
			<-finish
			return core.Text(200, "success")
		})))
	})
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Post(url, "", nil)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-begun
	stopped := make(chan bool)
	go func() { stop(); close(stopped) }()
	require.Eventually(t, func() bool { // it takes no more
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond)
	close(finish)
	assert.Equal(t, "success", <-answer)
	<-stopped
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	t.Setenv("FUNCTION_TARGET", "function")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	fn := cloudfunc.HTTP(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return nil }))
	assert.ErrorContains(t, cloudfunc.StartHTTP(t.Context(), "8080", fn), "HOST:PORT")
	assert.ErrorContains(t, cloudfunc.StartHTTP(t.Context(), ln.Addr().String(), fn), "address already in use")
	// Without a target the framework serves all that was registered, each at its
	// path, and two at one path are a panic of its own.
	t.Setenv("FUNCTION_TARGET", "")
	assert.ErrorContains(t, cloudfunc.StartHTTP(t.Context(), ln.Addr().String(), fn), "a process has one function")
}
