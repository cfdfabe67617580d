package requests

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit/lambdatest"
)

func without(header core.Header, names []string) core.Header {
	return slices.DeleteFunc(slices.Clone(header), func(f core.HeaderField) bool {
		return slices.Contains(names, f.Name)
	})
}

func dropLines(names ...string) func(*core.Request) {
	return func(r *core.Request) { r.Header = without(r.Header, names) }
}

func dropAnswerLines(names ...string) func(*answer) {
	return func(a *answer) { a.header = without(a.header, names) }
}

// joined makes one line of repeats, but of those that are named except.
func joined(header core.Header, comma, except string) core.Header {
	var lines core.Header
	for _, f := range header {
		last := len(lines) - 1
		if last >= 0 && lines[last].Name == f.Name && f.Name != except {
			lines[last].Value += comma + f.Value
			continue
		}
		lines = append(lines, f)
	}
	return lines
}

// joinRequest joins as gateways do; joinAnswer as the adapter does, for nobody
// else says how.
func joinRequest(r *core.Request) { r.Header = joined(r.Header, ",", "Cookie") }
func joinAnswer(a *answer)        { a.header = joined(a.header, ", ", "Set-Cookie") }

func sortCookies(a *answer) {
	slices.SortStableFunc(a.header, func(a, b core.HeaderField) int {
		if a.Name == "Set-Cookie" && b.Name == "Set-Cookie" {
			return strings.Compare(a.Value, b.Value)
		}
		return strings.Compare(a.Name, b.Name)
	})
}

func joinCookies(r *core.Request) {
	var lines core.Header
	for _, f := range r.Header {
		if f.Name == "Cookie" {
			f.Value = strings.Join(cookiesOf(f.Value), "; ")
			if last := len(lines) - 1; last >= 0 && lines[last].Name == "Cookie" {
				lines[last].Value += "; " + f.Value
				continue
			}
		}
		lines = append(lines, f)
	}
	r.Header = lines
}

// cookiesOf splits the value of a Cookie line.
func cookiesOf(value string) []string {
	var cookies []string
	for cookie := range strings.SplitSeq(value, ";") {
		if cookie = strings.TrimSpace(cookie); cookie != "" {
			cookies = append(cookies, cookie)
		}
	}
	return cookies
}

func lastOnly(r *core.Request) {
	var lines core.Header
	for _, f := range r.Header {
		if last := len(lines) - 1; last >= 0 && lines[last].Name == f.Name {
			lines[last] = f
			continue
		}
		lines = append(lines, f)
	}
	r.Header = lines
	var pairs []pair
	for _, p := range pairsOf(r.RawQuery) {
		if i := slices.IndexFunc(pairs, func(had pair) bool { return had.name == p.name }); i >= 0 {
			pairs[i] = p
			continue
		}
		pairs = append(pairs, p)
	}
	r.RawQuery = queryOf(pairs)
}

// pair is a name and its value in a query, as they were sent.
type pair struct{ name, value string }

func pairsOf(query string) []pair {
	var pairs []pair
	for _, part := range strings.Split(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, pair{name, value})
	}
	return pairs
}

func queryOf(pairs []pair) string {
	var parts []string
	for _, p := range pairs {
		parts = append(parts, p.name+"="+p.value)
	}
	return strings.Join(parts, "&")
}

func sortQuery(r *core.Request) {
	pairs := pairsOf(r.RawQuery)
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	r.RawQuery = queryOf(pairs)
}

func remakeQuery(r *core.Request) {
	values, err := url.ParseQuery(r.RawQuery)
	if err == nil {
		r.RawQuery = values.Encode()
	}
}

// decodePath does to a path what an HTTP API does, and encodes it again.
func decodePath(r *core.Request) {
	once, err := url.PathUnescape(r.Path)
	if err != nil {
		return
	}
	once, _, _ = strings.Cut(once, "?")
	if twice, err := url.PathUnescape(once); err == nil {
		r.Path = (&url.URL{Path: twice}).EscapedPath()
	}
}

func addLength(r *core.Request) {
	if len(r.Body) > 0 && r.Header.Get("Content-Length") == "" {
		r.Header = sorted(byName(append(r.Header, core.HeaderField{Name: "Content-Length", Value: strconv.Itoa(len(r.Body))})))
	}
}

func byName(lines core.Header) map[string][]string {
	header := map[string][]string{}
	for _, f := range lines {
		header[f.Name] = append(header[f.Name], f.Value)
	}
	return header
}

// undecodable is why a REST API cannot tell of a request.
func undecodable(r request) string {
	values, err := url.ParseQuery(r.query)
	if err != nil || !textual(values) {
		return "the event holds the query decoded, as text, and this one does not decode to text"
	}
	return ""
}

func textual(query url.Values) bool {
	for name, values := range query {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return false
		}
	}
	return true
}

// noPath is why an HTTP API cannot tell of a request.
func noPath(r request) string {
	if err := lambdatest.Refused(lambdatest.HTTPAPI, lambdatest.Request{Path: r.path}); err != nil {
		return err.Error()
	}
	if plain, err := url.PathUnescape(r.path); err == nil && !utf8.ValidString(plain) {
		return "the event holds the path decoded, as text, and this one is no text"
	}
	return damaged(r)
}

// damaged is why a gateway that goes by the type of a body cannot carry it.
func damaged(r request) string {
	if !utf8.Valid(r.body) && slices.ContainsFunc(r.header, func(line [2]string) bool {
		return line[0] == "Content-Type" && (strings.HasPrefix(line[1], "text/") || strings.HasPrefix(line[1], "application/json"))
	}) {
		return "a body of that type is passed on as text, and this one is no text"
	}
	return ""
}
