package boot

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// secretsExtension is the extension as AWS documents it.
type secretsExtension struct {
	*httptest.Server
	status atomic.Int64
	asked  atomic.Int64
	bodies map[string]string
}

func startExtension(t *testing.T) *secretsExtension {
	t.Helper()
	e := &secretsExtension{bodies: map[string]string{}}
	e.status.Store(http.StatusOK)
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asked.Add(1)
		assert.Equal(t, "/secretsmanager/get", r.URL.Path)
		assert.Equal(t, "session-token", r.Header.Get("X-Aws-Parameters-Secrets-Token"))
		body, ok := e.bodies[r.URL.Query().Get("secretId")]
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(int(e.status.Load()))
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(e.Close)
	return e
}

// secretEnvironment has every key in the extension.
func secretEnvironment(t *testing.T, e *secretsExtension) map[string]string {
	t.Helper()
	u, err := url.Parse(e.URL)
	require.NoError(t, err)
	env := runEnvironment(t)
	for _, name := range []string{"IMPREST_APP_KEY", "IMPREST_DELIVER_KEY", "IMPREST_COOKIE_KEYS"} {
		id := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + name + "-AbCdEf"
		e.bodies[id] = `{"ARN":"` + id + `","SecretString":"` + env[name] + `\n"}`
		delete(env, name)
		env[name+"_SECRET"] = id
	}
	env["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"], env["AWS_SESSION_TOKEN"] = u.Port(), "session-token"
	return env
}

func getter(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestKeysThatAreSecretsElsewhere(t *testing.T) {
	e := startExtension(t)
	env := secretEnvironment(t, e)
	var log bytes.Buffer
	for _, program := range []Program{PayCallback, Checkout, Login, Reconcile} {
		t.Run(string(program), func(t *testing.T) {
			e.asked.Store(0)
			cfg, err := Load(program, getter(env), nil)
			require.NoError(t, err)
			f, err := build(cfg, journal.NewMemory(), nil, slog.New(slog.NewTextHandler(&log, nil)), getter(env))
			require.NoError(t, err)
			require.Zero(t, e.asked.Load(), "nobody is asked before the first event")

			healthz := func() int {
				return f.HTTP.Handle(context.Background(), &core.Request{Method: "GET", Path: "/healthz"}).Status
			}
			e.status.Store(http.StatusForbidden)
			assert.Equal(t, http.StatusServiceUnavailable, healthz())
			e.status.Store(http.StatusOK)
			assert.Equal(t, http.StatusOK, healthz(), "the next event tries again")
			asked := e.asked.Load()
			assert.Equal(t, http.StatusOK, healthz())
			assert.Equal(t, asked, e.asked.Load(), "and then nobody is asked any more")
			assert.Equal(t, program == Login, f.Tick == nil)
			assert.Equal(t, program == Login, f.Message == nil)
			if f.Tick != nil {
				assert.NoError(t, f.Tick(t.Context()))
				assert.Error(t, f.Message(t.Context(), []byte("{}")))
			}
		})
	}
	assert.NotContains(t, log.String(), "a-key-of-sixteen-characters")
	assert.NotContains(t, log.String(), strings.Repeat("k", 32))
}

func TestSecretsThatAreNone(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON": "not ready to serve traffic, please wait", "binary": `{"SecretBinary":"AAEC"}`, "empty": `{"SecretString":" "}`,
		"what the console makes": `{"SecretString":"{\"app_key\":\"a-key-of-sixteen-characters\"}"}`,
	} {
		t.Run(name, func(t *testing.T) {
			e := startExtension(t)
			env := secretEnvironment(t, e)
			e.bodies[env["IMPREST_APP_KEY_SECRET"]] = body
			cfg, err := Load(PayCallback, getter(env), nil)
			require.NoError(t, err)
			f, err := build(cfg, journal.NewMemory(), nil, slog.New(slog.DiscardHandler), getter(env))
			require.NoError(t, err)
			assert.Error(t, f.Tick(t.Context()))
			assert.Equal(t, http.StatusServiceUnavailable, f.HTTP.Handle(t.Context(), &core.Request{Method: "GET", Path: "/healthz"}).Status)
		})
	}
}

func TestAKeyIsGivenOnce(t *testing.T) {
	base := secretEnvironment(t, startExtension(t))
	for name, value := range map[string]string{
		"IMPREST_APP_KEY": "a-key-of-sixteen-characters", "IMPREST_APP_KEY_FILE": "/dev/null", "IMPREST_DELIVER_KEY": strings.Repeat("k", 32),
	} {
		env := maps.Clone(base)
		env[name] = value
		_, err := Load(PayCallback, getter(env), nil)
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), "are both set: give one")
		assert.NotContains(t, err.Error(), value)
	}
	env := maps.Clone(base)
	env["IMPREST_STORE_NO"] = "" // what else is wrong is said at once
	_, err := Load(PayCallback, getter(env), nil)
	assert.ErrorContains(t, err, "IMPREST_STORE_NO")
	env = maps.Clone(base)
	env["IMPREST_DELIVER_URL"] = "http://shop.example"
	cfg, err := Load(PayCallback, getter(env), nil)
	require.NoError(t, err)
	_, err = build(cfg, journal.NewMemory(), nil, slog.New(slog.DiscardHandler), getter(env))
	assert.ErrorContains(t, err, "IMPREST_DELIVER_URL")
}
