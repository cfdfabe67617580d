package mall_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

func TestBuyingReturnsWhatAMiniProgramPaysWith(t *testing.T) {
	text := `{"orderId":"o1","timeStamp":1723536905,"nonceStr":"n","package":"prepay_id=wx1","signType":"RSA","paySign":"s","appId":"wx1234"}`
	prepay, err := answering(t, 200, success(text)).BuyIncreaseServiceByWx(t.Context(), alice, buy)
	require.NoError(t, err)
	assert.Equal(t, fields(mall.Prepay{
		OrderID: "o1", TimeStamp: "1723536905", NonceStr: "n", Package: "prepay_id=wx1", SignType: "RSA", PaySign: "s",
		Extra: map[string]json.RawMessage{"appId": []byte(`"wx1234"`)},
	}), fields(prepay))
	assert.True(t, prepay.Complete())
	keeps(t, text, prepay)

	for _, without := range []func(*mall.Prepay){
		func(p *mall.Prepay) { p.TimeStamp = "" }, func(p *mall.Prepay) { p.NonceStr = "" }, func(p *mall.Prepay) { p.Package = "" }, func(p *mall.Prepay) { p.PaySign = "" },
	} {
		less := prepay
		without(&less)
		assert.False(t, less.Complete())
	}
	prepay.SignType = ""
	assert.True(t, prepay.Complete(), "WeChat has a default")

	// Another shape, for none is published: nothing of it is lost.
	text = `{"orderId":7,"payInfo":{"paySign":"s"}}`
	prepay, err = answering(t, 200, success(text)).BuyIncreaseServiceByWx(t.Context(), alice, buy)
	require.NoError(t, err)
	assert.False(t, prepay.Complete())
	assert.Equal(t, "7", prepay.OrderID)
	assert.JSONEq(t, `{"paySign":"s"}`, string(prepay.Extra["payInfo"]))
	keeps(t, text, prepay)
}

// Whether there is an order now, nobody can say: so it must not be ordered again.
func TestBuyingWithoutAnythingToPayBy(t *testing.T) {
	for _, result := range []string{`null`, `{}`, `true`, `false`, `[]`, `"wx"`, `{"paySign":{}}`} {
		prepay, err := answering(t, 200, success(result)).BuyIncreaseServiceByWx(t.Context(), alice, buy)
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err), result)
		assert.False(t, core.Retryable(err), result)
		assert.Zero(t, prepay, result)
	}
	_, err := answering(t, 200, `{"success":false,"code":1111}`).BuyIncreaseServiceByWx(t.Context(), alice, buy)
	assert.True(t, core.Retryable(err), "a busy system has ordered nothing")
}

// A price is picked as it was offered.
func TestBuyingWhatWasOffered(t *testing.T) {
	var price mall.Price
	require.NoError(t, json.Unmarshal([]byte(`{"optionType":0,"optionNo":"34"}`), &price))
	p := buy
	p.OptionType, p.OptionNo = price.OptionType, price.OptionNo
	text, err := json.Marshal(p)
	require.NoError(t, err)
	var sent map[string]any
	require.NoError(t, json.Unmarshal(text, &sent))
	assert.Equal(t, "0", sent["optionType"])
	assert.Equal(t, "34", sent["optionNo"])
}
