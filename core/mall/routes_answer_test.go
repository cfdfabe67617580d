package mall_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/mall"
)

func TestWhatAuthorizeSays(t *testing.T) {
	known := func(code core.Code) error {
		return fmt.Errorf("a secret of the hook: %w", &core.Error{Op: "x", Code: code, Err: errors.New("a secret of the hook")})
	}
	for _, tt := range []struct {
		err    error
		caller mall.Caller
		status int
		code   string
	}{
		{nil, mall.Caller{}, 401, "unauthorized"},
		{errNobody, alice, 401, "unauthorized"},
		{login.ErrNoSession, mall.Caller{}, 401, "unauthorized"},
		{journal.ErrNotFound, mall.Caller{}, 401, "unauthorized"},
		{known(core.CodeInvalid), mall.Caller{}, 401, "unauthorized"},
		{known(core.CodeForged), mall.Caller{}, 401, "unauthorized"},
		{known(core.CodeRefused), alice, 403, "forbidden"},
		{known(core.CodeMismatch), alice, 403, "forbidden"},
		{mall.ErrForeign, alice, 404, "not_found"},
		{known(core.CodeInternal), mall.Caller{}, 503, "internal"},
		{known(core.CodeUnreached), mall.Caller{}, 503, "internal"},
		{known(core.CodeUnknown), mall.Caller{}, 503, "internal"},
		{journal.ErrConflict, mall.Caller{}, 503, "internal"},
		{context.DeadlineExceeded, mall.Caller{}, 503, "internal"},
		{nil, mall.Caller{UserID: "a\x00b"}, 503, "internal"},
	} {
		s := openShop(t, func(cfg *mall.RoutesConfig) {
			cfg.Authorize = func(context.Context, *core.Request, mall.Call) (mall.Caller, error) { return tt.caller, tt.err }
		})
		resp := s.ask(t, mall.OpExchangeCode, routed[mall.OpExchangeCode].body)
		assert.Equal(t, tt.status, resp.Status, "%v", tt.err)
		assert.Equal(t, tt.code, readAnswer(t, resp).Error.Code, "%v", tt.err)
		assert.NotContains(t, string(resp.Body), "a secret of the hook")
		assert.Empty(t, s.ops.all())
	}
}

// remote is a refusal of the cloud's, whose words hold what must not be seen.
func remote(code string) error {
	return mall.Refusal("mall.X", code, "words of the cloud with "+exchangeCode+" and "+alice.Credential.Reveal(), exchangeCode)
}

