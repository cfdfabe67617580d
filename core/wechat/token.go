package wechat

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/token"
)

// TokenSource issues the access token that all users of an AppID share.
type TokenSource interface {
	// AccessToken returns a token that works. refused is one that WeChat has
	// just refused, or empty: if it is still the one at hand, get another.
	AccessToken(ctx context.Context, refused core.Secret) (core.Secret, error)
}

const opToken = "wechat.AccessToken"

// fetchToken asks WeChat for a token: GET /cgi-bin/token.
func (c *Client) fetchToken(ctx context.Context) (core.Secret, time.Duration, error) {
	query := url.Values{"grant_type": {"client_credential"}, "appid": {c.cfg.AppID}, "secret": {c.cfg.Secret.Reveal()}}
	req, err := http.NewRequest(http.MethodGet, c.base+"/cgi-bin/token?"+query.Encode(), nil)
	if err != nil {
		return core.Secret{}, 0, &core.Error{Op: opToken, Code: core.CodeInternal, Err: errors.New("the request cannot be built")}
	}
	answer, err := c.call(ctx, opToken, "", req)
	if err != nil {
		return core.Secret{}, 0, err
	}
	text, seconds := answer.text("access_token"), answer.int("expires_in")
	if text == "" || seconds <= 0 {
		return core.Secret{}, 0, unknown(opToken, errors.New("the answer holds no access_token, or no expires_in"))
	}
	return core.NewSecret(text), time.Duration(min(seconds, int64(token.MaxLifetime/time.Second))) * time.Second, nil
}
