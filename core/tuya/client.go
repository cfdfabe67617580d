package tuya

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/internal/outward"
	"github.com/imprest-go/imprest/core/internal/token"
)

// Config is what [New] needs to know.
type Config struct {
	// ClientID is the project's Access ID (client_id). Required.
	ClientID string `json:"client_id" validate:"required,id"`
	// Secret is its Access Secret. Required.
	Secret core.Secret `json:"secret" validate:"-"`
	// BaseURL is the data center, such as [China]; https, or http on
	// loopback. Required: a project lives in one of them.
	BaseURL string `json:"base_url" validate:"required"`
	// Lang is the language of messages, such as "zh" or "en"; "" leaves it to
	// the platform.
	Lang string `json:"lang" validate:"omitempty,id"`

	// HTTPClient makes the calls; nil is a client on http.DefaultTransport.
	// It is copied, and the copy follows no redirect.
	HTTPClient *http.Client `json:"-" validate:"-"`
	// Timeout bounds each call; 0 is 10 seconds.
	Timeout time.Duration `json:"timeout" validate:"gte=0"`
	// Now tells the time, which is signed: the clock must be right. nil is
	// time.Now.
	Now func() time.Time `json:"-" validate:"-"`
	// Rand is where nonces come from; nil is crypto/rand.Reader.
	Rand io.Reader `json:"-" validate:"-"`
	// Observer is told of every call; nil is nobody.
	Observer core.Observer `json:"-" validate:"-"`

	// AllowInsecure permits a plain http BaseURL that is not loopback.
	// Whoever is on the way can then read the token.
	AllowInsecure bool `json:"-"`
}

// Client calls the signed OpenAPI, one attempt each. It is safe for use by many
// goroutines.
type Client struct {
	cfg    Config
	base   string
	caller *outward.Caller
	tokens *token.Source

	mu sync.Mutex
	// refresh is the refresh_token at hand: good once, and for a token that
	// ended by its time. It came with the access token renews.
	refresh, renews core.Secret
}

// New checks cfg and returns a Client. It calls nobody. Its errors have
// core.CodeInvalid and name the field.
func New(cfg Config) (*Client, error) {
	const op = "tuya.New"
	if err := check.Struct(op, cfg); err != nil {
		return nil, err
	}
	if cfg.Secret.IsZero() {
		return nil, core.Invalid(op, "secret must be given")
	}
	base, err := outward.BaseURL(op, cfg.BaseURL, cfg.AllowInsecure)
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	c := &Client{cfg: cfg, base: base, caller: outward.New(cfg.HTTPClient, cfg.Timeout, cfg.Observer)}
	c.tokens = token.New(opToken, cfg.Now, c.fetchToken)
	return c, nil
}

// Request is one call of the OpenAPI.
type Request struct {
	// Op names the call in errors and to the observer, Subject what it is
	// about; neither is sent. "" is "tuya.Do".
	Op, Subject string
	// Method is the HTTP method, Path the path alone, beginning with "/".
	Method, Path string
	// Query holds each parameter once, unescaped. The signed text holds them
	// unescaped as well, so &, =, #, % and + and control characters are
	// refused. What the platform signs of other reserved characters is not
	// published: keep to letters, digits, - and _.
	Query url.Values
	// Body is marshalled as JSON; nil is none.
	Body any
	// Headers are sent and signed: each name once, in whatever case, with a
	// value of printable ASCII without spaces around it. Those that the client
	// sets itself are refused, and so are those that HTTP sets or changes on
	// the way, such as Host, User-Agent and Connection.
	Headers []Header
	// Reads says that the call changes nothing, so that it may be repeated
	// after any failure.
	Reads bool
}

