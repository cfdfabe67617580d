package testkit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func through(t *testing.T, ctx context.Context, h http.HandlerFunc) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://shop.example/a%2Fb?x=1&y", strings.NewReader("body"))
	require.NoError(t, err)
	req.Header.Set("X-One", "1")
	resp, err := HTTPClient(h).Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body), nil
}

// The handler sees what a server would have read, and its answer is what a
// server would have written.
func TestHTTPClient(t *testing.T) {
	resp, body, err := through(t, t.Context(), func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "body", string(sent))
		assert.Equal(t, []string{"POST", "shop.example", "/a%2Fb?x=1&y", "/a/b", "1", "HTTP/1.1"},
			[]string{r.Method, r.Host, r.RequestURI, r.URL.Path, r.Header.Get("X-One"), r.Proto})
		assert.Equal(t, int64(4), r.ContentLength)
		assert.NotEmpty(t, r.RemoteAddr)
		w.Header().Set("X-Two", "2")
		w.WriteHeader(103)
		w.WriteHeader(201)
		w.WriteHeader(500)
		w.Header().Set("X-Late", "3")
		_, _ = io.WriteString(w, "one ")
		assert.NoError(t, http.NewResponseController(w).Flush())
		_, _ = io.WriteString(w, "two")
	})
	require.NoError(t, err)
	assert.Equal(t, []any{201, "201 Created", "2", "", "one two"}, []any{resp.StatusCode, resp.Status, resp.Header.Get("X-Two"), resp.Header.Get("X-Late"), body})

	resp, body, err = through(t, t.Context(), func(http.ResponseWriter, *http.Request) {})
	require.NoError(t, err)
	assert.Equal(t, []any{200, ""}, []any{resp.StatusCode, body})

	_, body, err = through(t, t.Context(), func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		_, err := io.WriteString(w, "x")
		assert.ErrorIs(t, err, http.ErrBodyNotAllowed)
	})
	require.NoError(t, err)
	assert.Empty(t, body)
}

func TestHTTPClientEndsBadly(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, _, err := through(t, ctx, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	assert.ErrorIs(t, err, context.DeadlineExceeded)

	broken := errors.New("broken")
	defer func() {
		err, ok := recover().(error)
		require.True(t, ok)
		assert.ErrorIs(t, err, broken)
	}()
	_, _, _ = through(t, t.Context(), func(http.ResponseWriter, *http.Request) { panic(broken) })
}
