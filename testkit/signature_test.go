package testkit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The vectors of the protocol's page, recomputed: the hash that the platform
// prints beside the first belongs to the second, which is WeChat Pay's.
func TestDataSignVectors(t *testing.T) {
	const key = "192006250b4c09247ec02edce69f6a2d"
	for _, v := range []struct {
		fields    []field
		canonical string
		sign      string
	}{
		{
			[]field{bareField("amount", "1"), textField("app_id", "qyxd930ea5d5a258f4f"), textField("nonce_str", "ibuaiVcKdpRxkhJA"), textField("store_no", "10000100"), textField("title", "test")},
			"amount=1&app_id=qyxd930ea5d5a258f4f&nonce_str=ibuaiVcKdpRxkhJA&store_no=10000100&title=test",
			"0E7F5741C9ECF83D54F9715E7C3F32B8",
		},
		{
			[]field{textField("mch_id", "10000100"), textField("appid", "wxd930ea5d5a258f4f"), textField("device_info", "1000"), textField("nonce_str", "ibuaiVcKdpRxkhJA"), textField("body", "test")},
			"appid=wxd930ea5d5a258f4f&body=test&device_info=1000&mch_id=10000100&nonce_str=ibuaiVcKdpRxkhJA",
			"9A0A8659F005D6984697E2CA0A9CF3B7",
		},
	} {
		got := canonical(v.fields)
		assert.Equal(t, v.canonical, got)
		assert.Equal(t, v.sign, dataSign(got, key))
	}
}

func TestCanonical(t *testing.T) {
	assert.Equal(t,
		"amount=1000&in_open_id=xd8wjr9jr02kjf823jse94kio8&notify_url=http://www.test.com/callback&out_open_id=lJsDBB01QzGpBKOC7uaZB6D0QGZWBMCS&out_order_no=2334234343zz&title=test",
		canonical([]field{
			textField("out_order_no", "2334234343zz"), textField("in_open_id", "xd8wjr9jr02kjf823jse94kio8"), textField("title", "test"),
			textField("out_open_id", "lJsDBB01QzGpBKOC7uaZB6D0QGZWBMCS"), bareField("amount", "1000"), textField("notify_url", "http://www.test.com/callback"),
		}), "the payout example of the page")
	assert.Equal(t, "B=&a b&z=1&_=2&a=3", canonical([]field{
		textField("a", "3"), textField("sign", "X"), textField("empty", ""), {name: "null", literal: "null"}, textField("_", "2"), textField("B", "&a b&z=1"),
	}), "bytewise order, raw values, no sign, nothing empty")
}
