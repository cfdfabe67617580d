package core

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Routes is a [Handler] that picks another by method and path. Keys are
// patterns:
//
//	"POST /callbacks/payment"         one method, one path
//	"/healthz"                        any method
//	"GET /purchases/{id}"             one non-empty segment, see [Request.PathValue]
//
// A literal segment wins over a {name}; a pattern with a method wins over one
// without. GET patterns answer HEAD too. The path is compared segment by
// segment as it was sent, so an encoded slash stays inside its segment and
// "//" or ".." match nothing. No match is 404, a match of the path alone 405
// with Allow; both with [RefusedText].
//
// A pattern that cannot match ("GET", "callbacks/payment") is never reached;
// [Routes.Check] reports such patterns, for a test or a start-up.
type Routes map[string]Handler

// Handle answers with the handler whose pattern fits best.
func (rs Routes) Handle(ctx context.Context, r *Request) *Response {
	var (
		best    Handler
		bestKey rank
		bound   []param
		allowed []string
	)
	for pattern, handler := range rs {
		method, path := splitPattern(pattern)
		params, literals, ok := matchPath(path, r.Path)
		if !ok {
			continue
		}
		if method != "" && method != r.Method && (method != http.MethodGet || r.Method != http.MethodHead) {
			allowed = append(allowed, method)
			continue
		}
		key := rank{literals: literals, exact: method == r.Method, method: method != ""}
		if best == nil || key.above(bestKey) {
			best, bestKey, bound = handler, key, params
		}
	}
	if best != nil {
		if len(bound) == 0 {
			return best.Handle(ctx, r)
		}
		inner := *r
		inner.params = bound
		return best.Handle(ctx, &inner)
	}
	if len(allowed) > 0 {
		slices.Sort(allowed)
		resp := Refuse(http.StatusMethodNotAllowed)
		resp.Header.Set("Allow", strings.Join(slices.Compact(allowed), ", "))
		return resp
	}
	return Refuse(http.StatusNotFound)
}

// Check returns the patterns that can never match, sorted; empty is good.
func (rs Routes) Check() []string {
	var bad []string
	for pattern, handler := range rs {
		method, path := splitPattern(pattern)
		if handler == nil || !strings.HasPrefix(path, "/") || strings.ToUpper(method) != method || strings.ContainsAny(path, "?# ") {
			bad = append(bad, pattern)
		}
	}
	slices.Sort(bad)
	return bad
}

// rank orders the patterns that fit one request. literals is a string of one
// letter per segment, "b" for a literal and "a" for a {name}, so that the
// earliest difference decides.
type rank struct {
	literals string
	exact    bool
	method   bool
}

func (a rank) above(b rank) bool {
	if a.literals != b.literals {
		return a.literals > b.literals
	}
	if a.exact != b.exact {
		return a.exact
	}
	return a.method && !b.method
}

func splitPattern(pattern string) (method, path string) {
	if method, path, ok := strings.Cut(pattern, " "); ok {
		return method, path
	}
	return "", pattern
}

func matchPath(pattern, path string) (params []param, literals string, ok bool) {
	if !strings.Contains(pattern, "{") {
		return nil, strings.Repeat("b", strings.Count(pattern, "/")), pattern == path
	}
	if strings.Count(pattern, "/") != strings.Count(path, "/") {
		return nil, "", false
	}
	kinds := make([]byte, 0, 8)
	for pattern != "" {
		var want, got string
		want, pattern = cutSegment(pattern)
		got, path = cutSegment(path)
		if name, isParam := strings.CutPrefix(want, "/{"); isParam && strings.HasSuffix(name, "}") {
			value, err := url.PathUnescape(strings.TrimPrefix(got, "/"))
			if err != nil || value == "" || value == "." || value == ".." {
				return nil, "", false
			}
			params = append(params, param{name: strings.TrimSuffix(name, "}"), value: value})
			kinds = append(kinds, 'a')
			continue
		}
		if want != got {
			return nil, "", false
		}
		kinds = append(kinds, 'b')
	}
	return params, string(kinds), path == ""
}

// cutSegment splits "/a/b" into "/a" and "/b".
func cutSegment(path string) (segment, rest string) {
	if path == "" {
		return "", ""
	}
	if i := strings.IndexByte(path[1:], '/'); i >= 0 {
		return path[:i+1], path[i+1:]
	}
	return path, ""
}
