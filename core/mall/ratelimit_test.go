package mall_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

// byCookie trusts the cookie to be the user's uid.
func byCookie(_ context.Context, r *core.Request, _ mall.Call) (mall.Caller, error) {
	if token := r.Header.Get("Authorization"); token != "" {
		return mall.Caller{Credential: core.NewSecret(token)}, nil
	}
	return mall.Caller{UserID: r.Header.Get("Cookie")}, nil
}

func as(user string) func(*core.Request) {
	return func(r *core.Request) { r.Header.Set("Cookie", user) }
}

func TestTheLimitOfAUser(t *testing.T) {
	s := openShop(t, func(cfg *mall.RoutesConfig) {
		cfg.Authorize, cfg.Limit, cfg.Window = byCookie, 3, time.Minute
	})
	ask := func(change ...func(*core.Request)) int {
		return s.ask(t, mall.OpGetDeviceList, `"1"`, change...).Status
	}
	for range 3 {
		assert.Equal(t, 200, ask(as("alice")))
	}
	resp := s.ask(t, mall.OpExchangeCode, routed[mall.OpExchangeCode].body, as("alice"))
	assert.Equal(t, 429, resp.Status, "whatever the operation")
	assert.Equal(t, "too_many", readAnswer(t, resp).Error.Code)
	assert.Equal(t, "20", resp.Header.Get("Retry-After"))
	assert.Len(t, s.ops.all(), 3)
	assert.Equal(t, 200, ask(as("bob")), "each user has a limit of one's own")

	s.now = s.now.Add(19500 * time.Millisecond)
	resp = s.ask(t, mall.OpGetDeviceList, `"1"`, as("alice"))
	assert.Equal(t, 429, resp.Status)
	assert.Equal(t, "1", resp.Header.Get("Retry-After"), "rounded up, or the client would come too early")
	s.now = s.now.Add(500 * time.Millisecond)
	assert.Equal(t, 200, ask(as("alice")), "what Retry-After promised")
	assert.Equal(t, 429, ask(as("alice")))
	s.now = s.now.Add(time.Hour)
	for i := range 4 {
		assert.Equal(t, map[bool]int{true: 200, false: 429}[i < 3], ask(as("alice")), "no more than Limit is saved up")
	}
	s.now = s.now.Add(-24 * time.Hour)
	assert.Equal(t, 429, ask(as("alice")))
	s.now = s.now.Add(20 * time.Second)
	assert.Equal(t, 200, ask(as("alice")), "a clock that was set back locks nobody out for long")

	token := func(value string) func(*core.Request) {
		return func(r *core.Request) { r.Header.Set("Authorization", value) }
	}
	for i := range 4 {
		assert.Equal(t, map[bool]int{true: 200, false: 429}[i < 3], ask(token("one")))
	}
	assert.Equal(t, 200, ask(token("another")), "users without an id are told apart by their credential")
}

// What is refused before a user is known, or for want of form, costs nobody a
// request.
func TestTheLimitCountsCallsAlone(t *testing.T) {
	s := openShop(t, func(cfg *mall.RoutesConfig) { cfg.Authorize, cfg.Limit = byCookie, 1 })
	for range 3 {
		assert.Equal(t, 400, s.ask(t, mall.OpGetDeviceList, `{}`, as("alice")).Status)
		assert.Equal(t, 401, s.ask(t, mall.OpGetDeviceList, `"1"`, as("")).Status)
	}
	assert.Equal(t, 200, s.ask(t, mall.OpGetDeviceList, `"1"`, as("alice")).Status)
	assert.Equal(t, 429, s.ask(t, mall.OpGetDeviceList, `"1"`, as("alice")).Status)
}

func TestTheDefaultLimit(t *testing.T) {
	s := openShop(t, func(cfg *mall.RoutesConfig) { cfg.Authorize, cfg.Limit = byCookie, 0 })
	for i := range 61 {
		assert.Equal(t, map[bool]int{true: 200, false: 429}[i < 60], s.ask(t, mall.OpGetDeviceList, `"1"`, as("alice")).Status, i)
	}
	s.now = s.now.Add(time.Second)
	assert.Equal(t, 200, s.ask(t, mall.OpGetDeviceList, `"1"`, as("alice")).Status)
}

// The user who asked longest ago makes place for a new one.
func TestOnlySoManyUsersAreRemembered(t *testing.T) {
	s := openShop(t, func(cfg *mall.RoutesConfig) {
		cfg.Authorize, cfg.Limit, cfg.Window, cfg.MaxUsers = byCookie, 1, time.Hour, 2
	})
	ask := func(user string) int { return s.ask(t, mall.OpGetDeviceList, `"1"`, as(user)).Status }
	require.Equal(t, 200, ask("alice"))
	require.Equal(t, 200, ask("bob"))
	require.Equal(t, 429, ask("alice"), "alice is the latest now")
	require.Equal(t, 200, ask("carol"), "in the place of bob")
	assert.Equal(t, 429, ask("alice"))
	assert.Equal(t, 429, ask("carol"))
	assert.Equal(t, 200, ask("bob"), "in the place of alice")
	assert.Equal(t, 200, ask("alice"))
}

func TestManyUsersAtOnce(t *testing.T) {
	s := openShop(t, func(cfg *mall.RoutesConfig) {
		cfg.Authorize, cfg.Limit, cfg.MaxUsers = byCookie, 10, 8
	})
	var served, refused atomic.Int64
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			user := "user" + strconv.Itoa(worker%4)
			for i := range 20 {
				resp := s.ask(t, mall.OpGetServiceListByDevice, fmt.Sprintf(`"%s-%d"`, user, i), as(user))
				switch resp.Status {
				case 200:
					served.Add(1)
				case 429:
					refused.Add(1)
				}
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 40, served.Load(), "four users with ten requests each, whoever made them")
	assert.EqualValues(t, 120, refused.Load())
	for _, call := range s.ops.all() {
		assert.Contains(t, call.params[0], call.caller.UserID+"-", "no request is answered for another user")
	}
}
