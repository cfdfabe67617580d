package tuya_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/tuya"
	"github.com/imprest-go/imprest/testkit"
)

const clientID, clientSecret = "1KAD46OrT9HafiKdsXeg", "4OHBOnWOqaEC1mWXOpVL3yV50s0qGSRC"

// cloud is an OpenAPI that checks what it is sent as far as a test needs it.
type cloud struct {
	*httptest.Server
	mu     sync.Mutex
	tokens int
	calls  []string
	nonces map[string]bool
	good   string
	// answer answers a call with a good token; nil is success.
	answer func(n int, r *http.Request, body string) (status int, text string)
	// refresh answers a refresh.
	refresh func() string
	expire  string
	// arrived is told of every call before it is looked at; nil is nobody.
	arrived func(*http.Request)
}

func start(t *testing.T) (*cloud, *tuya.Client, *testkit.Clock) {
	t.Helper()
	c := &cloud{nonces: map[string]bool{}, expire: `"expire_time":7200`}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if c.arrived != nil {
			c.arrived(r)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls = append(c.calls, r.Method+" "+r.URL.Path)
		signed := tuya.Signed{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Body: body}
		for name := range strings.SplitSeq(r.Header.Get("Signature-Headers"), ":") {
			if name != "" {
				signed.Headers = append(signed.Headers, tuya.Header{Name: name, Value: r.Header.Get(name)})
			}
		}
		at, nonce := r.Header.Get("t"), r.Header.Get("nonce")
		access := core.NewSecret(r.Header.Get("access_token"))
		assert.Len(t, at, 13)
		assert.False(t, c.nonces[nonce], "each request has a nonce of its own")
		c.nonces[nonce] = true
		assert.Equal(t, "HMAC-SHA256", r.Header.Get("sign_method"))
		if r.Header.Get("sign") != tuya.Sign(clientID, core.NewSecret(clientSecret), access, at, nonce, signed) {
			_, _ = io.WriteString(w, `{"success":false,"code":1004,"msg":"sign invalid","t":1,"tid":"x"}`)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/v1.0/token") {
			if strings.HasPrefix(r.URL.Path, "/v1.0/token/") && c.refresh != nil {
				if text := c.refresh(); text != "" {
					_, _ = io.WriteString(w, text)
					return
				}
			}
			c.tokens++
			c.good = "token-" + strconv.Itoa(c.tokens)
			_, _ = fmt.Fprintf(w, `{"success":true,"result":{"access_token":%q,"refresh_token":"refresh-%d",%s,"uid":"u"},"t":1,"tid":"x"}`, c.good, c.tokens, c.expire)
			return
		}
		if access.Reveal() != c.good {
			_, _ = io.WriteString(w, `{"success":false,"code":1010,"msg":"token invalid","t":1,"tid":"x"}`)
			return
		}
		status, text := http.StatusOK, `{"success":true,"result":{"a":1},"t":"***","tid":"x","status":"ok"}`
		if c.answer != nil {
			status, text = c.answer(len(c.calls), r, string(body))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(c.Close)
	clock := testkit.NewClock(time.UnixMilli(1_763_683_200_000))
	client, err := tuya.New(tuya.Config{ClientID: clientID, Secret: core.NewSecret(clientSecret), BaseURL: c.URL, Lang: "zh", Now: clock.Now})
	require.NoError(t, err)
	return c, client, clock
}

func TestCallsAreSignedAndAnswered(t *testing.T) {
	c, client, _ := start(t)
	for _, r := range []tuya.Request{
		{Method: "GET", Path: "/v1.0/homes/1/devices", Reads: true},
		{Method: "GET", Path: "/v1.0/mall/plugin/order/search", Query: url.Values{"shop_code": {"S1"}, "mall_code": {"M1"}, "odd": {"a b/c:d,é?"}}},
		{Method: "POST", Path: "/v1.0/m/ecm/am/spu/list", Body: map[string]any{"input": map[string]any{"catalogCode": "CLOUD_STORAGE", "html": "<&>"}}},
		{Method: "PUT", Path: "/v1.0/x", Headers: []tuya.Header{{Name: "area_id", Value: "1"}, {Name: "call_id", Value: "2 3"}, {Name: "X-Empty"}}},
	} {
		result, err := client.Do(t.Context(), r)
		require.NoError(t, err, r.Path)
		assert.JSONEq(t, `{"a":1}`, string(result))
	}
	assert.Equal(t, 1, c.tokens, "one token for all")
}

func TestTokensEndAndAreRefused(t *testing.T) {
	c, client, clock := start(t)
	do := func() error {
		_, err := client.Do(t.Context(), tuya.Request{Method: "GET", Path: "/v1.0/x"})
		return err
	}
	require.NoError(t, do())
	clock.Advance(3 * time.Hour)
	require.NoError(t, do())
	assert.Equal(t, []string{"GET /v1.0/token", "GET /v1.0/x", "GET /v1.0/token/refresh-1", "GET /v1.0/x"}, c.calls, "one that ended by its time is refreshed")

	c.good = "taken back"
	require.NoError(t, do())
	assert.Equal(t, []string{"GET /v1.0/x", "GET /v1.0/token", "GET /v1.0/x"}, c.calls[4:], "one that was refused is not")

	c.answer = func(int, *http.Request, string) (int, string) {
		return http.StatusOK, `{"success":false,"code":"1011","msg":"token invalid","tid":"t-1"}`
	}
	before := len(c.calls)
	err := do()
	refused, ok := errors.AsType[*tuya.RemoteError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, []string{"1011", "t-1", string(tuya.ClassToken)}, []string{refused.Code, refused.TID, string(refused.Class)})
	assert.Len(t, c.calls[before:], 3, "one more attempt and no more")

	c.answer, c.refresh = nil, func() string { return `{"success":false,"code":1010,"msg":"token invalid"}` }
	clock.Advance(3 * time.Hour)
	require.NoError(t, do(), "a refresh that is refused is no reason to give up")
}

func TestManyCallersShareOneToken(t *testing.T) {
	c, client, clock := start(t)
	for range 3 {
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				_, err := client.Do(context.Background(), tuya.Request{Method: "POST", Path: "/v1.0/x", Body: 1})
				assert.NoError(t, err)
			})
		}
		all.Wait()
		clock.Advance(3 * time.Hour)
	}
	assert.Equal(t, 3, c.tokens)
}

