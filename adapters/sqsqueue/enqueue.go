package sqsqueue

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/imprest-go/imprest/core"
)

const op = "sqsqueue.Enqueue"

// maxAnswer is the most that is read of an answer: those of SQS to this call are
// below 1 KiB.
const maxAnswer = 64 << 10

// sendMessage is the input of SQS's SendMessage.
type sendMessage struct {
	QueueURL string `json:"QueueUrl"`
	Body     string `json:"MessageBody"`
	Group    string `json:"MessageGroupId,omitempty"`
	Dedup    string `json:"MessageDeduplicationId,omitempty"`
}

// Enqueue puts {"id": id} into the queue: it fits purchase.Config.Enqueue. nil
// means that SQS has the message.
//
// Its errors: core.CodeInvalid for an id that is not 1 to 128 bytes from ! to ~;
// core.CodeBusy, throttled; core.CodeRefused, which stays so until somebody
// changes the queue, the role or the credentials; core.CodeUnreached;
// core.CodeUnknown, where the message may be in the queue. core.Retryable is true
// for busy, unreached and unknown ones: a second message does no harm.
func (q *Queue) Enqueue(ctx context.Context, id string) (err error) {
	if !isName(id) {
		return core.Invalid(op, "the id of a purchase has 1 to 128 bytes from ! to ~")
	}
	ctx, ended := core.Observe(ctx, q.observer, core.Work{Kind: "call", Name: op, Subject: id})
	defer func() { ended(err) }()
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	body, err := json.Marshal(struct {
		ID string `json:"id"`
	}{id})
	if err != nil {
		return failed(core.CodeInternal, err)
	}
	req, err := q.request(ctx, id, string(body))
	if err != nil {
		return err
	}
	status, header, answer, err := q.call(ctx, req)
	if err != nil {
		return err
	}
	if status >= http.StatusMultipleChoices {
		return refused(status, header, answer)
	}
	var told struct {
		MessageID string `json:"MessageId"`
		MD5       string `json:"MD5OfMessageBody"`
	}
	sum := md5.Sum(body)
	switch {
	case json.Unmarshal(answer, &told) != nil || told.MessageID == "":
		return failed(core.CodeUnknown, errors.New("the answer is not one of SQS: check URL and Endpoint"))
	case told.MD5 != hex.EncodeToString(sum[:]):
		return failed(core.CodeUnknown, errors.New("SQS took something else than what was sent"))
	}
	return nil
}

