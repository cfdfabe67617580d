package check_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
)

type order struct {
	OutTradeNo string   `json:"out_trade_no" validate:"required,id"`
	Amount     core.Fen `json:"amount" validate:"gt=0"`
	Title      string   `json:"title" validate:"required,clear"`
	SceneType  string   `json:"scene_type" validate:"omitempty,oneof=APP WEB"`
	Name       string   `json:"name" validate:"plain,max=16"`
	Note       string   `json:"note" validate:"text"`
}

func TestFindingsNameTheProtocolsFields(t *testing.T) {
	good := order{OutTradeNo: "O_1-a", Amount: 1, Title: "tea & cake", Name: "x&amount=1 门铃", Note: "a\r\n\tb"}
	assert.NoError(t, check.Struct("x", good))
	for _, tt := range []struct {
		change func(*order)
		says   string
	}{
		{func(o *order) { o.OutTradeNo = "" }, "x: out_trade_no must be given"},
		{func(o *order) { o.OutTradeNo = "a b" }, "x: out_trade_no must be 1 to 64 of A-Z, a-z, 0-9, _ and -"},
		{func(o *order) { o.Amount = 0 }, "x: amount must be greater than 0"},
		{func(o *order) { o.Amount = -5 }, "x: amount must be greater than 0"},
		{func(o *order) { o.SceneType = "TV" }, "x: scene_type must be one of: APP WEB"},
		{func(o *order) { o.Title = "x&amount=1" }, `x: title must be valid UTF-8 without control characters and without "&name=", which the signature could not tell from another field`},
		{func(o *order) { o.Title = "x\ny" }, `x: title must be valid UTF-8 without control characters and without "&name=", which the signature could not tell from another field`},
		{func(o *order) { o.Name = "x\ny" }, "x: name must be valid UTF-8 without control characters"},
		{func(o *order) { o.Name = "x\xff" }, "x: name must be valid UTF-8 without control characters"},
		{func(o *order) { o.Name = "12345678901234567" }, "x: name must have a length of at most 16"},
		{func(o *order) { o.Note = "a\vb" }, "x: note must be valid UTF-8 without control characters other than line breaks and tabs"},
		{func(o *order) { o.Note = "a\n\xff" }, "x: note must be valid UTF-8 without control characters other than line breaks and tabs"},
		{func(o *order) { o.Title, o.Amount = "", 0 }, "x: amount must be greater than 0; title must be given"},
	} {
		bad := good
		tt.change(&bad)
		err := check.Struct("x", bad)
		assert.EqualError(t, err, tt.says)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	}
}

// ID is what the expression says, for every byte, and for the lengths at its ends.
func TestID(t *testing.T) {
	want := regexp.MustCompile(`\A[A-Za-z0-9_-]{1,64}\z`)
	for b := range 256 {
		for _, s := range []string{string([]byte{byte(b)}), "a" + string([]byte{byte(b)}), string([]byte{byte(b)}) + "a"} {
			assert.Equal(t, want.MatchString(s), check.ID(s), "%q", s)
		}
	}
	for _, length := range []int{0, 1, 63, 64, 65, 1000} {
		assert.Equal(t, length >= 1 && length <= 64, check.ID(strings.Repeat("Z", length)), length)
	}
	assert.False(t, check.ID("订单"))
}
