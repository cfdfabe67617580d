package vvchat_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
)

// The arguments are the ones that the platform's pages print.
func TestCallsOfThePage(t *testing.T) {
	for want, call := range map[string]vvchat.JSCall{
		`"auth",{"app_id":"test","scope":"snsapi_userinfo","state":"STATE"}`: vvchat.AuthCall{AppID: "test", Scope: vvchat.ScopeUserInfo, State: "STATE"},
		`"auth",{"app_id":"test","scope":"sessionapi_sendmsg:S1:1"}`:         vvchat.AuthCall{AppID: "test", Scope: vvchat.SessionScope(vvchat.Session{ID: "S1", Type: 1})},
		`"getSession",{}`:    vvchat.GetSessionCall{},
		`"selectSession",{}`: vvchat.SelectSessionCall{},
		`"pay",{"imprest_code":"IMPREST_CODE","app_id":"APPID"}`:                                    vvchat.PayCall{ImprestCode: "IMPREST_CODE", AppID: "APPID"},
		`"share",{"app_id":"test","share_title":"t","share_url":"https://s.example/?a=1\u0026b=2"}`: vvchat.ShareCall{AppID: "test", ShareTitle: "t", ShareURL: "https://s.example/?a=1&b=2"},
		`"share",{"app_id":"test","share_title":"t","sub_title":"s","share_url":"https://u.example","thumb_url":"https://h.example","share_data_url":"{\"tpl_header\":\"vctalk\",\"tpl_version\":\"v1\",\"tpl_type\":\"MultipleLine\",\"data\":[\"a\",\"b\"]}"}`: vvchat.ShareCall{
			AppID: "test", ShareTitle: "t", SubTitle: "s", ShareURL: "https://u.example", ThumbURL: "https://h.example", ShareDataURL: vvchat.ShareData{Data: []string{"a", "b"}}.String()},
	} {
		got, err := vvchat.JSArguments(call)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, bad := range []vvchat.JSCall{nil, vvchat.AuthCall{AppID: "a"}, vvchat.AuthCall{Scope: "s"}, vvchat.PayCall{AppID: "a"}, vvchat.PayCall{ImprestCode: "a b", AppID: "a"}, vvchat.ShareCall{AppID: "a", ShareTitle: "t"}, vvchat.ShareCall{AppID: "a", ShareURL: "https://s.example"},
		vvchat.ShareCall{AppID: "a", ShareTitle: "t", ShareURL: "javascript:alert(1)"}, vvchat.ShareCall{AppID: "a", ShareTitle: "t", ShareURL: "https://s.example", ThumbURL: "data:x"}, (*vvchat.PayCall)(nil)} {
		_, err := vvchat.JSArguments(bad)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "%#v", bad)
	}
}

func TestNothingEndsTheScript(t *testing.T) {
	hostile := "</script><!--\u2028\u2029'\"`${x}"
	text, err := vvchat.JSArguments(vvchat.ShareCall{AppID: "a", ShareTitle: hostile, ShareURL: "https://s.example"})
	require.NoError(t, err)
	for _, piece := range []string{"<", ">", "\u2028", "\u2029", "&"} {
		assert.NotContains(t, text, piece)
	}
	var options vvchat.ShareCall
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(text, `"share",`)), &options))
	assert.Equal(t, hostile, options.ShareTitle)
}

func TestShareDataAsThePlatformPrintsIt(t *testing.T) {
	assert.JSONEq(t, `{"tpl_header":"vctalk","tpl_version":"v1","tpl_type":"MultipleLine","data":["…"]}`, vvchat.ShareData{Data: []string{"…"}}.String())
	assert.JSONEq(t, `{"tpl_header":"h","tpl_version":"v2","tpl_type":"T","data":[]}`, vvchat.ShareData{TplHeader: "h", TplVersion: "v2", TplType: "T"}.String())
}

