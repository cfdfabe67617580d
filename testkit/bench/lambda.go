package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/akrylysov/algnhsa"
	"github.com/apex/gateway/v2"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdaurl"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"github.com/imprest-go/imprest/adapters/awslambda"
	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit/bench/ridge"
	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// notified is the event that each adapter is given: an HTTP API (v2) tells of a
// notification of 400 bytes, with 12 headers.
func notified() ([]byte, error) {
	body := `{"app_id":"test","trade_no":"9rRdPiM45nlTMEKQr1GGWf4T2CBB","out_trade_no":"order-1","open_id":"pWq3Zt8vKc1RyNf6BhXu0LmEa5SgTd9J","trade_time":"1700000000",` +
		`"pay_time":"1700000030","amount":"100","status":1,"remark":"%s","sign":"78B65A8CCC0E85639AA31B7A1AB91361"}`
	body = fmt.Sprintf(body, strings.Repeat("-", 400-len(body)+len("%s")))
	event := lambdatest.Event(lambdatest.HTTPAPI, lambdatest.Request{
		Method: http.MethodPost, Path: "/callbacks/payment", Body: []byte(body),
		Header: [][2]string{
			{"Host", "pay.shop.example"}, {"Content-Type", "application/json;charset=UTF-8"}, {"User-Agent", "VVChat-Pay/1.0"}, {"Accept", "*/*"}, {"Accept-Encoding", "gzip, deflate, br"},
			{"Cache-Control", "no-cache"}, {"X-Request-Id", "0b0e2a4c-6c1f-4f0a-8f55-1d2c3b4a5968"},
		},
	})
	// As a gateway sends it, without the blanks.
	var text bytes.Buffer
	if err := json.Compact(&text, event); err != nil {
		return nil, err
	}
	var told struct {
		Headers map[string]string
		Body    string
	}
	if err := json.Unmarshal(text.Bytes(), &told); err != nil {
		return nil, err
	}
	if len(told.Headers) != 12 || len(told.Body) != 400 {
		return nil, fmt.Errorf("an event with %d headers and %d bytes of body", len(told.Headers), len(told.Body))
	}
	return text.Bytes(), nil
}

const success = "success"

// Each handler reads the body and answers the same text.
var (
	coreHandler = core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
		if len(r.Body) != 400 {
			return core.Refuse(http.StatusBadRequest)
		}
		return core.Text(http.StatusOK, success)
	})
	httpHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || len(body) != 400 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, success)
	})
)

// least is what every adapter has to know of an event, at least.
type least struct {
	RawPath        string `json:"rawPath"`
	Body           string `json:"body"`
	RequestContext struct {
		HTTP struct {
			Method string `json:"method"`
		} `json:"http"`
	} `json:"requestContext"`
}

// Ours, with a context that ends, as on Lambda, and with one that does not.
const (
	guarded   = "imprest, core handler"
	unguarded = "imprest, core handler, no end"
)

var errNoAnswer = errors.New("the event was not read, or the handler's answer did not arrive")

// adapters measures what lies between the bytes of an event and those of its answer.
func adapters(ctx context.Context, progress io.Writer) (table, error) {
	const turns = 25
	say(progress, "lambda: %d rounds", turns)
	event, err := notified()
	if err != nil {
		return table{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute) // as on Lambda, the context has an end
	defer cancel()
	var all []contender
	invoked := func(name string, ctx context.Context, invoke func(context.Context, []byte) ([]byte, error)) {
		var answer []byte
		if err == nil {
			answer, err = invoke(ctx, event)
		}
		if err == nil {
			var got lambdatest.Response
			got, err = lambdatest.Answer(lambdatest.HTTPAPI, answer)
			if err == nil && (got.Status != http.StatusOK || string(got.Body) != success) {
				err = fmt.Errorf("%s: %w", name, errNoAnswer)
			}
		}
		all = append(all, contender{name, func() error {
			_, err := invoke(ctx, event)
			return err
		}})
	}
	all = append(all,
		contender{"floor: json.Valid", func() error {
			if !json.Valid(event) {
				return errNoAnswer
			}
			return nil
		}},
		contender{"floor: json.Unmarshal of 3 members", func() error {
			var e least
			return json.Unmarshal(event, &e)
		}},
	)
	invoked(guarded, ctx, awslambda.Wrap(coreHandler).Invoke)
	invoked(unguarded, context.Background(), awslambda.Wrap(coreHandler).Invoke)
	invoked("imprest, net/http handler", ctx, awslambda.Wrap(nethttp.FromHTTP(httpHandler)).Invoke)
	invoked("ridgenative", ctx, ridge.Invoke(httpHandler))
	invoked("algnhsa", ctx, algnhsa.New(httpHandler, nil).Invoke)
	invoked("apex/gateway", ctx, gateway.NewGateway(httpHandler).Invoke)
	invoked("aws-lambda-go-api-proxy", ctx, lambda.NewHandler(httpadapter.NewV2(httpHandler).ProxyWithContext).Invoke)
	if err != nil {
		return table{}, err
	}
	// lambdaurl streams its answer, in a form of its own.
	streamed := lambda.NewHandler(lambdaurl.Wrap(httpHandler)).Invoke
	answer, err := streamed(ctx, event)
	if err != nil || !bytes.HasSuffix(answer, []byte(success)) {
		return table{}, fmt.Errorf("lambdaurl: %w", errors.Join(err, errNoAnswer))
	}
	all = append(all, contender{"lambdaurl", func() error {
		_, err := streamed(ctx, event)
		return err
	}})

	found, err := measure(turns, all)
	if err != nil {
		return table{}, err
	}
	named := map[string]figures{}
	for _, f := range found {
		named[f.name] = f
	}
	ours := named[unguarded]
	t := table{
		title:   "Lambda: an event in, an answer out",
		columns: []string{"adapter", "processor, µs", "allocations", "bytes", "× ours"},
		notes: []string{fmt.Sprintf("An event of an HTTP API (v2) with 12 headers and a JSON body of 400 bytes, %d bytes in all, to a handler that reads the body and answers 7 bytes; %d rounds in turns, medians, processor time of the whole process. ", len(event), turns) +
			"The context has an end, as on Lambda: where there is one, ours starts a timer and a goroutine, so that an answer leaves in time whatever the handler does; no other guards it. " +
			"× ours is to that without an end, which does what the others do; on idle processors, waking them is most of what the goroutine costs. " +
			"ridgenative exports no entry for one event: its own functions are called, without its client of the Runtime API. lambdaurl streams: its answer is read to the end."},
	}
	for _, f := range found {
		t.rows = append(t.rows, []string{f.name, fmt.Sprintf("%.2f", f.ns/1000), fmt.Sprintf("%.0f", f.allocs), fmt.Sprintf("%.0f", f.bytes), fmt.Sprintf("%.2f", f.over(ours))})
	}
	for _, b := range []struct {
		peer  string
		limit float64
	}{{"ridgenative", 5}, {"algnhsa", 5}, {"aws-lambda-go-api-proxy", 7}} {
		t.bars = append(t.bars, bar{what: "an event and its answer: " + b.peer + ", × ours", value: named[b.peer].over(ours), limit: b.limit, least: true})
	}
	t.bars = append(t.bars, bar{what: "an event and its answer: our allocations, with an end", value: named[guarded].allocs, limit: 12})
	return t, nil
}
