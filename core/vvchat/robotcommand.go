package vvchat

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
)

// RobotCommand is what a robot can be told to do: [SendText],
// [WebviewGroupOpen], [WebviewGroupClose] or [WebviewGroupRefresh].
type RobotCommand interface {
	// cmd is the platform's name of the command.
	cmd() string
	// check says what is wrong beyond the tags of the fields.
	check(op string) error
}

// SendText says something in the chat (send-text).
type SendText struct {
	// Text is 1 to 16384 characters (no limit of the platform's is known), no
	// control characters but line breaks and tabs.
	Text string `json:"text" validate:"required,text,max=16384"`
}

// WebviewGroupOpen opens a web page over the chat of a group
// (webview-group-open).
type WebviewGroupOpen struct {
	// Height is a share of the screen such as "50%" (1% to 100%), or a fixed
	// height without a unit such as "234". Required.
	Height string `json:"height" validate:"required"`
	// URL is the page, http or https. Required.
	URL string `json:"url" validate:"required,plain"`
}

// WebviewGroupClose closes the web page over the chat of a group
// (webview-group-close).
type WebviewGroupClose struct{}

// WebviewGroupRefresh puts another page, or the same once more, into the web
// view over the chat of a group (webview-group-refresh).
type WebviewGroupRefresh struct {
	// Height is as for WebviewGroupOpen; "" keeps what it is.
	Height string `json:"height,omitempty"`
	// URL is the page, http or https. Required.
	URL string `json:"url" validate:"required,plain"`
}

func (SendText) cmd() string            { return "send-text" }
func (WebviewGroupOpen) cmd() string    { return "webview-group-open" }
func (WebviewGroupClose) cmd() string   { return "webview-group-close" }
func (WebviewGroupRefresh) cmd() string { return "webview-group-refresh" }

func (SendText) check(string) error                 { return nil }
func (c WebviewGroupOpen) check(op string) error    { return checkWebview(op, c.Height, c.URL) }
func (WebviewGroupClose) check(string) error        { return nil }
func (c WebviewGroupRefresh) check(op string) error { return checkWebview(op, c.Height, c.URL) }

var height = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([1-9][0-9]{0,4}|([1-9][0-9]?|100)%)$`) })

func checkWebview(op, h, address string) error {
	if h != "" && !height().MatchString(h) {
		return core.Invalid(op, `height must be such as "50%" or "234", without a unit`)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return core.Invalid(op, "url must be an http or https address without a user")
	}
	return nil
}

// encodeCommand returns the name of a command, and its parameters as JSON.
func encodeCommand(op string, command RobotCommand) (cmd, params string, err error) {
	switch command.(type) {
	case SendText, WebviewGroupOpen, WebviewGroupClose, WebviewGroupRefresh:
	default: // nil, or a pointer, which may be nil too
		return "", "", core.Invalid(op, "the command must be a SendText, WebviewGroupOpen, WebviewGroupClose or WebviewGroupRefresh, not a pointer to one")
	}
	if err := check.Struct(op, command); err != nil {
		return "", "", err
	}
	if err := command.check(op); err != nil {
		return "", "", err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(command); err != nil {
		return "", "", &core.Error{Op: op, Code: core.CodeInternal, Err: err}
	}
	return command.cmd(), strings.TrimSuffix(text.String(), "\n"), nil
}
