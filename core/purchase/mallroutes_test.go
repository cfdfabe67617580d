package purchase_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
)

const mallBody = `{"mall":{"device_id":"dev-1","name":"Doorbell","uuid":"uuid-1","homeId":"h1","catalog_code":"VOIP","skuCode":"sku-voip","optionType":0,"optionNo":0,"price":3600}}`

func TestRoutesOfTheMallRail(t *testing.T) {
	w := newMallWorld(t)
	w.named = true
	routes := w.restart().Routes(byHeader)
	post := func(buyer, body string) *core.Response {
		return routes.Handle(t.Context(), &core.Request{Method: "POST", Path: "/purchases", Body: []byte(body),
			Header: core.Header{{Name: "X-Buyer", Value: buyer}, {Name: "Content-Type", Value: "application/json"}}})
	}
	show := func(buyer, id string) (int, purchase.View) {
		resp := routes.Handle(t.Context(), &core.Request{Method: "GET", Path: "/purchases/" + id, Header: core.Header{{Name: "X-Buyer", Value: buyer}}})
		var view purchase.View
		_ = json.Unmarshal(resp.Body, &view)
		return resp.Status, view
	}
	for name, tt := range map[string]struct {
		buyer, body string
		status      int
	}{
		"nobody":             {"", mallBody, 401},
		"both rails":         {"b", strings.Replace(mallBody, "{", `{"offer":"voip",`, 1), 400},
		"a price beside it":  {"b", strings.Replace(mallBody, "{", `{"price":1,`, 1), 400},
		"an unknown field":   {"b", strings.Replace(mallBody, `"price"`, `"amount":1,"price"`, 1), 400},
		"whose it is":        {"b", strings.Replace(mallBody, `"price"`, `"user_id":"u","price"`, 1), 400},
		"a float":            {"b", strings.Replace(mallBody, "3600", "36.5", 1), 400},
		"no device":          {"b", strings.Replace(mallBody, "dev-1", "", 1), 400},
		"an unknown sku":     {"b", strings.Replace(mallBody, "sku-voip", "sku-x", 1), 404},
		"an unknown option":  {"b", strings.Replace(mallBody, `"optionNo":0`, `"optionNo":9`, 1), 404},
		"a price of the day": {"b", strings.Replace(mallBody, "3600", "3500", 1), 409},
		"the other rail":     {"b", `{"offer":"voip","price":100}`, 400},
	} {
		assert.Equal(t, tt.status, post(tt.buyer, tt.body).Status, name)
	}
	require.Empty(t, w.ids())

	resp := post("alice", mallBody)
	require.Equal(t, 201, resp.Status, string(resp.Body))
	var view purchase.View
	require.NoError(t, json.Unmarshal(resp.Body, &view))
	require.NotNil(t, view.Mall)
	assert.NotEmpty(t, view.Mall.Prepay)

	again := post("alice", mallBody)
	assert.Equal(t, 409, again.Status)
	assert.Contains(t, string(again.Body), view.ID, "the open one is shown")

	// A GET looks at the orders, once that is due.
	w.payOrder("O1")
	w.grant("O1")
	_, now := show("alice", view.ID)
	assert.Equal(t, purchase.Unpaid, now.State)
	w.now = w.now.Add(3 * time.Second)
	reads := w.ios
	status, _ := show("bob", view.ID)
	assert.Equal(t, 404, status)
	assert.Equal(t, reads+1, w.ios, "a stranger's look reads the record and nothing else")
	_, now = show("alice", view.ID)
	assert.Equal(t, purchase.Delivered, now.State)
	assert.Empty(t, now.Mall.Prepay)

	w.buyErr = mall.Refusal("mall.BuyIncreaseServiceByWx", "PERMISSION_DENIED", "no", "")
	assert.Equal(t, 502, post("alice", mallBody).Status)
	w.buyErr, w.hold = nil, true
	assert.Equal(t, 202, post("alice", mallBody).Status)
}
