package purchase_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
)

// byHeader trusts a header: enough for a test.
func byHeader(_ context.Context, r *core.Request) (string, error) {
	if buyer := r.Header.Get("X-Buyer"); buyer != "" {
		return buyer, nil
	}
	return "", errors.New("nobody")
}

func TestRoutes(t *testing.T) {
	w := newWorld(t)
	routes := w.restart().Routes(byHeader)
	require.Empty(t, routes.Check())
	post := func(buyer, contentType, body string) *core.Response {
		return routes.Handle(t.Context(), &core.Request{Method: "POST", Path: "/purchases", Body: []byte(body),
			Header: core.Header{{Name: "X-Buyer", Value: buyer}, {Name: "Content-Type", Value: contentType}}})
	}
	for name, tt := range map[string]struct {
		buyer, contentType, body string
		status                   int
	}{
		"nobody":          {"", "application/json", `{"offer":"voip","price":100}`, 401},
		"a form":          {"b", "application/x-www-form-urlencoded", `offer=voip&price=100`, 415},
		"text":            {"b", "text/plain", `{"offer":"voip","price":100}`, 415},
		"no JSON":         {"b", "application/json", `{`, 400},
		"two documents":   {"b", "application/json", `{"offer":"voip","price":100}{}`, 400},
		"unknown field":   {"b", "application/json", `{"offer":"voip","price":100,"amount":1}`, 400},
		"a float":         {"b", "application/json", `{"offer":"voip","price":1.5}`, 400},
		"no price":        {"b", "application/json", `{"offer":"voip"}`, 400},
		"unknown offer":   {"b", "application/json", `{"offer":"tea","price":100}`, 404},
		"a changed price": {"b", "application/json", `{"offer":"voip","price":1}`, 409},
	} {
		resp := post(tt.buyer, tt.contentType, tt.body)
		assert.Equal(t, tt.status, resp.Status, name)
		assert.Equal(t, core.RefusedText, string(resp.Body), name)
	}
	require.Empty(t, w.ids())

	resp := post("alice", "application/json; charset=utf-8", `{"offer":"voip","price":100}`)
	require.Equal(t, 201, resp.Status)
	var view purchase.View
	require.NoError(t, json.Unmarshal(resp.Body, &view))
	assert.Equal(t, purchase.Unpaid, view.State)
	assert.NotEmpty(t, view.ImprestCode)
	assert.Equal(t, "/purchases/"+view.ID, resp.Header.Get("Location"))

	get := func(buyer, id string) *core.Response {
		return routes.Handle(t.Context(), &core.Request{Method: "GET", Path: "/purchases/" + id, Header: core.Header{{Name: "X-Buyer", Value: buyer}}})
	}
	assert.Equal(t, 200, get("alice", view.ID).Status)
	assert.Equal(t, 404, get("bob", view.ID).Status, "another buyer's purchase does not exist for him")
	assert.Equal(t, 404, get("alice", "unknown").Status)
	assert.Equal(t, 404, get("alice", "%00").Status)
	assert.Equal(t, 401, get("", view.ID).Status)

	w.ios, w.faultAt, w.fault = 0, 2, replyLost // the order's answer
	resp = post("alice", "application/json", `{"offer":"voip","price":100}`)
	assert.Equal(t, 202, resp.Status, string(resp.Body))
	w.ios, w.faultAt, w.fault = 0, 1, cleanFailure // the journal
	resp = post("alice", "application/json", `{"offer":"voip","price":100}`)
	assert.Equal(t, 503, resp.Status)
	assert.Equal(t, core.TryLaterText, string(resp.Body))
}
