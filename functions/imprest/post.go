package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// summary is what came of sending a notification many times.
type summary struct {
	Sent     int `json:"sent"`
	Answered int `json:"answered"`
	// Answers are the distinct answers, the most frequent first.
	Answers []answerCount `json:"answers"`
	// Errors are the distinct reasons why there was no answer.
	Errors []errorCount `json:"errors,omitempty"`
	// Latency is over the requests that got an answer.
	Latency latency `json:"latency"`
	TookMS  float64 `json:"took_ms"`

	// What was sent: ContentType, and Body, the exact body if it is text, else
	// BodyBase64. imprest explain reads it here.
	ContentType string `json:"content_type,omitempty"`
	Body        string `json:"body,omitempty"`
	BodyBase64  []byte `json:"body_base64,omitempty"`
}

type answerCount struct {
	Count  int    `json:"count"`
	Status int    `json:"status"`
	Body   string `json:"body"`
}

type errorCount struct {
	Count int    `json:"count"`
	Error string `json:"error"`
}

type latency struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}

// reply is what came of one request.
type reply struct {
	answer answerCount
	err    string
	took   time.Duration
}

// post sends message repeat times, at most concurrency at once, until it is
// done or ctx ends.
func (p *program) post(ctx context.Context, message testkit.Message, url string, repeat, concurrency int) summary {
	client := loopbackClient(concurrency)
	defer client.CloseIdleConnections()
	began := p.now()
	replies := make([][]reply, concurrency)
	var started, ended atomic.Int64
	tick := p.newTicker()
	defer tick.done()
	var workers sync.WaitGroup
	for i := range concurrency {
		workers.Go(func() {
			for ctx.Err() == nil && started.Add(1) <= int64(repeat) {
				r := p.postOnce(ctx, client, message, url)
				if ctx.Err() != nil && r.err != "" {
					return // it was the person who broke it off
				}
				replies[i] = append(replies[i], r)
				tick.show("%d of %d sent …", ended.Add(1), repeat)
			}
		})
	}
	workers.Wait()
	s := summarize(slices.Concat(replies...), p.now().Sub(began))
	s.ContentType = message.ContentType
	if utf8.Valid(message.Body) {
		s.Body = string(message.Body)
	} else {
		s.BodyBase64 = message.Body
	}
	return s
}

func (p *program) postOnce(ctx context.Context, client *http.Client, message testkit.Message, url string) reply {
	began := p.now()
	answer, err := message.Post(ctx, client, url)
	took := p.now().Sub(began)
	if err != nil {
		return reply{err: noAnswer(err), took: took}
	}
	return reply{answer: answerCount{Status: answer.Status, Body: shortened(string(answer.Body))}, took: took}
}

// noAnswer says why there is no answer, without the ports that would make
// every reason a different one.
func noAnswer(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "nothing came in time"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + ": " + op.Err.Error()
	}
	return reasonOf(err)
}

// shortened returns the beginning of an answer's body, as one line.
func shortened(text string) string {
	const most = 80
	text = strings.TrimRight(text, "\r\n")
	for i := range text {
		if i >= most {
			return printable(text[:i]) + "…"
		}
	}
	return printable(text)
}

func summarize(replies []reply, took time.Duration) summary {
	s := summary{Sent: len(replies), Answers: []answerCount{}, TookMS: milliseconds(took)}
	answers, failures := map[answerCount]int{}, map[string]int{}
	var times []time.Duration
	for _, r := range replies {
		if r.err != "" {
			failures[r.err]++
			continue
		}
		answers[r.answer]++
		times = append(times, r.took)
	}
	s.Answered = len(times)
	for answer, count := range answers {
		answer.Count = count
		s.Answers = append(s.Answers, answer)
	}
	slices.SortFunc(s.Answers, func(a, b answerCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Body, b.Body))
	})
	for text, count := range failures {
		s.Errors = append(s.Errors, errorCount{Count: count, Error: text})
	}
	slices.SortFunc(s.Errors, func(a, b errorCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Error, b.Error))
	})
	slices.Sort(times)
	s.Latency = latency{P50: milliseconds(percentile(times, 50)), P99: milliseconds(percentile(times, 99))}
	return s
}

// percentile returns the smallest of the sorted times that is not below n
// percent of them.
func percentile(sorted []time.Duration, n int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*n+99)/100-1]
}

// milliseconds keeps two places: what is below is noise.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)/(10*time.Microsecond)) / 100
}

func (p *program) showSummary(s summary) {
	for _, a := range s.Answers {
		text := fmt.Sprintf("%d %s", a.Status, a.Body)
		if a.Body == "" {
			text = fmt.Sprintf("%d (empty)", a.Status)
		}
		if a.isSuccess() {
			text = p.paint.green(text)
		}
		fmt.Fprintf(p.stdout, "%d × %s\n", a.Count, text)
	}
	for _, e := range s.Errors {
		fmt.Fprintf(p.stdout, "%d × %s\n", e.Count, p.paint.red("no answer: "+printable(e.Error)))
	}
	if s.Answered > 0 {
		fmt.Fprintln(p.stdout, p.paint.dim(fmt.Sprintf("p50 %.2f ms  p99 %.2f ms  all in %.2f ms", s.Latency.P50, s.Latency.P99, s.TookMS)))
	}
}

// isSuccess reports whether the platform would stop delivering.
func (a answerCount) isSuccess() bool {
	return a.Status == http.StatusOK && strings.EqualFold(a.Body, "success")
}

// isRefusal reports whether it refuses what was sent, for good.
func (a answerCount) isRefusal() bool { return a.Status >= 400 && a.Status < 500 && !a.isSuccess() }

// failure returns what makes the command fail, or nil.
func (s summary) failure(ctx context.Context, repeat int, expect string) error {
	if err := ctx.Err(); err != nil && s.Sent < repeat {
		return err
	}
	if missing := s.Sent - s.Answered; missing > 0 {
		return &core.Error{Code: core.CodeUnknown, Err: fmt.Errorf("%d of %d requests got no answer", missing, s.Sent)}
	}
	other := 0
	for _, a := range s.Answers {
		if (expect == "success" && !a.isSuccess()) || (expect == "refused" && !a.isRefusal()) {
			other += a.Count
		}
	}
	if other > 0 {
		return fmt.Errorf("%d of %d answers were not %s", other, s.Answered, expect)
	}
	return nil
}
