package nethttp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestNewServerHasLimits(t *testing.T) {
	srv := NewServer("127.0.0.1:0", http.NotFoundHandler())
	assert.Equal(t, "127.0.0.1:0", srv.Addr)
	assert.NotNil(t, srv.Handler)
	assert.Equal(t, 5*time.Second, srv.ReadHeaderTimeout)
	assert.Equal(t, 10*time.Second, srv.ReadTimeout)
	assert.Equal(t, 30*time.Second, srv.WriteTimeout)
	assert.Equal(t, 2*time.Minute, srv.IdleTimeout)
	assert.Less(t, DefaultTimeout, srv.WriteTimeout, "an answer must still get through")
	assert.Equal(t, 64<<10, srv.MaxHeaderBytes)
}

// pipeListener hands out one end of pipes, so that a server runs inside a
// synctest bubble.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// dial connects, sends one request and returns the connection.
func (l *pipeListener) dial(t *testing.T) net.Conn {
	return l.send(t, "GET / HTTP/1.1\r\nHost: h.test\r\n\r\n")
}

func (l *pipeListener) send(t *testing.T, raw string) net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	_, err := io.WriteString(client, raw)
	require.NoError(t, err)
	return client
}

func TestServeFinishesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ln := newPipeListener()
		var seen error
		srv := NewServer("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(ShutdownGrace - time.Second)
			seen = r.Context().Err()
			_, _ = io.WriteString(w, "done")
		}))
		served := make(chan error)
		go func() { served <- Serve(ctx, srv, ln) }()
		client := ln.dial(t)
		synctest.Wait()
		stop()
		answer, err := io.ReadAll(client)
		require.NoError(t, err)
		assert.Contains(t, string(answer), "done")
		assert.NoError(t, <-served)
		assert.NoError(t, seen, "the end of the server must not cancel a request")
		_, open := <-ln.closed
		assert.False(t, open)
	})
}

func TestServeCutsOffAtTheEndOfTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ln := newPipeListener()
		gone := make(chan struct{})
		srv := NewServer("", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			close(gone)
		}))
		srv.WriteTimeout = 0
		served := make(chan error)
		go func() { served <- Serve(ctx, srv, ln) }()
		client := ln.dial(t)
		synctest.Wait()
		start := time.Now()
		stop()
		err := <-served
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, ShutdownGrace, time.Since(start))
		<-gone
		require.NoError(t, client.Close())
	})
}

func TestServeReportsWhatStoppedIt(t *testing.T) {
	ln := &brokenListener{err: errors.New("out of sockets")}
	err := Serve(t.Context(), NewServer("", http.NotFoundHandler()), ln)
	assert.ErrorIs(t, err, ln.err)
}

type brokenListener struct{ err error }

func (l *brokenListener) Accept() (net.Conn, error) { return nil, l.err }
func (l *brokenListener) Close() error              { return nil }
func (l *brokenListener) Addr() net.Addr            { return &net.TCPAddr{} }

func TestServeAfterItsContextEnded(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	assert.NoError(t, Serve(ctx, NewServer("", http.NotFoundHandler()), ln))
	_, err = ln.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
}

func TestServeEndsWithAShutdownByHand(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := NewServer("", http.NotFoundHandler())
	served := make(chan error)
	go func() { served <- Serve(t.Context(), srv, ln) }()
	require.NoError(t, srv.Shutdown(t.Context()))
	assert.NoError(t, <-served)
}

func TestStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	h := core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return core.Text(http.StatusTeapot, "") })
	assert.ErrorContains(t, Start(t.Context(), taken.Addr().String(), h), "address already in use")

	// A port that was free a moment ago.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := free.Addr().String()
	require.NoError(t, free.Close())
	ctx, stop := context.WithCancel(t.Context())
	started := make(chan error)
	go func() { started <- Start(ctx, addr, h) }()
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + addr)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusTeapot
	}, 10*time.Second, 10*time.Millisecond)
	stop()
	assert.NoError(t, <-started)
}
