package core_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestHeader(t *testing.T) {
	h := core.Header{{Name: "Set-Cookie", Value: "a=1"}, {Name: "X-Sig", Value: "v1,abc"}, {Name: "set-cookie", Value: "b=2"}}
	assert.Equal(t, []string{"a=1", "b=2"}, h.Values("SET-COOKIE"))
	assert.Equal(t, "a=1", h.Get("set-cookie"))
	assert.Equal(t, "v1,abc", h.Get("x-sig"))
	assert.Empty(t, h.Get("absent"))
	assert.Nil(t, h.Values("absent"))

	kept := append(core.Header(nil), h...)
	h.Set("set-Cookie", "c=3")
	assert.Equal(t, []string{"c=3"}, h.Values("Set-Cookie"))
	assert.Equal(t, "X-Sig", h[0].Name, "the order of the others is kept")
	assert.Equal(t, []string{"a=1", "b=2"}, kept.Values("Set-Cookie"))
	h.Add("X-Sig", "v2")
	assert.Equal(t, []string{"v1,abc", "v2"}, h.Values("X-Sig"))
	h.Del("x-SIG")
	assert.Len(t, h, 1)
}

func TestAnswers(t *testing.T) {
	resp := core.JSON(201, map[string]string{"title": "a<b>&c"})
	assert.Equal(t, 201, resp.Status)
	assert.Equal(t, `{"title":"a<b>&c"}`+"\n", string(resp.Body))
	assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	assert.Equal(t, 503, core.JSON(200, func() {}).Status, "what cannot be encoded is a fault of ours")
	assert.Equal(t, core.RefusedText, string(core.Refuse(422).Body))
	assert.Equal(t, 503, core.TryLater().Status)
}

func TestRandomText(t *testing.T) {
	text, err := core.RandomText(bytes.NewReader([]byte{0, 25, 26, 31, 32, 255}), 6)
	require.NoError(t, err)
	assert.Equal(t, "AZ27A7", text)
	_, err = core.RandomText(strings.NewReader("abc"), 4)
	assert.Equal(t, core.CodeInternal, core.CodeOf(err), "too little randomness is an error, not a shorter text")
	_, err = core.RandomText(iotest.ErrReader(assert.AnError), 4)
	assert.ErrorIs(t, err, assert.AnError)
}

func TestObserveTakesNil(t *testing.T) {
	ctx, ended := core.Observe(t.Context(), nil, core.Work{})
	assert.Equal(t, t.Context(), ctx)
	assert.NotPanics(t, func() { ended(nil) })
}
