package mall_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

var alice = mall.Caller{UserID: "ay1alice", Credential: core.NewSecret("token-that-must-not-show")}

// relay is a relay that answers each action with a fixed text, and keeps what
// it was asked.
type relay struct {
	URL string

	mu      sync.Mutex
	answers map[string]string
	status  int
	asked   []asked
}

type asked struct {
	Action  string            `json:"action"`
	Params  json.RawMessage   `json:"params"`
	Header  map[string]string `json:"header"`
	headers http.Header
	method  string
}

func startRelay(t testing.TB, answers map[string]string) *relay {
	t.Helper()
	r := &relay{answers: answers, status: http.StatusOK}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		call := asked{headers: req.Header, method: req.Method}
		assert.NoError(t, json.NewDecoder(req.Body).Decode(&call))
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked = append(r.asked, call)
		w.WriteHeader(r.status)
		_, _ = w.Write([]byte(r.answers[call.Action]))
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

func (r *relay) answer(action, body string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[action] = body
}

func (r *relay) calls() []asked {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]asked(nil), r.asked...)
}

func (r *relay) actions() []string {
	var names []string
	for _, call := range r.calls() {
		names = append(names, call.Action)
	}
	return names
}

func newClient(t testing.TB, cfg mall.ActionConfig) *mall.Client {
	t.Helper()
	transport, err := mall.NewAction(cfg)
	require.NoError(t, err)
	client, err := mall.New(mall.Config{Transport: transport})
	require.NoError(t, err)
	return client
}

// answering returns a client whose every call is answered with body.
func answering(t testing.TB, status int, body string) *mall.Client {
	t.Helper()
	answers := map[string]string{}
	for _, operation := range mall.AllOperations() {
		answers[operation] = body
	}
	r := startRelay(t, answers)
	r.status = status
	return newClient(t, mall.ActionConfig{URL: r.URL})
}

func success(result string) string {
	return `{"success":true,"result":` + result + `,"t":1723536905517,"tid":"tid1"}`
}
