package tuya

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/token"
)

const (
	opToken   = "tuya.Token"
	tokenPath = "/v1.0/token"
)

// fetchToken asks for an access token: with the refresh_token at hand, once,
// or with grant_type 1. A refresh that fails is no reason to give up.
func (c *Client) fetchToken(ctx context.Context) (core.Secret, time.Duration, error) {
	if refresh := c.takeRefresh(); !refresh.IsZero() {
		if secret, lifetime, err := c.askForToken(ctx, Signed{Method: http.MethodGet, Path: tokenPath + "/" + refresh.Reveal()}, refresh); err == nil {
			return secret, lifetime, nil
		}
	}
	return c.askForToken(ctx, Signed{Method: http.MethodGet, Path: tokenPath, Query: url.Values{"grant_type": {"1"}}}, core.Secret{})
}

// takeRefresh returns the refresh_token at hand, and forgets it: it is good
// once.
func (c *Client) takeRefresh() core.Secret {
	c.mu.Lock()
	defer c.mu.Unlock()
	refresh := c.refresh
	c.refresh, c.renews = core.Secret{}, core.Secret{}
	return refresh
}

// dropRefresh forgets the refresh_token that came with refused: it is worth no
// more than the token itself, for reports tell of refusals of both. That of a
// newer token, which others have asked for meanwhile, stays.
func (c *Client) dropRefresh(refused core.Secret) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if refused.Equal(c.renews) {
		c.refresh, c.renews = core.Secret{}, core.Secret{}
	}
}

func (c *Client) askForToken(ctx context.Context, signed Signed, refresh core.Secret) (core.Secret, time.Duration, error) {
	raw, err := c.send(ctx, Request{Op: opToken, Reads: true}, signed, core.Secret{})
	if err != nil {
		return core.Secret{}, 0, withoutSecret(err, refresh)
	}
	var told struct {
		AccessToken  string      `json:"access_token"`
		RefreshToken string      `json:"refresh_token"`
		ExpireTime   json.Number `json:"expire_time"`
		Expire       json.Number `json:"expire"` // what one table calls it
	}
	if err := json.Unmarshal(raw, &told); err != nil || !isBare(told.AccessToken) {
		return core.Secret{}, 0, &core.Error{Op: opToken, Code: core.CodeMalformed, Safe: true, Err: errors.New("the answer holds no access_token")}
	}
	text := told.ExpireTime.String()
	if text == "" {
		text = told.Expire.String()
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds <= 0 {
		return core.Secret{}, 0, &core.Error{Op: opToken, Code: core.CodeMalformed, Safe: true, Err: errors.New("the answer does not say how long the access_token lives: expire_time")}
	}
	access := core.NewSecret(told.AccessToken)
	if isBare(told.RefreshToken) {
		c.mu.Lock()
		c.refresh, c.renews = core.NewSecret(told.RefreshToken), access
		c.mu.Unlock()
	}
	return access, min(time.Duration(min(seconds, int64(token.MaxLifetime/time.Second)))*time.Second, token.MaxLifetime), nil
}

// isBare reports whether a token can stand in a header and in a path.
func isBare(text string) bool {
	return text != "" && len(text) <= 512 && isVisible(text) && !strings.ContainsAny(text, "/?#%\\") && text[0] != '.'
}

// withoutSecret makes sure that no refresh_token, which is in the path, is in an
// error.
func withoutSecret(err error, secret core.Secret) error {
	if plain := secret.Reveal(); plain != "" && strings.Contains(err.Error(), plain) {
		return &core.Error{Op: opToken, Code: core.CodeOf(err), Safe: true, Err: errors.New("the token cannot be renewed; the cause is withheld, since it names a secret")}
	}
	return err
}
