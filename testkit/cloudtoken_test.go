package testkit

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestTokensOfTheOpenAPI(t *testing.T) {
	other := Project{ClientID: "another-project", Secret: core.NewSecret("the-secret-of-another"), UID: "u-2"}
	cfg := CloudConfig{Projects: []Project{TestProject(), other}}
	c := testCloud(t, cfg)
	k := newCaller(t, c)
	a := k.get("/v1.0/token?grant_type=1")
	assert.Regexp(t, `^{"access_token":"[0-9a-f]{32}","expire_time":7200,"refresh_token":"[0-9a-f]{32}","uid":"bay[0-9A-Za-z]{17}"}$`, string(a.Result))
	home := "/v1.0/homes/" + TestHome().ID + "/devices"
	code := func() string { return k.get(home).code() }

	first, refresh := k.getToken()
	second, _ := k.getToken()
	assert.NotEqual(t, first, second)
	for _, token := range []string{first, second} {
		k.token = token
		assert.Empty(t, code(), "an older one is good to its end")
	}
	k.token = "unknown"
	assert.Equal(t, "1011", code())
	stranger := &caller{t: t, c: c, project: other, token: first}
	assert.Equal(t, "1011", stranger.get(home).code(), "another project's")
	assert.Equal(t, "1011", stranger.get("/v1.0/token/"+refresh).code())
	assert.Contains(t, string(stranger.get("/v1.0/token?grant_type=1").Result), `"uid":"u-2"`)

	// A refresh_token is good once, and does not end by its time.
	c.Clock.Advance(2*time.Hour - time.Millisecond)
	k.token = second
	assert.Empty(t, code())
	c.Clock.Advance(time.Millisecond)
	assert.Equal(t, "1010", code())
	a = k.get("/v1.0/token/" + refresh)
	require.True(t, a.Success, a.body)
	assert.Equal(t, "1010", k.get("/v1.0/token/"+refresh).code())
	var issued struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	require.NoError(t, json.Unmarshal(a.Result, &issued))
	k.token = issued.AccessToken
	assert.Empty(t, code())
	assert.True(t, k.get("/v1.0/token/"+issued.RefreshToken).Success)
	assert.Empty(t, code(), "a refresh does not end the older token")

	k.withToken()
	stranger.withToken()
	assert.Positive(t, c.RevokeTokens(TestProject().ClientID))
	assert.Zero(t, c.RevokeTokens(TestProject().ClientID))
	assert.Equal(t, "1012", code())
	assert.True(t, stranger.get(home).Success, "the others' stay")

	cfg.Readings = CloudReadings{OneToken: true, AccessTokenLife: time.Minute}
	c = testCloud(t, cfg)
	k = newCaller(t, c)
	stranger = (&caller{t: t, c: c, project: other}).withToken()
	first, refresh = k.getToken()
	second, _ = k.getToken()
	assert.True(t, stranger.get(home).Success, "another project's stays")
	k.token = first
	assert.Equal(t, "1010", code())
	assert.Equal(t, "1010", k.get("/v1.0/token/"+refresh).code())
	k.token = second
	assert.Empty(t, code())
	c.Clock.Advance(time.Minute)
	assert.Equal(t, "1010", code())
	assert.Contains(t, string(k.get("/v1.0/token?grant_type=1").Result), `"expire_time":60`)
}

func TestTokensThatAreAdded(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	id := TestProject().ClientID
	require.NoError(t, c.AddToken(OpenAPIToken{ClientID: id, AccessToken: core.NewSecret("a"), RefreshToken: core.NewSecret("r"), Expires: c.Clock.Now().Add(time.Second)}))
	for name, x := range map[string]struct {
		token OpenAPIToken
		code  core.Code
	}{
		"no token":        {OpenAPIToken{ClientID: id}, core.CodeInvalid},
		"no project":      {OpenAPIToken{ClientID: "x", AccessToken: core.NewSecret("b")}, core.CodeNotFound},
		"no user":         {OpenAPIToken{ClientID: id, AccessToken: core.NewSecret("b"), UserID: "x"}, core.CodeNotFound},
		"the same":        {OpenAPIToken{ClientID: id, AccessToken: core.NewSecret("a")}, core.CodeConflict},
		"the refresh too": {OpenAPIToken{ClientID: id, AccessToken: core.NewSecret("b"), RefreshToken: core.NewSecret("r")}, core.CodeConflict},
	} {
		assert.Equal(t, x.code, core.CodeOf(c.AddToken(x.token)), name)
	}
	k := newCaller(t, c)
	k.token = "a"
	assert.True(t, k.get("/v1.0/homes/"+TestHome().ID+"/devices").Success)
	c.Clock.Advance(time.Second)
	assert.Equal(t, "1010", k.get("/v1.0/homes/"+TestHome().ID+"/devices").code())
	for _, p := range [][]Project{{{ClientID: "x"}}, {{Secret: core.NewSecret("x")}}, {TestProject(), TestProject()}} {
		_, err := NewCloud(CloudConfig{Projects: p})
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	}
}

