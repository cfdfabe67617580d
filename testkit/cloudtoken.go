package testkit

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Project is a cloud project: who calls the OpenAPI.
type Project struct {
	// ClientID is its Access ID.
	ClientID string
	// Secret is its Access Secret.
	Secret core.Secret
	// UID is whom its tokens name as uid; made up if it is empty.
	UID string
	// MallCodes are the malls that have authorized it; every one if the list
	// is nil, none if it is empty.
	MallCodes []string
	// Users are the people whose homes, devices and orders it may ask about;
	// all if the list is nil, none if it is empty.
	Users []string
	// BindingObjects are the products, mini programs and apps that it may ask
	// for what is sold to: bindingObjectCode; every one if the list is nil,
	// none if it is empty.
	BindingObjects []string
}

// TestProject returns the project of the examples in Tuya's documents. It is
// the one that a fake cloud knows when it is told of no other.
func TestProject() Project {
	return Project{
		ClientID: "1KAD46OrT9HafiKdsXeg",
		Secret:   core.NewSecret("4OHBOnWOqaEC1mWXOpVL3yV50s0qGSRC"),
	}
}

// OpenAPIToken is an access token of the OpenAPI.
type OpenAPIToken struct {
	// ClientID is whose it is.
	ClientID string
	// AccessToken is what calls show.
	AccessToken core.Secret
	// RefreshToken is good once for another; empty is none.
	RefreshToken core.Secret
	// UserID limits it to what one user may see; "" is one of the project.
	UserID string
	// Expires is when it ends; a zero time is [CloudReadings].AccessTokenLife
	// from now.
	Expires time.Time
}

const (
	openAPITokenLength = 32
	loginCodeLife      = 10 * time.Minute
)

// gateway is what the OpenAPI remembers. It is guarded by the cloud's lock.
type gateway struct {
	projects []Project
	byAccess map[string]*gatewayToken
	// byRefresh holds the same tokens, those that can be refreshed.
	byRefresh map[string]*gatewayToken
	nonces    map[nonce]time.Time // until when each is remembered
	pruneAt   int                 // how many nonces are looked through for old ones
	codes     map[string]loginCode
}

type gatewayToken struct {
	clientID string
	userID   string
	expires  time.Time
	ended    bool // before its time: 1010
	invalid  bool // 1011
	revoked  bool // 1012
	spent    bool // the refresh token is
}

type nonce struct{ clientID, text string }

type loginCode struct {
	clientID, userID string
	expires          time.Time
}

func newGateway() gateway {
	return gateway{
		byAccess: map[string]*gatewayToken{}, byRefresh: map[string]*gatewayToken{},
		nonces: map[nonce]time.Time{}, codes: map[string]loginCode{},
	}
}

// maskIssued masks tokens and codes of the OpenAPI wherever they stand.
func (g *gateway) maskIssued(text string) string {
	text = maskIssued(text, openAPITokenLength, g.byAccess)
	text = maskIssued(text, openAPITokenLength, g.byRefresh)
	return maskIssued(text, openAPITokenLength, g.codes)
}

// addProject enters a project of the configuration.
func (c *Cloud) addProject(op string, p Project) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case p.ClientID == "", p.Secret.IsZero():
		return core.Invalid(op, "Projects: each needs a ClientID and a Secret")
	case c.project(p.ClientID) != nil:
		return core.Invalid(op, "Projects: two have the same ClientID")
	}
	if p.UID == "" {
		p.UID = "bay" + c.ids.next("project_uid", 17)
	}
	p.MallCodes, p.Users, p.BindingObjects = slices.Clone(p.MallCodes), slices.Clone(p.Users), slices.Clone(p.BindingObjects)
	c.gateway.projects = append(c.gateway.projects, p)
	c.secrets.addKey(p.Secret)
	return nil
}

// project is called with the lock held, and returns nil if there is none.
func (c *Cloud) project(clientID string) *Project {
	if i := slices.IndexFunc(c.gateway.projects, func(p Project) bool { return p.ClientID == clientID }); i >= 0 {
		return &c.gateway.projects[i]
	}
	return nil
}

// allows reports whether list, nil for all, has name.
func allows(list []string, name string) bool { return list == nil || slices.Contains(list, name) }

// AddToken makes a token good that the cloud did not issue, such as the one of
// the examples in Tuya's documents. The error is [core.CodeNotFound] for a
// project or user who does not exist, [core.CodeConflict] if there is such a
// token, and [core.CodeInvalid] without an AccessToken.
func (c *Cloud) AddToken(t OpenAPIToken) error {
	const op = "testkit.Cloud.AddToken"
	c.mu.Lock()
	defer c.mu.Unlock()
	access, refresh := t.AccessToken.Reveal(), t.RefreshToken.Reveal()
	switch {
	case access == "":
		return core.Invalid(op, "AccessToken: must be given")
	case c.project(t.ClientID) == nil:
		return notFound(op, "client_id", t.ClientID)
	case t.UserID != "" && c.user(t.UserID) == nil:
		return notFound(op, "user_id", t.UserID)
	case c.gateway.byAccess[access] != nil, c.gateway.byRefresh[refresh] != nil:
		return &core.Error{Op: op, Code: core.CodeConflict, Err: fmt.Errorf("there is such a token already")}
	}
	if t.Expires.IsZero() {
		t.Expires = c.Clock.Now().Add(c.readings.AccessTokenLife)
	}
	added := &gatewayToken{clientID: t.ClientID, userID: t.UserID, expires: t.Expires}
	c.gateway.byAccess[access] = added
	if refresh != "" {
		c.gateway.byRefresh[refresh] = added
	}
	c.secrets.addKey(t.AccessToken) // it may be of any length
	c.secrets.addKey(t.RefreshToken)
	return nil
}