func TestWhatTheCloudSays(t *testing.T) {
	failed := func(code core.Code, safe bool) error {
		return &core.Error{Op: "mall.X", Code: code, Safe: safe, Err: errors.New("words of the cloud")}
	}
	const read, save, exchanging = mall.OpGetAppMallInfo, mall.OpSaveWXVoipAuth, mall.OpExchangeCode
	for _, tt := range []struct {
		operation string
		err       error
		status    int
		code      string
		class     mall.Class
		again     bool
	}{
		{read, mall.ErrNoMall, 404, "not_found", "", false},
		{read, remote("DEVICE_NOT_FOUND"), 404, "not_found", mall.ClassRefused, false},
		{read, remote("MALL_NOT_FOUND"), 404, "not_found", mall.ClassRefused, false},
		{read, remote("1000"), 404, "not_found", mall.ClassRefused, false},
		{read, remote("2005001"), 404, "not_found", mall.ClassRefused, false},
		{read, remote("PERMISSION_DENIED"), 403, "forbidden", mall.ClassAccess, false},
		{read, remote("1106"), 403, "forbidden", mall.ClassAccess, false},
		{read, remote("1004"), 502, "refused", mall.ClassAccess, false},
		{read, remote("28841105"), 502, "refused", mall.ClassAccess, false},
		{read, remote("28841004"), 502, "refused", mall.ClassQuota, false},
		{read, remote("1010"), 401, "unauthorized", mall.ClassToken, false},
		{read, remote("1109"), 422, "refused", mall.ClassParameter, false},
		{read, remote("SOMETHING_ELSE"), 409, "refused", mall.ClassRefused, false},
		{read, remote("1110"), 503, "busy", mall.ClassBusy, true},
		{read, remote("500"), 502, "unknown", "", false},
		{read, failed(core.CodeUnreached, false), 503, "unreached", "", true},
		{read, failed(core.CodeUnknown, true), 502, "unknown", "", true},
		{read, failed(core.CodeMalformed, false), 502, "unknown", "", false},
		{read, failed(core.CodeBusy, false), 503, "busy", "", true},
		{read, failed(core.CodeMismatch, false), 409, "mismatch", "", false},
		{read, failed(core.CodeInvalid, false), 422, "invalid", "", false},
		{read, failed(core.CodeRefused, false), 409, "refused", "", false},
		{read, errors.New("words of the cloud"), 503, "internal", "", false},
		{read, &core.Error{Op: "mall.X", Code: core.CodeInvalid, Err: mall.ErrNotPublished}, 501, "not_published", "", false},
		{save, &core.Error{Op: "mall.X", Code: core.CodeInvalid, Err: mall.ErrNotPublished}, 501, "not_published", "", false},
		{save, remote("DEVICE_NOT_FOUND"), 404, "not_found", mall.ClassRefused, false},
		{save, failed(core.CodeUnknown, true), 502, "unknown", "", true},
		{save, failed(core.CodeUnknown, false), 502, "unknown", "", false},
		{save, errors.New("words of the cloud"), 502, "unknown", "", false},
		{exchanging, remote("CODE_USED"), 409, "code_used", mall.ClassRefused, false},
		{exchanging, remote("CODE_NOT_FOUND"), 409, "code_not_found", mall.ClassRefused, false},
		{exchanging, remote("CODE_EXPIRED"), 409, "code_expired", mall.ClassRefused, false},
		{exchanging, remote("CATALOG_MISMATCH"), 409, "refused", mall.ClassRefused, false},
		{exchanging, remote("PERMISSION_DENIED"), 403, "forbidden", mall.ClassAccess, false},
		{exchanging, remote("500"), 502, "unknown", "", false},
		{exchanging, remote("1111"), 503, "busy", mall.ClassBusy, true},
		{exchanging, failed(core.CodeUnknown, false), 502, "unknown", "", false},
		{exchanging, failed(core.CodeMalformed, false), 502, "unknown", "", false},
		{exchanging, failed(core.CodeRefused, false), 409, "refused", "", false},
		{exchanging, failed(core.CodeUnreached, false), 503, "unreached", "", true},
		{exchanging, context.DeadlineExceeded, 502, "unknown", "", false},
		{exchanging, errors.New("words of the cloud"), 502, "unknown", "", false},
	} {
		name := fmt.Sprintf("%s: %v", tt.operation, tt.err)
		s := openShop(t)
		s.ops.err = tt.err
		resp := s.ask(t, tt.operation, routed[tt.operation].body)
		assert.Equal(t, tt.status, resp.Status, name)
		a := readAnswer(t, resp)
		assert.Equal(t, tt.code, a.Error.Code, name)
		assert.Equal(t, string(tt.class), a.Error.Class, name)
		assert.Equal(t, tt.again, resp.Header.Get("Retry-After") != "", name)
		assert.NotContains(t, string(resp.Body), "words of the cloud", name)
		for _, secret := range []string{exchangeCode, alice.Credential.Reveal()} {
			assert.NotContains(t, string(resp.Body), secret, name)
			if tt.operation == exchanging || secret != exchangeCode { // else the code is the cloud's own word
				assert.NotContains(t, s.logs.String(), secret, name)
			}
		}
		assert.Contains(t, s.logs.String(), "operation="+tt.operation, name)
	}
}

// A token is a user's to renew if it came with the user, and else the server's.
func TestWhoseTokenItIs(t *testing.T) {
	s := openShop(t, func(cfg *mall.RoutesConfig) {
		cfg.Authorize = func(context.Context, *core.Request, mall.Call) (mall.Caller, error) {
			return mall.Caller{UserID: "ay1alice"}, nil
		}
	})
	s.ops.err = remote("1010")
	resp := s.ask(t, mall.OpGetDeviceList, `"1"`)
	assert.Equal(t, 502, resp.Status)
	assert.Equal(t, string(mall.ClassToken), readAnswer(t, resp).Error.Class)
}

func TestTheRefusalsOfOnesOwnCloud(t *testing.T) {
	s := openShop(t, func(cfg *mall.RoutesConfig) { cfg.ExchangeRefusals = mall.ExchangeRefusals{Used: []string{"77"}} })
	s.ops.err = remote("77")
	resp := s.ask(t, mall.OpExchangeCode, routed[mall.OpExchangeCode].body)
	assert.Equal(t, "code_used", readAnswer(t, resp).Error.Code)
	resp = s.ask(t, mall.OpGetDeviceList, `"1"`)
	assert.Equal(t, "refused", readAnswer(t, resp).Error.Code, "no other operation has a code that could be used")
}

