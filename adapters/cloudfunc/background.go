package cloudfunc

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

// background is an event as functions of the first generation are sent it: from
// before there were CloudEvents. What it tells of itself stands in "context", or
// beside its data.
type background struct {
	told
	Context *told           `json:"context"`
	Data    json.RawMessage `json:"data"`
	Domain  string          `json:"domain"`
}

// told is what such an event tells of itself.
type told struct {
	EventID   string    `json:"eventId"`
	Timestamp time.Time `json:"timestamp"`
	EventType string    `json:"eventType"`
	Resource  resource  `json:"resource"`
}

// resource is a path, or a service and a path.
type resource struct {
	Service string `json:"service"`
	Name    string `json:"name"`
}

func (r *resource) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &r.Name) == nil {
		return nil
	}
	type object resource // without this method
	return json.Unmarshal(text, (*object)(r))
}

// families are the kinds of such events: by the prefix of their type, the service
// that a CloudEvent has as its source, and the new names of what happened.
var families = []struct {
	prefix, service, kind string
	names                 map[string]string
}{
	{"google.pubsub.topic.", pubsubService, "google.cloud.pubsub.topic.v1.", map[string]string{"publish": "messagePublished"}},
	{"providers/cloud.pubsub/eventTypes/topic.", pubsubService, "google.cloud.pubsub.topic.v1.", map[string]string{"publish": "messagePublished"}},
	{"google.storage.object.", storageService, "google.cloud.storage.object.v1.", map[string]string{"finalize": "finalized", "delete": "deleted", "archive": "archived", "metadataUpdate": "metadataUpdated"}},
	{"providers/cloud.storage/eventTypes/object.", storageService, "google.cloud.storage.object.v1.", map[string]string{"change": "finalized"}},
	{"providers/cloud.firestore/eventTypes/document.", firestoreService, "google.cloud.firestore.document.v1.", changes},
	{"providers/google.firebase.database/eventTypes/ref.", databaseService, "google.firebase.database.ref.v1.", changes},
	{"providers/firebase.auth/eventTypes/user.", authService, "google.firebase.auth.user.v1.", changes},
	{"providers/google.firebase.analytics/eventTypes/event.", "firebase.googleapis.com", "google.firebase.analytics.log.v1.", map[string]string{"log": "written"}},
}

var changes = map[string]string{"write": "written", "create": "created", "update": "updated", "delete": "deleted"}

const (
	pubsubService    = "pubsub.googleapis.com"
	storageService   = "storage.googleapis.com"
	firestoreService = "firestore.googleapis.com"
	databaseService  = "firebasedatabase.googleapis.com"
	authService      = "firebaseauth.googleapis.com"
)

var errNoEvent = errors.New("neither a CloudEvent, nor a Pub/Sub message, nor an event of the first generation")

// converted makes a CloudEvent of what is told of an event in the old way, as
// Google's frameworks do: see docs/mapping.md of functions-framework-conformance.
func converted(old background) (event.Event, error) {
	about := old.told
	if old.Context != nil {
		about = *old.Context
	}
	kind, service := newKind(about.EventType)
	if about.EventID == "" || kind == "" || len(old.Data) == 0 || string(old.Data) == "null" {
		return event.Event{}, errNoEvent
	}
	service = cmp.Or(about.Resource.Service, service)
	path, subject, data := about.Resource.Name, "", old.Data
	var err error
	split := func(at string) {
		before, after, ok := strings.Cut(path, at)
		if !ok || after == "" {
			err = errNoEvent
			return
		}
		path, subject = before, at[1:]+after
	}
	switch service {
	case pubsubService:
		data, err = within(data, func(message map[string]any) any {
			message["messageId"], message["publishTime"] = about.EventID, about.Timestamp
			return map[string]any{"message": message}
		})
	case storageService:
		split("/objects/")
		// An object can have a "#" in its name; behind the last one may stand its
		// generation, a number.
		if at := strings.LastIndexByte(subject, '#'); at > 0 && at+1 < len(subject) && strings.Trim(subject[at+1:], "0123456789") == "" {
			subject = subject[:at]
		}
	case firestoreService:
		split("/documents/")
	case databaseService:
		split("/refs/")
		place, _, ok := strings.Cut(old.Domain, ".")
		if !ok {
			return event.Event{}, errNoEvent
		}
		if old.Domain == "firebaseio.com" {
			place = "us-central1"
		}
		path = strings.Replace(path, "projects/_/", "projects/_/locations/"+place+"/", 1)
	case authService:
		data, err = within(data, func(user map[string]any) any {
			if uid, ok := user["uid"].(string); ok {
				subject = "users/" + uid
			}
			if times, ok := user["metadata"].(map[string]any); ok {
				rename(times, "createdAt", "createTime")
				rename(times, "lastSignedInAt", "lastSignInTime")
			}
			return user
		})
	case "firebase.googleapis.com":
		split("/events/")
	}
	if err != nil {
		return event.Event{}, err
	}
	e := event.New()
	e.SetID(about.EventID)
	e.SetType(kind)
	e.SetSource("//" + service + "/" + path)
	e.SetTime(about.Timestamp)
	if subject != "" {
		e.SetSubject(subject)
	}
	return withJSON(e, data)
}

// withJSON returns an event with the very bytes of its data, which are JSON.
func withJSON(e event.Event, data []byte) (event.Event, error) {
	if err := e.SetData(event.ApplicationJSON, data); err != nil {
		return event.Event{}, err
	}
	e.DataBase64 = false // whoever writes the event as JSON writes them as JSON
	return e, e.Validate()
}

// newKind returns the type that a CloudEvent has for an old type, and the service
// that its source is, if it is not told.
func newKind(old string) (kind, service string) {
	for _, family := range families {
		if name, ok := strings.CutPrefix(old, family.prefix); ok && family.names[name] != "" {
			return family.kind + family.names[name], family.service
		}
	}
	return "", ""
}

// within returns an object with changes, its numbers as they were.
func within(data []byte, change func(map[string]any) any) ([]byte, error) {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var members map[string]any
	if err := dec.Decode(&members); err != nil {
		return nil, err
	}
	return json.Marshal(change(members))
}

func rename(members map[string]any, old, name string) {
	if value, ok := members[old]; ok {
		members[name] = value
		delete(members, old)
	}
}
