package requests

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/awslambda"
	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// request is what a client sends: a request line, header lines besides Host,
// and a body.
type request struct {
	method string // "" is POST
	path   string // as on the request line; "" is /callbacks/payment
	query  string
	header [][2]string
	body   []byte
	// chunked sends the body without a Content-Length.
	chunked bool
	// encoded has a gateway use base64 even where it need not.
	encoded bool
	// remote is the client's IP address; "" is 203.0.113.9.
	remote string

	host string // the transport's
}

func (r request) over(tr transport) request {
	r.method = cmp.Or(r.method, http.MethodPost)
	r.path = cmp.Or(r.path, "/callbacks/payment")
	r.remote = cmp.Or(r.remote, "203.0.113.9")
	r.host = cmp.Or(tr.host, "shop.example")
	return r
}

// lines returns all header lines in the order in which they are sent.
func (r request) lines() [][2]string {
	lines := append([][2]string{{"Host", r.host}}, r.header...)
	if len(r.body) > 0 && !r.chunked {
		lines = append(lines, [2]string{"Content-Length", fmt.Sprint(len(r.body))})
	}
	return lines
}

func (r request) target() string {
	if r.query == "" {
		return r.path
	}
	return r.path + "?" + r.query
}

// answer is what a client gets.
type answer struct {
	status int
	header core.Header // sorted by name
	body   []byte
}

// transport is a way of requests to a handler, and of its answers back.
type transport struct {
	name string
	// carry has h answer r, and returns what the client gets. An error is an
	// answer that the transport itself cannot make sense of.
	carry func(t *testing.T, h core.Handler, r request) (answer, error)
	// wire is set where HTTP itself reaches the transport: it sends raw, says that
	// there is no more, and reads the answer.
	wire func(t *testing.T, h core.Handler, raw string) (answer, error)
	// kind is what a Lambda function is invoked by, where wire is not set.
	kind lambdatest.Kind
	// cannot says why a request cannot travel this way; "" if it can.
	cannot func(r request) string
	// differs lists what the transport does not keep.
	differs []difference
	// host is the one name that the transport has; "" if it has any.
	host string
}

// difference is something that a transport does not keep. sent and answered
// change what has to arrive, at the handler and at its client; seen and got
// what did. Each may be nil.
type difference struct {
	says          string
	sent, seen    func(*core.Request)
	answered, got func(*answer)
}

// transports are all that the table is run through.
func transports() []transport {
	added := dropLines("X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Amzn-Trace-Id", "X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite")
	gateway := difference{says: "a gateway adds lines of its own", sent: added, seen: added}
	commas := difference{says: "repeats of a name are one line, joined by commas", sent: joinRequest, answered: joinAnswer}
	cookies := difference{says: "cookies are one line, however they were sent", sent: joinCookies}
	pairs := difference{says: "the query is sorted by name; a name without a value gets its =, and what is empty between two & is gone", sent: sortQuery}
	length := difference{says: "a body that came in chunks has a length by now", sent: addLength}
	serverLines := dropAnswerLines("Date", "Content-Length", "Connection")
	return []transport{
		{name: "net/http", carry: overNetHTTP, wire: wireNetHTTP, differs: []difference{
			{says: "Date and the framing are the server's", got: serverLines},
			{says: "the client is on loopback", sent: func(r *core.Request) { r.RemoteAddr = "127.0.0.1" }},
		}},
		{name: "Cloud Functions", carry: overFramework, wire: wireFramework, cannot: redirected, differs: []difference{
			{says: "Date and the framing are the server's", got: serverLines},
			{says: "the client is on loopback", sent: func(r *core.Request) { r.RemoteAddr = "127.0.0.1" }},
		}},
		{name: "REST API", kind: lambdatest.RestAPI, carry: overLambda(lambdatest.RestAPI), cannot: undecodable, differs: []difference{
			gateway,
			{says: "the length of the body is not told", sent: dropLines("Content-Length")},
			{says: "the query is made again of its decoded values, sorted by name", sent: remakeQuery},
		}},
		{name: "HTTP API", kind: lambdatest.HTTPAPI, carry: overLambda(lambdatest.HTTPAPI), cannot: noPath, differs: []difference{
			gateway, length, commas, cookies,
			{says: "the path was decoded twice and cut at a question mark between, and is encoded again", sent: decodePath},
		}},
		{name: "HTTP API 1.0", kind: lambdatest.HTTPAPI1, carry: overLambda(lambdatest.HTTPAPI1), cannot: func(r request) string { return cmp.Or(noPath(r), undecodable(r)) }, differs: []difference{
			gateway, length,
			{says: "the path was decoded twice and cut at a question mark between, and is encoded again", sent: decodePath},
			{says: "the query is made again of its decoded values, sorted by name", sent: remakeQuery},
		}},
		{name: "function URL", kind: lambdatest.FunctionURL, carry: overLambda(lambdatest.FunctionURL), cannot: damaged, host: urlHost, differs: []difference{gateway, length, commas, cookies}},
		{name: "ALB", kind: lambdatest.ALB, carry: overLambda(lambdatest.ALB), cannot: damaged, differs: []difference{
			gateway, length, pairs,
			{says: "the last of repeated lines is left, and of repeated names in the query", sent: lastOnly},
			{says: "repeats in the answer are one line, joined by commas", answered: joinAnswer},
			{says: "cookies in the answer are lines in any order", answered: sortCookies, got: sortCookies},
		}},
		{name: "ALB multi", kind: lambdatest.ALBMulti, carry: overLambda(lambdatest.ALBMulti), cannot: damaged, differs: []difference{gateway, length, pairs}},
	}
}

