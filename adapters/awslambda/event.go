package awslambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// kind is what an event is.
type kind string

const (
	restAPI     kind = "a request of a REST API (v1)"
	httpAPI     kind = "a request of an HTTP API (v2)"
	httpAPI1    kind = "a request of an HTTP API in payload format 1.0"
	functionURL kind = "a request of a function URL"
	alb         kind = "a request of a load balancer"
	sqsBatch    kind = "a batch of SQS messages"
	schedule    kind = "a schedule"
)

// event is as much of an event as is needed, of whatever kind. Its strings are its
// own; what is bytes is part of the payload, which is Lambda's again when the
// invocation is over.
type event struct {
	kind kind

	version                         []byte
	method, path, rawPath, rawQuery string

	context struct {
		stage, domain, connection []byte
		// elb and http are whether there is such an object.
		elb, http                bool
		httpMethod, httpSourceIP string
		identitySourceIP         string
	}
	headers, multiHeaders lines
	query, multiQuery     lines
	pool                  pool
	cookies               []string
	body                  quoted
	encoded               bool // in base64

	records []record

	source, detailType []byte

	// methodARN and routeARN are what an authorizer is asked about.
	methodARN, routeARN []byte

	// arena is where its strings are.
	arena arena
}

// record is one of a batch.
type record struct {
	source, sourceARN, messageID string

	body quoted
}

// requestMethod is the method of a request, and sourceIP who sent it, where the
// kind of event tells it.
func (e *event) requestMethod() string {
	if e.context.http {
		return e.context.httpMethod
	}
	return e.method
}

func (e *event) sourceIP() string {
	if e.context.http {
		return e.context.httpSourceIP
	}
	return e.context.identitySourceIP
}

// scan reads the members of an event, which means something only if there is no
// fault.
func (e *event) scan(payload []byte) fault {
	s := scanner{text: payload}
	e.readMembers(&s)
	if !s.end() {
		s.fail(malformed)
	}
	return s.fault
}

// read reads an event, and finds out what it is by what only its kind has.
func (e *event) read(payload []byte) error {
	switch e.scan(payload) {
	case noText:
		return errors.New("awslambda: the event holds what is no Unicode text, and could not be handed on as it was sent")
	case malformed:
		return fmt.Errorf("awslambda: the event is none that this package knows, or its members have other types: %s", shapeOf(payload))
	}
	v2 := e.context.httpMethod != ""
	v1 := e.method != ""
	batch := len(e.records) > 0
	// A rule of EventBridge, or a schedule of EventBridge Scheduler.
	timed := (string(e.source) == "aws.events" || string(e.source) == "aws.scheduler") && string(e.detailType) == "Scheduled Event"
	switch n := count(v1, v2, batch, timed); {
	case n == 0:
		return fmt.Errorf("awslambda: the event%s is none that this package knows: %s", named(" of ", string(e.source)), shapeOf(payload))
	case n > 1:
		return fmt.Errorf("awslambda: the event is of two minds, so nobody can tell what it asks: %s", shapeOf(payload))
	case (v1 || v2) && len(e.methodARN)+len(e.routeARN) > 0:
		return errors.New("awslambda: the event asks an authorizer, and a handler of requests is none: take it off the API's authorizers")
	case (v1 || v2) && len(e.context.connection) > 0:
		return errors.New("awslambda: the event is of a WebSocket, which a handler of requests cannot answer")
	case v2 && string(e.version) != "2.0", v2 && (e.multiHeaders.there || e.path != ""):
		return fmt.Errorf("awslambda: the event has fields of v1 and of v2: %s", shapeOf(payload))
	case v2 && bytes.Contains(e.context.domain, lambdaURL):
		e.kind = functionURL
	case v2:
		e.kind = httpAPI
	case v1 && (e.rawPath != "" || string(e.version) == "2.0"):
		return fmt.Errorf("awslambda: the event has fields of v1 and of v2: %s", shapeOf(payload))
	case v1 && e.context.elb:
		e.kind = alb
	case v1 && string(e.version) == "1.0": // a REST API tells no version
		e.kind = httpAPI1
	case v1:
		e.kind = restAPI
	case timed:
		e.kind = schedule
	default:
		for _, r := range e.records {
			if r.source != "aws:sqs" || r.messageID == "" {
				return fmt.Errorf("awslambda: the event has records%s, and not of SQS: %s", named(" of ", r.source), shapeOf(payload))
			}
		}
		e.kind = sqsBatch
	}
	return nil
}

// lambdaURL stands in the domain of every function URL.
var lambdaURL = []byte(".lambda-url.")

func count(facts ...bool) (n int) {
	for _, f := range facts {
		if f {
			n++
		}
	}
	return n
}

// named returns what an event says of its source, if that is a name that AWS
// gives (aws:s3, aws.ec2), and nothing that is anybody's word.
func named(before, source string) string {
	if len(source) < 5 || len(source) > 40 || source[:4] != "aws:" && source[:4] != "aws." || strings.Trim(source, "abcdefghijklmnopqrstuvwxyz0123456789.:-") != "" {
		return ""
	}
	return before + source
}

// known are the members of an event that a message may name: what else is there
// may be anybody's word.
var known = []string{
	"version", "httpMethod", "path", "rawPath", "rawQueryString", "requestContext", "headers", "multiValueHeaders", "cookies",
	"queryStringParameters", "multiValueQueryStringParameters", "body", "isBase64Encoded", "Records", "source", "detail-type", "detail",
	"routeKey", "resource",
}

// shapeOf names the members that an event has, and nothing of their content.
func shapeOf(payload []byte) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil || members == nil {
		return "it is no JSON object"
	}
	var has []string
	for _, name := range known {
		if _, ok := members[name]; ok {
			has = append(has, name)
			delete(members, name)
		}
	}
	switch {
	case len(has) == 0 && len(members) == 0:
		return "it is empty"
	case len(has) == 0:
		return fmt.Sprintf("it has %d members, and none that such an event has", len(members))
	}
	return "it has " + strings.Join(has, ", ")
}
