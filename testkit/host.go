package testkit

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
)

// host is what the fakes of this package have in common: a server on loopback,
// the record of what it was asked, faults, and answers that are held back.
type host struct {
	clock  *Clock
	record record
	faults injections

	server    *http.Server
	transport *http.Transport // of client
	released  context.Context // done once answers held back are let go
	release   context.CancelFunc
	serving   sync.WaitGroup

	gate       sync.Mutex
	noRequests bool
}

// open makes the host ready. calls are what it may be asked, and asks.
func (h *host) open(clock *Clock, keep int, told func(Exchange), calls []Call) {
	if clock == nil {
		clock = NewClock(time.Now().Truncate(time.Second))
	}
	if keep <= 0 {
		keep = 1000
	}
	h.clock = clock
	h.record.keep, h.record.told = keep, told
	h.faults.calls = calls
	h.released, h.release = context.WithCancel(context.Background())
	h.transport = &http.Transport{MaxIdleConnsPerHost: 64}
}

// listen serves handler on a loopback address, and returns the URL.
func (h *host) listen(op, addr string, handler http.Handler) (url string, err error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	name, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(name); err != nil || (name != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return "", core.Invalid(op, fmt.Sprintf("Addr: %q is not a loopback address with a port; to be reached from elsewhere, set NoListen and serve Handler", addr))
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", &core.Error{Op: op, Code: core.CodeInvalid, Err: err}
	}
	h.server = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go func() { _ = h.server.Serve(listener) }() // ends with close
	return "http://" + listener.Addr().String(), nil
}

func (h *host) client() *http.Client {
	return &http.Client{Transport: h.transport, CheckRedirect: stayPut, Timeout: 10 * time.Second}
}

// close refuses further requests, stops the server, and waits for those that
// are under way. Answers held back must have been let go.
func (h *host) close() {
	h.gate.Lock()
	h.noRequests = true
	h.gate.Unlock()
	if h.server != nil {
		_ = h.server.Close()
	}
	h.serving.Wait()
	h.transport.CloseIdleConnections()
}

// enter counts a request as under way; false if there shall be no more.
func (h *host) enter() bool {
	h.gate.Lock()
	defer h.gate.Unlock()
	if !h.noRequests {
		h.serving.Add(1)
	}
	return !h.noRequests
}

// face is one API that a host serves.
type face struct {
	peer Peer
	// shown is what the record shows of a body; nil is all of it.
	shown func(body []byte) string
	// broken answers a body that is too long, or that broke off.
	broken func(why string) reply
	answer func(r *http.Request, body []byte, e *Exchange) reply
	// masked returns an exchange without a secret.
	masked func(Exchange) Exchange
}

// serve answers one request and records it.
func (h *host) serve(w http.ResponseWriter, r *http.Request, f face) {
	if !h.enter() {
		http.Error(w, "the fake is closed", http.StatusServiceUnavailable)
		return
	}
	defer h.serving.Done()

	began := time.Now()
	e := Exchange{
		Seq: h.record.begin(), Peer: f.peer, Time: h.clock.Now(),
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: coreHeader(r.Header),
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, core.MaxBody))
	if e.Body = string(body); f.shown != nil {
		e.Body = f.shown(body)
	}
	var out reply
	if err != nil {
		out = f.broken(fmt.Sprintf("the body is longer than %d bytes or broke off", core.MaxBody))
	} else {
		out = f.answer(r, body, &e)
	}
	e.Took = time.Since(began)
	if out.cut {
		e.Err = "the connection was cut"
	} else {
		e.Status, e.Answer = out.status, string(out.body)
		if out.shown != "" {
			e.Answer = out.shown
		}
		e.AnswerHeader = core.Header{{Name: "Content-Type", Value: out.kind}}
	}
	if out.why != "" {
		e.Err = out.why
	}
	h.record.add(f.masked(e))
	out.write(w)
}

