package testkit

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// membersOf lists the members of a JSON value by their path, each with what it is.
// Of a list it tells what its elements have in all.
func membersOf(value any) []string {
	found := map[string]bool{}
	var visit func(path string, value any)
	visit = func(path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, member := range v {
				visit(path+"."+name, member)
			}
		case []any:
			found[path+" list"] = true
			for _, element := range v {
				visit(path+"[]", element)
			}
		case string:
			found[path+" text"] = true
		case float64:
			found[path+" number"] = true
		case bool:
			found[path+" boolean"] = true
		default:
			found[path+" nothing"] = true
		}
	}
	visit("", value)
	return slices.Sorted(maps.Keys(found))
}

// What the page's examples have, the answers have, and nothing else: it is what
// its examples show that counts, where its tables say otherwise.
func TestAnswersHaveTheShapesOfThePage(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	require.True(t, ask(t, c, CallBuyIncreaseServiceByWx, buying()).Success)
	for call, p := range map[Call]params{
		CallGetDeviceAddValueType:    ofDoorbell(),
		CallGetDeviceList:            {"owner_id": TestHome().ID},
		CallGetServiceIntroduction:   {"categoryCode": ServiceVoIP},
		CallGetDeviceWXUserInfo:      {"app_id": TestWeChatApp().AppID},
		CallGetOrderList:             inMall(),
		CallGetSubscriptionOrderList: inMall(),
	} {
		t.Run(string(call), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", "core", "mall", "testdata", "seed003", string(call)+".json"))
			require.NoError(t, err)
			var page, got any
			require.NoError(t, json.Unmarshal(text, &page))
			a := ask(t, c, call, p)
			require.NoError(t, json.Unmarshal(a.Result, &got), a.body)
			assert.Equal(t, membersOf(page), membersOf(got))
		})
	}
}

// The page's example of subscriptions has none, so its tables count here, but for
// amounts, which are objects in every example.
func TestASubscriptionHasTheShapeOfTheTables(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	o, err := c.AddMallOrder(MallOrder{PeriodType: 1, Period: Period{Unit: PeriodMonth, Value: 1}, AmountTrade: 790})
	require.NoError(t, err)
	require.NoError(t, c.PayMallOrder(o.OrderID))
	var got struct{ Data []any }
	require.NoError(t, json.Unmarshal(ask(t, c, CallGetSubscriptionOrderList, inMall()).Result, &got))
	require.Len(t, got.Data, 1)
	assert.Equal(t, []string{
		".gmtNextTime number",
		".orderListModel.amountOrigin.Value text", ".orderListModel.amountTrade.Value text", ".orderListModel.currency text",
		".orderListModel.mallInfo.mallCode text", ".orderListModel.mallInfo.shopCode text", ".orderListModel.mallInfo.siteCode text",
		".orderListModel.orderGmtCreate number", ".orderListModel.orderId text",
		".orderListModel.orderItemList list",
		".orderListModel.orderItemList[].amountOrigin.Value text", ".orderListModel.orderItemList[].amountTrade.Value text",
		".orderListModel.orderItemList[].currency text", ".orderListModel.orderItemList[].quantity number",
		".orderListModel.orderItemList[].skuCode text", ".orderListModel.orderItemList[].skuPic text",
		".orderListModel.orderItemList[].skuValueList list", ".orderListModel.orderItemList[].title text",
		".orderListModel.orderStatus text", ".orderListModel.quantity number",
		".paidProvider number", ".regularInterval number", ".regularUnit number", ".status number", ".subscribeId text",
	}, membersOf(got.Data[0]))
}
