package core_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/imprest-go/imprest/core"
)

func named(name string) core.Handler {
	return core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
		return core.Text(200, name+"|"+r.PathValue("id")+"|"+r.PathValue("secret"))
	})
}

var routes = core.Routes{
	"POST /purchases":                 named("begin"),
	"GET /purchases/{id}":             named("show"),
	"GET /purchases/new":              named("new"),
	"/healthz":                        named("health"),
	"POST /callbacks/robot/{secret}":  named("robot"),
	"/purchases/{id}/notes":           named("any note"),
	"PUT /purchases/{id}/notes":       named("put note"),
	"GET /a/{id}/c":                   named("param first"),
	"GET /a/b/{secret}":               named("literal first"),
	"GET /":                           named("home"),
	"GET /files/{id}/x/{secret}/last": named("two"),
}

func TestRoutes(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		status       int
		body, allow  string
	}{
		{"POST", "/purchases", 200, "begin||", ""},
		{"GET", "/purchases", 405, core.RefusedText, "POST"},
		{"GET", "/purchases/p1", 200, "show|p1|", ""},
		{"HEAD", "/purchases/p1", 200, "show|p1|", ""},
		{"DELETE", "/purchases/p1", 405, core.RefusedText, "GET"},
		{"GET", "/purchases/new", 200, "new||", ""},
		{"GET", "/purchases/", 404, core.RefusedText, ""},
		{"GET", "/purchases/a%2Fb", 200, "show|a/b|", ""},
		{"GET", "/purchases/%E5%BE%AE", 200, "show|微|", ""},
		{"GET", "/purchases/%zz", 404, core.RefusedText, ""},
		{"GET", "/purchases/..", 404, core.RefusedText, ""},
		{"GET", "/purchases/%2e%2e", 404, core.RefusedText, ""},
		{"GET", "//purchases/p1", 404, core.RefusedText, ""},
		{"GET", "/purchases//p1", 404, core.RefusedText, ""},
		{"GET", "/purchases/p1/", 404, core.RefusedText, ""},
		{"PATCH", "/healthz", 200, "health||", ""},
		{"PUT", "/purchases/p1/notes", 200, "put note|p1|", ""},
		{"GET", "/purchases/p1/notes", 200, "any note|p1|", ""},
		{"GET", "/a/b/c", 200, "literal first||c", ""},
		{"GET", "/a/x/c", 200, "param first|x|", ""},
		{"POST", "/callbacks/robot/s", 200, "robot||s", ""},
		{"GET", "/", 200, "home||", ""},
		{"GET", "", 404, core.RefusedText, ""},
		{"GET", "*", 404, core.RefusedText, ""},
		{"GET", "/files/1/x/2/last", 200, "two|1|2", ""},
		{"GET", "/files/1/y/2/last", 404, core.RefusedText, ""},
	} {
		resp := routes.Handle(t.Context(), &core.Request{Method: tt.method, Path: tt.path})
		assert.Equal(t, tt.status, resp.Status, tt.method+" "+tt.path)
		assert.Equal(t, tt.body, string(resp.Body), tt.method+" "+tt.path)
		assert.Equal(t, tt.allow, resp.Header.Get("Allow"), tt.method+" "+tt.path)
	}
}

func TestRoutesCheckFindsWhatCannotMatch(t *testing.T) {
	assert.Empty(t, routes.Check())
	bad := core.Routes{"GET": named("x"), "callbacks": named("x"), "post /x": named("x"), "GET /x?y": named("x"), "GET /ok": named("x"), "GET /nil": nil}
	assert.Equal(t, []string{"GET", "GET /nil", "GET /x?y", "callbacks", "post /x"}, bad.Check())
}

func ExampleRoutes() {
	handler := core.Routes{
		"GET /purchases/{id}": core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
			return core.Text(200, "purchase "+r.PathValue("id"))
		}),
	}
	resp := handler.Handle(context.Background(), &core.Request{Method: "GET", Path: "/purchases/42"})
	fmt.Println(resp.Status, string(resp.Body))
	resp = handler.Handle(context.Background(), &core.Request{Method: "PUT", Path: "/purchases/42"})
	fmt.Println(resp.Status, resp.Header.Get("Allow"))
	// Output:
	// 200 purchase 42
	// 405 GET
}
