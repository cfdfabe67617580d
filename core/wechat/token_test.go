package wechat_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/wechat"
)

func remoteOf(err error) *wechat.RemoteError {
	remote, _ := errors.AsType[*wechat.RemoteError](err)
	return remote
}

// roundTrip is WeChat without a network, for tests within a bubble of
// synctest.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestManyWaitForOneToken(t *testing.T) {
	f := startFake(t)
	f.hold, f.asked = make(chan struct{}), make(chan struct{}, 100)
	client, _ := newClient(t, f)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := client.SNTicket(t.Context(), "s", "m")
			assert.NoError(t, err)
		})
	}
	<-f.asked
	close(f.hold)
	all.Wait()
	assert.Equal(t, [2]int{1, 20}, f.counts())
}

// bubbled returns a client whose requests are answered by f, without a network.
func bubbled(t *testing.T, f roundTrip) *wechat.Client {
	t.Helper()
	client, err := wechat.New(wechat.Config{AppID: "wx1", Secret: core.NewSecret(appSecret), HTTPClient: &http.Client{Transport: f}})
	require.NoError(t, err)
	return client
}

func answer(body string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}
}

// The one who asks for all may go away, or fall over: nobody else pays for
// that, the next takes over.
func TestTheNextTakesOver(t *testing.T) {
	for name, panics := range map[string]bool{"the first leaves": false, "the first panics": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests, fall := 0, make(chan struct{})
				client := bubbled(t, func(r *http.Request) (*http.Response, error) {
					if r.URL.Path != "/cgi-bin/token" {
						return answer(`{"sn_ticket":"t"}`), nil
					}
					if requests++; requests > 1 {
						return answer(`{"access_token":"a","expires_in":7200}`), nil
					}
					select {
					case <-fall:
						panic("a fault of the transport")
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				})
				impatient, leave := context.WithCancel(t.Context())
				first, second := make(chan error, 1), make(chan error, 1)
				go func() {
					defer func() {
						if recover() != nil {
							first <- errors.New("panicked")
						}
					}()
					_, err := client.SNTicket(impatient, "s", "m")
					first <- err
				}()
				synctest.Wait()
				go func() {
					_, err := client.SNTicket(t.Context(), "s", "m")
					second <- err
				}()
				synctest.Wait()
				if panics {
					close(fall)
					assert.EqualError(t, <-first, "panicked")
				}
				leave()
				if !panics {
					assert.ErrorIs(t, <-first, context.Canceled)
				}
				assert.NoError(t, <-second)
				assert.Equal(t, 2, requests)
			})
		})
	}
}

// A failure that is not the first one's own is everybody's: they do not all
// try in turn.
func TestAFailureIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests, hold := 0, make(chan struct{})
		client := bubbled(t, func(*http.Request) (*http.Response, error) {
			requests++
			<-hold
			return answer(`{"errcode":40013,"errmsg":"invalid appid"}`), nil
		})
		errs := make(chan error, 10)
		for range cap(errs) {
			go func() {
				_, err := client.SNTicket(t.Context(), "s", "m")
				errs <- err
			}()
		}
		synctest.Wait()
		close(hold)
		for range cap(errs) {
			assert.Equal(t, wechat.ClassAccount, classOf(t, <-errs))
		}
		assert.Equal(t, 1, requests)
	})
}

func TestWhoWaitsMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		client := bubbled(t, func(*http.Request) (*http.Response, error) {
			<-hold
			return nil, errors.New("no network")
		})
		first := make(chan error, 1)
		go func() {
			_, err := client.SNTicket(t.Context(), "s", "m")
			first <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		_, err := client.SNTicket(ctx, "s", "m")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, core.CodeUnreached, core.CodeOf(err), "nothing was sent for it")
		assert.Equal(t, time.Second, time.Since(started))
		close(hold)
		failed := <-first
		assert.Equal(t, core.CodeUnknown, core.CodeOf(failed), "a transport that reports no connection proves nothing")
		assert.True(t, core.Retryable(failed), "a token may always be asked for again")
	})
}

func TestAFailureToGetATokenIsNotKept(t *testing.T) {
	f := startFake(t)
	client, _ := newClient(t, f)
	for refusal, want := range map[string]struct {
		code  core.Code
		class wechat.Class
	}{
		`{"errcode":40013,"errmsg":"invalid appid"}`:       {core.CodeRefused, wechat.ClassAccount},
		`{"errcode":40001,"errmsg":"invalid appsecret"}`:   {core.CodeRefused, wechat.ClassAccount},
		`{"errcode":40164,"errmsg":"not in whitelist"}`:    {core.CodeRefused, wechat.ClassAccount},
		`{"errcode":-1,"errmsg":"system error"}`:           {core.CodeRefused, wechat.ClassBusy},
		`{"access_token":"","expires_in":7200}`:            {core.CodeUnknown, ""},
		`{"access_token":"t"}`:                             {core.CodeUnknown, ""},
		`{"access_token":"t","expires_in":0}`:              {core.CodeUnknown, ""},
		`{"access_token":"t","expires_in":-1}`:             {core.CodeUnknown, ""},
		`{"access_token":{"x":1},"expires_in":7200}`:       {core.CodeUnknown, ""},
		`{"ACCESS_TOKEN":"t","Expires_in":7200}`:           {core.CodeUnknown, ""},
		`[]`:                                               {core.CodeUnknown, ""},
		`null`:                                             {core.CodeUnknown, ""},
		`<html>`:                                           {core.CodeUnknown, ""},
		`{"access_token":"t","expires_in":7200}{"more":1}`: {core.CodeUnknown, ""},
	} {
		f.set(func(f *fake) { f.refusal = refusal })
		before := f.counts()
		_, err := client.SNTicket(t.Context(), "s", "m")
		assert.Equal(t, want.code, core.CodeOf(err), refusal)
		assert.Equal(t, want.code == core.CodeUnknown || want.class == wechat.ClassBusy, core.Retryable(err), refusal)
		if want.class != "" {
			assert.Equal(t, want.class, classOf(t, err), refusal)
		}
		assert.Equal(t, [2]int{before[0] + 1, before[1]}, f.counts(), "one attempt, and no ticket without a token")
	}
	f.set(func(f *fake) { f.refusal = "" })
	_, err := client.SNTicket(t.Context(), "s", "m")
	assert.NoError(t, err)
}

// shared stands for the one place that issues tokens for several services.
type shared struct{ refused []string }

func (s *shared) AccessToken(_ context.Context, refused core.Secret) (core.Secret, error) {
	s.refused = append(s.refused, refused.Reveal())
	return core.NewSecret(tokenText(len(s.refused) - 1)), nil
}

func TestTokensOfAnotherPlace(t *testing.T) {
	f := startFake(t)
	f.token = 1
	source := &shared{}
	client, _ := newClient(t, f, func(cfg *wechat.Config) { cfg.Secret, cfg.Tokens = core.Secret{}, source })
	ticket, err := client.SNTicket(t.Context(), "s", "m")
	require.NoError(t, err)
	assert.Equal(t, "ticket:s:m", ticket)
	assert.Equal(t, []string{"", tokenText(0)}, source.refused, "it is told which token was refused")
	assert.Equal(t, [2]int{0, 2}, f.counts(), "the client asks for no token itself")
}
