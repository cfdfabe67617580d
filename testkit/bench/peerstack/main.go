// Command peerstack is the function that the usual parts make: what many a
// merchant has, and what the table "cost" has beside ours. aws-lambda-go-api-proxy
// brings the event to a net/http handler; the notification is read by
// encoding/json into a map, and its signature made anew from sorted pairs; a table
// of events seen, by the SDK's client with LoadDefaultConfig, keeps duplicates
// away: one conditional PutItem before the goods are granted, one UpdateItem after.
//
// What it does not do is in COST.md.
package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
)

// keepFor is how long an event is remembered.
const keepFor = 90 * 24 * time.Hour

type shop struct {
	db         *dynamodb.Client
	table      string
	key        string
	deliverURL string
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	s := &shop{db: dynamodb.NewFromConfig(cfg), table: os.Getenv("EVENTS_TABLE"), key: os.Getenv("APP_KEY"), deliverURL: os.Getenv("DELIVER_URL")}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /callbacks/payment", s.payment)
	lambda.Start(httpadapter.NewV2(mux).ProxyWithContext)
}

func (s *shop) payment(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	fields, err := verify(body, s.key)
	if err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	if fields["status"] == "1" {
		if err := s.once(r.Context(), fields); err != nil {
			log.Print(err)
			http.Error(w, "try later", http.StatusInternalServerError)
			return
		}
	}
	_, _ = io.WriteString(w, "success")
}

// verify reads a notification and checks its signature by the published rule.
func verify(body []byte, key string) (map[string]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var message map[string]any
	if err := decoder.Decode(&message); err != nil {
		return nil, err
	}
	fields := map[string]string{}
	var names []string
	for name, value := range message {
		text := fmt.Sprint(value)
		fields[name] = text
		if name != "sign" && text != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var canonical strings.Builder
	for _, name := range names {
		canonical.WriteString(name + "=" + fields[name] + "&")
	}
	canonical.WriteString("key=" + key)
	sum := md5.Sum([]byte(canonical.String()))
	if !strings.EqualFold(hex.EncodeToString(sum[:]), fields["sign"]) {
		return nil, errors.New("the signature does not hold")
	}
	return fields, nil
}

// once grants what was paid, unless the event was seen before.
func (s *shop) once(ctx context.Context, fields map[string]string) error {
	id := &types.AttributeValueMemberS{Value: fields["trade_no"]}
	now := time.Now()
	_, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, ConditionExpression: aws.String("attribute_not_exists(id)"),
		Item: map[string]types.AttributeValue{
			"id":           id,
			"out_trade_no": &types.AttributeValueMemberS{Value: fields["out_trade_no"]},
			"amount":       &types.AttributeValueMemberN{Value: fields["amount"]},
			"open_id":      &types.AttributeValueMemberS{Value: fields["open_id"]},
			"status":       &types.AttributeValueMemberS{Value: "INPROGRESS"},
			"received":     &types.AttributeValueMemberS{Value: now.UTC().Format(time.RFC3339)},
			"expires":      &types.AttributeValueMemberN{Value: strconv.FormatInt(now.Add(keepFor).Unix(), 10)},
		},
	})
	var seen *types.ConditionalCheckFailedException
	if errors.As(err, &seen) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.deliver(ctx, fields); err != nil {
		return err
	}
	_, err = s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: map[string]types.AttributeValue{"id": id},
		UpdateExpression:          aws.String("SET #s = :done"),
		ExpressionAttributeNames:  map[string]string{"#s": "status"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":done": &types.AttributeValueMemberS{Value: "COMPLETED"}},
	})
	return err
}

// deliver asks the merchant's server to grant the goods.
func (s *shop) deliver(ctx context.Context, fields map[string]string) error {
	body, err := json.Marshal(map[string]string{"id": fields["out_trade_no"], "amount": fields["amount"], "trade_no": fields["trade_no"]})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.deliverURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the merchant's server answers %d", resp.StatusCode)
	}
	return nil
}
