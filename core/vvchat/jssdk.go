package vvchat

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/internal/outward"
)

// JSCall is a call of the JSSDK, which a page inside the IM makes:
// vvchat.call(method, options, success, error, complete). It is an [AuthCall],
// a [GetSessionCall], a [SelectSessionCall], a [PayCall] or a [ShareCall]; each
// marshals to the options that the platform's pages print, and its Result reads
// what the page was handed. seeds: 000, "接口调用说明".
type JSCall interface {
	// Method is the first argument of vvchat.call.
	Method() string

	isJSCall()
}

// AuthCall asks the user for consent. seeds: 000 and 001, "请求CODE".
type AuthCall struct {
	AppID string `json:"app_id" validate:"required,id"`
	// Scope is ScopeUserInfo, or a SessionScope.
	Scope string `json:"scope" validate:"required,plain"`
	// State comes back as it is. Let core/login make it.
	State string `json:"state,omitempty" validate:"plain"`
}

// GetSessionCall asks for the chat in which the page was opened. seeds: 001,
// "获取当前会话信息".
type GetSessionCall struct{}

// SelectSessionCall lets the user pick a chat. seeds: 001,
// "获取用户选择的会话信息".
type SelectSessionCall struct{}

// PayCall asks the user to pay an order. seeds: 001, "调起VVChat支付".
type PayCall struct {
	ImprestCode string `json:"imprest_code" validate:"required,id"`
	AppID       string `json:"app_id" validate:"required,id"`
}

// ShareCall lets the user share a page. With a ShareDataURL it is an advanced
// share. seeds: 001, "VVChat基础分享", "VVChat高级分享".
type ShareCall struct {
	AppID        string `json:"app_id" validate:"required,id"`
	ShareTitle   string `json:"share_title" validate:"required,plain"`
	SubTitle     string `json:"sub_title,omitempty" validate:"plain"`
	ShareURL     string `json:"share_url" validate:"required,plain"`
	ThumbURL     string `json:"thumb_url,omitempty" validate:"plain"`
	ShareDataURL string `json:"share_data_url,omitempty" validate:"plain"`
}

// Method implements [JSCall].
func (AuthCall) Method() string { return "auth" }

// Method implements [JSCall].
func (GetSessionCall) Method() string { return "getSession" }

// Method implements [JSCall].
func (SelectSessionCall) Method() string { return "selectSession" }

// Method implements [JSCall].
func (PayCall) Method() string { return "pay" }

// Method implements [JSCall].
func (ShareCall) Method() string { return "share" }

func (AuthCall) isJSCall()          {}
func (GetSessionCall) isJSCall()    {}
func (SelectSessionCall) isJSCall() {}
func (PayCall) isJSCall()           {}
func (ShareCall) isJSCall()         {}

// ShareData is the template of an advanced share (share_data_url).
type ShareData struct {
	// TplHeader is "vctalk", TplVersion "v1" and TplType "MultipleLine"
	// where they are empty: the only ones that the platform names.
	TplHeader  string `json:"tpl_header"`
	TplVersion string `json:"tpl_version"`
	TplType    string `json:"tpl_type"`
	// Data are the lines.
	Data []string `json:"data"`
}

// String returns the template as the text that share_data_url takes.
func (d ShareData) String() string {
	for field, value := range map[*string]string{&d.TplHeader: "vctalk", &d.TplVersion: "v1", &d.TplType: "MultipleLine"} {
		if *field == "" {
			*field = value
		}
	}
	if d.Data == nil {
		d.Data = []string{}
	}
	text, _ := json.Marshal(d) // texts always encode
	return string(text)
}

// JSArguments returns the first two arguments of vvchat.call, ready to stand in
// a script element of a page: "pay",{"imprest_code":…}. No text in them can end
// the script. Its errors have core.CodeInvalid and name the option.
func JSArguments(c JSCall) (string, error) {
	const op = "vvchat.JSArguments"
	switch c.(type) {
	case AuthCall, GetSessionCall, SelectSessionCall, PayCall, ShareCall:
	default: // nil, or a pointer
		return "", core.Invalid(op, "there is no call: it must be an AuthCall, a GetSessionCall, a SelectSessionCall, a PayCall or a ShareCall")
	}
	if share, ok := c.(ShareCall); ok {
		for name, address := range map[string]string{"share_url": share.ShareURL, "thumb_url": share.ThumbURL} {
			if _, err := absolute(address); err != nil && address != "" {
				return "", core.Invalid(op, name+" "+err.Error())
			}
		}
	}
	if err := check.Struct(op, c); err != nil {
		return "", err
	}
	options, err := json.Marshal(c) // escapes <, >, &, U+2028 and U+2029
	if err != nil {
		return "", core.Invalid(op, err.Error())
	}
	return fmt.Sprintf("%q,%s", c.Method(), options), nil
}

