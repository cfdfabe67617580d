package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/internal/fleet"
	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// stage is what the functions of the table "cost" play on: DynamoDB's API behind a
// meter, which is the queue and the merchant's server too, and a platform.
type stage struct {
	meter                         *meter
	env                           []string
	dynalite                      *fleet.Store
	platform                      *testkit.Platform
	account                       testkit.Account
	now                           time.Time // of the shop that begins orders
	sales                         *purchase.Service
	payment                       core.Handler
	paycallback, reconcile, peers string // bootstraps
}

func openStage(ctx context.Context, dir string, progress io.Writer) (_ *stage, err error) {
	s := &stage{now: time.Now(), account: testkit.Account{AppID: "test", AppKey: appKey, StoreNo: "s1234"}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.build(ctx, dir, progress); err != nil {
		return nil, err
	}
	if s.dynalite, err = fleet.StartDynalite(ctx); err != nil {
		return nil, err
	}
	const endpoint = "AWS_ENDPOINT_URL_DYNAMODB="
	for _, line := range s.dynalite.Env {
		if address, ok := strings.CutPrefix(line, endpoint); ok {
			if s.meter, err = openMeter(address, outside); err != nil {
				return nil, err
			}
			line = endpoint + s.meter.url
		}
		s.env = append(s.env, line)
	}
	if s.meter == nil {
		return nil, fmt.Errorf("dynalite does not say where it is")
	}
	if s.platform, err = testkit.NewPlatform(testkit.PlatformConfig{Accounts: []testkit.Account{s.account}, Seed: 1}); err != nil {
		return nil, err
	}
	return s, s.open(ctx)
}

func (s *stage) close() {
	if s.platform != nil {
		s.platform.Close()
	}
	if s.meter != nil {
		s.meter.close()
	}
	if s.dynalite != nil {
		s.dynalite.Close()
	}
}

// outside answers for SQS and for the merchant's server.
func outside(w http.ResponseWriter, r *http.Request, body []byte) string {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.") {
		return "Deliver"
	}
	var message struct{ MessageBody string }
	_ = json.Unmarshal(body, &message) // else the sum is wrong, which the sender sees
	sum := md5.Sum([]byte(message.MessageBody))
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	fmt.Fprintf(w, `{"MessageId":"059f36b4-87a3-44ab-83d2-000000000001","MD5OfMessageBody":%q}`, hex.EncodeToString(sum[:]))
	return "SendMessage"
}

// build makes the artifacts: ours as the template does, the peers' with the flags
// that AWS names for Go.
func (s *stage) build(ctx context.Context, dir string, progress io.Writer) error {
	for target, file := range map[string]*string{"PayCallback": &s.paycallback, "Reconcile": &s.reconcile} {
		artifacts := filepath.Join(dir, target)
		if err := os.MkdirAll(artifacts, 0o700); err != nil {
			return err
		}
		make := exec.CommandContext(ctx, "make", "-s", "-f", "template/aws/Makefile", "build-"+target, "ARCH="+runtime.GOARCH, "ARTIFACTS_DIR="+artifacts)
		make.Dir, make.Stderr = "../..", progress
		if err := make.Run(); err != nil {
			return fmt.Errorf("template/aws: %w", err)
		}
		*file = filepath.Join(artifacts, "bootstrap")
	}
	s.peers = filepath.Join(dir, "peerstack")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags=-s -w", "-o", s.peers, "./peerstack")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), progress
	return build.Run()
}

// open opens the shop that begins orders, as checkout does, and makes the peers'
// table.
func (s *stage) open(ctx context.Context) error {
	cfg := dynamostore.Config{Table: "journal", Region: "eu-west-1", Endpoint: s.meter.url, Credentials: dynamostore.Environment(func(string) string { return "test" })}
	store, err := dynamostore.New(cfg)
	if err != nil {
		return err
	}
	client, err := vvchat.New(vvchat.Config{BaseURL: s.platform.URL, AppID: s.account.AppID, AppKeys: []core.Secret{s.account.AppKey}, StoreNo: s.account.StoreNo})
	if err != nil {
		return err
	}
	s.sales, err = purchase.New(purchase.Config{
		Store: store, Platform: client, Catalog: offers, Deliverer: granted{},
		NotifyURL: "https://shop.example/callbacks/payment", InlineBudget: -1, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return s.now },
	})
	if err != nil {
		return err
	}
	s.payment, err = callback.Payment(callback.Config{Apps: []callback.App{{ID: s.account.AppID, Keys: []core.Secret{s.account.AppKey}}}, Sink: s.sales})
	if err != nil {
		return err
	}
	db := dynamodb.New(dynamodb.Options{Region: cfg.Region, Credentials: cfg.Credentials, BaseEndpoint: aws.String(s.meter.target)})
	_, err = db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("events"), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
	})
	if err != nil {
		return err
	}
	return dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second }).
		Wait(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("events")}, 10*time.Second)
}

