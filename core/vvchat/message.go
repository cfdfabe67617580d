package vvchat

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/internal/outward"
)

// MessageText is the type of a message that is plain text, the one type that
// the platform documents.
const MessageText = "text"

// Message is what is sent into a chat. seeds: 001, "发送消息".
type Message struct {
	// Type is MessageText if empty. Another type is passed on as it is: 1 to
	// 64 of A-Z, a-z, 0-9, _ and -.
	Type string `json:"type" validate:"omitempty,id"`
	// Content is what the chat shows: 1 to 16384 characters (no limit of the
	// platform's is known), no control characters but line breaks and tabs.
	Content string `json:"content" validate:"required,text,max=16384"`
}

const (
	opSendMessage   = "vvchat.SendMessage"
	opSendToSession = "vvchat.SendToSession"
)

// SendMessage sends m into the chat that the scope of token names, in the name
// of the user who agreed to it: POST /messageapi/v1/authorization/sendmsg. nil
// means that it was sent: HTTP 200 says so, whatever the body. Most programs
// use [Client.SendToSession], which starts from the code.
//
// core.CodeRefused means that nothing was sent, and holds a [PlatformError]: of
// [ClassToken] when the token has expired, of [ClassScope] when the user agreed
// to something else. After core.CodeUnknown the message may have been sent; no
// call tells, and sending it again may show it twice.
func (c *Client) SendMessage(ctx context.Context, token core.Secret, m Message) error {
	if err := checkToken(opSendMessage, token); err != nil {
		return err
	}
	if err := check.Struct(opSendMessage, m); err != nil {
		return err
	}
	return c.sendMessage(ctx, "", token, m)
}

func (c *Client) sendMessage(ctx context.Context, subject string, token core.Secret, m Message) error {
	if m.Type == "" {
		m.Type = MessageText
	}
	req, err := c.newRequest(http.MethodPost, "/messageapi/v1/authorization/sendmsg", m)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", token.Reveal())
	_, err = c.call(ctx, opSendMessage, subject, false, req, token.Reveal())
	return hint(err, core.CodeUnknown, "the message may have been sent, and sending it again may show it twice")
}

// SendToSession sends m into the chat s with the code that the page handed in:
// it exchanges the code, checks that the user agreed to messages into exactly
// this chat, and sends. The page gets s from the JSSDK's getSession or
// selectSession, and the code from auth with the scope [SessionScope](s).
//
// What can be checked is checked first, so that core.CodeInvalid spends no
// code. An error whose Op is "vvchat.ExchangeCode" is that of
// [Client.ExchangeCode]; core.CodeMismatch says that the code is for another
// scope: nothing was sent, and the code is used up. An error whose Op is
// "vvchat.SendMessage" comes with a token: the code is used up, so go on with
// [Client.SendMessage] and that token, if [core.Retryable] says that it may be
// sent again. Without an error the token is returned too: it says who the user
// is, and sends more messages into this chat until it expires.
func (c *Client) SendToSession(ctx context.Context, code string, s Session, m Message) (Token, error) {
	const op = opSendToSession
	if err := check.Struct(op, s); err != nil {
		return Token{}, err
	}
	if err := check.Struct(op, m); err != nil {
		return Token{}, err
	}
	token, err := c.ExchangeCode(ctx, code)
	if err != nil {
		return Token{}, err
	}
	if want := SessionScope(s); token.Scope != want {
		return Token{}, core.Mismatch(op, fmt.Sprintf("the user agreed to the scope %q, which does not send into this chat: let the page call auth with the scope %s", outward.Words(token.Scope, 100, code, token.Token.Reveal()), want))
	}
	if err := checkToken(op, token.Token); err != nil {
		return Token{}, unknown(opExchangeCode, false, errors.New("the answer's token cannot stand in a header: let the user consent again"))
	}
	err = c.sendMessage(ctx, s.ID, token.Token, m)
	if core.Retryable(err) {
		err = hint(err, core.CodeOf(err), "the code is used up: go on with SendMessage and the token that was returned")
	}
	return token, err
}

// hint adds what to do next to an error of this code.
func hint(err error, code core.Code, next string) error {
	e, ok := errors.AsType[*core.Error](err)
	if !ok || e.Code != code {
		return err
	}
	return &core.Error{Op: e.Op, Code: e.Code, Safe: e.Safe, Err: fmt.Errorf("%w; %s", e.Err, next)}
}