func TestPanicsAreAnswered(t *testing.T) {
	words := "panic with " + exchangeCode + " and " + alice.Credential.Reveal()
	for operation, tt := range routed {
		if operation == mall.OpBuyIncreaseServiceByWx {
			continue
		}
		s := openShop(t)
		s.ops.panics = words
		resp := s.ask(t, operation, tt.body)
		want, code := 503, "internal"
		if tt.call.Writes { // it may have been done
			want, code = 502, "unknown"
		}
		assert.Equal(t, want, resp.Status, operation)
		assert.Equal(t, code, readAnswer(t, resp).Error.Code, operation)
		assert.Empty(t, resp.Header.Get("Retry-After"))
		assert.NotContains(t, string(resp.Body), "panic", operation)
		assert.Contains(t, s.logs.String(), "panic", operation)
		assert.NotContains(t, s.logs.String(), alice.Credential.Reveal(), operation)
		if operation == mall.OpExchangeCode {
			assert.NotContains(t, s.logs.String(), exchangeCode)
		}

		s = openShop(t, func(cfg *mall.RoutesConfig) {
			cfg.Authorize = func(context.Context, *core.Request, mall.Call) (mall.Caller, error) { panic("the hook is broken") }
		})
		resp = s.ask(t, operation, tt.body)
		assert.Equal(t, 503, resp.Status, operation)
		assert.Equal(t, "internal", readAnswer(t, resp).Error.Code, operation)
		assert.Empty(t, s.ops.all())
	}
}

// What the cloud adds to a result is passed on as it came, but for keys.
func TestNoKeyReachesAFrontEnd(t *testing.T) {
	const planted = "PLANTED"
	kept := `"online":true,"kind":"password","token_kinds":["token"],"n":12345678901234567890.10,"text":"<é\u00e9> \"{\" [","list":[1,[],{}, {"a":null}],"json":"{\"a\": 1}","ip":"10.0.0.1"`
	secrets := `"local_key":"PLANTED1","localKey":"PLANTED2","x":{"access_token":"PLANTED3","deep":[{"Refresh-Token":"PLANTED4","kept":[{"session_key":"PLANTED5"},2]}]},` +
		`"clientSecret":{"a":["PLANTED6",{"b":"PLANTED6"}]},"sec_key":["PLANTED7"],"password":"PLANTED8","ext":"{\"local_key\":\"PLANTED9\",\"devId\":\"d\",\"in\":\"[{\\\"token\\\":\\\"PLANTED10\\\",\\\"y\\\":1}]\"}"`
	s := openShop(t)
	s.ops.results[mall.OpGetDeviceList] = `[{"local_key":"PLANTED0","id":"d1","name":"n","icon":"i","types":[0],` + secrets + `,` + kept + `,"said":"your token is ` + alice.Credential.Reveal() + `!"},{"id":"d2","name":"","icon":"","types":[]}]`
	resp := s.ask(t, mall.OpGetDeviceList, `"1"`)
	require.Equal(t, 200, resp.Status)
	assert.JSONEq(t, `[{"id":"d1","name":"n","icon":"i","types":[0],"x":{"deep":[{"kept":[{},2]}]},"ext":"{\"devId\":\"d\",\"in\":\"[{\\\"y\\\":1}]\"}",`+kept+`,"said":"your token is ***!"},{"id":"d2","name":"","icon":"","types":[]}]`, string(resp.Body))
	assert.NotContains(t, string(resp.Body), planted)
	assert.Contains(t, string(resp.Body), `"n":12345678901234567890.10`, "to the letter")
	assert.Contains(t, string(resp.Body), `"text":"<é\u00e9> \"{\" ["`, "to the letter")
	assert.Contains(t, string(resp.Body), `"json":"{\"a\": 1}"`, "to the letter")

	// However deep it is, it is gone through once.
	deep := strings.Repeat(`{"a":[`, 4000) + `{"token":"PLANTED","b":1}` + strings.Repeat(`]}`, 4000)
	s.ops.results[mall.OpGetDeviceList] = `[{"id":"d1","deep":` + deep + `}]`
	resp = s.ask(t, mall.OpGetDeviceList, `"1"`)
	require.Equal(t, 200, resp.Status)
	assert.Contains(t, string(resp.Body), `{"b":1}`)
	assert.NotContains(t, string(resp.Body), planted)
}
