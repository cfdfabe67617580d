package requests

import (
	"context"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/cloudfunc"
	"github.com/imprest-go/imprest/core"
)

// served is what the one server of Google's framework in this process answers
// with: the framework can be started, and never be told to serve another.
var served atomic.Pointer[http.HandlerFunc]

var framework = sync.OnceValues(func() (addr string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr = ln.Addr().String()
	if err := ln.Close(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- cloudfunc.StartHTTP(context.Background(), addr, func(w http.ResponseWriter, r *http.Request) { (*served.Load())(w, r) })
	}()
	for {
		if conn, err := net.Dial("tcp", addr); err == nil {
			return addr, conn.Close()
		}
		select {
		case err := <-ended:
			return "", err
		case <-time.After(time.Millisecond):
		}
	}
})

func byFramework(t *testing.T, h core.Handler, method, raw string, ends bool) (answer, error) {
	t.Helper()
	addr, err := framework()
	require.NoError(t, err)
	fn := cloudfunc.HTTP(h)
	served.Store(&fn)
	return exchange(t, addr, method, raw, ends)
}

func overFramework(t *testing.T, h core.Handler, r request) (answer, error) {
	t.Helper()
	return byFramework(t, h, r.method, r.wire(), false)
}

func wireFramework(t *testing.T, h core.Handler, raw string) (answer, error) {
	t.Helper()
	return byFramework(t, h, http.MethodPost, raw, true)
}

// redirected says why a path does not arrive by the framework.
func redirected(r request) string {
	clean := path.Clean(r.path)
	if strings.HasSuffix(r.path, "/") && clean != "/" {
		clean += "/"
	}
	if strings.HasPrefix(r.path, "/") && clean != r.path {
		return "the framework has an http.ServeMux in front, which redirects a path with dots or two slashes"
	}
	return ""
}
