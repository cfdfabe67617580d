package sqsqueue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/adapters/sqsqueue"
)

// A function that takes notifications hands what is paid to a queue. Here SQS is
// a server on loopback; without Endpoint it is the one that URL names.
func ExampleNew() {
	sqs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var message struct{ MessageBody string }
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			log.Print(err)
		}
		fmt.Println(r.Header.Get("X-Amz-Target"), message.MessageBody)
		fmt.Fprint(w, taken(message.MessageBody))
	}))
	defer sqs.Close()
	environment := map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}

	queue, err := sqsqueue.New(sqsqueue.Config{
		URL:         "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/paid",
		Credentials: dynamostore.Environment(func(name string) string { return environment[name] }), // os.Getenv on Lambda
		Endpoint:    sqs.URL,
	})
	if err != nil {
		log.Fatal(err)
	}
	// purchase.Config{Enqueue: queue.Enqueue} calls it for whatever was paid.
	fmt.Println(queue.Enqueue(context.Background(), "8f0c2d"))
	// Output:
	// AmazonSQS.SendMessage {"id":"8f0c2d"}
	// <nil>
}