// request returns the call, signed.
func (q *Queue) request(ctx context.Context, id, body string) (*http.Request, error) {
	input := sendMessage{QueueURL: q.url, Body: body}
	if q.fifo {
		input.Dedup, input.Group = id, q.group
		if q.group == "" {
			input.Group = id
		}
	}
	payload, err := json.Marshal(input)
	if err != nil {
		return nil, failed(core.CodeInternal, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, failed(core.CodeUnreached, fmt.Errorf("nothing was sent: %w", err))
	}
	credentials, err := q.credentials(ctx)
	if err != nil {
		return nil, failed(core.CodeUnreached, fmt.Errorf("nothing was sent, for want of credentials: %w", err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, q.endpoint, bytes.NewReader(payload))
	if err != nil {
		return nil, failed(core.CodeInternal, errors.New("the request cannot be built"))
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	sum := sha256.Sum256(payload)
	if err := q.sign(ctx, credentials, req, hex.EncodeToString(sum[:]), "sqs", q.region, q.now()); err != nil {
		return nil, failed(core.CodeInternal, errors.New("the request cannot be signed"))
	}
	// A connection that was kept may be dead: a Lambda is frozen between two
	// events. net/http sends a request again by itself, on a new one, if it takes
	// it for idempotent, which it does by this key; with no value it never leaves.
	// After the signature, which would count it.
	req.Header["Idempotency-Key"] = nil
	return req, nil
}

// call makes the call. Its error says whether SQS was reached.
func (q *Queue) call(ctx context.Context, req *http.Request) (int, http.Header, []byte, error) {
	var asked, connected atomic.Bool
	trace := &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}
	resp, err := q.client.Do(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		// A transport that reports no connections proves nothing by it.
		if asked.Load() && !connected.Load() {
			return 0, nil, nil, failed(core.CodeUnreached, fmt.Errorf("SQS was not reached: %w", shown(req, err)))
		}
		return 0, nil, nil, failed(core.CodeUnknown, fmt.Errorf("no answer came: %w", shown(req, err)))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case resp.StatusCode >= http.StatusMultipleChoices:
		// The status says enough, if need be.
	case err != nil:
		return 0, nil, nil, failed(core.CodeUnknown, fmt.Errorf("the answer broke off: %w", shown(req, err)))
	case len(answer) > maxAnswer:
		return 0, nil, nil, failed(core.CodeUnknown, errors.New("the answer is larger than any of SQS: check URL and Endpoint"))
	}
	return resp.StatusCode, resp.Header, answer, nil
}

// failed is an error of Enqueue. A refusal alone is not worth a second try: a
// message that comes twice does no harm.
func failed(code core.Code, err error) error {
	safe := code == core.CodeBusy || code == core.CodeUnreached || code == core.CodeUnknown
	return &core.Error{Op: op, Code: code, Safe: safe, Err: err}
}

// codeOf returns the code of an error in an answer, without the namespace before
// it and the address behind it; "" if there is none.
func codeOf(header http.Header, answer []byte) string {
	var told struct {
		Type string `json:"__type"`
		Code string `json:"code"`
	}
	_ = json.Unmarshal(answer, &told)
	for _, code := range []string{told.Type, told.Code, header.Get("X-Amzn-Errortype")} {
		code, _, _ = strings.Cut(code[strings.LastIndexByte(code, '#')+1:], ":")
		if len(code) <= 64 && isOf(code, ".", true) { // what may be shown of an answer
			return code
		}
	}
	return ""
}

// refused is the error for an answer that is no success.
func refused(status int, header http.Header, answer []byte) error {
	code := codeOf(header, answer)
	said := fmt.Sprintf("SQS answered with status %d", status)
	if code != "" {
		said += ", " + code
	}
	throttled := status == http.StatusTooManyRequests || strings.Contains(code, "Throttl") || code == "RequestLimitExceeded" || code == "TooManyRequestsException"
	switch {
	case throttled:
		return failed(core.CodeBusy, errors.New(said+": it takes no more at the moment"))
	case status >= http.StatusInternalServerError:
		return failed(core.CodeUnknown, errors.New(said+": the message may be in the queue"))
	}
	return failed(core.CodeRefused, errors.New(said+": "+remedy(code)))
}

// remedy says what to do about a refusal.
func remedy(code string) string {
	switch code {
	case "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "InvalidAddress":
		return "there is no such queue: check its URL and its region"
	case "AccessDenied", "AccessDeniedException":
		return "allow sqs:SendMessage on this queue to the role"
	case "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidSecurity",
		"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken", "RequestExpired":
		return "check the credentials, the region and the clock"
	}
	if strings.HasPrefix(strings.ToLower(code), "kms") {
		return "allow the role the key that encrypts the queue"
	}
	return "nothing is in the queue"
}

var errWithheld = errors.New("the transport's own error is withheld: it names what must not be shown")

// shown returns what may be shown of a transport's error: not the address, and
// nothing that has the signature or the token in it.
func shown(req *http.Request, err error) error {
	for {
		wrapped, ok := errors.AsType[*url.Error](err)
		if !ok {
			break
		}
		err = wrapped.Err
	}
	for _, name := range []string{"Authorization", "X-Amz-Security-Token"} {
		if value := req.Header.Get(name); value != "" && strings.Contains(err.Error(), value) {
			return errWithheld
		}
	}
	return err
}
