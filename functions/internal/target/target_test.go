package target

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A queue that is not as it must be is one line that names the variable; and one
// that is calls nobody.
func TestOpenSQS(t *testing.T) {
	const paid = "https://sqs.eu-west-1.amazonaws.com/123456789012/paid"
	for says, env := range map[string]map[string]string{
		"": {},
		"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set": {"AWS_ACCESS_KEY_ID": ""},
		"IMPREST_QUEUE_URL must be the queue's":                   {"url": "paid"},
		"IMPREST_QUEUE_URL must end in the queue's name":          {"url": "https://sqs.eu-west-1.amazonaws.com/"},
		"AWS_REGION must be given, since IMPREST_QUEUE_URL names": {"url": "http://127.0.0.1:1/1/paid", "AWS_REGION": ""},
		"AWS_ENDPOINT_URL_SQS must be an address":                 {"AWS_ENDPOINT_URL_SQS": "127.0.0.1:1"},
		"IMPREST_QUEUE_URL, or AWS_ENDPOINT_URL_SQS, must begin":  {"url": "http://sqs.eu-west-1.amazonaws.com/1/paid"},
	} {
		url := paid
		for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL_SQS": ""} {
			if other, ok := env[name]; ok {
				value = other
			}
			t.Setenv(name, value)
		}
		if env["url"] != "" {
			url = env["url"]
		}
		enqueue, err := openSQS(url)
		if says == "" {
			require.NoError(t, err)
			assert.NotNil(t, enqueue)
			continue
		}
		require.Error(t, err, says)
		assert.Equal(t, says, err.Error()[:min(len(says), len(err.Error()))])
	}
	assert.NotNil(t, Linked().Queue)
}

// Both names of the scheme are in use; what is wrong is said without the password.
func TestPostgresByItsTwoNames(t *testing.T) {
	for _, kind := range []string{"postgres", "postgresql"} {
		open := Linked().Stores[kind]
		require.NotNil(t, open, kind)
		_, closing, err := open(t.Context(), "//shop:hunter2@127.0.0.1:1/shop")
		require.NoError(t, err, kind)
		assert.NoError(t, closing())
		_, _, err = open(t.Context(), "//shop:hunter2@127.0.0.1:port/shop")
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}
