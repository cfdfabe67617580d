package mall_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core/mall"
)

// identity: whatever can be read is written as JSON that says the same, and
// reading that gives the same value.
func identity[T any](f *testing.F, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second T
		if json.Unmarshal(data, &first) != nil || string(bytes.TrimSpace(data)) == "null" {
			return // null is the one that changes nothing
		}
		text, err := encode(first)
		if err != nil {
			t.Fatalf("%q is read, and cannot be written: %v", data, err)
		}
		if err := json.Unmarshal(text, &second); err != nil {
			t.Fatalf("%q is written as %q, which cannot be read: %v", data, text, err)
		}
		if utf8.Valid(data) && !reflect.DeepEqual(first, second) {
			t.Fatalf("%q is written as %q, which is something else:\n%#v\n%#v", data, text, first, second)
		}
		if !reflect.DeepEqual(tree(t, data), tree(t, text)) {
			t.Fatalf("%q is written as %q, which does not say the same", data, text)
		}
	})
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return out.Bytes(), err
}

func tree(t *testing.T, text []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func FuzzCommodity(f *testing.F) {
	identity[mall.Commodity](f, `{}`, `{"commodityCode":1,"prices":[{"price":{"Value":"0.01"},"marketingStrategy":{"discount":"20"},"optionType":"0"}],"x":[{}]}`,
		`{"prices":[{"price":1e-2,"strPrice":0.01},{"marketingStrategy":{}}],"title":"<\u00e9>"}`)
}

func FuzzService(f *testing.F) {
	identity[mall.Service](f, `{}`, `{"startTime":"1722939139094","endTime":0,"tags":["freeTrial",1],"isFree":"1","isPermanent":false,"duration":null}`)
}

func FuzzAppMallInfo(f *testing.F) {
	identity[mall.AppMallInfo](f, `{"currency":"CNY","mallCode":"x","shopCode":7,"siteCode":null,"Currency":"EUR"}`)
}

func FuzzDeviceCapability(f *testing.F) {
	identity[mall.DeviceCapability](f, `{"WechatMPAppid":"wx1","WechatMPOid":"gh_1","WechatMPMid":null,"wechatMPMid":"x"}`)
}

func FuzzVoipAuthUser(f *testing.F) {
	identity[mall.VoipAuthUser](f, `{"isAuth":1,"avatarUrl":"","isValid":"false","userName":"xxx","userId":42}`)
}

func FuzzDeviceAddValueType(f *testing.F) {
	identity[mall.DeviceAddValueType](f, example(f, mall.OpGetDeviceAddValueType), `{"types":["0",2,null],"icon":null,"id":1}`)
}

func FuzzListedDevice(f *testing.F) {
	identity[mall.ListedDevice](f, `{}`, `{"types":[0,1],"icon":"a/b.png","name":"VoIP","id":"x","locationName":""}`)
}

func FuzzOrderPage(f *testing.F) {
	identity[mall.OrderPage](f, example(f, mall.OpGetOrderList), `{"data":[{"orderBaseInfo":null,"orderLogisticsInfo":{"orderLogisticsTag":"1"}}],"empty":0,"pageCount":"2"}`)
}

func FuzzSubscriptionPage(f *testing.F) {
	identity[mall.SubscriptionPage](f, example(f, mall.OpGetSubscriptionOrderList),
		`{"data":[{"subscribeId":"s","status":"1","gmtNextTime":"1","orderListModel":{"amountTrade":1.5,"mallInfo":{},"orderItemList":[{"skuValueList":["x"]}]}}],"totalRecord":1}`)
}

func FuzzServiceIntroduction(f *testing.F) {
	identity[mall.ServiceIntroduction](f, example(f, mall.OpGetServiceIntroduction), `{"moduleList":{"x":[],"serviceName":[{"attachmentJson":{"attachment1":"","attachment3":1}}]}}`)
}

func FuzzDeviceWXUser(f *testing.F) {
	identity[mall.DeviceWXUser](f, `{"openId":"xxx","userId":"xxx"}`, `{"openId":null,"unionId":""}`)
}

func FuzzPrepay(f *testing.F) {
	identity[mall.Prepay](f, `{"timeStamp":1,"nonceStr":"n","package":"prepay_id=1","signType":"","paySign":null,"appId":"wx"}`)
}

func FuzzMoney(f *testing.F) {
	identity[mall.Money](f, `1`, `"0.01"`, `{"Value":"0.01"}`, `{"Value":1e2,"x":[]}`, `12.340`, `-0`)
}