// ours is the environment of our functions, with the queue or without.
func (s *stage) ours(queue bool) []string {
	env := append([]string{
		"IMPREST_APP_ID=" + s.account.AppID, "IMPREST_APP_KEY=" + s.account.AppKey.Reveal(), "IMPREST_STORE_NO=" + s.account.StoreNo,
		"IMPREST_BASE_URL=https://platform.example", "IMPREST_NOTIFY_URL=https://shop.example/callbacks/payment",
		"IMPREST_DELIVER_URL=" + s.meter.url + "/deliveries", "IMPREST_DELIVER_KEY=" + strings.Repeat("k", 48), "IMPREST_LOG=warn",
	}, s.env...)
	if queue {
		env = append(env, "IMPREST_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/123456789012/paid", "AWS_ENDPOINT_URL_SQS="+s.meter.url)
	}
	return env
}

func (s *stage) theirs() []string {
	return append([]string{"EVENTS_TABLE=events", "APP_KEY=" + s.account.AppKey.Reveal(), "DELIVER_URL=" + s.meter.url + "/deliveries"}, s.env...)
}

// orders begins n orders, and returns their ids and what one of them took.
func (s *stage) orders(ctx context.Context, n int) (ids []string, one usage, err error) {
	if _, err := s.meter.take(); err != nil {
		return nil, usage{}, err
	}
	for range n {
		p, err := s.sales.Begin(ctx, purchase.Request{Buyer: testkit.TestUser().OpenID, OfferID: "voip-1y", Price: price})
		if err != nil {
			return nil, usage{}, err
		}
		if one, err = s.meter.take(); err != nil {
			return nil, usage{}, err
		}
		ids = append(ids, p.ID)
	}
	return ids, one, nil
}

// offers are two: a small one, and one with half a kilobyte more to remember.
var offers = purchase.Offers{
	"voip-1y": {Title: "VoIP, one year", Amount: price},
	"voip-1y-device": {
		Title: "VoIP, one year", Amount: price, Remark: "It begins at once. A week before it ends you are told, and nothing is renewed by itself.",
		Data: json.RawMessage(`{"device":"6c1d2f0a9b8e7f6a5b4c","gateway":"8e7f6a5b4c6c1d2f0a9b","home":"48213377","room":"entrance","commodity":"10024718","sku":"voip_year_1",` +
			`"catalog":"call-duration","units":12,"unit":"month","campaign":"autumn-2026","channel":"official-account","referrer":"o6_bmjrPTlm6_2sgVt7hMZOPfL2M",` +
			`"invoice":{"title":"personal","mail":"ming@example.com"},"terms":"2026-03"}`),
	},
}

// larger is what a whole sale of the larger offer takes of DynamoDB.
func (s *stage) larger(ctx context.Context) (usage, error) {
	if _, err := s.meter.take(); err != nil {
		return usage{}, err
	}
	p, err := s.sales.Begin(ctx, purchase.Request{Buyer: testkit.TestUser().OpenID, OfferID: "voip-1y-device", Price: price})
	if err != nil {
		return usage{}, err
	}
	message := s.message(p.ID)
	resp := s.payment.Handle(ctx, &core.Request{Method: "POST", Path: "/callbacks/payment", Body: message.Body, Header: core.Header{{Name: "Content-Type", Value: message.ContentType}}})
	if resp.Status != http.StatusOK {
		return usage{}, fmt.Errorf("%w: %d", errNotAcknowledged, resp.Status)
	}
	if p, err = s.sales.Advance(ctx, p.ID); err != nil || p.State != purchase.Delivered {
		return usage{}, fmt.Errorf("the purchase is %s, and not delivered: %w", p.State, err)
	}
	return s.meter.take()
}