// urlHost is the name of a function URL, the only one that it has.
const urlHost = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws"

// overNetHTTP sends the very bytes of a request to a real server.
func overNetHTTP(t *testing.T, h core.Handler, r request) (answer, error) {
	t.Helper()
	return send(t, nethttp.Wrap(h), r.method, r.wire(), false)
}

// wire is the request as bytes.
func (r request) wire() string {
	var wire strings.Builder
	fmt.Fprintf(&wire, "%s %s HTTP/1.1\r\n", r.method, r.target())
	for _, line := range r.lines() {
		fmt.Fprintf(&wire, "%s: %s\r\n", line[0], line[1])
	}
	if r.chunked {
		fmt.Fprintf(&wire, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(r.body), r.body)
	} else {
		fmt.Fprintf(&wire, "\r\n%s", r.body)
	}
	return wire.String()
}

func wireNetHTTP(t *testing.T, h core.Handler, raw string) (answer, error) {
	t.Helper()
	return send(t, nethttp.Wrap(h), http.MethodPost, raw, true)
}

// send has a server for h answer raw.
func send(t *testing.T, h http.Handler, method, raw string, ends bool) (answer, error) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	defer srv.Close()
	return exchange(t, srv.Listener.Addr().String(), method, raw, ends)
}

// exchange writes raw to a server, says that there is no more if it ends there,
// and reads the answer.
func exchange(t *testing.T, addr, method, raw string, ends bool) (answer, error) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	go func() { // the server may answer and close before it has read everything
		_, _ = io.WriteString(conn, raw)
		if ends {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: sorted(resp.Header), body: body}, err
}

// overLambda has a Lambda handler invoked with the event that AWS makes of a
// request.
func overLambda(kind lambdatest.Kind) func(*testing.T, core.Handler, request) (answer, error) {
	return func(t *testing.T, h core.Handler, r request) (answer, error) {
		t.Helper()
		return invoke(t, awslambda.Wrap(h), kind, eventOf(kind, r))
	}
}

func eventOf(kind lambdatest.Kind, r request) []byte {
	header := slices.DeleteFunc(trimmed(r.lines()), func(line [2]string) bool { return line[0] == "Content-Length" }) // the gateway's to say
	return lambdatest.Event(kind, lambdatest.Request{
		Method: r.method, Path: r.path, RawQuery: r.query, Header: header, Body: r.body, RemoteAddr: r.remote,
		// What is no text travels through a REST API that lists binary types.
		Base64: r.encoded || kind == lambdatest.RestAPI && !utf8.Valid(r.body),
	})
}

// trimmed takes the white space around values away, as every server does.
func trimmed(lines [][2]string) [][2]string {
	for i := range lines {
		lines[i][1] = strings.Trim(lines[i][1], " \t")
	}
	return lines
}

func invoke(t *testing.T, h *awslambda.Handler, kind lambdatest.Kind, event []byte) (answer, error) {
	t.Helper()
	payload, err := h.Invoke(t.Context(), event)
	require.NoError(t, err)
	resp, err := lambdatest.Answer(kind, payload)
	if err != nil {
		return answer{}, err
	}
	header := map[string][]string{}
	for _, line := range resp.Header {
		name := textproto.CanonicalMIMEHeaderKey(line[0])
		header[name] = append(header[name], line[1])
	}
	return answer{status: resp.Status, header: sorted(header), body: resp.Body}, nil
}

// sent is what a handler has to see of r: all of it.
func sent(r request) core.Request {
	header := map[string][]string{}
	for _, line := range trimmed(r.lines()) {
		name := textproto.CanonicalMIMEHeaderKey(line[0])
		header[name] = append(header[name], line[1])
	}
	return core.Request{Method: r.method, Path: r.path, RawQuery: r.query, Header: sorted(header), Body: r.body, RemoteAddr: r.remote}
}

// answered is what a client has to get of resp: all of it, with what cannot
// travel made so that it can.
func answered(r request, resp core.Response) answer {
	header := map[string][]string{}
	for _, f := range resp.Header {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		header[name] = append(header[name], strings.NewReplacer("\r", " ", "\n", " ").Replace(f.Value))
	}
	delete(header, "Content-Length")
	a := answer{status: cmp.Or(resp.Status, http.StatusOK), header: sorted(header), body: resp.Body}
	if r.method == http.MethodHead || a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		a.body = nil
	}
	return a
}

// sorted returns header lines with Host first and the others by name.
func sorted(header map[string][]string) core.Header {
	var lines core.Header
	for name, values := range header {
		for _, value := range values {
			lines = append(lines, core.HeaderField{Name: name, Value: value})
		}
	}
	slices.SortStableFunc(lines, func(a, b core.HeaderField) int {
		if (a.Name == "Host") != (b.Name == "Host") {
			return cmp.Compare(b2i(b.Name == "Host"), b2i(a.Name == "Host"))
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return lines
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