func TestWhatEachAnswerLeavesKnown(t *testing.T) {
	c, client, _ := start(t)
	for name, tt := range map[string]struct {
		status int
		text   string
		code   core.Code
		safe   bool // of a call that changes something
		class  tuya.Class
	}{
		"busy":                 {200, `{"success":false,"code":1110,"msg":"m"}`, core.CodeRefused, true, tuya.ClassBusy},
		"too many":             {200, `{"success":false,"code":"1199","msg":"m"}`, core.CodeRefused, true, tuya.ClassBusy},
		"fault":                {200, `{"success":false,"code":500,"msg":"m"}`, core.CodeUnknown, false, tuya.ClassFault},
		"quota":                {200, `{"success":false,"code":28841004,"msg":"m"}`, core.CodeRefused, false, tuya.ClassQuota},
		"access":               {200, `{"success":false,"code":1106,"msg":"m"}`, core.CodeRefused, false, tuya.ClassAccess},
		"parameter":            {200, `{"success":false,"code":1109,"msg":"m"}`, core.CodeRefused, false, tuya.ClassParameter},
		"a text":               {200, `{"success":false,"code":"CODE_USED","msg":"m"}`, core.CodeRefused, false, tuya.ClassRefused},
		"success says nothing": {200, `{"result":1}`, core.CodeUnknown, false, ""},
		"a failure of nothing": {200, `{"success":false}`, core.CodeUnknown, false, ""},
		"a page":               {502, `<html>`, core.CodeUnknown, false, ""},
		"empty":                {200, ``, core.CodeUnknown, false, ""},
		"a redirect":           {302, ``, core.CodeUnknown, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.answer = func(int, *http.Request, string) (int, string) { return tt.status, tt.text }
			_, err := client.Do(t.Context(), tuya.Request{Method: "POST", Path: "/v1.0/x"})
			assert.Equal(t, tt.code, core.CodeOf(err))
			assert.Equal(t, tt.safe, core.Retryable(err))
			refused, _ := errors.AsType[*tuya.RemoteError](err)
			if tt.class != "" {
				require.NotNil(t, refused)
				assert.Equal(t, tt.class, refused.Class)
			}
			_, err = client.Do(t.Context(), tuya.Request{Method: "GET", Path: "/v1.0/x", Reads: true})
			assert.Equal(t, tt.safe || tt.code == core.CodeUnknown, core.Retryable(err), "what only reads may be repeated after whatever nobody knows")
		})
	}
}

func TestNoSecretInAnyError(t *testing.T) {
	c, client, clock := start(t)
	secrets := []core.Secret{core.NewSecret(clientSecret), core.NewSecret("token-1"), core.NewSecret("refresh-1")}
	c.answer = func(_ int, r *http.Request, _ string) (int, string) {
		return 200, `{"success":false,"code":1106,"msg":"you sent ` + r.Header.Get("access_token") + ` and ` + clientSecret + `"}`
	}
	_, err := client.Do(t.Context(), tuya.Request{Method: "GET", Path: "/v1.0/x"})
	require.Error(t, err)
	testkit.RequireNoSecret(t, err.Error()+fmt.Sprintf("%+v", err), secrets...)
	clock.Advance(3 * time.Hour)
	c.Close()
	_, err = client.Do(t.Context(), tuya.Request{Method: "GET", Path: "/v1.0/x"})
	require.Error(t, err)
	testkit.RequireNoSecret(t, err.Error()+fmt.Sprintf("%+v", err), secrets...)
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
}

