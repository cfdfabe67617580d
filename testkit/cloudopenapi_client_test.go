package testkit_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/tuya"
	"github.com/imprest-go/imprest/testkit"
)

func openAPIClient(t *testing.T, c *testkit.Cloud) *tuya.Client {
	t.Helper()
	project := testkit.TestProject()
	client, err := tuya.New(tuya.Config{ClientID: project.ClientID, Secret: project.Secret, BaseURL: c.OpenAPIURL(), Lang: "zh", Now: c.Clock.Now})
	require.NoError(t, err)
	return client
}

// The library's client, which shares no line with the fake, is understood.
func TestTheLibrarysClientIsUnderstood(t *testing.T) {
	c := testkit.StartCloud(t, testkit.CloudConfig{})
	client := openAPIClient(t, c)
	for _, r := range []tuya.Request{
		{Method: "POST", Path: "/v1.0/m/ecm/am/spu/list", Body: map[string]any{"input": map[string]any{"bindingObjectCode": "<&>名", "bindingObjectType": 1, "catalogCode": testkit.CatalogVoIP}}},
		{Method: "POST", Path: "/v1.0/m/ecm/am/credential/list", Body: map[string]any{"input": map[string]any{"objectIds": []string{testkit.TestDoorbell().ID}, "objectType": 1}}},
		{Method: "GET", Path: "/v1.0/homes/" + testkit.TestHome().ID + "/devices", Query: url.Values{"odd": {"a b/c名"}, "a": {"1"}},
			Headers: []tuya.Header{{Name: "area_id", Value: "1"}, {Name: "call_id", Value: "a:b"}}},
	} {
		result, err := client.Do(t.Context(), r)
		require.NoError(t, err, r.Path)
		var list []map[string]any
		require.NoError(t, json.Unmarshal(result, &list))
		assert.NotEmpty(t, list, r.Path)
	}

	// A token that ended is refreshed, one that was taken back replaced.
	home := tuya.Request{Method: "GET", Path: "/v1.0/homes/" + testkit.TestHome().ID + "/devices", Reads: true}
	calls := func() (calls []testkit.Call) {
		for _, e := range c.Requests() {
			calls = append(calls, e.Call)
		}
		return calls
	}
	before := len(calls())
	c.Clock.Advance(2 * time.Hour)
	_, err := client.Do(t.Context(), home)
	require.NoError(t, err)
	c.RevokeTokens(testkit.TestProject().ClientID)
	_, err = client.Do(t.Context(), home)
	require.NoError(t, err)
	c.Inject(testkit.Fault{Kind: testkit.FaultTokenExpired, Call: testkit.CallHomeDevices})
	_, err = client.Do(t.Context(), home)
	require.NoError(t, err)
	assert.Equal(t, []testkit.Call{
		testkit.CallOpenAPIRefresh, testkit.CallHomeDevices,
		testkit.CallHomeDevices, testkit.CallOpenAPIToken, testkit.CallHomeDevices,
		testkit.CallHomeDevices, testkit.CallOpenAPIToken, testkit.CallHomeDevices,
	}, calls()[before:])

	c.Inject(testkit.Fault{Kind: testkit.FaultErrorCode, Code: "28841106"})
	_, err = client.Do(t.Context(), home)
	refused, ok := errors.AsType[*tuya.RemoteError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, tuya.ClassAccess, refused.Class)
	assert.Len(t, refused.TID, 32)
}

func TestManyOfTheLibrarysClients(t *testing.T) {
	c := testkit.StartCloud(t, testkit.CloudConfig{})
	client := openAPIClient(t, c)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			_, err := client.Do(t.Context(), tuya.Request{Method: "GET", Path: "/v1.0/homes/" + testkit.TestHome().ID + "/devices"})
			assert.NoError(t, err)
		})
	}
	all.Wait()
	assert.Len(t, c.Requests(), 33, "one token for all")
}
