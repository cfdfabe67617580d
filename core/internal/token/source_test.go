package token_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/token"
)

// issuer hands out tokens 1, 2, … that live for lifetime.
type issuer struct {
	lifetime time.Duration
	issued   int
	fails    error
	takes    time.Duration
}

func (i *issuer) fetch(ctx context.Context) (core.Secret, time.Duration, error) {
	if i.takes > 0 {
		select {
		case <-time.After(i.takes):
		case <-ctx.Done():
			return core.Secret{}, 0, ctx.Err()
		}
	}
	if i.fails != nil {
		return core.Secret{}, 0, i.fails
	}
	i.issued++
	return core.NewSecret(fmt.Sprint(i.issued)), i.lifetime, nil
}

func TestATokenIsRenewedBeforeItEnds(t *testing.T) {
	for _, tt := range []struct{ lifetime, used time.Duration }{
		{2 * time.Hour, 2*time.Hour - 5*time.Minute},
		{10 * time.Minute, 5 * time.Minute},
		{4 * time.Minute, 2 * time.Minute},
		{time.Second, time.Second / 2},
	} {
		now := time.Unix(1_700_000_000, 0)
		from := &issuer{lifetime: tt.lifetime}
		source := token.New("x", func() time.Time { return now }, from.fetch)
		get := func() string {
			got, err := source.AccessToken(t.Context(), core.Secret{})
			require.NoError(t, err)
			return got.Reveal()
		}
		assert.Equal(t, "1", get())
		now = now.Add(tt.used - 1)
		assert.Equal(t, "1", get(), "%v", tt)
		now = now.Add(1)
		assert.Equal(t, "2", get(), "%v", tt)
	}
}

// The life of a token is counted from when it was asked for: an answer may
// take long.
func TestASlowAnswerShortensALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &issuer{lifetime: 2 * time.Minute, takes: 30 * time.Second}
		source := token.New("x", time.Now, from.fetch)
		_, err := source.AccessToken(t.Context(), core.Secret{})
		require.NoError(t, err)
		time.Sleep(31 * time.Second)
		got, err := source.AccessToken(t.Context(), core.Secret{})
		require.NoError(t, err)
		assert.Equal(t, "2", got.Reveal())
	})
}

func TestARefusedTokenIsGivenUpOnce(t *testing.T) {
	from := &issuer{lifetime: time.Hour}
	source := token.New("x", time.Now, from.fetch)
	first, err := source.AccessToken(t.Context(), core.Secret{})
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			got, err := source.AccessToken(t.Context(), first)
			assert.NoError(t, err)
			assert.Equal(t, "2", got.Reveal(), "those who come late with the same refused token get the new one")
		})
	}
	all.Wait()
	assert.Equal(t, 2, from.issued)
}

func TestFresh(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	from := &issuer{lifetime: time.Hour}
	source := token.New("x", func() time.Time { return now }, from.fetch)
	assert.False(t, source.Fresh(core.NewSecret("1"), time.Minute))
	first, err := source.AccessToken(t.Context(), core.Secret{})
	require.NoError(t, err)
	assert.True(t, source.Fresh(first, time.Minute))
	now = now.Add(time.Minute)
	assert.False(t, source.Fresh(first, time.Minute))
	second, err := source.AccessToken(t.Context(), first)
	require.NoError(t, err)
	assert.True(t, source.Fresh(second, time.Minute))
	assert.False(t, source.Fresh(first, time.Minute), "it is not the one at hand")
}

func TestAFailureIsSharedAndNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &issuer{lifetime: time.Hour, takes: time.Second, fails: errors.New("no")}
		source := token.New("x", time.Now, from.fetch)
		var all sync.WaitGroup
		started := time.Now()
		for range 10 {
			all.Go(func() {
				_, err := source.AccessToken(t.Context(), core.Secret{})
				assert.EqualError(t, err, "no")
			})
		}
		all.Wait()
		assert.Equal(t, time.Second, time.Since(started), "they do not all try in turn")
		from.fails = nil
		_, err := source.AccessToken(t.Context(), core.Secret{})
		assert.NoError(t, err)
	})
}

func TestWhoWaitsMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &issuer{lifetime: time.Hour, takes: time.Minute}
		source := token.New("test.Token", time.Now, from.fetch)
		go func() { _, _ = source.AccessToken(t.Context(), core.Secret{}) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := source.AccessToken(ctx, core.Secret{})
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
		assert.ErrorContains(t, err, "test.Token")
		time.Sleep(time.Minute)
	})
}

func TestTheNextTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &issuer{lifetime: time.Hour, takes: time.Minute}
		source := token.New("x", time.Now, from.fetch)
		impatient, leave := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := source.AccessToken(impatient, core.Secret{})
			first <- err
		}()
		synctest.Wait()
		second := make(chan error, 1)
		go func() {
			_, err := source.AccessToken(t.Context(), core.Secret{})
			second <- err
		}()
		synctest.Wait()
		leave()
		assert.ErrorIs(t, <-first, context.Canceled)
		assert.NoError(t, <-second)
	})
}
