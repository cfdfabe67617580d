package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// notice is a notification as it went over the wire, and what came of it: a
// line of a record.
type notice struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
	// Kind is "payment", "payout" or "robot-event".
	Kind string `json:"kind"`
	// What it is about, as its body spells it: "" where that has none.
	OutTradeNo string `json:"out_trade_no,omitempty"`
	OutOrderNo string `json:"out_order_no,omitempty"`
	Event      string `json:"event,omitempty"`
	Amount     string `json:"amount,omitempty"` // fen
	Status     string `json:"status,omitempty"`

	Method string `json:"method"`
	// To is where it went, without the secret path of a robot's events.
	To     string       `json:"to"`
	Header []headerLine `json:"header,omitempty"`
	// Body is the exact body if it is text, BodyBase64 if it is not.
	Body       string `json:"body,omitempty"`
	BodyBase64 []byte `json:"body_base64,omitempty"`

	// AnswerStatus is 0 if there was no answer, and Error then says why.
	AnswerStatus int     `json:"answer_status,omitempty"`
	Answer       string  `json:"answer,omitempty"`
	Error        string  `json:"error,omitempty"`
	TookMS       float64 `json:"took_ms"`
}

type headerLine struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The kinds of a notice.
const (
	kindPayment = "payment"
	kindPayout  = "payout"
	kindRobot   = "robot-event"
)

// readNotice tells from a notification what it is about, as far as it can be
// read: what is forged or broken is forwarded like the rest.
func readNotice(method string, header http.Header, body []byte) notice {
	n := notice{Kind: kindPayment, Method: method}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			n.Header = append(n.Header, headerLine{name, value})
		}
	}
	if utf8.Valid(body) {
		n.Body = string(body)
	} else {
		n.BodyBase64 = body
	}
	text := fieldsOf(body)
	n.OutTradeNo, n.OutOrderNo, n.Event = text("out_trade_no"), text("out_order_no"), text("event")
	n.Amount, n.Status = text("amount"), text("status")
	switch {
	case n.Event != "" && n.OutTradeNo == "" && n.OutOrderNo == "":
		n.Kind = kindRobot
	case n.OutOrderNo != "" || text("agentpay_no") != "":
		n.Kind = kindPayout
	}
	return n
}

// fieldsOf returns what looks a field of a body up: text as it is, a number as
// it is spelled, and "" for anything else.
func fieldsOf(body []byte) func(name string) string {
	if beginsForm(body) {
		form, _ := url.ParseQuery(string(body)) // what can be read of it
		return form.Get
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		object = nil
	}
	return func(name string) string {
		var text string
		if raw := object[name]; json.Unmarshal(raw, &text) != nil {
			var number json.Number
			_ = json.Unmarshal(raw, &number)
			text = number.String()
		}
		return text
	}
}

// message is the notification, to be sent again.
func (n *notice) message() testkit.Message {
	m := testkit.Message{Method: n.Method, Body: n.BodyBase64}
	if n.Body != "" {
		m.Body = []byte(n.Body)
	}
	for _, line := range n.Header {
		m.Header = append(m.Header, core.HeaderField(line))
	}
	return m
}

// noticeRecord is a file of notices, one to a line.
type noticeRecord struct {
	mu   sync.Mutex
	file *os.File
	err  error // the first
}

// recordLimit is when the record that nobody named is begun anew. The one
// before it is kept.
const recordLimit = 16 << 20

// defaultRecord is the record that is used when none is named.
func defaultRecord() (string, error) {
	folder, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(folder, "imprest", "notifications.jsonl"), nil
}

// openRecord opens a record to add to it. Only its owner may read it: what
// people bought is nobody else's business.
func openRecord(name string) (*noticeRecord, error) {
	if name == "" {
		var err error
		if name, err = defaultRecord(); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return nil, err
		}
		if info, err := os.Stat(name); err == nil && info.Size() > recordLimit {
			if err := os.Rename(name, name+".old"); err != nil {
				return nil, err
			}
		}
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &noticeRecord{file: file}, nil
}

// add writes n in one piece, so that several programs can share a record.
func (r *noticeRecord) add(n *notice) {
	line, err := encodeLine(n)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		_, err = r.file.Write(line)
	}
	if r.err == nil {
		r.err = err
	}
}

// close returns the first error of all that was written.
func (r *noticeRecord) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.file.Close(); r.err == nil {
		r.err = err
	}
	if r.err != nil {
		return fmt.Errorf("the record is not complete: %w", r.err)
	}
	return nil
}

// readRecord returns the notices of a record, the oldest first. A last line
// without its end is one that is being written, or never was: it is left out.
func readRecord(name string) ([]notice, error) {
	from := "--record"
	if name == "" {
		var err error
		if name, err = defaultRecord(); err != nil {
			return nil, usage("--record: none is named, and there is no usual place: %v", err)
		}
		from = "nothing is recorded yet (imprest listen records)"
	}
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, os.ErrNotExist) && from != "--record":
		return nil, usage("%s", from)
	case err != nil:
		return nil, usage("--record: %v", err)
	}
	var notices []notice
	for number := 1; ; number++ {
		line, rest, ended := bytes.Cut(text, []byte("\n"))
		if !ended {
			return notices, nil
		}
		var n notice
		if err := json.Unmarshal(line, &n); err != nil || n.ID == "" || n.Method == "" {
			return nil, usage("--record: %s:%d is no notification as imprest listen records it", name, number)
		}
		notices = append(notices, n)
		text = rest
	}
}