// A token that a user's login gave shows what is his.
func TestTokensOfOneUser(t *testing.T) {
	ming, hong := TestCloudUser(), CloudUser{ID: "hong"}
	other := Project{ClientID: "another-project", Secret: core.NewSecret("the-secret-of-another"), Users: []string{"hong"}}
	c := testCloud(t, CloudConfig{
		Projects: []Project{TestProject(), other},
		Users:    []CloudUser{ming, hong},
		Homes:    []Home{{ID: "1", OwnerID: ming.ID}, {ID: "2", OwnerID: hong.ID}, {ID: "3", OwnerID: hong.ID, Members: []string{ming.ID}}},
	})
	id := TestProject().ClientID
	assert.Empty(t, c.NewLoginCode("x", ming.ID))
	assert.Empty(t, c.NewLoginCode(id, "x"))
	assert.Empty(t, c.NewLoginCode(other.ClientID, ming.ID), "the project has nothing to do with him")
	k := newCaller(t, c)
	code := c.NewLoginCode(id, ming.ID)
	stranger := &caller{t: t, c: c, project: other}
	assert.Equal(t, "1107", stranger.get("/v1.0/token?code="+code+"&grant_type=2").code())
	a := k.get("/v1.0/token?code=" + code + "&grant_type=2")
	require.True(t, a.Success, a.body)
	assert.Equal(t, "1107", k.get("/v1.0/token?code="+code+"&grant_type=2").code(), "good once")
	var issued map[string]any
	require.NoError(t, json.Unmarshal(a.Result, &issued))
	assert.Equal(t, ming.ID, issued["uid"])
	k.token = issued["access_token"].(string)
	for homeID, want := range map[string]string{"1": "", "2": "1106", "3": "", "4": "1106"} {
		assert.Equal(t, want, k.get("/v1.0/homes/"+homeID+"/devices").code(), homeID)
	}
	a = k.get("/v1.0/token/" + issued["refresh_token"].(string))
	assert.Contains(t, string(a.Result), ming.ID, "a refresh keeps the user")

	late := c.NewLoginCode(id, ming.ID)
	k.get("/v1.0/homes/" + late + "/devices")
	c.Clock.Advance(10 * time.Minute)
	assert.Equal(t, "1107", k.get("/v1.0/token?code="+late+"&grant_type=2").code())
	for _, e := range c.Requests() {
		RequireNoSecret(t, fmt.Sprintf("%+v", e), core.Secrets(code, late, k.token, issued["refresh_token"].(string))...)
	}
}

// A token that a fault struck does not come to life again; another one is good.
func TestTokensThatAFaultStruck(t *testing.T) {
	for kind, code := range map[FaultKind]string{FaultTokenExpired: "1010", FaultTokenInvalid: "1011"} {
		c := testCloud(t, CloudConfig{})
		k := newCaller(t, c).withToken()
		c.Inject(Fault{Kind: kind, Call: CallHomeDevices})
		home := "/v1.0/homes/" + TestHome().ID + "/devices"
		for range 2 {
			assert.Equal(t, code, k.get(home).code())
		}
		assert.True(t, k.withToken().get(home).Success)

		_, refresh := k.getToken()
		c.Inject(Fault{Kind: kind, Call: CallOpenAPIRefresh})
		for range 2 {
			assert.Equal(t, code, k.get("/v1.0/token/"+refresh).code())
		}
	}
}

// An answer that is lost leaves a refresh_token spent.
func TestARefreshWhoseAnswerIsLost(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	k := newCaller(t, c)
	_, refresh := k.getToken()
	c.Inject(Fault{Kind: FaultAnswerLost, Call: CallOpenAPIRefresh})
	_, err := k.try("GET", "/v1.0/token/"+refresh, "", nil)
	require.Error(t, err)
	assert.Equal(t, "1010", k.get("/v1.0/token/"+refresh).code())
}
