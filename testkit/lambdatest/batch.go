package lambdatest

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Message is one message of a batch from SQS.
type Message struct {
	// ID names the message in the function's answer. "" is an ID made of the
	// message's place in the batch.
	ID   string
	Body string
	// Attributes are the message attributes that its sender gave, all of
	// data type String.
	Attributes map[string]string
	// Received is how often the message was received, this time included.
	// 0 is 1.
	Received int
}

type sqsRecord struct {
	MessageID         string                  `json:"messageId"`
	ReceiptHandle     string                  `json:"receiptHandle"`
	Body              string                  `json:"body"`
	Attributes        map[string]string       `json:"attributes"`
	MessageAttributes map[string]sqsAttribute `json:"messageAttributes"`
	MD5OfBody         string                  `json:"md5OfBody"`
	EventSource       string                  `json:"eventSource"`
	EventSourceARN    string                  `json:"eventSourceARN"`
	AWSRegion         string                  `json:"awsRegion"`
}

type sqsAttribute struct {
	StringValue      string   `json:"stringValue"`
	StringListValues []string `json:"stringListValues"`
	BinaryListValues []string `json:"binaryListValues"`
	DataType         string   `json:"dataType"`
}

// SQS returns the event of a batch of messages from a standard queue.
func SQS(messages ...Message) []byte {
	records := make([]sqsRecord, 0, len(messages))
	for i, m := range messages {
		if m.ID == "" {
			m.ID = fmt.Sprintf("059f36b4-87a3-44ab-83d2-%012d", i+1)
		}
		sum := md5.Sum([]byte(m.Body))
		record := sqsRecord{
			MessageID: m.ID, ReceiptHandle: "AQEBwJnKyrHigUMZj6reyNlcSXMPL" + strconv.Itoa(i), Body: m.Body,
			Attributes: map[string]string{
				"ApproximateReceiveCount":          strconv.Itoa(max(m.Received, 1)),
				"SentTimestamp":                    strconv.FormatInt(example.UnixMilli(), 10),
				"SenderId":                         "AIDAIENQZJOLO23YVJ4VO",
				"ApproximateFirstReceiveTimestamp": strconv.FormatInt(example.UnixMilli()+8, 10),
			},
			MessageAttributes: map[string]sqsAttribute{},
			MD5OfBody:         hex.EncodeToString(sum[:]),
			EventSource:       "aws:sqs",
			EventSourceARN:    "arn:aws:sqs:" + region + ":" + accountID + ":imprest",
			AWSRegion:         region,
		}
		for name, value := range m.Attributes {
			record.MessageAttributes[name] = sqsAttribute{
				StringValue: value, StringListValues: []string{}, BinaryListValues: []string{}, DataType: "String",
			}
		}
		records = append(records, record)
	}
	return encode(struct {
		Records []sqsRecord `json:"Records"`
	}{records})
}

// ReadSQSAnswer reads what a function answers to a batch when the queue is
// mapped with ReportBatchItemFailures: the IDs of the messages that come again.
//
// An error means that the answer does not say that. Lambda then delivers the
// whole batch again, with one exception, which is worse: an object without
// batchItemFailures, such as an answer meant for HTTP, counts as success of
// all. Only {} and null, which Lambda documents as success, are read as such.
// Lambda also takes an ID that is not of the batch for a failure of all; the
// caller knows his IDs.
func ReadSQSAnswer(payload []byte) (failed []string, err error) {
	if bytes.Equal(bytes.TrimSpace(payload), []byte("null")) {
		return nil, nil
	}
	top, err := readObject(payload)
	if err != nil {
		return nil, fmt.Errorf("the answer to a batch: %w; lambda delivers the whole batch again", err)
	}
	for _, m := range top {
		if m.name != "batchItemFailures" {
			return nil, fmt.Errorf("the answer to a batch has a member %q: lambda knows batchItemFailures alone, and without it takes all for done", m.name)
		}
		var items []json.RawMessage
		if err := json.Unmarshal(m.raw, &items); err != nil {
			return nil, errors.New("batchItemFailures is not an array: lambda delivers the whole batch again")
		}
		for _, item := range items {
			id, err := readItem(item)
			if err != nil {
				return nil, err
			}
			failed = append(failed, id)
		}
	}
	return failed, nil
}

func readItem(item json.RawMessage) (string, error) {
	bad := errors.New(`an item of batchItemFailures is not {"itemIdentifier": "…"}: lambda delivers the whole batch again`)
	members, err := readObject(item)
	if err != nil || len(members) != 1 || members[0].name != "itemIdentifier" {
		return "", bad
	}
	id, err := readString(members[0].raw)
	if err != nil || id == "" {
		return "", bad
	}
	return id, nil
}

type scheduledEvent struct {
	Version    string    `json:"version"`
	ID         string    `json:"id"`
	DetailType string    `json:"detail-type"`
	Source     string    `json:"source"`
	Account    string    `json:"account"`
	Time       time.Time `json:"time"`
	Region     string    `json:"region"`
	Resources  []string  `json:"resources"`
	Detail     any       `json:"detail"`
}

func scheduled(at time.Time, source, resource string, detail any) []byte {
	return encode(scheduledEvent{
		Version: "0", ID: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", DetailType: "Scheduled Event", Source: source,
		Account: accountID, Time: at.UTC().Truncate(time.Second), Region: region,
		Resources: []string{resource}, Detail: detail,
	})
}

// Schedule returns the event of a scheduled EventBridge rule, as SAM's event
// type Schedule makes it.
func Schedule(at time.Time) []byte {
	return scheduled(at, "aws.events", "arn:aws:events:"+region+":"+accountID+":rule/imprest", struct{}{})
}

// Scheduler returns the event of EventBridge Scheduler without an input of its
// own, as SAM's event type ScheduleV2 makes it. Its detail is a text, "{}".
func Scheduler(at time.Time) []byte {
	return scheduled(at, "aws.scheduler", "arn:aws:scheduler:"+region+":"+accountID+":schedule/default/imprest", "{}")
}
