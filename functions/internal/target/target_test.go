//go:build !lambda.norpc

package target

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/functions/internal/boot"
)

// A table is opened with what the environment says, and asks nobody; what is
// missing is named.
func TestDynamoDBNamesWhatIsMissing(t *testing.T) {
	open := Linked().Stores["dynamodb"]
	for _, tt := range []struct{ without, table, says string }{
		{"", "journal", ""},
		{"", "", "dynamodb:TABLE"},
		{"AWS_REGION", "journal", "AWS_REGION must be set"},
		{"AWS_ACCESS_KEY_ID", "journal", "AWS_ACCESS_KEY_ID"},
		{"AWS_SECRET_ACCESS_KEY", "journal", "AWS_SECRET_ACCESS_KEY"},
	} {
		for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
			t.Setenv(name, "hunter2")
			if name == tt.without {
				t.Setenv(name, "")
			}
		}
		store, closing, err := open(t.Context(), tt.table)
		if tt.says == "" {
			require.NoError(t, err)
			assert.NotNil(t, store)
			assert.NoError(t, closing())
			continue
		}
		require.ErrorContains(t, err, tt.says)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

// Who brings the events: Lambda before Google's framework before a server.
func TestWhoBringsTheEvents(t *testing.T) {
	hosts := Linked().Hosts
	which := func(env map[string]string) int {
		for i, host := range hosts {
			if host.Here(func(name string) string { return env[name] }) {
				return i
			}
		}
		return -1
	}
	lambdaAPI, functionTarget := map[string]string{"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"}, map[string]string{"FUNCTION_TARGET": "Site"}
	both := map[string]string{"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1", "FUNCTION_TARGET": "Site", "K_SERVICE": "site", "PORT": "8080"}
	assert.Equal(t, 0, which(lambdaAPI))
	assert.Equal(t, 0, which(both))
	assert.Equal(t, 1, which(functionTarget))
	assert.Equal(t, len(hosts)-1, which(nil))
	assert.Equal(t, len(hosts)-1, which(map[string]string{"K_SERVICE": "site", "PORT": "8080"}), "a container on Cloud Run is a server")

	events := map[string]string{"FUNCTION_TARGET": "Sweep", "FUNCTION_SIGNATURE_TYPE": "cloudevent"}
	unknown := map[string]string{"FUNCTION_TARGET": "Sweep", "FUNCTION_SIGNATURE_TYPE": "event"}
	for _, env := range []map[string]string{events, unknown} {
		err := hosts[which(env)].Run(t.Context(), boot.Function{}, "127.0.0.1:0", slog.New(slog.DiscardHandler))
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "the environment is at fault: %v", err)
		assert.ErrorContains(t, err, "FUNCTION_SIGNATURE_TYPE")
	}
}
