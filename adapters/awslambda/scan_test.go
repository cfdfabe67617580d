package awslambda

import (
	"bytes"
	"encoding/json"
	"io"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// golden are the events of testkit/lambdatest.
func golden(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../testkit/lambdatest/testdata/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	events := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		events[filepath.Base(file)] = text
	}
	return events
}

// hostile are events that are none, or that the two readers could take for
// different things.
func hostile() []string {
	deep := strings.Repeat
	return []string{
		``, ` `, `null`, `[]`, `{`, `{}`, `{}x`, `{} `, "{}\x00", "\ufeff{}", `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a" 1}`, `{a:1}`, `{"a":1}{}`, `nul`, `nullx`,
		`{"x":01}`, `{"x":-}`, `{"x":1.}`, `{"x":.1}`, `{"x":1e}`, `{"x":1e+}`, `{"x":-0.0e-0}`, `{"x":1E400}`, `{"x":` + deep("9", 4000) + `}`, `{"x":+1}`, `{"x":0x1}`, `{"x":NaN}`, `{"x":1 2}`,
		`{"x":tru}`, `{"x":truex}`, `{"x":True}`, `{"isBase64Encoded":1}`, `{"isBase64Encoded":"true"}`, `{"isBase64Encoded":true}`, `{"isBase64Encoded":null}`,
		`{"x":"a` + "\n" + `"}`, `{"x":"a` + "\x00" + `"}`, "{\"x\":\"\x7f\u0085\"}", `{"x":"\x"}`, `{"x":"\`, `{"x":"\u"}`, `{"x":"\u12"}`, `{"x":"\u12G4"}`, `{"body":"\u0000\u001f\u007f"}`, `{"x":"abc`,
		`{"body":"\ud83d\udd14"}`, `{"body":"\ud83d"}`, `{"body":"\udd14\ud83d"}`, `{"body":"\ud83d\u0041"}`, `{"x":"\ud83d\ud83d"}`, `{"x":"\ud83d\uZZZZ"}`, "{\"x\":\"\xff\"}", "{\"body\":\"\xed\xa0\x80\"}", "{\"body\":\"\xe9\x97\"}", "\xff",
		`{"\u0062ody":"x"}`, `{"BODY":"x"}`, `{"body":"x","Body":"y"}`, `{"body":"x","body":"y"}`, `{"body":null,"body":"y"}`, `{"detail-type":"x","ſource":"aws.events"}`, `{"rec` + "\u212a" + `ords":[]}`, "{\"\u212aey\":1}",
		`{"headers":{"a":"1","a":"2"}}`, `{"headers":{"a":"1"},"headers":{"b":"2"}}`, `{"headers":{"a":null}}`, `{"headers":[]}`, `{"headers":{"a":1}}`, `{"headers":"x"}`,
		`{"multiValueHeaders":{"a":[]}}`, `{"multiValueHeaders":{"a":null,"b":[null]}}`, `{"multiValueHeaders":{"a":[],"a":["1"]}}`, `{"multiValueHeaders":{"a":["1"],"b":["2","3"],"A":["4"]}}`, `{"multiValueHeaders":{"a":"1"}}`, `{"multiValueHeaders":{"a":[["1"]]}}`,
		`{"headers":{"host":"h","Host":"i","_a":"1","B":"2","a":"3"},"cookies":["x=1",null],"multiValueHeaders":{}}`, `{"headers":{"cookie":"old"},"cookies":["x=1"]}`, `{"headers":{"cookie":"o\nld"},"cookies":["x=1"]}`, `{"cookies":{}}`, `{"cookies":[1]}`, `{"cookies":[}`, `{"cookies":["x",]}`,
		`{"requestContext":null}`, `{"requestContext":[]}`, `{"requestContext":{"elb":null}}`, `{"requestContext":{"elb": {"a":[1,{"b":"c"}]} }}`, `{"requestContext":{"elb":0}}`, `{"requestContext":{"http":null}}`, `{"requestContext":{"http":{}}}`, `{"requestContext":{"http":{"method":"GET","METHOD":"PUT"}}}`,
		`{"requestContext":{"identity":{"sourceIp":"1","x":{}},"identity":null}}`, `{"requestContext":{"identity":{"sourceip":"1"}}}`, `{"requestContext":{"identity":"x"}}`,
		`{"Records":[null]}`, `{"Records":[{"eventSource":"aws:sqs","EventSource":"x"}]}`, `{"records":[{"body":"\"","messageId":"1"},{}]}`, `{"Records":{}}`, `{"Records":[1]}`, `{"Records":[{"body":{}}]}`,
		`{"queryStringParameters":{"b":"1 &","a":"","é":"=%"},"multiValueQueryStringParameters":null}`, `{"multiValueQueryStringParameters":{"b":["2","1"],"a":[]}}`,
		deep(`{"x":`, 255) + `{}` + deep(`}`, 255), deep(`{"x":`, 256) + `{}` + deep(`}`, 256), deep(`[`, 100_000), deep(`{"a":`, 100_000), `{"x":` + deep(`[`, 255) + deep(`]`, 255) + `}`, `{"x":` + deep(`[`, 256) + deep(`]`, 256) + `}`,
		`{"x":[1,2],"y":[}]}`, `{"x":[1 2]}`, `{"x":{"y":[}]}`, `{"x":[1}`, `{"x":{"y":1]}`, `{"x":{"y":1,}}`, "{\"x\"\t:\r\n1 , \"y\":[ ] }", `{"x":"` + deep(`\u0041`, 3000) + `"}`, `{"body":"` + deep(`\"\\\/\b\f\n\r\t`, 100) + `"}`,
		"\x0b{}", "{\"x\":1\x0c}", "{\"x\":\u00a01}",
	}
}

// FuzzScan holds the scanner against encoding/json: what that refuses is refused,
// what both take is the same, and what is refused besides has one of the reasons
// that the scanner's comment gives.
func FuzzScan(f *testing.F) {
	for _, text := range golden(f) {
		f.Add(text)
	}
	for _, text := range hostile() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var e event
		fault := e.scan(payload)
		var plain plainEvent
		if err := json.Unmarshal(payload, &plain); err != nil {
			require.NotEqual(t, none, fault, "taken, and encoding/json says %v", err)
			return
		}
		odd := reasons(t, payload)
		if fault != none {
			require.NotEmpty(t, odd, "refused for no reason")
			require.Equal(t, fault == noText, odd[0] == "no Unicode" && (len(odd) == 1 || fault == noText), "%v", odd)
			return
		}
		require.Empty(t, odd)
		require.Equal(t, told(&plain), e.told())

		for _, l := range []struct {
			lines  lines
			single map[string]string
			multi  map[string][]string
		}{
			{e.headers, plain.Headers, nil}, {e.multiHeaders, nil, plain.MultiValueHeaders}, {e.query, plain.Query, nil}, {e.multiQuery, nil, plain.MultiValueQuery},
		} {
			require.Equal(t, l.single != nil || l.multi != nil, l.lines.there)
			got := map[string][]string{}
			for _, line := range e.pool.of(l.lines) {
				switch {
				case line.nth < 0:
					got[string(line.name)] = []string{}
				case line.nth == 0: // of two members, the last: as encoding/json
					got[string(line.name)] = []string{line.value}
				default:
					got[string(line.name)] = append(got[string(line.name)], line.value)
				}
			}
			want := several(l.single)
			for name, values := range l.multi {
				want[name] = append([]string{}, values...)
			}
			require.Equal(t, want, got)
		}
		header, ok := e.header()
		plainHeader, plainOK := plain.header()
		if len(odd) == 0 && ok {
			require.True(t, plainOK)
			require.Equal(t, plainHeader, header)
		} else if plainOK {
			require.True(t, doubled(t, payload, "headers", "multiValueHeaders"), "headers refused for no reason")
		}
		for kind, decoded := range map[kind]bool{restAPI: true, alb: false} {
			e.kind = kind
			query, ok := e.rawQueryOf()
			if !ok {
				require.True(t, doubled(t, payload, "queryStringParameters", "multiValueQueryStringParameters"), "a query refused for no reason")
				continue
			}
			require.Equal(t, plain.query(decoded), query)
		}
	})
}

