package awslambda

import (
	"bytes"
	"slices"
	"strings"
)

// The members that are read, of an event and of what is in it. What is not named
// here is passed over.
var (
	eventMembers = namesOf(
		"version", "httpMethod", "path", "rawPath", "rawQueryString", "requestContext", "headers", "multiValueHeaders", "cookies",
		"queryStringParameters", "multiValueQueryStringParameters", "body", "isBase64Encoded", "Records", "source", "detail-type",
		"methodArn", "routeArn")
	contextMembers  = namesOf("stage", "domainName", "connectionId", "elb", "identity", "http")
	identityMembers = namesOf("sourceIp")
	httpMembers     = namesOf("method", "sourceIp")
	recordMembers   = namesOf("eventSource", "eventSourceARN", "messageId", "body")
)

// line is one value of a member of an object of lines: of headers, or of
// parameters.
type line struct {
	name  []byte // of the payload, and only as long as that is there
	value string
	// key is what lines are sorted by, besides name.
	key string
	// nth is which value of its member this is; -1 stands for a member that has
	// none.
	nth int
}

// lines are where the lines of such an object are among those of the event. There
// is one if it is there and not null.
type lines struct {
	from, to int
	there    bool
}

func (l lines) empty() bool { return l.from == l.to }

// pool holds the lines of all objects of an event, the first of them without asking
// for memory.
type pool struct {
	few  [32]line
	used int
	all  []line // in the place of few, once there are more
}

// add returns a new line, which is where it is until the next is added.
func (p *pool) add() *line {
	p.used++
	if p.all == nil && p.used <= len(p.few) {
		return &p.few[p.used-1]
	}
	if p.all == nil {
		p.all = append(make([]line, 0, 4*len(p.few)), p.few[:]...)
	}
	p.all = append(p.all, line{})
	return &p.all[p.used-1]
}

func (p *pool) of(l lines) []line {
	if p.all != nil {
		return p.all[l.from:l.to]
	}
	return p.few[l.from:l.to]
}

// inOrder puts lines in order; those of one member stay as they came. It returns
// false if a name is there twice: encoding/json would take the last, and who signed
// the other would not know.
func inOrder(all []line) bool {
	for i := 1; i < len(all); i++ {
		if before(&all[i-1], &all[i]) >= 0 {
			slices.SortStableFunc(all, func(a, b line) int { return before(&a, &b) })
			return !twice(all)
		}
	}
	return true // most gateways send them in order
}

func before(a, b *line) int {
	if c := strings.Compare(a.key, b.key); c != 0 {
		return c
	}
	return bytes.Compare(a.name, b.name)
}

// twice reports whether a name is there twice, in lines that are in order.
func twice(sorted []line) bool {
	for i := 1; i < len(sorted); i++ {
		if sorted[i].nth <= 0 && bytes.Equal(sorted[i].name, sorted[i-1].name) {
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
			e.version = s.bytes()
		case "httpMethod":
			e.method = s.string(&e.arena)
		case "path":
			e.path = s.string(&e.arena)
		case "rawPath":
			e.rawPath = s.string(&e.arena)
		case "rawQueryString":
			e.rawQuery = s.string(&e.arena)
		case "requestContext":
			e.readContext(s)
		case "headers":
			e.headers = e.readLines(s, false)
		case "multiValueHeaders":
			e.multiHeaders = e.readLines(s, true)
		case "cookies":
			for more := s.orNull('['); more; more = s.more(']') {
				e.cookies = append(e.cookies, s.string(&e.arena))
			}
		case "queryStringParameters":
			e.query = e.readLines(s, false)
		case "multiValueQueryStringParameters":
			e.multiQuery = e.readLines(s, true)
		case "body":
			if !s.null() {
				e.body = s.quoted()
			}
		case "isBase64Encoded":
			e.encoded = s.flag()
		case "Records":
			for more := s.orNull('['); more; more = s.more(']') {
				e.records = append(e.records, e.readRecord(s))
			}
		case "source":
			e.source = s.bytes()
		case "detail-type":
			e.detailType = s.bytes()
		case "methodArn":
			e.methodARN = s.bytes()
		case "routeArn":
			e.routeARN = s.bytes()
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
			e.context.stage = s.bytes()
		case "domainName":
			e.context.domain = s.bytes()
		case "connectionId":
			e.context.connection = s.bytes()
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
				e.context.identitySourceIP = s.string(&e.arena)
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
			e.context.httpMethod = s.string(&e.arena)
		case "sourceIp":
			e.context.httpSourceIP = s.string(&e.arena)
		default:
			s.skip()
		}
	}
}

func (e *event) readRecord(s *scanner) (r record) {
	var seen uint32
	for more := s.orNull('{'); more; more = s.more('}') {
		switch s.member(recordMembers, &seen) {
		case "eventSource":
			r.source = s.string(&e.arena)
		case "eventSourceARN":
			r.sourceARN = s.string(&e.arena)
		case "messageId":
			r.messageID = s.string(&e.arena)
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

// readLines reads an object of lines: each member is a text or, with several, a list
// of texts.
func (e *event) readLines(s *scanner, several bool) (l lines) {
	l.there, l.from = s.next() != 'n', e.pool.used
	for more := s.orNull('{'); more; more = s.more('}') {
		name := s.name().unescaped()
		if !several {
			one := e.pool.add()
			one.name, one.value = name, s.string(&e.arena)
			continue
		}
		n := 0
		for more := s.orNull('['); more; more = s.more(']') {
			one := e.pool.add()
			one.name, one.value, one.nth = name, s.string(&e.arena), n
			n++
		}
		if n == 0 {
			one := e.pool.add()
			one.name, one.nth = name, -1
		}
	}
	l.to = e.pool.used
	return l
}
