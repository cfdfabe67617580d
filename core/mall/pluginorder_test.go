package mall_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

const pluginOrder = `{"mall_code":"m1","shop_code":"s1","order_id":"o1","pay_status":"paid","delivery_status":"none","created_time":1723536905517,
	"current_total_price":19.90,"total_shipping_price":0,"total_tax_price":0.00,"total_price":19.9,"currency":"CNY",
	"commodity_list":[{"title":"Cloud storage","sku":"k1","available":true,"price":19.90,"weight":0.5,"quantity":1,"image":"a.png","selected_options":[{"a":"b"}]}],
	"billing_address":{"name":"Li"},"shipping_address":null,"delivery_list":[{"logistics_company":"a","logistics_no":"1","logistics_url":"u","x":1}],
	"cancel_reason":"changed mind","canceled_time":1723536905518}`

func TestPluginOrder(t *testing.T) {
	_, transport, o := overOpenAPI(t, map[string]string{orderDetail: success(pluginOrder)})
	order, err := transport.PluginOrder(t.Context(), alice, "o1")
	require.NoError(t, err)
	assert.Equal(t, []string{orderDetail + "?mall_code=m1&shop_code=s1&user_id=ay1alice"}, o.calls())
	assert.Equal(t, []string{"m1", "s1", "o1", "paid", "none", "1723536905517", "CNY", "changed mind"},
		[]string{order.MallCode, order.ShopCode, order.OrderID, order.PayStatus, order.DeliveryStatus, order.CreatedTime, order.Currency, order.CancelReason})
	assert.Equal(t, []core.Fen{1990, 0, 0, 1990}, []core.Fen{order.CurrentTotalPrice.Fen, order.TotalShippingPrice.Fen, order.TotalTaxPrice.Fen, order.TotalPrice.Fen})
	assert.Equal(t, int64(1723536905518), order.CanceledTime)
	require.Len(t, order.CommodityList, 1)
	item := order.CommodityList[0]
	assert.Equal(t, []any{"Cloud storage", "k1", core.Fen(1990), int64(1), "a.png", "0.5"}, []any{item.Title, item.SKU, item.Price.Fen, item.Quantity, item.Image, string(item.Extra["weight"])})
	require.Len(t, order.DeliveryList, 1)
	assert.Equal(t, []string{"a", "1", "u"}, []string{order.DeliveryList[0].LogisticsCompany, order.DeliveryList[0].LogisticsNo, order.DeliveryList[0].LogisticsURL})
	assert.JSONEq(t, pluginOrder, asJSON(t, order))
}

func TestPluginOrdersThatAreNone(t *testing.T) {
	for _, result := range []string{`null`, `{}`} {
		_, transport, _ := overOpenAPI(t, map[string]string{orderDetail: success(result)})
		_, err := transport.PluginOrder(t.Context(), alice, "o1")
		assert.ErrorIs(t, err, mall.ErrNoOrder, result)
		assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
	}
	for result, says := range map[string]string{
		`{"order_id":"o2"}`:                       "result.order_id is that of another order",
		`{"total_price":0.001}`:                   "result.total_price",
		`{"commodity_list":[{"price":"free"}]}`:   "result.commodity_list[0].price",
		`{"delivery_list":[1]}`:                   "result.delivery_list[0] is not an object",
		`{"order_id":"o1","pay_status":["paid"]}`: "result.pay_status is not a text",
	} {
		_, transport, _ := overOpenAPI(t, map[string]string{orderDetail: success(result)})
		_, err := transport.PluginOrder(t.Context(), alice, "o1")
		assert.ErrorContains(t, err, says)
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
		assert.True(t, core.Retryable(err))
	}
}

func TestCloseOrder(t *testing.T) {
	for result, code := range map[string]core.Code{
		`true`: "", `"true"`: "", `false`: core.CodeRefused, `null`: core.CodeUnknown, `""`: core.CodeUnknown, `{}`: core.CodeUnknown,
	} {
		_, transport, o := overOpenAPI(t, map[string]string{orderClose: success(result)})
		err := transport.CloseOrder(t.Context(), "o1")
		assert.Equal(t, code, core.CodeOf(err), result)
		assert.False(t, core.Retryable(err), "%s: a second answer would not tell of the first", result)
		assert.Equal(t, []string{orderClose + "?mall_code=m1&site_code=CN"}, o.calls())
	}
	_, transport, o := overOpenAPI(t, map[string]string{orderClose: `<html>`})
	err := transport.CloseOrder(t.Context(), "o1")
	assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
	assert.False(t, core.Retryable(err))
	assert.Len(t, o.calls(), 1)
	o.Close()
	err = transport.CloseOrder(t.Context(), "o1")
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
}
