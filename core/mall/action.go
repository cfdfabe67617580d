package mall

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/outward"
)

// ActionConfig is what [NewAction] needs to know.
type ActionConfig struct {
	// URL is the address of the relay: https, or http on loopback. Required.
	URL string
	// Actions names the action of an operation where it is not the
	// operation's own name. An operation that is not there keeps its name.
	Actions map[string]string
	// Header is sent as HTTP headers with every call: the credentials that
	// the relay itself asks for, such as Authorization. nil is none.
	Header map[string]core.Secret

	// HTTPClient makes the calls; nil is a client on http.DefaultTransport.
	// It is copied, and the copy follows no redirect.
	HTTPClient *http.Client
	// Timeout bounds each call; 0 is 10 seconds.
	Timeout time.Duration
	// Observer is told of every call; nil is nobody.
	Observer core.Observer

	// AllowInsecure permits a plain http URL. Whoever is on the way can then
	// read every token and exchange code, and change every answer.
	AllowInsecure bool
}

// Action is a [Transport] to a relay that the user runs: a cloud function, or
// a server with Tuya's SDK. It posts
//
//	{"action": "exchangeCode", "params": {…}, "header": {"user_id": "…", "access_token": "…"}}
//
// the shape of Tuya's own cloud functions, and reads their envelope:
// {"success": true, "result": …} or {"success": false, "code": …, "msg": "…"}.
// What a [Caller] does not hold is left out of the header. It is safe for use
// by many goroutines.
type Action struct {
	url     string
	actions map[string]string
	header  http.Header
	secrets []string
	caller  *outward.Caller
}

var _ Transport = (*Action)(nil)

// NewAction checks cfg and returns an Action. It calls nobody. Its errors have
// core.CodeInvalid and name the field.
func NewAction(cfg ActionConfig) (*Action, error) {
	const op = "mall.NewAction"
	if err := checkURL(op, cfg.URL, cfg.AllowInsecure); err != nil {
		return nil, err
	}
	if cfg.Timeout < 0 {
		return nil, core.Invalid(op, "timeout must be at least 0")
	}
	a := &Action{url: cfg.URL, actions: map[string]string{}, header: http.Header{}, caller: outward.New(cfg.HTTPClient, cfg.Timeout, cfg.Observer)}
	known := AllOperations()
	for operation, action := range cfg.Actions {
		if !slices.Contains(known, operation) || operation == OpVoipServiceAuthorization || action == "" {
			return nil, core.Invalid(op, fmt.Sprintf("actions must give operations a name, and %q is no operation, or has none", operation))
		}
		a.actions[operation] = action
	}
	for name, value := range cfg.Header {
		if err := checkHeader(op, name, value.Reveal()); err != nil {
			return nil, err
		}
		a.header.Set(name, value.Reveal())
		a.secrets = append(a.secrets, value.Reveal())
		// An answer may well repeat the token without its scheme.
		if _, token, ok := strings.Cut(value.Reveal(), " "); ok {
			a.secrets = append(a.secrets, token)
		}
	}
	return a, nil
}

func checkURL(op, raw string, insecure bool) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Contains(raw, "#"):
		return core.Invalid(op, "url must be an address such as https://host/path, without user, query or fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return core.Invalid(op, "url must begin with https://")
	case !insecure && !outward.IsLoopback(u.Hostname()):
		return core.Invalid(op, "url is plain http, which anybody on the way can read and change: use https, or set AllowInsecure")
	}
	return nil
}

func checkHeader(op, name, value string) error {
	const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if name == "" || strings.Trim(name, tokenChars) != "" || value == "" || strings.ContainsFunc(value, func(r rune) bool { return (r < ' ' && r != '\t') || r == 0x7f }) {
		return core.Invalid(op, fmt.Sprintf("header must hold HTTP headers with a value, and %q is none", name))
	}
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Content-Type", "Content-Length", "Transfer-Encoding", "Host", "Connection":
		return core.Invalid(op, fmt.Sprintf("header must not hold %s, which the transport sets itself", name))
	}
	return nil
}

type actionHeader struct {
	UserID      string `json:"user_id,omitempty"`
	AccessToken string `json:"access_token,omitempty"`
}

// Call carries one operation to the relay. Any status but 200, an answer that
// breaks off, and one that makes no sense are core.CodeUnknown.
func (a *Action) Call(ctx context.Context, caller Caller, operation string, params any) (json.RawMessage, error) {
	op := opOf(operation)
	action, ok := a.actions[operation]
	if !ok {
		action = operation
	}
	body, err := json.Marshal(struct {
		Action string       `json:"action"`
		Params any          `json:"params"`
		Header actionHeader `json:"header"`
	}{action, params, actionHeader{caller.UserID, caller.Credential.Reveal()}})
	if err != nil {
		return nil, &core.Error{Op: op, Code: core.CodeInternal, Err: errors.New("the parameters cannot be encoded")}
	}
	req, err := http.NewRequest(http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return nil, &core.Error{Op: op, Code: core.CodeInternal, Err: errors.New("the request cannot be built")}
	}
	req.Header = a.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	subject := ""
	if p, ok := params.(interface{ subject() string }); ok {
		subject = p.subject()
	}
	return outward.Call(ctx, a.caller, op, subject, false, req, func(answer outward.Answer) (json.RawMessage, error) {
		if answer.Status != http.StatusOK {
			return nil, unknown(op, fmt.Errorf("the relay answered with status %d, which says nothing about the operation: ask what became of it", answer.Status))
		}
		return readEnvelope(op, answer.Body, append(slices.Clone(a.secrets), caller.Credential.Reveal())...)
	})
}

// opOf returns the name of an operation for errors and the observer:
// "mall.ExchangeCode".
func opOf(operation string) string {
	if operation == "" {
		return "mall"
	}
	return "mall." + strings.ToUpper(operation[:1]) + operation[1:]
}
