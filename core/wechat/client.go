package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/internal/outward"
	"github.com/imprest-go/imprest/core/internal/token"
)

// DefaultBaseURL is WeChat's address.
const DefaultBaseURL = "https://api.weixin.qq.com"

// Config is what [New] needs to know.
type Config struct {
	// AppID is the mini program's. Required.
	AppID string `json:"appid" validate:"required,id"`
	// Secret is the mini program's AppSecret. Required without Tokens.
	Secret core.Secret `json:"secret" validate:"-"`
	// Tokens issues access tokens; nil asks WeChat for one, with Secret, and
	// keeps it. See the package comment for who needs one.
	Tokens TokenSource `json:"-" validate:"-"`
	// BaseURL is where WeChat is, https; "" is DefaultBaseURL.
	BaseURL string `json:"base_url"`

	// HTTPClient makes the calls; nil is a client on http.DefaultTransport.
	// It is copied, and the copy follows no redirect.
	HTTPClient *http.Client `json:"-" validate:"-"`
	// Timeout bounds each call; 0 is 10 seconds.
	Timeout time.Duration `json:"timeout" validate:"gte=0"`
	// Now tells the time; nil is time.Now.
	Now func() time.Time `json:"-" validate:"-"`
	// Observer is told of every call; nil is nobody.
	Observer core.Observer `json:"-" validate:"-"`

	// AllowInsecure permits a plain http BaseURL that is not loopback.
	// Whoever is on the way can then read the secret.
	AllowInsecure bool `json:"-"`
}

// Client asks WeChat for tickets. It is safe for use by many goroutines.
type Client struct {
	cfg    Config
	base   string
	tokens TokenSource
	caller *outward.Caller
}

// New checks cfg and returns a Client. It calls nobody. Its errors have
// core.CodeInvalid and name the field.
func New(cfg Config) (*Client, error) {
	const op = "wechat.New"
	if err := check.Struct(op, cfg); err != nil {
		return nil, err
	}
	if cfg.Secret.IsZero() && cfg.Tokens == nil {
		return nil, core.Invalid(op, "secret must be given, or Tokens, which issues access tokens without it")
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	base, err := outward.BaseURL(op, cfg.BaseURL, cfg.AllowInsecure)
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Client{cfg: cfg, base: base, tokens: cfg.Tokens, caller: outward.New(cfg.HTTPClient, cfg.Timeout, cfg.Observer)}
	if c.tokens == nil {
		c.tokens = token.New(opToken, cfg.Now, c.fetchToken)
	}
	return c, nil
}

// AppID returns the AppID of the configuration: the mini program in which the
// tickets work.
func (c *Client) AppID() string { return c.cfg.AppID }

const (
	// maxSN is the length of an sn in bytes, as documented.
	maxSN = 128
	// maxModelID is no limit of WeChat's, only of what makes sense.
	maxModelID = 128
)

// SNTicket returns a ticket with which the mini program asks its user to let
// the device call: POST /wxa/getsnticket. It works for five minutes.
//
// sn is the serial number under which the device was registered, 1 to 128
// bytes of 0-9, A-Z, a-z, _ and -; modelID is WeChat's id of its model. Both
// are checked before anything is sent. An error whose errcode says that the
// access token is no good is answered with a new token and one more attempt.
// The call changes nothing and may be repeated.
func (c *Client) SNTicket(ctx context.Context, sn, modelID string) (ticket string, err error) {
	const op = "wechat.SNTicket"
	if sn == "" || len(sn) > maxSN || !every(sn, isSNByte) {
		return "", core.Invalid(op, fmt.Sprintf("sn must be 1 to %d of 0-9, A-Z, a-z, _ and -", maxSN))
	}
	if modelID == "" || len(modelID) > maxModelID || !every(modelID, func(b byte) bool { return b > ' ' && b < 0x7f }) {
		return "", core.Invalid(op, fmt.Sprintf("model_id must be 1 to %d visible ASCII characters", maxModelID))
	}
	body, err := json.Marshal(struct {
		SN      string `json:"sn"`
		ModelID string `json:"model_id"`
	}{sn, modelID})
	if err != nil {
		return "", &core.Error{Op: op, Code: core.CodeInternal, Err: err}
	}
	token, err := c.tokens.AccessToken(ctx, core.Secret{})
	if err != nil {
		return "", err
	}
	ticket, err = c.snTicket(ctx, op, sn, body, token)
	if refused, ok := errors.AsType[*RemoteError](err); ok && refused.Class == ClassToken {
		if token, err = c.tokens.AccessToken(ctx, token); err != nil {
			return "", err
		}
		ticket, err = c.snTicket(ctx, op, sn, body, token)
	}
	return ticket, err
}

func (c *Client) snTicket(ctx context.Context, op, sn string, body []byte, token core.Secret) (string, error) {
	query := url.Values{"access_token": {token.Reveal()}}
	req, err := http.NewRequest(http.MethodPost, c.base+"/wxa/getsnticket?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return "", &core.Error{Op: op, Code: core.CodeInternal, Err: errors.New("the request cannot be built")}
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := c.call(ctx, op, sn, req, token.Reveal())
	if err != nil {
		return "", err
	}
	ticket := answer.text("sn_ticket")
	if ticket == "" {
		return "", unknown(op, errors.New("the answer holds no sn_ticket"))
	}
	return ticket, nil
}

// object is an answer of WeChat's, by exact field name.
type object map[string]json.RawMessage

// text returns a field that is a string, or "".
func (o object) text(name string) string {
	var s string
	_ = json.Unmarshal(o[name], &s) // not a string: ""
	return s
}

// int returns a field that is an integer or a string of one, or 0.
func (o object) int(name string) int64 {
	text := o.text(name)
	if text == "" {
		text = string(o[name])
	}
	n, _ := strconv.ParseInt(text, 10, 64) // not an integer: 0
	return n
}

// call makes one call, and returns the answer of a success. Nothing that it
// calls changes anything, so it may all be repeated.
func (c *Client) call(ctx context.Context, op, subject string, req *http.Request, secrets ...string) (object, error) {
	return outward.Call(ctx, c.caller, op, subject, true, req, func(answer outward.Answer) (object, error) {
		if answer.Status != http.StatusOK {
			return nil, unknown(op, fmt.Errorf("status %d, which WeChat does not document", answer.Status))
		}
		var o object
		if err := json.Unmarshal(answer.Body, &o); err != nil || o == nil {
			return nil, unknown(op, errors.New("the answer is not a JSON object"))
		}
		if code := o.int("errcode"); code != 0 {
			msg := outward.Words(o.text("errmsg"), 200, append(secrets, c.cfg.Secret.Reveal())...)
			return nil, refusal(op, code, msg)
		}
		return o, nil
	})
}

func unknown(op string, err error) error {
	return &core.Error{Op: op, Code: core.CodeUnknown, Safe: true, Err: err}
}

func isSNByte(b byte) bool {
	return b-'0' <= 9 || b-'A' <= 'Z'-'A' || b-'a' <= 'z'-'a' || b == '_' || b == '-'
}

func every(s string, holds func(byte) bool) bool {
	for i := range len(s) {
		if !holds(s[i]) {
			return false
		}
	}
	return true
}
