package vvchat_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/vvchat"
)

func TestSessionScope(t *testing.T) {
	assert.Equal(t, "sessionapi_sendmsg:IqxDpc-s6S_9RaXMmag39YVH7W810Z57:2", vvchat.SessionScope(vvchat.Session{ID: "IqxDpc-s6S_9RaXMmag39YVH7W810Z57", Type: vvchat.SessionGroup}))
	assert.Equal(t, "sessionapi_sendmsg:S1:1", vvchat.SessionScope(vvchat.Session{ID: "S1", Type: vvchat.SessionDirect}))
	for _, s := range []vvchat.Session{
		{}, {ID: "S1"}, {Type: 1}, {ID: "S1", Type: 3}, {ID: "S1", Type: -1}, {ID: "S1:2", Type: 1}, {ID: "S1 ", Type: 1},
		{ID: "S1,snsapi_userinfo", Type: 1}, {ID: strings.Repeat("S", 65), Type: 1},
	} {
		assert.Empty(t, vvchat.SessionScope(s), "%+v", s)
	}
}

// What a page posts is what the JSSDK handed it.
func TestASessionIsTheJSSDKsResult(t *testing.T) {
	var s vvchat.Session
	require.NoError(t, json.Unmarshal([]byte(`{"session_id":"IqxDpc-s6S_9RaXMmag39YVH7W810Z57","session_type":2}`), &s))
	assert.Equal(t, vvchat.Session{ID: "IqxDpc-s6S_9RaXMmag39YVH7W810Z57", Type: vvchat.SessionGroup}, s)
}