// content is all of an event but its lines.
type content struct {
	texts   []string
	flags   []bool
	cookies []string
	records [][4]string
	body    string
}

func (e *event) told() content {
	c := content{
		texts: []string{string(e.version), e.method, e.path, e.rawPath, e.rawQuery, string(e.context.stage), string(e.context.domain), string(e.context.connection), e.context.httpMethod, e.context.httpSourceIP,
			e.context.identitySourceIP, string(e.source), string(e.detailType), string(e.methodARN), string(e.routeARN)},
		flags: []bool{e.context.elb, e.context.http, e.encoded}, cookies: append([]string{}, e.cookies...), body: string(e.body.bytes()),
	}
	for _, r := range e.records {
		c.records = append(c.records, [4]string{r.source, r.sourceARN, r.messageID, string(r.body.bytes())})
	}
	return c
}

func told(e *plainEvent) content {
	rc := e.RequestContext
	c := content{
		texts: []string{e.Version, e.HTTPMethod, e.Path, e.RawPath, e.RawQueryString, rc.Stage, rc.DomainName, rc.ConnectionID, "", "", rc.Identity.SourceIP, e.Source, e.DetailType, e.MethodARN, e.RouteARN},
		flags: []bool{len(rc.ELB) > 0 && string(rc.ELB) != "null", rc.HTTP != nil, e.IsBase64Encoded}, cookies: append([]string{}, e.Cookies...), body: e.Body,
	}
	if rc.HTTP != nil {
		c.texts[8], c.texts[9] = rc.HTTP.Method, rc.HTTP.SourceIP
	}
	for _, r := range e.Records {
		c.records = append(c.records, [4]string{r.EventSource, r.EventSourceARN, r.MessageID, r.Body})
	}
	return c
}

