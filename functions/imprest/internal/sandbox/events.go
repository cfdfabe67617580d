package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

const (
	// keptEvents is how many events a client may have missed.
	keptEvents = 1000
	// maxListeners is how many clients listen at once.
	maxListeners = 64
	// heartbeat keeps a quiet connection open, and finds those that are gone.
	heartbeat = 10 * time.Second
	// writeTime is how long a client may take to read what it is sent.
	writeTime = 10 * time.Second
)

// event is one server-sent event.
type event struct {
	seq  int64
	name string
	data []byte // JSON, in one line
}

// bus keeps the newest events, and wakes those who listen.
type bus struct {
	// epoch tells the events of one process from another's.
	epoch string
	// done is closed when the sandbox ends.
	done chan struct{}

	mu        sync.Mutex
	seq       int64
	ring      [keptEvents]event // event n at n modulo its length
	woken     chan struct{}     // closed by the next event
	listeners int
	closed    bool
}

func newBus() *bus {
	return &bus{epoch: strconv.FormatInt(time.Now().UnixNano(), 36), done: make(chan struct{}), woken: make(chan struct{})}
}

// publish tells everybody who listens. data is encoded as JSON.
func (b *bus) publish(name string, data any) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(data); err != nil {
		return // maps of texts and times always encode
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	b.ring[b.seq%keptEvents] = event{b.seq, name, bytes.TrimSuffix(line.Bytes(), []byte("\n"))}
	close(b.woken)
	b.woken = make(chan struct{})
}

// close ends every stream.
func (b *bus) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.done)
	}
}

// since returns the events after seq, whether some before them are lost, and
// what is closed when there are more.
func (b *bus) since(seq int64) (list []event, lost bool, more <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if oldest := b.seq - keptEvents + 1; seq+1 < oldest {
		return nil, true, b.woken
	}
	for n := seq + 1; n <= b.seq; n++ {
		list = append(list, b.ring[n%keptEvents])
	}
	return list, false, b.woken
}

// newest is the number of the event that was published last.
func (b *bus) newest() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seq
}

// join counts a listener; false if there are too many, or it is over.
func (b *bus) join() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.listeners >= maxListeners {
		return false
	}
	b.listeners++
	return true
}

func (b *bus) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listeners--
}

// resume reads a Last-Event-ID; false if it is none of this process.
func (b *bus) resume(id string) (seq int64, ok bool) {
	epoch, number, found := strings.Cut(id, "-")
	seq, err := strconv.ParseInt(number, 10, 64)
	return seq, found && err == nil && epoch == b.epoch && seq >= 0 && seq <= b.newest()
}

// serveEvents is GET /_sandbox/events: server-sent events until the client goes
// or the sandbox ends. A client that missed more than is kept gets "reset".
func (w *world) serveEvents(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		rw.Header().Set("Allow", http.MethodGet)
		http.Error(rw, core.RefusedText, http.StatusMethodNotAllowed)
		return
	}
	if from := r.Header.Get("Sec-Fetch-Site"); from == "cross-site" || from == "same-site" {
		http.Error(rw, core.RefusedText, http.StatusForbidden) // a page of another site could use up the places
		return
	}
	if !w.bus.join() {
		rw.Header().Set("Retry-After", "5")
		http.Error(rw, core.TryLaterText, http.StatusServiceUnavailable)
		return
	}
	defer w.bus.leave()
	s := listener{bus: w.bus, rw: rw, control: http.NewResponseController(rw)}
	rw.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(http.StatusOK)
	s.text("retry: 1000\n\n")
	s.seq = w.bus.newest()
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		if seq, ok := w.bus.resume(last); ok {
			s.seq = seq
		} else {
			s.reset()
		}
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for s.err == nil {
		list, lost, more := w.bus.since(s.seq)
		if lost {
			s.reset()
			continue
		}
		s.events(list)
		select {
		case <-more:
		case <-beat.C:
			s.text(": still here\n\n")
		case <-r.Context().Done():
			return
		case <-w.bus.done:
			return
		}
	}
}

// listener is one client's.
type listener struct {
	bus     *bus
	rw      http.ResponseWriter
	control *http.ResponseController
	seq     int64
	err     error
}

func (s *listener) text(text string) {
	if s.err != nil {
		return
	}
	// The server's own limit is on a whole answer, and this one has no end.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTime))
	if _, s.err = s.rw.Write([]byte(text)); s.err == nil {
		s.err = s.control.Flush()
	}
}

func (s *listener) events(list []event) {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "id: %s-%d\nevent: %s\ndata: %s\n\n", s.bus.epoch, e.seq, e.name, e.data)
		s.seq = e.seq
	}
	if b.Len() > 0 {
		s.text(b.String())
	}
}

// reset tells the client to begin again, from now on.
func (s *listener) reset() {
	s.seq = s.bus.newest()
	s.text(fmt.Sprintf("id: %s-%d\nevent: reset\ndata: {}\n\n", s.bus.epoch, s.seq))
}

// note tells those who look on of what is on the tape now.
func (w *world) note(f *frame) {
	w.bus.publish("hop", map[string]string{"purchase": f.purchase, "hop": f.id})
	if f.record != nil {
		w.bus.publish("purchase", map[string]any{"id": f.purchase, "state": f.state, "version": f.record.Version})
	}
}

// wroteOther is told of each record but purchases' that is durable.
func (w *world) wroteOther(r journal.Record) {
	switch {
	case strings.HasPrefix(r.ID, payoutPrefix):
		var p payout
		_ = json.Unmarshal(r.Body, &p) // it was written by this package
		w.bus.publish("payout", map[string]string{"id": p.OutOrderNo, "state": p.State})
	case strings.HasPrefix(r.ID, "codes/"):
		w.bus.publish("codes", map[string]string{"catalog_code": strings.Split(r.ID, "/")[1]})
	}
}
