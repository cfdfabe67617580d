//go:build real

package house_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// startDynalite starts a DynamoDB on loopback, with an empty journal in it.
func startDynalite(t *testing.T, table string) (endpoint string) {
	t.Helper()
	script := filepath.Join(root(t), "testkit/internal/dynalite/node_modules/dynalite/cli.js")
	require.FileExists(t, script, "dynalite is missing: make parts")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	cmd := exec.Command("node", script, "--host", "127.0.0.1", "--port", port, "--createTableMs", "5")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	endpoint = "http://" + address
	cfg := dynamostore.Config{
		Table: table, Region: "eu-west-1", Endpoint: endpoint, Credentials: dynamostore.Environment(func(string) string { return "test" }),
	}
	store, err := dynamostore.New(cfg)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return dynamostore.CreateTable(t.Context(), cfg) == nil }, 20*time.Second, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := store.Get(t.Context(), "ready")
		return errors.Is(err, journal.ErrNotFound)
	}, 20*time.Second, 20*time.Millisecond)
	return endpoint
}

// startSecrets is the AWS Parameters and Secrets extension, with the secrets
// that are given by ARN.
func startSecrets(t *testing.T, secrets map[string]string) (port string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := secrets[r.URL.Query().Get("secretId")]
		if !ok || r.Header.Get("X-Aws-Parameters-Secrets-Token") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"SecretString": text})
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	return u.Port()
}

// stack is what the template was deployed with: the value of each thing that a
// variable refers to.
func (s *sam) resolve(v any, stack map[string]string) string {
	s.Helper()
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		if name, ok := v["Ref"].(string); ok {
			require.Contains(s, stack, name)
			return stack[name]
		}
		if text, ok := v["Fn::Sub"].(string); ok {
			return substituted.ReplaceAllStringFunc(text, func(name string) string {
				name = strings.Trim(name, "${}")
				require.Contains(s, stack, name)
				return stack[name]
			})
		}
	}
	require.Fail(s, "a variable that the test cannot read", "%v", v)
	return ""
}

// maxArtifact is how large a function may be, in bytes: a step beyond it is
// something that came along by mistake.
const maxArtifact = 12_000_000

// The Makefile, run in a copy of the template as `sam build` does, makes a
// bootstrap for each function, which runs as Lambda runs it, with the variables
// that the template gives it: its key from the extension, its journal in the
// table.
func TestTheFunctionsThatAreDeployed(t *testing.T) {
	m := publish(t, "template/aws")
	dir := m.copyTemplate("template/aws", "example.com/payments")
	s := readSAM(t)
	stack := map[string]string{
		"AppId": "test", "StoreNo": "s1234", "BaseUrl": "https://platform.example", "SiteUrl": "https://shop.example", "DeliverUrl": "https://shop.example/deliveries",
		"Journal": "journal", "AppKeySecret": "arn:app-key", "DeliverKey": "arn:deliver-key", "CookieKey": "arn:cookie-key",
		"Paid": "https://sqs.eu-west-1.amazonaws.com/123456789012/paid",
	}
	appKey := core.NewSecret("a-key-of-sixteen-characters")
	surroundings := []string{
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=test",
		"AWS_ENDPOINT_URL_DYNAMODB=" + startDynalite(t, stack["Journal"]),
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + startSecrets(t, map[string]string{
			"arn:app-key": appKey.Reveal(), "arn:deliver-key": strings.Repeat("d", 48), "arn:cookie-key": strings.Repeat("c", 48),
		}),
	}
	tries := map[string]func(t *testing.T, function *lambdatest.Runtime){
		"PayCallback": func(t *testing.T, function *lambdatest.Runtime) {
			assert.Equal(t, 200, ask(t, function, "GET", "/healthz", nil).Status)
			for name, message := range map[string]testkit.Message{
				"forged":              testkit.SignedPayment(testkit.PaymentFields{AppKey: appKey}, testkit.MutateWrongKey),
				"of no order of ours": testkit.SignedPayment(testkit.PaymentFields{AppKey: appKey, OutTradeNo: "unknown"}),
			} {
				resp := ask(t, function, "POST", "/callbacks/payment", message.Body)
				assert.Equal(t, 4, resp.Status/100, name)
				assert.Equal(t, core.RefusedText, string(resp.Body))
			}
		},
		"Checkout": func(t *testing.T, function *lambdatest.Runtime) {
			assert.Equal(t, 401, ask(t, function, "POST", "/purchases", []byte(`{"offer":"voip-1y","price":3600}`)).Status)
		},
		"Login": func(t *testing.T, function *lambdatest.Runtime) {
			resp := ask(t, function, "GET", "/login", nil)
			assert.Equal(t, 302, resp.Status)
			assert.True(t, strings.HasPrefix(resp.Get("Location"), "qyx://thirdlogin?"), resp.Get("Location"))
		},
		"Reconcile": func(t *testing.T, function *lambdatest.Runtime) {
			_, err := function.Invoke(t.Context(), lambdatest.Schedule(time.Now()))
			require.NoError(t, err)
			payload, err := function.Invoke(t.Context(), lambdatest.SQS(lambdatest.Message{ID: "poisoned", Body: "no JSON"}))
			require.NoError(t, err)
			failed, err := lambdatest.ReadSQSAnswer(payload)
			require.NoError(t, err)
			assert.Equal(t, []string{"poisoned"}, failed)
			function.Stop() // then all that it wrote is there
			assert.Contains(t, function.Stderr(), `"msg":"sweep"`)
		},
	}
	for _, id := range s.ofType("AWS::Serverless::Function") {
		t.Run(id, func(t *testing.T) {
			s, m := &sam{t, s.root, s.resources}, &market{t, m.version, m.env}
			artifacts := t.TempDir()
			m.run(dir, "make", "build-"+id, "ARTIFACTS_DIR="+artifacts, "ARCH=amd64")
			bootstrap := filepath.Join(artifacts, "bootstrap")
			assertStatic(t, bootstrap)
			info, err := os.Stat(bootstrap)
			require.NoError(t, err)
			assert.LessOrEqual(t, info.Size(), int64(maxArtifact))

			environment := append([]string{}, surroundings...)
			for name, value := range s.environment(id) {
				environment = append(environment, name+"="+s.resolve(value, stack))
			}
			timeout, err := strconv.Atoi(at(s.root, "Globals", "Function", "Timeout").(string))
			require.NoError(t, err)
			function := lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: bootstrap, Env: environment, Timeout: time.Duration(timeout) * time.Second})
			t.Logf("%.2f MB, first poll after %v", float64(info.Size())/1e6, function.FirstPoll())
			tries[id](t, function)
			function.Stop()
			assert.NotContains(t, function.Stderr()+function.Stdout(), appKey.Reveal())
		})
	}
}

// ask makes a request by the HTTP API, as the template has it.
func ask(t *testing.T, function *lambdatest.Runtime, method, path string, body []byte) lambdatest.Response {
	t.Helper()
	request := lambdatest.Request{Method: method, Path: path, Body: body}
	if body != nil {
		request.Header = [][2]string{{"Content-Type", "application/json"}}
	}
	payload, err := function.Invoke(t.Context(), lambdatest.Event(lambdatest.HTTPAPI, request))
	require.NoError(t, err, function.Stderr())
	resp, err := lambdatest.Answer(lambdatest.HTTPAPI, payload)
	require.NoError(t, err)
	return resp
}
