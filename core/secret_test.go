package core_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestSecretNeverPrints(t *testing.T) {
	const text = "s3cr3t-t3xt"
	secret := core.NewSecret(text)
	type account struct {
		Key     core.Secret
		private core.Secret
		Nested  map[string][]core.Secret
		Any     any
	}
	holder := account{Key: secret, private: secret, Nested: map[string][]core.Secret{"x": {secret}}, Any: secret}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%p", "%U", "%e"} {
		fmt.Fprintf(&out, verb+"\n", secret)
		fmt.Fprintf(&out, verb+"\n", &secret)
		fmt.Fprintf(&out, verb+"\n", holder)
		fmt.Fprintf(&out, verb+"\n", &holder)
	}
	fmt.Fprintln(&out, secret, holder, holder.private, fmt.Errorf("wrapped: %w %v", assert.AnError, secret))
	encoded, err := json.Marshal(holder)
	require.NoError(t, err)
	out.Write(encoded)
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("x", "secret", secret, "holder", holder, "pointer", &secret)
	}
	assert.NotContains(t, out.String(), text)
	assert.NotContains(t, out.String(), fmt.Sprintf("%x", text))
	assert.Contains(t, out.String(), "***")
}

func TestSecretKeepsItsText(t *testing.T) {
	var s core.Secret
	assert.True(t, s.IsZero())
	assert.Empty(t, s.Reveal())
	assert.Empty(t, s.String(), "an empty secret hides nothing")
	require.NoError(t, json.Unmarshal([]byte(`"k"`), &s))
	assert.Equal(t, "k", s.Reveal())
	assert.True(t, s.Equal(core.NewSecret("k")))
	assert.False(t, s.Equal(core.NewSecret("K")))
	assert.False(t, s.Equal(core.Secret{}))
	assert.True(t, core.NewSecret("").IsZero())
	assert.Len(t, core.Secrets("a", "b"), 2)
}

func ExampleSecret() {
	key := core.NewSecret("192006250b4c09247ec02edce69f6a2d")
	fmt.Println(key, len(key.Reveal()))
	fmt.Printf("%+v\n", struct{ AppKey core.Secret }{key})
	// Output:
	// *** 32
	// {AppKey:***}
}
