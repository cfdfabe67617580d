//go:build unix

package fleet

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/imprest-go/imprest/adapters/webhook"
)

// warehouse is the merchant's server: it grants by Idempotency-Key, and counts.
// Each process has an address of its own there, /from/{process}, so that it
// knows who asks.
func (f *fleet) warehouse() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /from/{process}", func(w http.ResponseWriter, r *http.Request) {
		if p, s, body := f.asked(w, r); s != nil {
			f.deliver(w, p, s, body)
		}
	})
	mux.HandleFunc("GET /from/{process}/{id}", func(w http.ResponseWriter, r *http.Request) {
		if p, s, _ := f.asked(w, r); s != nil {
			f.granted(w, p, s)
		}
	})
	return mux
}

// asked verifies a request, and returns who asks and for what; no sale if there
// is no answer but the one that was given.
func (f *fleet) asked(w http.ResponseWriter, r *http.Request) (*process, *sale, []byte) {
	p := f.process(r.PathValue("process"))
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil { // whoever asked is gone before he said for what
		return nil, nil, nil
	}
	err = webhook.Verify(f.deliverKey, time.Now(), r.Method, r.URL.EscapedPath(), r.Header, body)
	s := f.ledger.find(r.Header.Get("Idempotency-Key"))
	if err != nil || p == nil || s == nil {
		f.fails(r.PathValue("process"), "the warehouse was asked for what it does not know: "+r.Method+" "+r.URL.Path)
		w.WriteHeader(http.StatusForbidden)
		return nil, nil, nil
	}
	return p, s, body
}

// granted answers whether a sale was granted.
func (f *fleet) granted(w http.ResponseWriter, p *process, s *sale) {
	s.mu.Lock()
	s.asks++
	ask, granted := s.asks, s.granted
	s.note("%s asks whether it was granted: %t", p.name, granted)
	s.mu.Unlock()
	if !f.cfg.Brief && (s.plan == cutsAfter || s.plan == failsFirst) && ask == 1 && len(s.id)%2 == 0 {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]bool{"granted": granted})
}

// deliver grants a sale, or whatever its plan says.
func (f *fleet) deliver(w http.ResponseWriter, p *process, s *sale, body []byte) {
	var told webhook.Delivery
	if err := json.Unmarshal(body, &told); err != nil || told.ID != s.id || told.Amount != s.amount || !s.paidBy(told.TradeNo) {
		s.offends("%s posted a delivery that is not the sale's, or not paid: %s", p.name, body)
		w.WriteHeader(http.StatusConflict)
		return
	}
	s.mu.Lock()
	s.posts++
	first, again := s.posts == 1, s.granted
	s.note("%s posts the delivery", p.name)
	s.mu.Unlock()
	if again {
		f.again(p, s)
	}
	if p.strike(beforeGrant, 0, true) && rand.IntN(2) == 0 {
		cut() // the warehouse never got to it
	}
	switch s.plan {
	case refuses, cutsRefusal:
		if first && s.plan == cutsRefusal {
			cut()
		}
		s.saw("refused for good")
		w.WriteHeader([]int{http.StatusGone, http.StatusUnprocessableEntity}[len(s.id)%2])
		return
	case failsFirst, cutsFirst:
		if first && s.plan == cutsFirst {
			cut()
		}
		if first {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
	case grantsSlow: // also when who asked has gone
		time.Sleep(time.Duration(50+rand.IntN(250)) * time.Millisecond)
	}
	s.grant()
	p.strike(afterGrant, 0, true)
	switch {
	case s.plan == answersLate && first:
		time.Sleep(f.cfg.Lease + f.cfg.Lease/10)
	case s.plan == failsAfter && first:
		w.WriteHeader(http.StatusInternalServerError)
	case s.plan == cutsAfter && first:
		cut()
	}
}

// cut ends the connection in the place of an answer.
func cut() { panic(http.ErrAbortHandler) }

func (s *sale) grant() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.granted {
		s.granted = true
		s.note("GRANTED")
	}
}

// again judges a delivery that is posted after it was granted: a warehouse that
// does not look would grant twice. Nobody may but a process that slept through
// its lease, and wakes up in the middle of a step.
func (f *fleet) again(p *process, s *sale) {
	if p.drowsy() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.repeats++
		s.note("posted again by a process that slept through its lease")
		return
	}
	s.mu.Lock()
	s.doubles++
	s.mu.Unlock()
	s.offends("%s posted the delivery after it was granted", p.name)
}

// platform is the fake platform on addresses of its own for each process,
// /of/{process}/…, so that it can be told who calls.
func (f *fleet) platformFor() http.Handler {
	api := f.vvchat.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/of/"), "/")
		call := http.StripPrefix("/of/"+name, api)
		p := f.process(name)
		if p == nil || !strings.HasSuffix(r.URL.Path, "/agentpay") {
			call.ServeHTTP(w, r)
			return
		}
		if p.strike(beforePayout, 0, true) {
			cut() // the platform never got to it
		}
		call.ServeHTTP(w, r)
		if p.strike(afterPayout, 0, true) || rand.IntN(10) == 0 {
			cut()
		}
	})
}
