package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/functions/imprest/internal/sandbox"
	"github.com/imprest-go/imprest/testkit"
)

const (
	// maxForwards is how many notifications are under way at once.
	maxForwards = 16
	// rejoinAfter is how long to wait for a sandbox that has ended to come back.
	rejoinAfter = time.Second
	// maxEvent is how long a line of the stream may be.
	maxEvent = 1 << 20
)

// join forwards what the platform of a running sandbox sends, until ctx ends.
// A sandbox that ends is waited for; one that is not there at first is an
// error.
func (f *forwarder) join(ctx context.Context, base string) error {
	f.greet("", testkit.Account{})
	s := &stream{f: f, url: strings.TrimSuffix(base, "/") + "/_sandbox/events", places: make(chan struct{}, maxForwards)}
	defer s.forwards.Wait()
	for joined := false; ; {
		opened, err := s.follow(ctx)
		joined = joined || opened
		switch {
		case ctx.Err() != nil:
			return nil
		case !joined:
			return fmt.Errorf("there is no sandbox to join: %w", err)
		case opened:
			fmt.Fprintln(f.p.stderr, "note: the sandbox has gone; it is joined again when it is back")
		}
		timer := time.NewTimer(rejoinAfter)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// stream is a sandbox's server-sent events.
type stream struct {
	f        *forwarder
	url      string
	last     string // the id of the last event
	places   chan struct{}
	forwards sync.WaitGroup
}

// follow reads the events until the sandbox, or ctx, ends. opened says whether
// there was one.
func (s *stream) follow(ctx context.Context) (opened bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return false, err
	}
	if s.last != "" {
		req.Header.Set("Last-Event-ID", s.last)
	}
	client := loopbackClient(1)
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return false, fmt.Errorf("%s", noAnswer(err))
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		return false, fmt.Errorf("%s answers %d, and tells no events", s.url, resp.StatusCode)
	}
	fmt.Fprintln(s.f.p.stderr, "Joined. Ctrl-C ends it.")
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 64<<10), maxEvent)
	var id, name string
	for lines.Scan() {
		field, value, _ := bytes.Cut(lines.Bytes(), []byte(": "))
		switch string(field) {
		case "id":
			id = string(value)
		case "event":
			name = string(value)
		case "data":
			s.last = id
			s.took(ctx, name, value)
		}
	}
	return true, lines.Err()
}

// took is told of each event.
func (s *stream) took(ctx context.Context, name string, data []byte) {
	if name == "reset" {
		fmt.Fprintln(s.f.p.stderr, "note: what the sandbox sent meanwhile is missed")
		return
	}
	var sent sandbox.Sent
	if name != "notification" || json.Unmarshal(data, &sent) != nil {
		return
	}
	n := readNotice(sent.Method, sent.Header, sent.Body)
	if sent.TooLong {
		fmt.Fprintln(s.f.p.stderr, "note: a notification is left out: it is longer than any genuine one")
		return
	}
	if s.f.target(n.Kind) == "" {
		return // the sandbox's own merchant has it
	}
	// As many at once as the platform sends: a duplicate may come while the
	// first is worked on.
	select {
	case s.places <- struct{}{}:
	case <-ctx.Done():
		return
	}
	s.forwards.Go(func() {
		defer func() { <-s.places }()
		_, _ = s.f.forward(ctx, sent.Method, "", sent.Header, sent.Body) // it has told of it
	})
}
