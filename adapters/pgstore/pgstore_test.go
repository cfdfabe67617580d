package pgstore_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/pgstore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

func TestOpenAsksNobody(t *testing.T) {
	s, err := pgstore.Open(pgstore.Config{URL: core.NewSecret("postgres://shop@database.invalid/shop")})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// A server that takes connections and says nothing: each call ends by itself, and
// knows that it never was sent, whether it connects or waits for the connection
// that another has.
func TestASilentServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	s, err := pgstore.Open(pgstore.Config{
		URL: core.NewSecret("postgres://shop:hunter2@" + ln.Addr().String() + "/shop?sslmode=disable"), Connections: 1, Timeout: 200 * time.Millisecond,
	})
	require.NoError(t, err)
	defer s.Close()
	failed := make(chan error, 8)
	for range cap(failed) / 2 {
		go func() {
			_, err := s.Put(context.Background(), journal.Record{ID: "p/1"})
			failed <- err
		}()
		go func() { failed <- s.Delete(context.Background(), "p/1", 1) }()
	}
	for range cap(failed) {
		select {
		case err := <-failed:
			assert.Equal(t, core.CodeUnreached, core.CodeOf(err), "%v", err)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.True(t, core.Retryable(err))
			assert.NotContains(t, err.Error(), "hunter2")
		case <-time.After(10 * time.Second):
			t.Fatal("a call has no end")
		}
	}
	_, err = s.Due(context.Background(), time.Now(), 1)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestOpenShowsNothingOfTheURL(t *testing.T) {
	for name, cfg := range map[string]pgstore.Config{
		"none":              {},
		"unreadable":        {URL: core.NewSecret("postgres://shop:hunter2@host:port/shop")},
		"no URL":            {URL: core.NewSecret("hunter2")},
		"less than no time": {URL: core.NewSecret("postgres://shop:hunter2@host/shop"), Timeout: -1},
		"less than no one":  {URL: core.NewSecret("postgres://shop:hunter2@host/shop"), Connections: -1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pgstore.Open(cfg)
			require.Equal(t, core.CodeInvalid, core.CodeOf(err))
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}