func TestResultsOfThePage(t *testing.T) {
	for raw, want := range map[string]vvchat.LoginAnswer{
		`{"code":"C1","state":"s"}`:                {Code: "C1", State: "s"},
		`{"code":"C1","err_code":0}`:               {Code: "C1"},
		`{"code":"C1","err_code":"200","more":{}}`: {Code: "C1"},
		`{"code":"C1","err_code":null}`:            {Code: "C1"},
		`{"err_code":400,"err_msg":"取消"}`:          {Declined: true, ErrCode: 400, ErrMsg: "取消"},
		`{"err_code":1,"state":"s","code":"C1"}`:   {State: "s", Declined: true, ErrCode: 1},
		`{"err_code":"no","code":"C"}`:             {Declined: true},
		`{"err_code":"+0","code":"C"}`:             {Declined: true},
		`{"err_code":1e400,"code":"C"}`:            {Declined: true},
	} {
		got, err := vvchat.AuthCall{}.Result(raw)
		require.NoError(t, err, raw)
		assert.Equal(t, want, got, raw)
	}
	for _, raw := range []string{``, `null`, `[]`, `"x"`, `{}`, `{"code":""}`, `{"code":["C"]}`, `{"CODE":"C1"}`, `{"code":"` + strings.Repeat("a", 9000) + `"}`} {
		_, err := vvchat.AuthCall{}.Result(raw)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), raw)
	}
	group := vvchat.Session{ID: "S1", Type: vvchat.SessionGroup}
	for _, raw := range []string{`{"session_id":"S1","session_type":2}`, `{"session_id":"S1","session_type":"2"}`} {
		got, err := vvchat.GetSessionCall{}.Result(raw)
		require.NoError(t, err)
		assert.Equal(t, group, got)
		got, err = vvchat.SelectSessionCall{}.Result(raw)
		require.NoError(t, err)
		assert.Equal(t, group, got)
	}
	for _, raw := range []string{`{}`, `{"session_id":"S1"}`, `{"session_id":"S1","session_type":3}`, `{"session_id":"","session_type":1}`, `{"session_id":{},"session_type":1}`} {
		_, err := vvchat.GetSessionCall{}.Result(raw)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), raw)
	}
	var refused *vvchat.BridgeError
	_, err := vvchat.SelectSessionCall{}.Result(`{"err_code":400,"err_msg":"失败\u0007"}`)
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, core.CodeRefused, core.CodeOf(err))
	assert.NotContains(t, err.Error(), "\a")

	tradeNo, err := vvchat.PayCall{}.Result(`{"trade_no":"T1","err_code":200}`)
	require.NoError(t, err)
	assert.Equal(t, "T1", tradeNo)
	_, err = vvchat.PayCall{}.Result(`{"err_code":400,"err_msg":"余额不足"}`)
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "余额不足", refused.ErrMsg)
	_, err = vvchat.PayCall{}.Result(`{"trade_no":"a b"}`)
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))

	assert.NoError(t, vvchat.ShareCall{}.Result(`{"code":200}`))
	require.ErrorAs(t, vvchat.ShareCall{}.Result(`{"code":400,"err_msg":"no"}`), &refused)
	require.ErrorAs(t, vvchat.ShareCall{}.Result(`{"error":"cancelled"}`), &refused)
	assert.Equal(t, "cancelled", refused.ErrMsg)
	require.ErrorAs(t, vvchat.ShareCall{}.Result(`{"err_code":403}`), &refused)
	assert.Equal(t, int64(403), refused.ErrCode)
	assert.Equal(t, core.CodeInvalid, core.CodeOf(vvchat.ShareCall{}.Result(`{}`)))
}

func FuzzResults(f *testing.F) {
	for _, raw := range []string{`{"code":"C1","state":"s"}`, `{"err_code":400,"err_msg":"x"}`, `{"session_id":"S1","session_type":2}`, `{"trade_no":"T1"}`, `{"code":200}`, `null`} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if a, err := (vvchat.AuthCall{}).Result(raw); err == nil && !a.Declined && a.Code == "" {
			t.Fatal("consent without a code")
		}
		if s, err := (vvchat.GetSessionCall{}).Result(raw); err == nil && vvchat.SessionScope(s) == "" {
			t.Fatal("a chat that is none")
		}
		if no, err := (vvchat.PayCall{}).Result(raw); err == nil && no == "" {
			t.Fatal("paid without a number")
		}
		if err := (vvchat.ShareCall{}).Result(raw); err != nil && core.CodeOf(err) == "" {
			t.Fatal("an error without a code")
		}
	})
}

func ExampleJSArguments() {
	arguments, err := vvchat.JSArguments(vvchat.PayCall{ImprestCode: "I1", AppID: "test"})
	fmt.Printf("vvchat.call(%s, paid, failed) %v\n", arguments, err)
	// Output: vvchat.call("pay",{"imprest_code":"I1","app_id":"test"}, paid, failed) <nil>
}

func ExamplePayCall_Result() {
	_, err := vvchat.PayCall{}.Result(`{"err_code":400,"err_msg":"cancelled"}`)
	refused, ok := errors.AsType[*vvchat.BridgeError](err)
	fmt.Println(ok, refused.ErrMsg)
	// Output: true cancelled
}
