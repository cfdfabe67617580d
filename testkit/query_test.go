package testkit

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestQuery(t *testing.T) {
	s := openShop(t, nil)
	p := testPlatform(t, PlatformConfig{})
	code := order(t, p, "T1", s.URL)
	want := `{"open_id":"","store_no":"s1234","out_trade_no":"T1","trade_no":"","imprest_code":"` + code + `","amount":990,
		"title":"storage, a month","remark":"","notify_url":"` + s.URL + `","scene_type":"APP","status":0}`
	a := get(t, p, orderPath+"?app_id=test&imprest_code="+code)
	assert.Equal(t, http.StatusOK, a.status)
	assert.JSONEq(t, want, a.body)

	paid := pay(t, p, code)
	a = get(t, p, orderPath+"?app_id=test&out_trade_no=T1")
	assert.Equal(t, 1.0, a.fields["status"])
	assert.Equal(t, paid.TradeNo, a.fields["trade_no"])
	assert.Equal(t, TestUser().OpenID, a.fields["open_id"])
}

func TestQueryIsStrict(t *testing.T) {
	other := Account{AppID: "other", AppKey: core.NewSecret("k"), StoreNo: "s2"}
	p := testPlatform(t, PlatformConfig{Accounts: []Account{TestAccount(), other}})
	code := order(t, p, "T1", "http://127.0.0.1:1/")
	mine := orderBody("T1", "http://127.0.0.1:1/")
	mine.appKey = "k"
	mine.set(textField("app_id", "other"))
	mine.set(textField("store_no", "s2"))
	mine.set(bareField("amount", "1"))
	require.Equal(t, http.StatusOK, postOrder(t, p, mine.signed()).status, "a number is the app's own")

	for query, says := range map[string]string{
		"":                           "app_id: is missing",
		"?app_id=test":               "exactly one",
		"?app_id=test&out_trade_no=": "out_trade_no: is missing",
		"?app_id=test&imprest_code=": "imprest_code: is missing",
		"?app_id=test&out_trade_no=T1&imprest_code=":                  "exactly one",
		"?app_id=test&out_trade_no=&imprest_code=" + code:             "exactly one",
		"?app_id=test&imprest_code=x&out_trade_no=T1&out_trade_no=T1": "exactly one",
		"?app_id=test&out_trade_no=T1&out_trade_no=T1":                "out_trade_no: stands there twice",
		"?app_id=test&out_trade_no=T1&out_trade_no=":                  "out_trade_no: stands there twice",
		"?app_id=&out_trade_no=T1":                                    "app_id: is missing",
		"?out_trade_no=T1":                                            "app_id: is missing",
		"?app_id=nobody&out_trade_no=T1":                              "app_id: is not known",
		"?app_id=test&out_trade_no=T2":                                "no such order",
		"?app_id=test&imprest_code=x":                                 "no such order",
		"?app_id=other&imprest_code=" + code:                          "no such order",
		"?app_id=test&out_trade_no=T1&imprest_code=" + code:           "exactly one",
		"?app_id=test&app_id=test&out_trade_no=T1":                    "app_id: stands there twice",
		"?app_id=test&out_trade_no=%zz":                               "the query cannot be read",
	} {
		a := get(t, p, orderPath+query)
		assert.Equal(t, http.StatusBadRequest, a.status, query)
		assert.Equal(t, 400.0, a.fields["err_code"], query)
		assert.Contains(t, a.fields["err_msg"], says, query)
	}
	assert.Equal(t, 1.0, get(t, p, orderPath+"?app_id=other&out_trade_no=T1").fields["amount"])
	assert.Equal(t, 990.0, get(t, p, orderPath+"?app_id=test&out_trade_no=T1").fields["amount"])
}

func TestReadingsOfTheQuery(t *testing.T) {
	p := testPlatform(t, PlatformConfig{Readings: Readings{OmitEmpty: true, UnknownOrder: 404}})
	order(t, p, "T1", "http://127.0.0.1:1/")
	a := get(t, p, orderPath+"?app_id=test&out_trade_no=T1")
	assert.NotContains(t, a.fields, "trade_no")
	assert.NotContains(t, a.fields, "open_id")
	assert.NotContains(t, a.fields, "remark")
	assert.Equal(t, 0.0, a.fields["status"], "0 is not empty")
	a = get(t, p, orderPath+"?app_id=test&out_trade_no=T2")
	assert.Equal(t, http.StatusBadRequest, a.status)
	assert.Equal(t, 404.0, a.fields["err_code"])
}