// dialect is how an API spells the answers that faults call for.
type dialect struct {
	failed  func() reply // HTTP 500
	refused func() reply // no, and it stays no
	tooMany func() reply // HTTP 429
}

// carryOut does the work of a request, with whatever faults struck it.
func (h *host) carryOut(r *http.Request, s struck, d dialect, act func() reply) reply {
	out, ended := before(s, d, r)
	if !ended {
		out = act()
	}
	switch {
	case s.has(FaultAnswerLost):
		out = reply{cut: true}
	case s.has(FaultError500After):
		out = d.failed()
	case s.has(FaultHugeAnswer):
		out.huge = true
	case s.has(FaultTornAnswer):
		out.torn, out.why = true, "the connection was cut in the middle of the answer"
	}
	if slow, ok := s.get(FaultSlow); ok && !h.hold(r, slow.Delay) {
		out.why = "the client gave up before the answer"
	}
	return out
}

// before returns the answer of a fault that keeps a call from its effect.
func before(s struck, d dialect, r *http.Request) (reply, bool) {
	switch {
	case s.has(FaultCut):
		return reply{cut: true}, true
	case s.has(FaultError500):
		return d.failed(), true
	case s.has(FaultRefused):
		return d.refused(), true
	case s.has(FaultRefusedPlain):
		return reply{status: http.StatusBadRequest, kind: "text/plain", body: []byte("bad request")}, true
	case s.has(FaultTooMany):
		return d.tooMany(), true
	case s.has(FaultGarbage):
		return reply{status: http.StatusOK, kind: "text/html", body: []byte("<html><body>Welcome</body></html>")}, true
	case s.has(FaultRedirect):
		return reply{status: http.StatusFound, kind: "text/plain", moved: "/elsewhere"}, true
	case s.has(FaultRedirectAway):
		return reply{status: http.StatusFound, kind: "text/plain", moved: otherName(r.Host) + "/elsewhere"}, true
	}
	return reply{}, false
}

// otherName is the address of a loopback host under its other name: to a
// client it is another host, and the record still sees who goes there.
func otherName(host string) string {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		port = "80"
	}
	if name == "localhost" {
		return "http://" + net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + net.JoinHostPort("localhost", port)
}

// hold keeps an answer back for d on the clock, or without end if d is 0. It
// reports whether the client is still there.
func (h *host) hold(r *http.Request, d time.Duration) bool {
	var due chan struct{}
	if d > 0 {
		due = make(chan struct{})
		defer h.clock.AfterFunc(d, func() { close(due) })()
	}
	select {
	case <-r.Context().Done():
		return false
	case <-due:
	case <-h.released.Done():
	}
	return true
}

// reply is an answer before it leaves.
type reply struct {
	status int
	kind   string // Content-Type
	body   []byte
	shown  string // what the record shows of the body; "" is all of it
	moved  string // Location
	cut    bool   // no answer: the connection ends
	huge   bool   // the body does not end
	torn   bool   // the connection ends within the body
	why    string // for the record
}

func (out reply) write(w http.ResponseWriter) {
	if out.cut {
		cut(w)
		return
	}
	w.Header().Set("Content-Type", out.kind)
	if out.moved != "" {
		w.Header().Set("Location", out.moved)
	}
	if out.torn {
		w.Header().Set("Content-Length", strconv.Itoa(len(out.body)))
		w.WriteHeader(out.status)
		_, _ = w.Write(out.body[:len(out.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(out.status)
	if !out.huge {
		_, _ = w.Write(out.body)
		return
	}
	_, _ = w.Write(out.body[:1])
	spaces := bytes.Repeat([]byte(" "), 64<<10)
	for range 256 {
		if _, err := w.Write(spaces); err != nil {
			return
		}
	}
	_, _ = w.Write(out.body[1:])
}

// cut ends the connection in the middle of a status line. A connection that
// ends before the first byte would not do: net/http's client takes that for
// an idle connection that expired, and sends a GET again by itself.
func cut(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			_, _ = conn.Write([]byte("HTTP/1.1 "))
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}
