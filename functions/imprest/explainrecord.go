package main

import (
	"bytes"
	"encoding/json"
	"strings"
)

// recordedBody reads what a record holds in the place of the record itself.
func recordedBody(b body, contentTypeGiven bool) (inner body, recorded bool, err error) {
	if inner, recorded = fromRecord(b, contentTypeGiven); recorded {
		return inner, true, nil
	}
	if first, rest, more := bytes.Cut(b.bytes, []byte("\n")); more && len(bytes.TrimSpace(rest)) > 0 {
		if _, several := fromRecord(body{bytes: first}, true); several {
			return b, false, usage("these are several records of notifications: give one line of them, such as the last: tail -n 1 FILE | imprest explain")
		}
	}
	return b, false, nil
}

// fromRecord returns the body that a line of listen, resend or send holds, where
// b is one: what a person has at hand when he asks why it was refused. No message
// looks like one: a list has no place in a signed body.
func fromRecord(b body, contentTypeGiven bool) (inner body, ok bool) {
	var line struct {
		notice
		summaryMarks
	}
	if json.Unmarshal(b.bytes, &line) != nil {
		return b, false
	}
	isNotice := line.ID != "" && line.Method != "" && line.To != ""
	isSummary := line.Sent != nil && line.Answers != nil
	message := line.message()
	if !isNotice && !isSummary || len(message.Body) == 0 {
		return b, false
	}
	inner = body{bytes: message.Body, contentType: b.contentType}
	if contentTypeGiven {
		return inner, true
	}
	inner.contentType = line.ContentType
	for _, h := range message.Header {
		if strings.EqualFold(h.Name, "Content-Type") {
			inner.contentType = h.Value
		}
	}
	return inner, true
}

// summaryMarks are the fields that tell a summary of send.
type summaryMarks struct {
	Sent        *int            `json:"sent"`
	Answers     json.RawMessage `json:"answers"`
	ContentType string          `json:"content_type"`
}

// mediaName is a Content-Type as a person is told of it.
func mediaName(contentType string) string {
	if contentType == "" {
		return "no Content-Type"
	}
	return printable(contentType)
}
