package outward_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/outward"
)

const secret = "app-key-that-must-not-show"

func asItCame(a outward.Answer) (outward.Answer, error) { return a, nil }

func get(t *testing.T, client *http.Client, base string, reads bool) (outward.Answer, error) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, base+"/token?app_key="+secret, nil)
	require.NoError(t, err)
	return outward.Call(t.Context(), outward.New(client, 2*time.Second, nil), "test.Call", "", reads, req, asItCame)
}

func TestWhatIsKnownOfAFailure(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }))
	defer cut.Close()
	short := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("{"))
	}))
	defer short.Close()
	huge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat("x", outward.MaxAnswer+1)))
	}))
	defer huge.Close()
	for name, tt := range map[string]struct {
		base string
		code core.Code
	}{
		"nobody listens":       {closed.URL, core.CodeUnreached},
		"no such host":         {"http://127.0.0.1:0", core.CodeUnreached},
		"cut after the header": {cut.URL, core.CodeUnknown},
		"the answer breaks":    {short.URL, core.CodeUnknown},
		"the answer floods":    {huge.URL, core.CodeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			for _, reads := range []bool{true, false} {
				_, err := get(t, nil, tt.base, reads)
				assert.Equal(t, tt.code, core.CodeOf(err), "%v", err)
				assert.Equal(t, reads || tt.code == core.CodeUnreached, core.Retryable(err))
				assertNoSecret(t, err)
			}
		})
	}
}

func assertNoSecret(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret)
	}
}

func TestDeadlineAndCancellation(t *testing.T) {
	hold := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
	defer slow.Close()
	defer close(hold)
	req, err := http.NewRequest(http.MethodGet, slow.URL+"?app_key="+secret, nil)
	require.NoError(t, err)
	_, err = outward.Call(t.Context(), outward.New(nil, 20*time.Millisecond, nil), "x", "", false, req, asItCame)
	assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assertNoSecret(t, err)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = outward.Call(ended, outward.New(nil, 0, nil), "x", "", false, req, asItCame)
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
	assert.ErrorIs(t, err, context.Canceled)
	assertNoSecret(t, err)
}

// Following a redirect would hand the app_key (in a Referer) and the
// Authorization header to whoever the answer names.
func TestNoRedirectIsFollowed(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	redirect := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer redirect.Close()
	eager := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	answer, err := get(t, eager, redirect.URL, true)
	require.NoError(t, err)
	assert.Equal(t, http.StatusTemporaryRedirect, answer.Status)
	assert.False(t, reached)
	assert.NoError(t, eager.CheckRedirect(nil, nil), "the caller's own client is left alone")
}

type leaky struct{}

func (leaky) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "proxy", Err: fmt.Errorf("cannot reach %s", r.URL)}
}

func TestATransportThatNamesTheURLIsSilenced(t *testing.T) {
	_, err := get(t, &http.Client{Transport: leaky{}}, "http://127.0.0.1:1", false)
	require.Error(t, err)
	assertNoSecret(t, err)
}

// A transport of the caller's own that reports no connections has perhaps
// reached the platform: nothing may be concluded from its silence.
func TestATransportThatReportsNothingProvesNothing(t *testing.T) {
	_, err := get(t, &http.Client{Transport: silent{}}, "http://127.0.0.1:1", false)
	assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
	assert.False(t, core.Retryable(err))
}

type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection reset while reading the answer")
}

func TestBaseURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://api.example":        "https://api.example",
		"https://api.example/":       "https://api.example",
		"https://api.example:8443/v": "https://api.example:8443/v",
		"http://127.0.0.1:8701":      "http://127.0.0.1:8701",
		"http://localhost:1/":        "http://localhost:1",
		"http://[::1]:1":             "http://[::1]:1",
		"http://test.example":        "http://test.example",
	} {
		got, err := outward.BaseURL("x", raw, false, "http://test.example")
		require.NoError(t, err, raw)
		assert.Equal(t, want, got)
	}
	for _, raw := range []string{
		"", "api.example", "http://api.example", "http://127.0.0.1.example", "http://localhost.example", "http://test.example.evil",
		"ftp://api.example", "https://user:pass@api.example", "https://api.example?x=1", "https://api.example#x", "https://", "://",
	} {
		_, err := outward.BaseURL("x", raw, false, "http://test.example")
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), raw)
	}
	_, err := outward.BaseURL("x", "http://api.example", true)
	assert.NoError(t, err)
}

type observer struct {
	works []core.Work
	errs  []error
}

func (o *observer) Observe(ctx context.Context, w core.Work) (context.Context, func(error)) {
	o.works = append(o.works, w)
	return ctx, func(err error) { o.errs = append(o.errs, err) }
}

// A platform says no in an answer that arrives well: the observer is told of
// that, and not that bytes came back.
func TestTheObserverIsToldWhatTheAnswerMeans(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("no")) }))
	defer server.Close()
	var seen observer
	caller := outward.New(nil, 2*time.Second, &seen)
	refused := &core.Error{Op: "x", Code: core.CodeRefused}
	for _, want := range []error{refused, nil} {
		req, err := http.NewRequest(http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		text, err := outward.Call(t.Context(), caller, "x", "order-1", true, req, func(a outward.Answer) (string, error) { return string(a.Body), want })
		assert.Equal(t, "no", text)
		assert.Equal(t, want, err)
	}
	server.Close()
	req, err := http.NewRequest(http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	_, err = outward.Call(t.Context(), caller, "x", "order-1", true, req, func(outward.Answer) (string, error) { panic("there is no answer to read") })
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
	assert.Equal(t, []error{refused, nil, err}, seen.errs)
	work := core.Work{Kind: "call", Name: "x", Subject: "order-1"}
	assert.Equal(t, []core.Work{work, work, work}, seen.works)
}
