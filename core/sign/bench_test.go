package sign_test

import (
	"bytes"
	"crypto/md5"
	"testing"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

// notification and fullOrder are in the order of the platform's page.
var (
	notification = sign.Fields{
		{Name: "app_id", Value: "qyxd930ea5d5a258f4f"}, {Name: "trade_no", Value: "T20180206000000000001"},
		{Name: "out_trade_no", Value: "20180206123456789012"}, {Name: "open_id", Value: "lJsDBB01QzGpBKOC7uaZB6D0QGZWBMCS"},
		{Name: "trade_time", Value: "1517928240"}, {Name: "pay_time", Value: "1517928245"},
		{Name: "amount", Value: "100"}, {Name: "status", Value: "1"},
	}
	fullOrder = sign.Fields{
		{Name: "app_id", Value: "qyxd930ea5d5a258f4f"}, {Name: "store_no", Value: "10000100"},
		{Name: "nonce_str", Value: "ibuaiVcKdpRxkhJA"}, {Name: "sign_type", Value: "MD5"},
		{Name: "out_trade_no", Value: "20180206123456789012"}, {Name: "amount", Value: "3600"},
		{Name: "notify_url", Value: "https://shop.example/callbacks/payment"}, {Name: "scene_type", Value: "APP"},
		{Name: "title", Value: "VoIP, one year"}, {Name: "remark", Value: "for ming"}, {Name: "attach", Value: "a-field-of-tomorrow"},
	}
)

// signedNotification is notification as the platform sends it: status is a number.
func signedNotification(b *testing.B) []byte {
	return bytes.Replace(signedJSON(b, testKey, notification), []byte(`"status":"1"`), []byte(`"status":1`), 1)
}

func BenchmarkVerify(b *testing.B) {
	body := signedNotification(b)
	for _, bench := range []struct {
		name string
		keys []core.Secret
	}{
		{"keys=1", []core.Secret{testKey}},
		{"keys=3", []core.Secret{core.NewSecret("the-next-key-of-the-app"), testKey, core.NewSecret("the-last-key-of-the-app")}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sign.Verify("application/json", body, bench.keys...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyFloor is the least that any verification must do.
func BenchmarkVerifyFloor(b *testing.B) {
	text := []byte(notification.Canonical() + "&key=" + testKey.Reveal())
	for b.Loop() {
		_ = md5.Sum(text)
	}
}

func BenchmarkData(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sign.Data(fullOrder, testKey); err != nil {
			b.Fatal(err)
		}
	}
}
