package vvchat

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Token is what a code was exchanged for. seeds: 001, "通过code获取token".
type Token struct {
	// OpenID names the user to this app.
	OpenID string
	// Scope is what the user agreed to.
	Scope string
	// Token is the credential for calls on the user's behalf.
	Token core.Secret
	// ExpiresAt is when the token ends; zero where the platform did not say.
	ExpiresAt time.Time
}

// Profile is a user's profile. seeds: 001, "获取用户个人信息".
type Profile struct {
	OpenID   string `json:"open_id"`
	Nickname string `json:"nickname"`
	// Avatar is the address of a picture, or "".
	Avatar string `json:"avatar"`
	// Sex is "男" or "女" as the platform spells it, or "".
	Sex string `json:"sex"`
}

const opExchangeCode = "vvchat.ExchangeCode"

// ExchangeCode trades the code of a consent for a token:
// GET /userservices/v2/authorization/token. A code works once: a wrong or used
// one is core.CodeRefused, a [PlatformError] of [ClassCode] with the platform's
// err_msg ("无效的code"). After core.CodeUnknown the code may be used up; let
// the user consent again.
func (c *Client) ExchangeCode(ctx context.Context, code string) (Token, error) {
	const op = opExchangeCode
	if code == "" || len(code) > 512 {
		return Token{}, core.Invalid(op, "code must have 1 to 512 characters")
	}
	query := url.Values{"app_id": {c.cfg.AppID}, "app_key": {c.cfg.AppKeys[0].Reveal()}, "code": {code}}
	req, err := c.newRequest(http.MethodGet, "/userservices/v2/authorization/token?"+query.Encode(), nil)
	if err != nil {
		return Token{}, err
	}
	body, err := c.call(ctx, op, "", false, req, code)
	if err != nil {
		return Token{}, err
	}
	answer, err := decodeObject(body)
	if err != nil {
		return Token{}, unknown(op, false, err)
	}
	var token Token
	var text string
	if err := answer.texts(map[string]*string{"open_id": &token.OpenID, "scope": &token.Scope, "token": &text}); err != nil {
		return Token{}, unknown(op, false, err)
	}
	if token.OpenID == "" || text == "" {
		return Token{}, unknown(op, false, errors.New("the answer holds no open_id or no token"))
	}
	token.Token = core.NewSecret(text)
	if seconds, err := answer.int("expire_in"); err == nil && seconds > 0 {
		token.ExpiresAt = c.expiry(seconds)
	}
	return token, nil
}

// checkToken refuses what cannot be a bare token in a header.
func checkToken(op string, token core.Secret) error {
	text := token.Reveal()
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return core.Invalid(op, "token must be the bare text that ExchangeCode returned: not empty, no space, nothing before it")
	}
	return nil
}

// firstTime is the least expire_in that is an absolute time; a smaller one is a
// duration. The platform has both: a time for a user's token, a duration for a
// robot's. No clock has stood below 10^9 since 2001.
const firstTime = 1_000_000_000

// expiry reads expire_in.
func (c *Client) expiry(seconds int64) time.Time {
	if seconds < firstTime {
		return c.cfg.Now().Add(time.Duration(seconds) * time.Second)
	}
	return time.Unix(seconds, 0)
}

const opProfile = "vvchat.Profile"

// Profile returns the profile of the user to whom token belongs:
// GET /userservices/v2/authorization/userinfo. The token needs ScopeUserInfo.
// core.CodeRefused holds a [PlatformError]: of [ClassToken] when the token has
// expired, of [ClassScope] when the user agreed to something else.
func (c *Client) Profile(ctx context.Context, token core.Secret) (Profile, error) {
	const op = opProfile
	if err := checkToken(op, token); err != nil {
		return Profile{}, err
	}
	req, err := c.newRequest(http.MethodGet, "/userservices/v2/authorization/userinfo", nil)
	if err != nil {
		return Profile{}, err
	}
	req.Header.Set("Authorization", token.Reveal())
	body, err := c.call(ctx, op, "", true, req, token.Reveal())
	if err != nil {
		return Profile{}, err
	}
	answer, err := decodeObject(body)
	if err != nil {
		return Profile{}, unknown(op, true, err)
	}
	var p Profile
	if err := answer.texts(map[string]*string{"open_id": &p.OpenID, "nickname": &p.Nickname, "avatar": &p.Avatar, "sex": &p.Sex}); err != nil {
		return Profile{}, unknown(op, true, err)
	}
	if p.OpenID == "" {
		return Profile{}, unknown(op, true, errors.New("the answer holds no open_id"))
	}
	return p, nil
}
