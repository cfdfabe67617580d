package tuya_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/tuya"
)

// held makes the cloud hold calls of a path that come in until it is told to
// let them go.
func (c *cloud) held(path string) (arrived chan struct{}, release func()) {
	arrived, gate := make(chan struct{}, 64), make(chan struct{})
	var once sync.Once
	first := sync.Map{} // a second attempt passes
	c.arrived = func(r *http.Request) {
		if r.URL.Path != path {
			return
		}
		if _, again := first.LoadOrStore(r.URL.RawQuery, true); !again {
			arrived <- struct{}{}
			<-gate
		}
	}
	return arrived, func() { once.Do(func() { close(gate) }) }
}

// A call that comes back late with the refusal of an old token leaves the newer
// one's refresh_token alone.
func TestALateRefusalLeavesTheNewRefreshToken(t *testing.T) {
	c, client, clock := start(t)
	do := func(path string) error {
		_, err := client.Do(context.Background(), tuya.Request{Method: "GET", Path: path, Reads: true})
		return err
	}
	require.NoError(t, do("/v1.0/first"))
	arrived, release := c.held("/v1.0/late")
	defer release()
	late := make(chan error, 1)
	go func() { late <- do("/v1.0/late") }() // with token-1
	<-arrived
	c.mu.Lock()
	c.good = "taken back"
	c.mu.Unlock()
	require.NoError(t, do("/v1.0/prompt"), "gets token-2 and refresh-2")
	release()
	require.NoError(t, <-late, "is told that token-1 is none, and takes token-2")
	c.mu.Lock()
	before := len(c.calls)
	assert.Equal(t, 2, c.tokens)
	c.mu.Unlock()

	clock.Advance(3 * time.Hour)
	require.NoError(t, do("/v1.0/later"))
	assert.Equal(t, []string{"GET /v1.0/token/refresh-2", "GET /v1.0/later"}, c.calls[before:])
}

// The token ends while calls are on their way and others begin: it is renewed
// once, and no call is lost.
func TestATokenThatEndsUnderWay(t *testing.T) {
	c, client, clock := start(t)
	do := func(path, n string) error {
		_, err := client.Do(context.Background(), tuya.Request{Method: "POST", Path: path, Body: 1, Query: map[string][]string{"n": {n}}})
		return err
	}
	require.NoError(t, do("/v1.0/first", "0"))
	const each = 16
	arrived, release := c.held("/v1.0/early")
	defer release()
	var all sync.WaitGroup
	for n := range each {
		all.Go(func() { assert.NoError(t, do("/v1.0/early", string(rune('a'+n)))) })
	}
	for range each {
		<-arrived // with token-1
	}
	clock.Advance(2*time.Hour - time.Minute)
	var others sync.WaitGroup
	for n := range each {
		others.Go(func() { assert.NoError(t, do("/v1.0/other", string(rune('a'+n)))) })
	}
	others.Wait()
	release() // token-1 is no longer good
	all.Wait()
	asked := 0
	for _, call := range c.calls {
		if strings.HasPrefix(call, "GET /v1.0/token") {
			asked++
		}
	}
	assert.Equal(t, []int{2, 2}, []int{asked, c.tokens}, "the first token, and one renewal")
	assert.Contains(t, c.calls, "GET /v1.0/token/refresh-1")
}