// Do signs a request, sends it, and returns the result of the envelope; null or
// nothing if it has none. A refusal of the token (1010, 1011, 1012) is answered
// with a new one and one more attempt. Errors: core.CodeInvalid (nothing was
// sent), core.CodeUnreached, core.CodeRefused with a [RemoteError], and
// core.CodeUnknown: ask what became of it.
func (c *Client) Do(ctx context.Context, r Request) (json.RawMessage, error) {
	if r.Op == "" {
		r.Op = "tuya.Do"
	}
	signed, err := c.prepare(r)
	if err != nil {
		return nil, err
	}
	secret, err := c.tokens.AccessToken(ctx, core.Secret{})
	if err != nil {
		return nil, err
	}
	result, err := c.send(ctx, r, signed, secret)
	if refused, ok := errors.AsType[*RemoteError](err); ok && refused.Class == ClassToken {
		c.dropRefresh(secret)
		if secret, err = c.tokens.AccessToken(ctx, secret); err != nil {
			return nil, err
		}
		result, err = c.send(ctx, r, signed, secret)
	}
	return result, err
}

// prepare checks a request, and returns what will be signed of it.
func (c *Client) prepare(r Request) (Signed, error) {
	s := Signed{Method: r.Method, Path: r.Path, Query: r.Query, Headers: r.Headers}
	switch {
	case !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}, r.Method):
		return s, core.Invalid(r.Op, "method must be GET, POST, PUT or DELETE")
	case !strings.HasPrefix(r.Path, "/") || strings.ContainsAny(r.Path, "?#%\\ ") || strings.Contains(r.Path, "//") || strings.Contains(r.Path, "/.") || !isVisible(r.Path):
		return s, core.Invalid(r.Op, "path must be a plain path such as /v1.0/token, without query")
	}
	if err := checkQuery(r.Op, r.Query); err != nil {
		return s, err
	}
	if err := c.checkHeaders(r.Op, r.Headers); err != nil {
		return s, err
	}
	if r.Body != nil {
		body, err := json.Marshal(r.Body)
		if err != nil {
			return s, core.Invalid(r.Op, "body cannot be encoded as JSON")
		}
		s.Body = body
	}
	return s, nil
}

// send sends a request once. An empty access token is for the calls that ask
// for one.
func (c *Client) send(ctx context.Context, r Request, signed Signed, access core.Secret) (json.RawMessage, error) {
	nonce, err := core.RandomText(c.cfg.Rand, 26)
	if err != nil {
		return nil, err
	}
	// The query is sent in the order in which it is signed: Encode sorts too.
	address := c.base + signed.Path
	if len(signed.Query) > 0 {
		address += "?" + strings.ReplaceAll(signed.Query.Encode(), "+", "%20")
	}
	req, err := http.NewRequest(signed.Method, address, bytes.NewReader(signed.Body))
	if err != nil {
		return nil, &core.Error{Op: r.Op, Code: core.CodeInternal, Err: errors.New("the request cannot be built")}
	}
	if signed.Body == nil {
		req.Body, req.GetBody, req.ContentLength = http.NoBody, nil, 0
	}
	t := strconv.FormatInt(c.cfg.Now().UnixMilli(), 10)
	header := http.Header{
		"client_id": {c.cfg.ClientID}, "sign_method": {"HMAC-SHA256"}, "t": {t}, "nonce": {nonce},
		"sign": {Sign(c.cfg.ClientID, c.cfg.Secret, access, t, nonce, signed)},
	}
	if !access.IsZero() {
		header["access_token"] = []string{access.Reveal()}
	}
	if c.cfg.Lang != "" {
		header["lang"] = []string{c.cfg.Lang}
	}
	if signed.Body != nil {
		header["Content-Type"] = []string{"application/json"}
	}
	var names []string
	for _, h := range signed.Headers {
		names = append(names, h.Name)
		header[h.Name] = []string{h.Value}
	}
	if len(names) > 0 {
		header["Signature-Headers"] = []string{strings.Join(names, ":")}
	}
	req.Header = header // as documented: net/http would write Client_id
	return outward.Call(ctx, c.caller, r.Op, r.Subject, r.Reads, req, func(answer outward.Answer) (json.RawMessage, error) {
		result, err := Result(r.Op, answer.Body, access.Reveal(), c.cfg.Secret.Reveal())
		if e, ok := errors.AsType[*core.Error](err); ok && e.Code == core.CodeUnknown {
			if answer.Status != http.StatusOK {
				e.Err = fmt.Errorf("status %d: %w", answer.Status, e.Err)
			}
			e.Safe = r.Reads
		}
		return result, err
	})
}
