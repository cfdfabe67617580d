package storetest

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Cut is what a [Link] does to one request.
type Cut int

// The cuts.
const (
	// CutBefore: the request is dropped, and the connection ends.
	CutBefore Cut = iota + 1
	// CutAfter: the server does what is asked, and the connection ends in the
	// place of its answer.
	CutAfter
	// Swallow: the server does what is asked, and its answer never comes.
	Swallow
	// HoldBack: the request stays on its way until Release, and no answer
	// comes, as if a network had a very long memory.
	HoldBack
)

// String returns the cut's name, for a message.
func (c Cut) String() string {
	return map[Cut]string{CutBefore: "cut before the effect", CutAfter: "cut after the effect", Swallow: "swallowed answer", HoldBack: "held back request"}[c]
}

// Link is a TCP proxy on loopback between a store and the server of its engine,
// which breaks off where it is told to. Make one with [NewLink]. It knows no
// protocol: one side asks, the other answers.
type Link struct {
	upstream string
	listener net.Listener

	mu   sync.Mutex
	cut  Cut // of the next request; 0 is none
	held []*carried
	open map[net.Conn]bool
}

// carried is one connection on a link.
type carried struct {
	in, out net.Conn

	mu       sync.Mutex
	cut      Cut    // set once, and then for the rest of the connection
	held     []byte // of HoldBack, until it is released
	released bool
	answered chan struct{} // closed by the first answer after the cut
	once     sync.Once
}

func (c *carried) is() Cut {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

// NewLink starts a link to the server at upstream, "host:port". It ends with
// the test.
func NewLink(t testing.TB, upstream string) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &Link{upstream: upstream, listener: listener, open: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { l.carry(in) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.mu.Lock()
		for conn := range l.open {
			_ = conn.Close()
		}
		l.open = nil
		l.mu.Unlock()
		running.Wait()
	})
	return l
}

// Addr returns where the link listens, "127.0.0.1:port".
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Arm cuts the next request, and that one alone: what is sent again passes.
func (l *Link) Arm(cut Cut) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
}

// Release lets the requests that were held back go on to the server, and
// returns when it has answered each.
func (l *Link) Release(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	held := l.held
	l.held = nil
	l.mu.Unlock()
	for _, c := range held {
		c.mu.Lock()
		c.released = true
		_, err := c.out.Write(c.held)
		c.mu.Unlock()
		require.NoError(t, err, "the server takes a request that was held back")
		select {
		case <-c.answered:
		case <-time.After(10 * time.Second):
			require.Fail(t, "the server does not answer a request that was held back")
		}
	}
}

// take returns the cut of a request that begins, if there is one.
func (l *Link) take() Cut {
	l.mu.Lock()
	defer l.mu.Unlock()
	cut := l.cut
	l.cut = 0
	return cut
}

// track keeps conn for the end of the test; false: the test has ended.
func (l *Link) track(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		return false
	}
	l.open[conn] = true
	return true
}

func (l *Link) close(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close()
		delete(l.open, conn)
	}
}

// carry is one connection, until either side ends it or it is cut.
func (l *Link) carry(in net.Conn) {
	defer l.close(in)
	if !l.track(in) {
		return
	}
	out, err := net.DialTimeout("tcp", l.upstream, 5*time.Second)
	if err != nil {
		return
	}
	if !l.track(out) {
		_ = out.Close()
		return
	}
	defer l.close(out)
	c := &carried{in: in, out: out, answered: make(chan struct{})}
	var back sync.WaitGroup
	back.Go(func() { c.answers() })
	defer back.Wait()
	buf := make([]byte, 64<<10)
	for {
		n, err := in.Read(buf)
		if n > 0 && !l.forward(c, buf[:n]) {
			return
		}
		if err != nil {
			break
		}
	}
	// The server may still be about what it was sent, or shall be sent.
	if c.is() == 0 {
		_ = out.Close()
	}
	_ = out.SetReadDeadline(time.Now().Add(10 * time.Second))
}

// forward takes a piece of a request; false: the connection is cut.
func (l *Link) forward(c *carried, piece []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut == 0 {
		if c.cut = l.take(); c.cut == HoldBack {
			l.mu.Lock()
			l.held = append(l.held, c)
			l.mu.Unlock()
		}
	}
	switch {
	case c.cut == CutBefore:
		_ = c.in.Close()
		_ = c.out.Close()
		return false
	case c.cut == HoldBack && !c.released:
		c.held = append(c.held, piece...)
		return true
	}
	_, err := c.out.Write(piece)
	return err == nil
}

// answers carries what the server says.
func (c *carried) answers() {
	defer c.in.Close()
	defer c.once.Do(func() { close(c.answered) })
	buf := make([]byte, 64<<10)
	for {
		n, err := c.out.Read(buf)
		if err != nil {
			return
		}
		switch c.is() {
		case 0:
			if _, err := c.in.Write(buf[:n]); err != nil {
				return
			}
		case CutAfter:
			return
		default:
			c.once.Do(func() { close(c.answered) })
		}
	}
}