func TestTokensThatAreNone(t *testing.T) {
	for _, expire := range []string{`"expire_time":"x"`, `"expire_time":0`, `"expire_time":-1`, `"uid2":""`, `"expire_time":1.5`} {
		c, client, _ := start(t)
		c.expire = expire
		_, err := client.Do(t.Context(), tuya.Request{Method: "GET", Path: "/v1.0/x"})
		assert.Equal(t, core.CodeMalformed, core.CodeOf(err), expire)
		assert.NotContains(t, c.calls, "GET /v1.0/x", "nothing is sent without a token")
	}
	for _, expire := range []string{`"expire":7200`, `"expire_time":"7200"`, `"expire_time":99999999999`} {
		c, client, _ := start(t)
		c.expire = expire
		_, err := client.Do(t.Context(), tuya.Request{Method: "GET", Path: "/v1.0/x"})
		assert.NoError(t, err, expire)
	}
}

func TestRequestsAreCheckedBeforeTheyAreSent(t *testing.T) {
	c, client, _ := start(t)
	for name, r := range map[string]tuya.Request{
		"no method":           {Path: "/x"},
		"another method":      {Method: "TRACE", Path: "/x"},
		"no path":             {Method: "GET"},
		"a query in it":       {Method: "GET", Path: "/x?a=1"},
		"a host":              {Method: "GET", Path: "//evil.example/x"},
		"dots":                {Method: "GET", Path: "/a/../b"},
		"a space":             {Method: "GET", Path: "/a b"},
		"an escape":           {Method: "GET", Path: "/a%2fb"},
		"a repeated name":     {Method: "GET", Path: "/x", Query: url.Values{"a": {"1", "2"}}},
		"a name of nothing":   {Method: "GET", Path: "/x", Query: url.Values{"": {"1"}}},
		"a bad header":        {Method: "GET", Path: "/x", Headers: []tuya.Header{{Name: "a:b", Value: "1"}}},
		"a broken header":     {Method: "GET", Path: "/x", Headers: []tuya.Header{{Name: "a", Value: "1\r\nb: 2"}}},
		"one of our own":      {Method: "GET", Path: "/x", Headers: []tuya.Header{{Name: "Sign", Value: "1"}}},
		"a body that is none": {Method: "POST", Path: "/x", Body: func() {}},
	} {
		_, err := client.Do(t.Context(), r)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
	}
	assert.Empty(t, c.calls)
	for name, cfg := range map[string]tuya.Config{
		"client_id": {Secret: core.NewSecret("x"), BaseURL: tuya.China},
		"secret":    {ClientID: "a", BaseURL: tuya.China},
		"base_url":  {ClientID: "a", Secret: core.NewSecret("x"), BaseURL: "http://openapi.tuyacn.com"},
		"lang":      {ClientID: "a", Secret: core.NewSecret("x"), BaseURL: tuya.China, Lang: "z h"},
	} {
		_, err := tuya.New(cfg)
		assert.ErrorContains(t, err, name)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	}
}

func FuzzResult(f *testing.F) {
	for _, text := range []string{`{"success":true,"result":{}}`, `{"success":false,"code":1010}`, `{"success":"true"}`, `[]`, `{"success":false,"code":"X","msg":7}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		result, err := tuya.Result("op", body)
		if err == nil && len(result) > 0 && !json.Valid(result) {
			t.Fatal("a result that is no JSON")
		}
		if err != nil && core.CodeOf(err) == "" {
			t.Fatal("an error without a code")
		}
	})
}

func ExampleNew() {
	client, err := tuya.New(tuya.Config{ClientID: "my-project", Secret: core.NewSecret("its Access Secret"), BaseURL: tuya.China})
	fmt.Println(client != nil, err)
	_, err = tuya.New(tuya.Config{ClientID: "my-project", Secret: core.NewSecret("its Access Secret"), BaseURL: "openapi.tuyacn.com"})
	fmt.Println(err)
	// Output:
	// true <nil>
	// tuya.New: base_url must be an address such as https://host, without user, query or fragment
}

func ExampleClient_Do() {
	openapi := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1.0/token" {
			_, _ = io.WriteString(w, `{"success":true,"result":{"access_token":"3f4e","refresh_token":"77a1","expire_time":7200},"t":1,"tid":"a"}`)
			return
		}
		_, _ = io.WriteString(w, `{"success":false,"code":1106,"msg":"permission deny","t":1,"tid":"b"}`)
	}))
	defer openapi.Close()
	client, err := tuya.New(tuya.Config{ClientID: "my-project", Secret: core.NewSecret("secret"), BaseURL: openapi.URL}) // tuya.China
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Do(context.Background(), tuya.Request{Method: "GET", Path: "/v1.0/homes/1/devices", Reads: true})
	refused, ok := errors.AsType[*tuya.RemoteError](err)
	fmt.Println(ok, refused.Code, refused.Class)
	// Output: true 1106 access
}
