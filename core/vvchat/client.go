package vvchat

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/internal/outward"
	"github.com/imprest-go/imprest/core/internal/token"
)

// TestHost is the base URL of the documented test account (app_id "test",
// app_key "123456", store_no "s1234"). It is plain http.
const TestHost = "http://dev.vvchat.im"

// MinKeyLength is how many characters an app_key needs: one captured message
// is enough to try keys against, and MD5 is fast.
const MinKeyLength = 16

// Config is what New needs to know.
type Config struct {
	// BaseURL is the address that the platform issued, https. Required.
	BaseURL string `json:"base_url" validate:"required"`
	// AppID is the app_id. Required.
	AppID string `json:"app_id" validate:"required,id"`
	// AppKeys are the app_keys: the first signs, all verify, so that a key
	// can be rotated. At least one, each of MinKeyLength characters or more
	// unless BaseURL is loopback or TestHost.
	AppKeys []core.Secret `json:"app_key" validate:"min=1"`
	// StoreNo is the store_no. Required for orders.
	StoreNo string `json:"store_no" validate:"omitempty,id"`

	// HTTPClient makes the calls; nil is a client on http.DefaultTransport.
	// It is copied, and the copy follows no redirect.
	HTTPClient *http.Client `json:"-" validate:"-"`
	// Timeout bounds each call; 0 is 10 seconds.
	Timeout time.Duration `json:"timeout" validate:"gte=0"`
	// Now tells the time; nil is time.Now.
	Now func() time.Time `json:"-" validate:"-"`
	// Rand is where nonces come from; nil is crypto/rand.Reader.
	Rand io.Reader `json:"-" validate:"-"`
	// Observer is told of every call; nil is nobody.
	Observer core.Observer `json:"-" validate:"-"`

	// AllowInsecure permits a plain http BaseURL. Whoever is on the way can
	// then read the app_key and change every answer.
	AllowInsecure bool `json:"-"`
	// AllowWeakKey permits an app_key shorter than MinKeyLength.
	AllowWeakKey bool `json:"-"`
}

// Client calls the platform. It is safe for use by many goroutines.
type Client struct {
	cfg     Config
	base    string
	trusted bool
	// local says that base is loopback or TestHost.
	local  bool
	caller *outward.Caller
	// robots keeps the token that all robots of the app share.
	robots *token.Source
}

// New checks cfg and returns a Client. It calls nobody. Its errors have
// core.CodeInvalid and name the field.
func New(cfg Config) (*Client, error) {
	const op = "vvchat.New"
	if err := check.Struct(op, cfg); err != nil {
		return nil, err
	}
	base, err := outward.BaseURL(op, cfg.BaseURL, cfg.AllowInsecure, TestHost)
	if err != nil {
		return nil, err
	}
	local := base == TestHost || outward.IsLoopback(hostOf(base))
	for _, key := range cfg.AppKeys {
		if key.IsZero() {
			return nil, core.Invalid(op, "app_key must not be empty")
		}
		if strings.ContainsFunc(key.Reveal(), func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return nil, core.Invalid(op, "app_key holds a space or a line break: was it read from a file with a line end?")
		}
		if len(key.Reveal()) < MinKeyLength && !local && !cfg.AllowWeakKey {
			return nil, core.Invalid(op, fmt.Sprintf("app_key must have %d characters or more: ask the platform for a longer one, or set AllowWeakKey", MinKeyLength))
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	c := &Client{
		cfg:     cfg,
		base:    base,
		trusted: local || strings.HasPrefix(base, "https://"),
		local:   local,
		caller:  outward.New(cfg.HTTPClient, cfg.Timeout, cfg.Observer),
	}
	c.robots = token.New(opRobotToken, cfg.Now, c.RobotToken)
	return c, nil
}

// AppID returns the app_id of the configuration.
func (c *Client) AppID() string { return c.cfg.AppID }

// StoreNo returns the store_no of the configuration.
func (c *Client) StoreNo() string { return c.cfg.StoreNo }

// Trusted reports whether an answer that nobody signed may move money: it came
// over https, from loopback, or from TestHost. It is false for a client that
// runs on AllowInsecure.
func (c *Client) Trusted() bool { return c.trusted }

// call makes one call and returns the body of a 200. reads says that it
// changes nothing. secrets are cut out of the platform's words.
func (c *Client) call(ctx context.Context, op, subject string, reads bool, req *http.Request, secrets ...string) ([]byte, error) {
	return outward.Call(ctx, c.caller, op, subject, reads, req, func(answer outward.Answer) ([]byte, error) {
		return c.read(op, reads, answer, secrets)
	})
}

// read returns the body of a 200, and the platform's "no" as an error.
func (c *Client) read(op string, reads bool, answer outward.Answer, secrets []string) ([]byte, error) {
	object, err := decodeObject(answer.Body)
	switch answer.Status {
	case http.StatusOK:
		return answer.Body, nil
	case http.StatusBadRequest:
		// The platform's "no" is a JSON object; another 400 is not its own.
		if err != nil {
			break
		}
		fallthrough
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return nil, &core.Error{Op: op, Code: core.CodeRefused, Err: c.platformError(op, answer.Status, object, secrets)}
	case http.StatusTooManyRequests: // nothing was done: come again
		return nil, &core.Error{Op: op, Code: core.CodeRefused, Safe: true, Err: c.platformError(op, answer.Status, object, secrets)}
	}
	return nil, unknown(op, reads, fmt.Errorf("status %d, which the protocol does not know in this form: ask what became of it", answer.Status))
}

func unknown(op string, reads bool, err error) error {
	return &core.Error{Op: op, Code: core.CodeUnknown, Safe: reads, Err: err}
}

// newRequest builds a request; body nil is none.
func (c *Client) newRequest(method, path string, body any) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(body); err != nil {
			return nil, &core.Error{Op: "vvchat", Code: core.CodeInternal, Err: err}
		}
		reader = &text
	}
	req, err := http.NewRequest(method, c.base+path, reader)
	if err != nil {
		return nil, &core.Error{Op: "vvchat", Code: core.CodeInternal, Err: errors.New("the request cannot be built")}
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

func hostOf(base string) string {
	_, host, _ := strings.Cut(base, "://")
	host, _, _ = strings.Cut(host, "/")
	if bracket := strings.LastIndexByte(host, ']'); bracket > 0 {
		return host[1:bracket]
	}
	host, _, _ = strings.Cut(host, ":")
	return host
}
