package cloudfunc_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/cloudfunc"
)

// Events of the first generation are made CloudEvents as the framework makes them.
func TestEventsOfTheFirstGeneration(t *testing.T) {
	got := map[string]string{}
	keep := func(name string) func(context.Context, event.Event) error {
		return cloudfunc.Events(cloudfunc.EventConfig{Event: func(_ context.Context, e event.Event) error {
			text, err := json.Marshal(e)
			got[name] = string(text)
			return err
		}})
	}
	plain := map[string]string{"Content-Type": "application/json"}
	theirs, ours := byTheFramework(t, keep("framework")), serveEvents(t, keep("own"))
	const about = `"eventId":"aaaaaa-1111","timestamp":"2020-09-29T11:32:00.123Z"`
	for name, tt := range map[string]struct{ body, source, subject string }{
		"Pub/Sub": {`{"context":{` + about + `,"eventType":"google.pubsub.topic.publish","resource":{"service":"pubsub.googleapis.com","name":"projects/p/topics/t","type":"type.googleapis.com/google.pubsub.v1.PubsubMessage"}},"data":{"@type":"type.googleapis.com/google.pubsub.v1.PubsubMessage","attributes":{"a":"b"},"data":"dGVzdA=="}}`,
			"//pubsub.googleapis.com/projects/p/topics/t", ""},
		"Pub/Sub, without a context": {`{` + about + `,"eventType":"providers/cloud.pubsub/eventTypes/topic.publish","resource":"projects/p/topics/t","data":{"data":"AQIDBA=="}}`,
			"//pubsub.googleapis.com/projects/p/topics/t", ""},
		"Storage": {`{"context":{` + about + `,"eventType":"google.storage.object.finalize","resource":{"service":"storage.googleapis.com","name":"projects/_/buckets/b/objects/folder/Test.cs","type":"storage#object"}},"data":{"bucket":"b","name":"folder/Test.cs","size":"352","metadata":{"k":"<é>"}}}`,
			"//storage.googleapis.com/projects/_/buckets/b", "objects/folder/Test.cs"},
		"Storage, by its path": {`{` + about + `,"eventType":"providers/cloud.storage/eventTypes/object.change","resource":"projects/_/buckets/b/objects/x","data":{"bucket":"b"}}`,
			"//storage.googleapis.com/projects/_/buckets/b", "objects/x"},
		"Firestore": {`{` + about + `,"eventType":"providers/cloud.firestore/eventTypes/document.write","params":{"doc":"2Vm2"},"resource":"projects/p/databases/(default)/documents/gcf-test/2Vm2","data":{"oldValue":{},"value":{"fields":{"d":{"doubleValue":5.5},"n":{"nullValue":null}}}}}`,
			"//firestore.googleapis.com/projects/p/databases/(default)", "documents/gcf-test/2Vm2"},
		"a database": {`{"auth":{"admin":true},"domain":"firebaseio.com",` + about + `,"eventType":"providers/google.firebase.database/eventTypes/ref.write","params":{"child":"xyz"},"resource":"projects/_/instances/i/refs/gcf-test/xyz","data":{"data":null,"delta":{"grandchild":"other"}}}`,
			"//firebasedatabase.googleapis.com/projects/_/locations/us-central1/instances/i", "refs/gcf-test/xyz"},
		"a database elsewhere": {`{"domain":"europe-west1.firebasedatabase.app",` + about + `,"eventType":"providers/google.firebase.database/eventTypes/ref.delete","resource":"projects/_/instances/i/refs/a","data":{"data":10,"delta":null}}`,
			"//firebasedatabase.googleapis.com/projects/_/locations/europe-west1/instances/i", "refs/a"},
		"a user": {`{` + about + `,"eventType":"providers/firebase.auth/eventTypes/user.create","resource":"projects/p","notSupported":{},"data":{"email":"test@nowhere.com","metadata":{"createdAt":"2020-05-26T10:42:27Z","lastSignedInAt":"2020-10-24T11:00:00Z"},"providerData":[{"uid":"x"}],"uid":"UUpby3s4"}}`,
			"//firebaseauth.googleapis.com/projects/p", "users/UUpby3s4"},
		"analytics": {`{` + about + `,"eventType":"providers/google.firebase.analytics/eventTypes/event.log","resource":"projects/p/events/session_start","data":{"eventDim":[{"date":"20200430","name":"session_start"}],"userDim":{"appInfo":{"appId":"1"}}}}`,
			"//firebase.googleapis.com/projects/p", "events/session_start"},
	} {
		clear(got)
		status, _ := post(t, theirs, plain, tt.body)
		require.Equal(t, 200, status, name)
		status, _ = post(t, ours, plain, tt.body)
		require.Equal(t, 204, status, name)
		require.NotEmpty(t, got["framework"], name)
		assert.JSONEq(t, got["framework"], got["own"], name)
		var e event.Event
		require.NoError(t, json.Unmarshal([]byte(got["own"]), &e), name)
		assert.Equal(t, []string{"aaaaaa-1111", tt.source, tt.subject}, []string{e.ID(), e.Source(), e.Subject()}, name)
	}
	// An event is the same whoever receives it, in whatever form.
	for name, form := range map[string]func(kind, data string) (map[string]string, string){"binary": binary, "structured": structured} {
		header, body := form("google.cloud.storage.object.v1.finalized", `{"a":[1,2.5,null,true,"<é>"]}`)
		header["Ce-Extension"] = "e"
		for _, url := range []string{theirs, ours} {
			_, _ = post(t, url, header, body)
		}
		assert.JSONEq(t, got["framework"], got["own"], name)
		assert.Contains(t, got["own"], `"data":`, name)
	}
	_, _ = post(t, ours, plain, message("x", ""))
	assert.Contains(t, got["own"], `"data":{"message":{`, "what is pushed is JSON")
	// Google's page on the mapping takes the generation off an object's name; the
	// framework does not.
	for name, want := range map[string]string{"folder/a%23#1588778055917163": "objects/folder/a%23", "a#b": "objects/a#b", "a#": "objects/a#"} {
		_, _ = post(t, ours, plain, `{`+about+`,"eventType":"google.storage.object.delete","resource":{"name":"projects/_/buckets/b/objects/`+name+`"},"data":{}}`)
		var e event.Event
		require.NoError(t, json.Unmarshal([]byte(got["own"]), &e), name)
		assert.Equal(t, want, e.Subject())
	}
	clear(got)
	for name, body := range map[string]string{
		"no id":          `{"eventType":"google.pubsub.topic.publish","resource":"projects/p/topics/t","data":{}}`,
		"no data":        `{` + about + `,"eventType":"google.pubsub.topic.publish","resource":"projects/p/topics/t"}`,
		"data is null":   `{` + about + `,"eventType":"google.pubsub.topic.publish","resource":"projects/p/topics/t","data":null}`,
		"data is text":   `{` + about + `,"eventType":"google.pubsub.topic.publish","resource":"projects/p/topics/t","data":"x"}`,
		"a type of ours": `{` + about + `,"eventType":"google.pubsub.topic.nothing","resource":"projects/p/topics/t","data":{}}`,
		"no object":      `{` + about + `,"eventType":"google.storage.object.finalize","resource":"projects/_/buckets/b","data":{}}`,
		"no domain":      `{` + about + `,"eventType":"providers/google.firebase.database/eventTypes/ref.write","resource":"projects/_/instances/i/refs/a","data":{}}`,
		"no resource":    `{` + about + `,"eventType":"providers/cloud.firestore/eventTypes/document.write","data":{}}`,
		"a time":         `{"eventId":"1","timestamp":"yesterday","eventType":"google.pubsub.topic.publish","data":{}}`,
	} {
		status, _ := post(t, ours, plain, body)
		assert.Equal(t, 400, status, name)
	}
	assert.Empty(t, got)
}

// A message of the first generation is a message.
func TestAMessageOfTheFirstGeneration(t *testing.T) {
	var k took
	url := serveEvents(t, cloudfunc.Events(k.config()))
	for _, attributes := range []string{`{}`, `{"tick":""}`} {
		status, _ := post(t, url, map[string]string{"Content-Type": "application/json"},
			`{"context":{"eventId":"1","timestamp":"2020-09-29T11:32:00Z","eventType":"google.pubsub.topic.publish","resource":{"service":"pubsub.googleapis.com","name":"projects/p/topics/t"}},"data":{"attributes":`+attributes+`,"data":"dGVzdA=="}}`)
		assert.Equal(t, 204, status)
	}
	assert.Equal(t, []string{"test"}, k.bodies)
	assert.Equal(t, 1, k.ticks)
}