// replacement is a U+FFFD that was sent as an escape.
var replacement = regexp.MustCompile(`\\u[fF]{3}[dD]`)

// reasons are why an event that encoding/json takes is refused.
func reasons(t *testing.T, payload []byte) (all []string) {
	t.Helper()
	// What is no Unicode is U+FFFD to encoding/json, and none stands there before.
	sound := bytes.ReplaceAll(replacement.ReplaceAll(payload, []byte(`\u0041`)), []byte("\ufffd"), []byte("A"))
	dec := json.NewDecoder(bytes.NewReader(sound))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if text, ok := token.(string); ok && strings.ContainsRune(text, utf8.RuneError) {
			all = append(all, "no Unicode")
			break
		}
	}
	depth, deepest, inText := 0, 0, false
	for i := 0; i < len(payload); i++ {
		switch c := payload[i]; {
		case c == '\\':
			i++
		case c == '"':
			inText = !inText
		case !inText && (c == '{' || c == '['):
			depth++
			deepest = max(deepest, depth)
		case !inText && (c == '}' || c == ']'):
			depth--
		}
	}
	if deepest > depthLimit {
		all = append(all, "too deep")
	}
	if again := knownTwice(t, payload, eventMembers); again {
		all = append(all, "a member twice")
	}
	return all
}

type member struct {
	name  string
	value json.RawMessage
}

// members returns those of an object in their order, or none.
func members(t *testing.T, object []byte) (all []member) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(object))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil
	}
	for dec.More() {
		var m member
		token, err := dec.Token()
		require.NoError(t, err)
		m.name = token.(string)
		require.NoError(t, dec.Decode(&m.value))
		all = append(all, m)
	}
	return all
}

func knownTwice(t *testing.T, object []byte, known *names) bool {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range members(t, object) {
		for _, k := range known.all {
			if !strings.EqualFold(k, m.name) {
				continue
			}
			if seen[k] {
				return true
			}
			seen[k] = true
			inner := map[string]*names{"requestContext": contextMembers, "identity": identityMembers, "http": httpMembers}[k]
			if inner != nil && knownTwice(t, m.value, inner) {
				return true
			}
			var records []json.RawMessage
			if k == "Records" && json.Unmarshal(m.value, &records) == nil {
				for _, r := range records {
					if knownTwice(t, r, recordMembers) {
						return true
					}
				}
			}
		}
	}
	return false
}

// doubled tells whether an object of lines has a name twice.
func doubled(t *testing.T, payload []byte, objects ...string) bool {
	t.Helper()
	for _, m := range members(t, payload) {
		for _, object := range objects {
			seen := map[string]bool{}
			for _, inner := range members(t, m.value) {
				if strings.EqualFold(m.name, object) && seen[inner.name] {
					return true
				}
				seen[inner.name] = true
			}
		}
	}
	return false
}

func TestHostileEventsAreNoRequests(t *testing.T) {
	for _, text := range hostile() {
		var e event
		assert.Error(t, e.read([]byte(text)), "%.60q", text)
	}
}