// asked is what it takes to ask the platform about an order that is not paid yet.
func (s *stage) asked(ctx context.Context) (usage, error) {
	ids, _, err := s.orders(ctx, 1)
	if err != nil {
		return usage{}, err
	}
	begun := s.now
	defer func() { s.now = begun }()
	s.now = begun.Add(time.Minute)
	p, err := s.sales.Advance(ctx, ids[0])
	if err == nil && (p.State != purchase.Unpaid || p.Polls != 1) {
		err = fmt.Errorf("the order is %s after the platform was asked: %s", p.State, p.Reason)
	}
	if err != nil {
		return usage{}, err
	}
	return s.meter.take()
}

func (s *stage) message(id string) testkit.Message {
	return testkit.SignedPayment(testkit.PaymentFields{AppKey: s.account.AppKey, OutTradeNo: id, Amount: price})
}

// notification is the event of a payment.
func (s *stage) notification(id string) []byte {
	message := s.message(id)
	return lambdatest.Event(lambdatest.HTTPAPI, lambdatest.Request{
		Method: "POST", Path: "/callbacks/payment", Body: message.Body,
		Header: [][2]string{{"Content-Type", message.ContentType}, {"User-Agent", "vvchat"}, {"Accept", "*/*"}},
	})
}

// played is what a function took for one event, and for its start.
type played struct {
	used usage // by the last event
	// cpu and own are one event's, in milliseconds: see spent.
	cpu, own float64
	// coldCPU and coldOwn are what a start and the first event took beyond that.
	coldCPU, coldOwn float64
}

// play hands events to a function, the first of them to a process of its own. What
// the processes had of the processors is known when they have ended: so the second
// one's is the first one's and that of the other events.
func (s *stage) play(ctx context.Context, binary string, env []string, events [][]byte, fit func(answer []byte) error) (played, error) {
	var p played
	var owns []time.Duration
	life := func(events [][]byte) (cpu, start, first time.Duration, err error) {
		before := ended()
		function, err := lambdatest.Open(ctx, lambdatest.RuntimeConfig{Binary: binary, Env: env, Timeout: 29 * time.Second})
		if err != nil {
			return 0, 0, 0, err
		}
		defer function.Stop()
		for i, event := range events {
			if _, err := s.meter.take(); err != nil {
				return 0, 0, 0, err
			}
			begun := time.Now()
			answer, err := function.Invoke(ctx, event)
			took := time.Since(begun)
			if err != nil {
				return 0, 0, 0, err
			}
			if p.used, err = s.meter.take(); err != nil {
				return 0, 0, 0, err
			}
			if err := fit(answer); err != nil {
				return 0, 0, 0, fmt.Errorf("%w\n%s", err, function.Stderr())
			}
			own := took - p.used.outside
			if i == 0 {
				first = own
			} else {
				owns = append(owns, own)
			}
		}
		start = function.FirstPoll()
		function.Stop()
		return ended() - before, start, first, nil
	}
	one, start, first, err := life(events[:1])
	if err != nil {
		return played{}, err
	}
	all, _, _, err := life(events[1:])
	if err != nil {
		return played{}, err
	}
	each := (all - one) / time.Duration(len(events)-2)
	own := median(owns)
	p.cpu, p.own = milliseconds(each), milliseconds(own)
	p.coldCPU, p.coldOwn = milliseconds(one-each), milliseconds(start+first-own)
	return p, nil
}

// ended is the processor time of all processes that this one started and that have
// ended.
func ended() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// acknowledged says that a notification was answered "success".
func acknowledged(answer []byte) error {
	resp, err := lambdatest.Answer(lambdatest.HTTPAPI, answer)
	if err == nil && (resp.Status != http.StatusOK || string(resp.Body) != "success") {
		err = fmt.Errorf("%w: %d %.100s", errNotAcknowledged, resp.Status, resp.Body)
	}
	return err
}

// settled says that a batch of the queue was done.
func settled(answer []byte) error {
	failed, err := lambdatest.ReadSQSAnswer(answer)
	if err == nil && len(failed) > 0 {
		err = fmt.Errorf("a message failed")
	}
	return err
}
