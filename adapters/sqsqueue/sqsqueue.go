package sqsqueue

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/imprest-go/imprest/core"
)

// Config says where the queue is.
type Config struct {
	// URL is the queue's, as SQS gives it:
	// "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/paid". A name that
	// ends in ".fifo" is that of a FIFO queue. Required.
	URL string
	// Credentials sign the calls: dynamostore.Environment on Lambda, or one of
	// the SDK's providers. It must allow sqs:SendMessage. Required.
	Credentials aws.CredentialsProvider
	// Region is where a queue is whose URL does not name its region, such as one
	// behind a name of your own. What the URL names comes first. "" is none.
	Region string
	// Endpoint is the server that is called, in the place of the URL's: https, or
	// http on loopback. "" is the URL's.
	Endpoint string
	// Group is the message group of all messages in a FIFO queue, which are then
	// delivered one by one; "" is a group for each purchase. Only for a FIFO
	// queue.
	Group string
	// HTTPClient makes the calls; nil is a client on http.DefaultTransport. It
	// is copied, and the copy follows no redirect.
	HTTPClient *http.Client
	// Timeout bounds each Enqueue, however long its context lasts; 0 is 3
	// seconds.
	Timeout time.Duration
	// Now tells the time that is signed; nil is time.Now.
	Now func() time.Time
	// Observer is told of every call; nil is nobody.
	Observer core.Observer
}

// Queue puts messages into an SQS queue. Make one with [New]. It is safe for use
// by many goroutines.
type Queue struct {
	url, endpoint, region string
	fifo                  bool
	group                 string
	timeout               time.Duration
	client                *http.Client
	now                   func() time.Time
	observer              core.Observer

	// Functions, so that the linker keeps no other method of what they are of.
	credentials func(context.Context) (aws.Credentials, error)
	sign        func(context.Context, aws.Credentials, *http.Request, string, string, string, time.Time, ...func(*v4.SignerOptions)) error
}

// The longest deduplication id and group that SQS takes.
const maxName = 128

// New checks cfg and returns a Queue. It calls nobody. Its errors have
// core.CodeInvalid.
func New(cfg Config) (*Queue, error) {
	const op = "sqsqueue.New"
	u, err := url.Parse(cfg.URL)
	if err != nil || !isAddress(u) || !strings.HasPrefix(u.Path, "/") {
		return nil, core.Invalid(op, "URL must be the queue's, such as https://sqs.eu-west-1.amazonaws.com/123456789012/paid")
	}
	name, fifo := strings.CutSuffix(u.Path[strings.LastIndexByte(u.Path, '/')+1:], ".fifo")
	if len(name) > 80 || !isOf(name, "_-", true) {
		return nil, core.Invalid(op, "URL must end in the queue's name: at most 80 letters, digits, - and _, and .fifo for a FIFO queue")
	}
	endpoint := &url.URL{Scheme: u.Scheme, Host: u.Host}
	if cfg.Endpoint != "" {
		if endpoint, err = url.Parse(cfg.Endpoint); err != nil || !isAddress(endpoint) {
			return nil, core.Invalid(op, "Endpoint must be an address such as https://host, without user, query or fragment")
		}
	}
	region := regionOf(u.Hostname())
	if region == "" {
		region = cfg.Region
	}
	switch {
	case endpoint.Scheme == "http" && !isLoopback(endpoint.Hostname()):
		return nil, core.Invalid(op, "URL, or Endpoint, must begin with https://: the session's token travels there")
	case region == "":
		return nil, core.Invalid(op, "Region must be given, since URL names none")
	case !isRegion(region):
		return nil, core.Invalid(op, "Region must be one of AWS's, such as eu-west-1")
	case cfg.Credentials == nil:
		return nil, core.Invalid(op, "Credentials must be given: dynamostore.Environment reads those of Lambda")
	case cfg.Group != "" && !fifo:
		return nil, core.Invalid(op, "Group is for a FIFO queue, whose name ends in .fifo")
	case cfg.Group != "" && !isName(cfg.Group):
		return nil, core.Invalid(op, "Group must be at most 128 bytes from ! to ~")
	case cfg.Timeout < 0:
		return nil, core.Invalid(op, "Timeout must not be negative")
	}
	endpoint.Path = strings.TrimRight(endpoint.Path, "/") + "/"
	q := &Queue{
		url: cfg.URL, endpoint: endpoint.String(), region: region, fifo: fifo, group: cfg.Group, timeout: cfg.Timeout, now: cfg.Now, observer: cfg.Observer,
		client: &http.Client{}, credentials: cfg.Credentials.Retrieve, sign: v4.NewSigner().SignHTTP,
	}
	if q.timeout == 0 {
		q.timeout = 3 * time.Second
	}
	if q.now == nil {
		q.now = time.Now
	}
	if cfg.HTTPClient != nil {
		*q.client = *cfg.HTTPClient
	}
	// What answers elsewhere is not SQS.
	q.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return q, nil
}

func isAddress(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// regionOf returns the region that a host of SQS names, the label after its own:
// sqs.REGION.amazonaws.com, sqs-fips.REGION.amazonaws.com, sqs.REGION.api.aws,
// vpce-1.sqs.REGION.vpce.amazonaws.com; "" if there is none.
func regionOf(host string) string {
	labels := strings.Split(host, ".")
	for i, label := range labels[:len(labels)-1] {
		if (label == "sqs" || label == "sqs-fips") && isRegion(labels[i+1]) {
			return labels[i+1]
		}
	}
	return ""
}

// isRegion reports whether s has the form of a region, such as eu-west-1.
func isRegion(s string) bool {
	i := strings.LastIndexByte(s, '-')
	return i > 0 && i < len(s)-1 && len(s) <= 32 && isOf(s, "-", false) && isLower(s[0]) && strings.Trim(s[i+1:], "0123456789") == ""
}

// isOf reports whether s has a byte at least, and lower-case letters, digits,
// those of more and, if upper says so, upper-case letters alone.
func isOf(s, more string, upper bool) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && (!upper || r < 'A' || r > 'Z') && !strings.ContainsRune(more, r)
	})
}

func isLower(b byte) bool { return b >= 'a' && b <= 'z' }

// isName reports whether SQS takes s for a deduplication id or a group.
func isName(s string) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
