package awslambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
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

// event is as much of an event as is needed, of whatever kind.
type event struct {
	kind kind

	Version        string `json:"version"`
	HTTPMethod     string `json:"httpMethod"`
	Path           string `json:"path"`
	RawPath        string `json:"rawPath"`
	RawQueryString string `json:"rawQueryString"`
	RequestContext struct {
		Stage        string          `json:"stage"`
		DomainName   string          `json:"domainName"`
		ConnectionID string          `json:"connectionId"`
		ELB          json.RawMessage `json:"elb"`
		Identity     struct {
			SourceIP string `json:"sourceIp"`
		} `json:"identity"`
		HTTP *struct {
			Method   string `json:"method"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
	} `json:"requestContext"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Cookies           []string            `json:"cookies"`
	Query             map[string]string   `json:"queryStringParameters"`
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`

	Records []struct {
		EventSource    string `json:"eventSource"`
		EventSourceARN string `json:"eventSourceARN"`
		MessageID      string `json:"messageId"`
		Body           string `json:"body"`
	} `json:"Records"`

	Source     string `json:"source"`
	DetailType string `json:"detail-type"`

	// MethodARN and RouteARN are what an authorizer is asked about.
	MethodARN string `json:"methodArn"`
	RouteARN  string `json:"routeArn"`
}

// readEvent reads an event, and finds out what it is by what only its kind has.
func readEvent(payload []byte) (*event, error) {
	if !isText(payload) {
		return nil, errors.New("awslambda: the event holds what is no Unicode text, and could not be handed on as it was sent")
	}
	e := new(event)
	if err := json.Unmarshal(payload, e); err != nil {
		// The error of encoding/json could quote what is in the event.
		return nil, fmt.Errorf("awslambda: the event is none that this package knows, or its members have other types: %s", shapeOf(payload))
	}
	v2 := e.RequestContext.HTTP != nil && e.RequestContext.HTTP.Method != ""
	v1 := e.HTTPMethod != ""
	batch := len(e.Records) > 0
	// A rule of EventBridge, or a schedule of EventBridge Scheduler.
	timed := (e.Source == "aws.events" || e.Source == "aws.scheduler") && e.DetailType == "Scheduled Event"
	switch n := count(v1, v2, batch, timed); {
	case n == 0:
		return nil, fmt.Errorf("awslambda: the event%s is none that this package knows: %s", named(" of ", e.Source), shapeOf(payload))
	case n > 1:
		return nil, fmt.Errorf("awslambda: the event is of two minds, so nobody can tell what it asks: %s", shapeOf(payload))
	case (v1 || v2) && (e.MethodARN != "" || e.RouteARN != ""):
		return nil, errors.New("awslambda: the event asks an authorizer, and a handler of requests is none: take it off the API's authorizers")
	case (v1 || v2) && e.RequestContext.ConnectionID != "":
		return nil, errors.New("awslambda: the event is of a WebSocket, which a handler of requests cannot answer")
	case v2 && e.Version != "2.0", v2 && (e.MultiValueHeaders != nil || e.Path != ""):
		return nil, fmt.Errorf("awslambda: the event has fields of v1 and of v2: %s", shapeOf(payload))
	case v2 && strings.Contains(e.RequestContext.DomainName, ".lambda-url."):
		e.kind = functionURL
	case v2:
		e.kind = httpAPI
	case v1 && (e.RawPath != "" || e.Version == "2.0"):
		return nil, fmt.Errorf("awslambda: the event has fields of v1 and of v2: %s", shapeOf(payload))
	case v1 && len(e.RequestContext.ELB) > 0 && string(e.RequestContext.ELB) != "null":
		e.kind = alb
	case v1 && e.Version == "1.0": // a REST API tells no version
		e.kind = httpAPI1
	case v1:
		e.kind = restAPI
	case timed:
		e.kind = schedule
	default:
		for _, r := range e.Records {
			if r.EventSource != "aws:sqs" || r.MessageID == "" {
				return nil, fmt.Errorf("awslambda: the event has records%s, and not of SQS: %s", named(" of ", r.EventSource), shapeOf(payload))
			}
		}
		e.kind = sqsBatch
	}
	return e, nil
}

// isText reports whether JSON is UTF-8, and its escapes have no half of a
// character: encoding/json reads U+FFFD there, and says nothing.
func isText(payload []byte) bool {
	if !utf8.Valid(payload) {
		return false
	}
	for i := 0; i < len(payload); i++ {
		if payload[i] != '\\' {
			continue
		}
		i++ // what is escaped
		half, ok := surrogate(payload, i)
		if !ok {
			continue
		}
		if i+5 >= len(payload) || payload[i+5] != '\\' {
			return false
		}
		other, ok := surrogate(payload, i+6)
		if !ok || utf16.DecodeRune(half, other) == utf8.RuneError {
			return false
		}
		i += 10
	}
	return true
}

// surrogate returns the half of a character that the u of an escape at i stands
// for.
func surrogate(payload []byte, i int) (rune, bool) {
	if i+5 > len(payload) || payload[i] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(string(payload[i+1:i+5]), 16, 16)
	return rune(code), err == nil && utf16.IsSurrogate(rune(code))
}

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