// A member that comes twice could be one thing to us and another to who else reads
// the event.
func TestWhatComesTwice(t *testing.T) {
	const before = `{"httpMethod":"POST","path":"/x","requestContext":{"identity":{"sourceIp":"203.0.113.9"}}`
	for text, refused := range map[string]bool{
		`}`: false, `,"path":"/y"}`: true, `,"PATH":"/y"}`: true, `,"p\u0061th":"/y"}`: true, `,"path":null}`: true, `,"requestContext":{}}`: true,
		`,"body":"a","body":"a"}`: true, `,"headers":{},"headers":{"a":"1"}}`: true, `,"other":1,"other":2}`: false, `,"isBase64Encoded":false,"isbase64encoded":true}`: true,
	} {
		var e event
		err := e.read([]byte(before + text))
		assert.Equal(t, refused, err != nil, text)
	}
	h := newHandler(Config{})
	for text, status := range map[string]int{
		`,"headers":{"a":"1","A":"2"}}`: 0, `,"headers":{"a":"1","b":"2","a":"1"}}`: 400, `,"headers":{"a":"1","\u0061":"2"}}`: 400, `,"multiValueHeaders":{"a":["1","1"]}}`: 0,
		`,"multiValueHeaders":{"a":["1"],"a":["2"]}}`: 400, `,"multiValueHeaders":{"a":[],"a":["2"]}}`: 400, `,"multiValueHeaders":{"a":["1"],"a":null}}`: 400, `,"multiValueHeaders":{"a":["1"],"b":[],"a":[]}}`: 400, `,"multiValueHeaders":{"é":[],"b":["1"],"é":[]}}`: 400, `,"multiValueHeaders":{"é":[]}}`: 0,
		`,"queryStringParameters":{"a":"1","a":"1"}}`: 400, `,"multiValueQueryStringParameters":{"a":["1","1"]}}`: 0, `,"multiValueQueryStringParameters":{"a":["1"],"a":[]}}`: 400,
	} {
		var e event
		require.NoError(t, e.read([]byte(before+text)), text)
		assert.Equal(t, status, h.request(new(core.Request), &e), text)
	}
}

// Where the arena is full, what is made is kept elsewhere.
func TestManyNamesAreSpelledInTheArenaAndBeyond(t *testing.T) {
	var text strings.Builder
	text.WriteString(`{"httpMethod":"POST","path":"/x","headers":{`)
	for i := range 200 {
		name := strings.Repeat("x-", i%7+1) + strings.Repeat("ab", i/7)
		text.WriteString(`"` + name + `-n":"` + name + `",`)
	}
	text.WriteString(`"last":"1"}}`)
	var e event
	require.NoError(t, e.read([]byte(text.String())))
	header, ok := e.header()
	require.True(t, ok)
	require.Len(t, header, 201)
	for _, f := range header[:200] {
		if f.Name != "Last" {
			assert.Equal(t, textproto.CanonicalMIMEHeaderKey(f.Value+"-n"), f.Name)
		}
	}
}

func TestCanonicalIsThatOfNetHTTP(t *testing.T) {
	for _, name := range []string{"a", "A", "-", "--a", "a--B", "x_Y-z", "HOST", "content-MD5", "X-Amzn-Trace-Id", "x-1a-2B", "éé", "~a|B", strings.Repeat("a-", 100), "",
		"accept", "accept-encoding", "content-length", "content-type", "host", "user-agent", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto",
	} {
		spelled, ok := new(event).canonical([]byte(name))
		assert.Equal(t, isToken(name), ok, name)
		if ok {
			assert.Equal(t, textproto.CanonicalMIMEHeaderKey(name), spelled)
		}
	}
	for c := range 256 {
		tchar := c < 0x80 && strings.ContainsRune("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", rune(c))
		assert.Equal(t, tchar, isToken(string([]byte{byte(c)})), "%q", c)
		_, ok := new(event).canonical([]byte{'x', byte(c)})
		assert.Equal(t, tchar, ok, "%q", c)
		assert.Equal(t, c == '\t' || c >= ' ' && c != 0x7f, isValue(string([]byte{byte(c)})), "%q", c)
	}
	assert.False(t, isToken(""))
	for c := range 256 {
		if path := "/" + string([]byte{byte(c)}); isPlain(path) {
			assert.Equal(t, path, (&url.URL{Path: path}).EscapedPath())
			assert.Equal(t, path, escapeOdd(path))
		}
	}
	assert.False(t, isPlain("") || isPlain("/%41") || isPlain("/?") || isPlain("/#") || isPlain("/ "))
	assert.True(t, isPlain("/callbacks/payment_v1.0-x"))
}