// RevokeTokens takes all tokens of a project back, as when its secret is reset:
// they are answered 1012 from then on. It returns how many there were.
func (c *Cloud) RevokeTokens(clientID string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, t := range c.gateway.byAccess {
		if t.clientID == clientID && !t.revoked {
			t.revoked = true
			n++
		}
	}
	return n
}

// NewLoginCode returns a code with which a project gets a token that is limited
// to one user (grant_type 2): good once, for 10 minutes. It is "" if there is
// no such project or user.
func (c *Cloud) NewLoginCode(clientID, userID string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.project(clientID); p == nil || c.user(userID) == nil || !allows(p.Users, userID) {
		return ""
	}
	code := c.hexID("login_code")
	c.gateway.codes[code] = loginCode{clientID: clientID, userID: userID, expires: c.Clock.Now().Add(loginCodeLife)}
	return code
}

// hexID returns a new identifier in 32 lower-case hex digits, as the gateway's
// tokens are. It is called with the lock held.
func (c *Cloud) hexID(kind string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(c.ids.next(kind, 32))))[:openAPITokenLength]
}

// state returns why a token is not good; "" if it is.
func (t *gatewayToken) state(clientID string, now time.Time) string {
	switch {
	case t == nil, t.clientID != clientID, t.invalid:
		return "1011"
	case t.revoked:
		return "1012"
	case t.ended, !now.Before(t.expires):
		return "1010"
	}
	return ""
}

// readTokenCall is GET /v1.0/token, before anything happens.
func (c *Cloud) readTokenCall(q *apiAsked) *denial {
	switch q.query.Get("grant_type") {
	case "1":
		return nil
	case "2":
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.checkLoginCode(q)
	}
	return deny("1003", "it must be 1 or 2")
}

// checkLoginCode is called with the lock held.
func (c *Cloud) checkLoginCode(q *apiAsked) *denial {
	code, ok := c.gateway.codes[q.query.Get("code")]
	if !ok || code.clientID != q.project.ClientID || !c.Clock.Now().Before(code.expires) {
		return deny("1107", "")
	}
	return nil
}

func (c *Cloud) makeToken(q *apiAsked) (any, *denial) {
	if q.query.Get("grant_type") != "2" {
		return c.issueOpenAPIToken(q.project, ""), nil
	}
	if denied := c.checkLoginCode(q); denied != nil {
		return nil, denied // it was used in between
	}
	text := q.query.Get("code")
	code := c.gateway.codes[text]
	code.expires = time.Time{} // good once; it stays known, and so masked
	c.gateway.codes[text] = code
	return c.issueOpenAPIToken(q.project, code.userID), nil
}

// readRefresh is GET /v1.0/token/{refresh_token}, before anything happens.
func (c *Cloud) readRefresh(q *apiAsked) *denial {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.checkRefresh(q)
}

// checkRefresh is called with the lock held. A refresh_token does not end by
// its time.
func (c *Cloud) checkRefresh(q *apiAsked) *denial {
	switch t := c.gateway.byRefresh[q.segment]; {
	case t == nil, t.clientID != q.project.ClientID, t.invalid:
		return deny("1011", "there is no such refresh_token")
	case t.revoked:
		return deny("1012", "")
	case t.spent:
		return deny("1010", "the refresh_token was used, and is good once")
	case t.ended:
		return deny("1010", "")
	}
	return nil
}

func (c *Cloud) refreshToken(q *apiAsked) (any, *denial) {
	if denied := c.checkRefresh(q); denied != nil {
		return nil, denied // it was used in between
	}
	old := c.gateway.byRefresh[q.segment]
	old.spent = true
	return c.issueOpenAPIToken(q.project, old.userID), nil
}

type issuedToken struct {
	AccessToken  string `json:"access_token"`
	ExpireTime   int64  `json:"expire_time"`
	RefreshToken string `json:"refresh_token"`
	UID          string `json:"uid"`
}

// issueOpenAPIToken is called with the lock held.
func (c *Cloud) issueOpenAPIToken(p Project, userID string) issuedToken {
	if c.readings.OneToken {
		for _, old := range c.gateway.byAccess {
			if old.clientID == p.ClientID && old.userID == userID {
				old.ended = true
			}
		}
	}
	told := issuedToken{
		AccessToken: c.hexID("access_token"), RefreshToken: c.hexID("refresh_token"),
		ExpireTime: int64(c.readings.AccessTokenLife / time.Second), UID: p.UID,
	}
	if userID != "" {
		told.UID = userID
	}
	t := &gatewayToken{clientID: p.ClientID, userID: userID, expires: c.Clock.Now().Add(c.readings.AccessTokenLife)}
	c.gateway.byAccess[told.AccessToken], c.gateway.byRefresh[told.RefreshToken] = t, t
	return told
}

// tokenRoutes are the calls that ask for a token, and show none.
func (c *Cloud) tokenRoutes() []apiRoute {
	return []apiRoute{
		{call: CallOpenAPIToken, method: http.MethodGet, path: openAPITokenPath, forToken: true, read: c.readTokenCall, act: c.makeToken},
		{call: CallOpenAPIRefresh, method: http.MethodGet, path: openAPITokenPath + "/{}", forToken: true, read: c.readRefresh, act: c.refreshToken},
	}
}
