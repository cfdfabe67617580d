package awslambda

import "strings"

// The members that are read, of an event and of what is in it. What is not named
// here is passed over.
var (
	eventMembers = []string{
		"version", "httpMethod", "path", "rawPath", "rawQueryString", "requestContext", "headers", "multiValueHeaders", "cookies",
		"queryStringParameters", "multiValueQueryStringParameters", "body", "isBase64Encoded", "Records", "source", "detail-type",
		"methodArn", "routeArn",
	}
	contextMembers  = []string{"stage", "domainName", "connectionId", "elb", "identity", "http"}
	identityMembers = []string{"sourceIp"}
	httpMembers     = []string{"method", "sourceIp"}
	recordMembers   = []string{"eventSource", "eventSourceARN", "messageId", "body"}
)

// line is one value of a member of an object of lines: of headers, or of
// parameters.
type line struct {
	name  string
	value string
	// key is what lines are sorted by, besides name.
	key string
	// nth is which value of its member this is; -1 stands for a member that has
	// none.
	nth int
}

// lines are the lines of such an object. There is one if it is there and not null.
type lines struct {
	all   []line
	there bool
}

// before orders lines; those of one member stay as they came.
func before(a, b line) int {
	if c := strings.Compare(a.key, b.key); c != 0 {
		return c
	}
	return strings.Compare(a.name, b.name)
}

// twice reports whether a name is there twice, in lines that are in order.
// encoding/json would take the last, and who signed the other would not know.
func twice(sorted []line) bool {
	for i := 1; i < len(sorted); i++ {
		if sorted[i].nth <= 0 && sorted[i].name == sorted[i-1].name {
			return true
		}
	}
	return false
}

// readMembers reads all of an event.
func (e *event) readMembers(s *scanner) {
	var seen uint32
	for more := s.orNull('{'); more; more = s.more('}') {
		switch s.member(eventMembers, &seen) {
		case "version":
			e.version = s.string()
		case "httpMethod":
			e.method = s.string()
		case "path":
			e.path = s.string()
		case "rawPath":
			e.rawPath = s.string()
		case "rawQueryString":
			e.rawQuery = s.string()
		case "requestContext":
			e.readContext(s)
		case "headers":
			e.headers.read(s, false)
		case "multiValueHeaders":
			e.multiHeaders.read(s, true)
		case "cookies":
			for more := s.orNull('['); more; more = s.more(']') {
				e.cookies = append(e.cookies, s.string())
			}
		case "queryStringParameters":
			e.query.read(s, false)
		case "multiValueQueryStringParameters":
			e.multiQuery.read(s, true)
		case "body":
			if !s.null() {
				e.body = s.quoted()
			}
		case "isBase64Encoded":
			e.encoded = s.flag()
		case "Records":
			for more := s.orNull('['); more; more = s.more(']') {
				e.records = append(e.records, readRecord(s))
			}
		case "source":
			e.source = s.string()
		case "detail-type":
			e.detailType = s.string()
		case "methodArn":
			e.methodARN = s.string()
		case "routeArn":
			e.routeARN = s.string()
		default:
			s.skip()
		}
	}
}

func (e *event) readContext(s *scanner) {
	var seen uint32
	for more := s.orNull('{'); more; more = s.more('}') {
		switch s.member(contextMembers, &seen) {
		case "stage":
			e.context.stage = s.string()
		case "domainName":
			e.context.domain = s.string()
		case "connectionId":
			e.context.connection = s.string()
		case "elb":
			e.context.elb = s.next() != 'n'
			s.skip()
		case "identity":
			var seen uint32
			for more := s.orNull('{'); more; more = s.more('}') {
				if s.member(identityMembers, &seen) == "" {
					s.skip()
					continue
				}
				e.context.identitySourceIP = s.string()
			}
		case "http":
			e.readHTTP(s)
		default:
			s.skip()
		}
	}
}

func (e *event) readHTTP(s *scanner) {
	var seen uint32
	e.context.http = s.next() != 'n'
	for more := s.orNull('{'); more; more = s.more('}') {
		switch s.member(httpMembers, &seen) {
		case "method":
			e.context.httpMethod = s.string()
		case "sourceIp":
			e.context.httpSourceIP = s.string()
		default:
			s.skip()
		}
	}
}

func readRecord(s *scanner) (r record) {
	var seen uint32
	for more := s.orNull('{'); more; more = s.more('}') {
		switch s.member(recordMembers, &seen) {
		case "eventSource":
			r.source = s.string()
		case "eventSourceARN":
			r.sourceARN = s.string()
		case "messageId":
			r.messageID = s.string()
		case "body":
			if !s.null() {
				r.body = s.quoted()
			}
		default:
			s.skip()
		}
	}
	return r
}

// read reads an object of lines: each member is a text or, with several, a list of
// texts.
func (l *lines) read(s *scanner, several bool) {
	l.there = s.next() != 'n'
	for more := s.orNull('{'); more; more = s.more('}') {
		name := s.name().String()
		if !several {
			l.all = append(l.all, line{name: name, value: s.string()})
			continue
		}
		n := 0
		for more := s.orNull('['); more; more = s.more(']') {
			l.all = append(l.all, line{name: name, value: s.string(), nth: n})
			n++
		}
		if n == 0 {
			l.all = append(l.all, line{name: name, nth: -1})
		}
	}
}