// BridgeError is a result that says that a call of a page failed: the user
// cancelled, or the app would not. Its core code is core.CodeRefused.
type BridgeError struct {
	// ErrCode is the app's, such as 400.
	ErrCode int64
	// ErrMsg is the app's words, cut to printable text.
	ErrMsg string
}

// Error implements error.
func (e *BridgeError) Error() string {
	return fmt.Sprintf("the app answered err_code %d: %q: the user may have cancelled", e.ErrCode, e.ErrMsg)
}

func bridgeError(op string, code int64, message string) error {
	return &core.Error{Op: op, Code: core.CodeRefused, Err: &BridgeError{ErrCode: code, ErrMsg: outward.Words(message, maxErrMsg)}}
}

// result reads what the bridge hands to a page as the platform's script does:
// a JSON text, where an err_code other than 200 (or the 0 of the guides) says
// that the call failed.
func result(op, raw string) (object, error) {
	if len(raw) > maxLink {
		return nil, core.Invalid(op, "the result is too long")
	}
	o, err := decodeObject([]byte(raw))
	if err != nil {
		return nil, core.Invalid(op, "the result is not a JSON object: hand on what the page was handed, unchanged")
	}
	if present(o["err_code"]) {
		text, err := o.text("err_code")
		if code, ok := errCode(text); err != nil || !ok {
			message, _ := o.text("err_msg")
			return o, bridgeError(op, code, message)
		}
	}
	return o, nil
}

func present(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// Result reads the result of the call: consent with its code, or Declined for a
// user who did not agree. Other errors have core.CodeInvalid.
func (AuthCall) Result(raw string) (LoginAnswer, error) {
	const op = "vvchat.AuthCall"
	o, err := result(op, raw)
	if refused, ok := errors.AsType[*BridgeError](err); ok {
		state, _ := o.text("state")
		return LoginAnswer{State: state, Declined: true, ErrCode: refused.ErrCode, ErrMsg: refused.ErrMsg}, nil
	}
	if err != nil {
		return LoginAnswer{}, err
	}
	var a LoginAnswer
	if err := o.texts(map[string]*string{"code": &a.Code, "state": &a.State}); err != nil {
		return LoginAnswer{}, core.Invalid(op, err.Error())
	}
	if !check.ID(a.Code) {
		return LoginAnswer{}, core.Invalid(op, "code must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
	}
	return a, nil
}

// Result reads the result of the call. The error is a [BridgeError] if the page
// was not opened in a chat, else it has core.CodeInvalid.
func (GetSessionCall) Result(raw string) (Session, error) {
	return sessionResult("vvchat.GetSessionCall", raw)
}

// Result reads the result of the call. The error is a [BridgeError] if the user
// picked none, else it has core.CodeInvalid.
func (SelectSessionCall) Result(raw string) (Session, error) {
	return sessionResult("vvchat.SelectSessionCall", raw)
}

func sessionResult(op, raw string) (Session, error) {
	o, err := result(op, raw)
	if err != nil {
		return Session{}, err
	}
	var s Session
	id, err := o.text("session_id")
	if err != nil {
		return Session{}, core.Invalid(op, err.Error())
	}
	kind, err := o.int("session_type")
	if err != nil {
		return Session{}, core.Invalid(op, err.Error())
	}
	if s = (Session{ID: id, Type: SessionType(kind)}); !s.valid() {
		return Session{}, core.Invalid(op, "session_id and session_type name no chat")
	}
	return s, nil
}

// Result reads the result of the call: the trade_no. It comes from a page, and
// so proves nothing: only the notification and the query do. The error is a
// [BridgeError] if the user did not pay.
func (PayCall) Result(raw string) (tradeNo string, err error) {
	const op = "vvchat.PayCall"
	o, err := result(op, raw)
	if err != nil {
		return "", err
	}
	if tradeNo, err = o.text("trade_no"); err != nil || !check.ID(tradeNo) {
		return "", core.Invalid(op, "trade_no must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
	}
	return tradeNo, nil
}

// Result reads the result of the call: nil if the page was shared (code 200),
// a [BridgeError] if it was not (another code, or the error of seed 001).
func (ShareCall) Result(raw string) error {
	const op = "vvchat.ShareCall"
	o, err := result(op, raw)
	if err != nil {
		return err
	}
	if text, _ := o.text("error"); text != "" && !present(o["code"]) {
		return bridgeError(op, 0, text)
	}
	code, err := o.int("code")
	if err != nil {
		return core.Invalid(op, err.Error())
	}
	if code != 200 {
		message, _ := o.text("err_msg")
		return bridgeError(op, code, message)
	}
	return nil
}
