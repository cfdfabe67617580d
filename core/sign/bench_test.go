package sign_test

import (
	"crypto/md5"
	"testing"

	"github.com/imprest-go/imprest/core/sign"
)

var notification = sign.Fields{
	{Name: "app_id", Value: "test"}, {Name: "trade_no", Value: "T20180206000000000001"},
	{Name: "out_trade_no", Value: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, {Name: "open_id", Value: "lJsDBB01QzGpBKOC7uaZB6D0QGZWBMCS"},
	{Name: "trade_time", Value: "1517928240"}, {Name: "pay_time", Value: "1517928245"},
	{Name: "amount", Value: "100"}, {Name: "status", Value: "1"},
}

func BenchmarkVerify(b *testing.B) {
	body := signedJSON(b, testKey, notification)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sign.Verify("application/json", body, testKey); err != nil {
			b.Fatal(err)
		}
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
		if _, err := sign.Data(order, testKey); err != nil {
			b.Fatal(err)
		}
	}
}
