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

func FuzzMoney(f *testing.F) {
	identity[mall.Money](f, `1`, `"0.01"`, `{"Value":"0.01"}`, `{"Value":1e2,"x":[]}`, `12.340`, `-0`)
}
