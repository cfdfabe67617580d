package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A server with one table and one index, which takes what is said for granted.
func fakeTable(t *testing.T) *httptest.Server {
	items := map[string]item{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var input struct {
			Key, Item           item
			ConditionExpression string
		}
		if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
			t.Error(err)
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		switch operation {
		case "DescribeTable":
			fmt.Fprint(w, `{"Table":{"KeySchema":[{"AttributeName":"id"}],"GlobalSecondaryIndexes":[{"IndexName":"due","KeySchema":[{"AttributeName":"due"}],"Projection":{"ProjectionType":"ALL"}}]}}`)
		case "GetItem":
			_ = json.NewEncoder(w).Encode(map[string]item{"Item": items[string(input.Key["id"]["S"])]})
		case "PutItem":
			id := string(input.Item["id"]["S"])
			if input.ConditionExpression != "" && items[id] != nil {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}`)
				return
			}
			items[id] = input.Item
			fmt.Fprint(w, `{}`)
		case "Query":
			fmt.Fprint(w, `{"Items":[],"Count":0}`)
		default:
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestTheMeterCounts(t *testing.T) {
	m, err := openMeter(fakeTable(t).URL, outside)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	call := func(target, body string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Amz-Target", target)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	put := func(due, condition string) int {
		return call("DynamoDB_20120810.PutItem", fmt.Sprintf(`{"TableName":"t","ConditionExpression":%q,"Item":{"id":{"S":"a"},"body":{"S":%q},"due":{"N":%q}}}`, condition, strings.Repeat("x", 1100), due))
	}
	if status := put("1", "attribute_not_exists(id)"); status != http.StatusOK {
		t.Fatal(status)
	}
	put("2", "")
	if status := put("3", "attribute_not_exists(id)"); status != http.StatusBadRequest {
		t.Errorf("what the server refuses is answered %d", status)
	}
	call("DynamoDB_20120810.GetItem", `{"TableName":"t","Key":{"id":{"S":"a"}},"ConsistentRead":true}`)
	call("DynamoDB_20120810.Query", `{"TableName":"t","IndexName":"due"}`)
	call("AmazonSQS.SendMessage", `{"MessageBody":"m"}`)
	call("", `{}`)
	used, err := m.take()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := used.String(), "Deliver, GetItem, 3 PutItem, Query, SendMessage"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	// Made: 2 + 2; another due time: 2 + 4; refused: 2. A read of 1 and one of a half.
	if used.table != 6 || used.index != 6 || used.reads != 1.5 || used.failed != 1 || used.largest < 1100 || used.outside <= 0 || used.peak != 1 {
		t.Errorf("%+v", used)
	}
	// The unknown is not counted as nothing.
	call("DynamoDB_20120810.TransactWriteItems", `{"TableName":"t"}`)
	if used, err = m.take(); err == nil || used.table != 0 {
		t.Errorf("%+v: %v", used, err)
	}
}
