package mall_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

func TestActionsAreRenamedAndCallersPartial(t *testing.T) {
	r := startRelay(t, map[string]string{"m.voip.user": success(`{"userId":"u"}`), mall.OpGetServiceListByDevice: success(`[]`)})
	client := newClient(t, mall.ActionConfig{URL: r.URL, Actions: map[string]string{mall.OpGetVoipAuthUser: "m.voip.user"}})
	_, err := client.GetVoipAuthUser(t.Context(), mall.Caller{UserID: "u1"}, "d")
	require.NoError(t, err)
	_, err = client.GetServiceListByDevice(t.Context(), mall.Caller{Credential: core.NewSecret("t")}, "d")
	require.NoError(t, err)
	assert.Equal(t, []string{"m.voip.user", mall.OpGetServiceListByDevice}, r.actions())
	assert.Equal(t, map[string]string{"user_id": "u1"}, r.calls()[0].Header)
	assert.Equal(t, map[string]string{"access_token": "t"}, r.calls()[1].Header)
}

func TestConfigurationIsChecked(t *testing.T) {
	for says, cfg := range map[string]mall.ActionConfig{
		"url must be":           {},
		"url must be an":        {URL: "relay.example"},
		"url must be an addr":   {URL: "https://u:p@relay.example"},
		"url must be an addre":  {URL: "https://relay.example/?code=1"},
		"url must be an addres": {URL: "https://relay.example/#x"},
		"url must begin":        {URL: "ftp://relay.example"},
		"url is plain http":     {URL: "http://relay.example"},
		"timeout":               {URL: "https://relay.example", Timeout: -1},
		`"exchangeCodes" is no`: {URL: "https://relay.example", Actions: map[string]string{"exchangeCodes": "x"}},
		`"voipServiceAuth`:      {URL: "https://relay.example", Actions: map[string]string{mall.OpVoipServiceAuthorization: "x"}},
		`"exchangeCode" is no`:  {URL: "https://relay.example", Actions: map[string]string{mall.OpExchangeCode: ""}},
		`"X Y" is none`:         {URL: "https://relay.example", Header: map[string]core.Secret{"X Y": core.NewSecret("v")}},
		`"X-Y" is none`:         {URL: "https://relay.example", Header: map[string]core.Secret{"X-Y": core.NewSecret("v\r\nZ: 1")}},
		`"X-Z" is none`:         {URL: "https://relay.example", Header: map[string]core.Secret{"X-Z": {}}},
		"content-length":        {URL: "https://relay.example", Header: map[string]core.Secret{"content-length": core.NewSecret("0")}},
	} {
		_, err := mall.NewAction(cfg)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), says)
		assert.ErrorContains(t, err, says)
	}
	for _, cfg := range []mall.ActionConfig{
		{URL: "https://relay.example/a/b"}, {URL: "http://127.0.0.1:8702/action"}, {URL: "http://[::1]:1"}, {URL: "http://relay.example", AllowInsecure: true},
	} {
		_, err := mall.NewAction(cfg)
		assert.NoError(t, err, cfg.URL)
	}
	_, err := mall.New(mall.Config{})
	assert.ErrorContains(t, err, "transport must be given")
}

// What is known of each failure decides whether a caller may send again.
func TestWhatIsKnownOfAFailure(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		answer string
		code   core.Code
		class  mall.Class
		safe   bool // for an operation that must not be repeated blindly
	}{
		"a wrong parameter":      {200, `{"success":false,"code":1109,"msg":"param is illegal","t":1,"tid":"x"}`, core.CodeRefused, mall.ClassParameter, false},
		"a code as a text":       {200, `{"success":false,"code":"1106","msg":"permission deny","t":"1"}`, core.CodeRefused, mall.ClassAccess, false},
		"an expired token":       {200, `{"success":false,"code":1010,"msg":"token invalid"}`, core.CodeRefused, mall.ClassToken, false},
		"an invalid token":       {200, `{"success":false,"code":1011}`, core.CodeRefused, mall.ClassToken, false},
		"a token without status": {200, `{"success":false,"code":1012}`, core.CodeRefused, mall.ClassToken, false},
		"too many requests":      {200, `{"success":false,"code":1110}`, core.CodeRefused, mall.ClassBusy, true},
		"a busy system":          {200, `{"success":false,"code":1111}`, core.CodeRefused, mall.ClassBusy, true},
		"a rate limit":           {200, `{"success":false,"code":1113}`, core.CodeRefused, mall.ClassBusy, true},
		"another rate limit":     {200, `{"success":false,"code":1199}`, core.CodeRefused, mall.ClassBusy, true},
		"a 429 of the gateway":   {200, `{"success":false,"code":"429"}`, core.CodeRefused, mall.ClassBusy, true},
		"no quota":               {200, `{"success":false,"code":28841004}`, core.CodeRefused, mall.ClassQuota, false},
		"a system error":         {200, `{"success":false,"code":500,"msg":"system error"}`, core.CodeUnknown, mall.ClassFault, false},
		"another 5xx":            {200, `{"success":false,"code":503}`, core.CodeUnknown, mall.ClassFault, false},
		"a code nobody knows":    {200, `{"success":false,"code":"DEVICE_NOT_FOUND"}`, core.CodeRefused, mall.ClassRefused, false},
		"success as a text":      {200, `{"success":"false","code":7}`, core.CodeRefused, mall.ClassRefused, false},
		"a failure without code": {200, `{"success":false,"msg":"?"}`, core.CodeUnknown, "", false},
		"no success":             {200, `{"result":true}`, core.CodeUnknown, "", false},
		"success is null":        {200, `{"success":null,"result":true}`, core.CodeUnknown, "", false},
		"success is null, code":  {200, `{"success":null,"code":1109}`, core.CodeUnknown, "", false},
		"success is a list":      {200, `{"success":[],"result":true}`, core.CodeUnknown, "", false},
		"another letter case":    {200, `{"Success":true,"result":true}`, core.CodeUnknown, "", false},
		"no object":              {200, `[]`, core.CodeUnknown, "", false},
		"null":                   {200, `null`, core.CodeUnknown, "", false},
		"nothing":                {200, ``, core.CodeUnknown, "", false},
		"garbage":                {200, `<html>`, core.CodeUnknown, "", false},
		"more behind it":         {200, success(`true`) + `{}`, core.CodeUnknown, "", false},
		"cut":                    {200, success(`true`)[:30], core.CodeUnknown, "", false},
		"status 500":             {500, success(`true`), core.CodeUnknown, "", false},
		"status 404":             {404, success(`true`), core.CodeUnknown, "", false},
		"status 201":             {201, success(`true`), core.CodeUnknown, "", false},
		"status 302":             {302, `{"success":false,"code":1109}`, core.CodeUnknown, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			client := answering(t, tt.status, tt.answer)
			for operation, call := range operations {
				err := call(t.Context(), client, alice)
				require.Error(t, err, operation)
				assert.Equal(t, tt.code, core.CodeOf(err), "%s: %v", operation, err)
				repeatable := !once[operation]
				assert.Equal(t, tt.safe || (repeatable && tt.code == core.CodeUnknown), core.Retryable(err), "%s: %v", operation, err)
				remote, ok := errors.AsType[*mall.RemoteError](err)
				assert.Equal(t, tt.class != "", ok)
				if ok {
					assert.Equal(t, tt.class, remote.Class)
				}
				assert.True(t, strings.HasPrefix(err.Error(), "mall."+strings.ToUpper(operation[:1])+operation[1:]+": "), err.Error())
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	client := newClient(t, mall.ActionConfig{URL: closed.URL})
	for operation, call := range operations {
		err := call(t.Context(), client, alice)
		assert.Equal(t, core.CodeUnreached, core.CodeOf(err), operation)
		assert.True(t, core.Retryable(err), operation)
	}
	cut := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer cut.Close()
	client = newClient(t, mall.ActionConfig{URL: cut.URL})
	for operation, call := range operations {
		err := call(t.Context(), client, alice)
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err), operation)
		assert.Equal(t, !once[operation], core.Retryable(err), operation)
	}
}

func TestResultsThatAreNotThere(t *testing.T) {
	for _, result := range []string{`null`, `{}`} {
		client := answering(t, 200, success(result))
		_, err := client.GetDeviceCapability(t.Context(), alice, "d", mall.CapabilityVoIP)
		assert.ErrorIs(t, err, mall.ErrNoCapability, result)
		_, err = client.GetVoipAuthUser(t.Context(), alice, "d")
		assert.ErrorIs(t, err, mall.ErrNoUser, result)
		_, err = client.GetAppMallInfo(t.Context(), alice, "d", "x")
		assert.ErrorIs(t, err, mall.ErrNoMall, result)
		_, err = client.GetDeviceAddValueType(t.Context(), alice, "d")
		assert.ErrorIs(t, err, mall.ErrNoDevice, result)
		_, err = client.GetServiceIntroduction(t.Context(), alice, "x")
		assert.ErrorIs(t, err, mall.ErrNoIntroduction, result)
		_, err = client.GetDeviceWXUserInfo(t.Context(), alice, "wx1")
		assert.ErrorIs(t, err, mall.ErrNoWXUser, result)
		assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
		orders, err := client.GetOrderList(t.Context(), alice, orderList)
		assert.NoError(t, err)
		assert.Empty(t, orders.Data)
		subscriptions, err := client.GetSubscriptionOrderList(t.Context(), alice, subscriptionList)
		assert.NoError(t, err)
		assert.Empty(t, subscriptions.Data)
		assert.NoError(t, client.ExchangeCode(t.Context(), alice, exchange), "what a success looks like is not published")
	}
	_, err := answering(t, 200, success(`{"userId":"","isAuth":false}`)).GetVoipAuthUser(t.Context(), alice, "d")
	assert.ErrorIs(t, err, mall.ErrNoUser)
	_, err = answering(t, 200, success(`{"openId":"","userId":"u"}`)).GetDeviceWXUserInfo(t.Context(), alice, "wx1")
	assert.ErrorIs(t, err, mall.ErrNoWXUser)
	for _, answer := range []string{success(`null`), `{"success":true}`} {
		client := answering(t, 200, answer)
		services, err := client.GetServiceListByDevice(t.Context(), alice, "d")
		assert.NoError(t, err)
		assert.Empty(t, services)
		commodities, err := client.GetCommodityList(t.Context(), alice, "d")
		assert.NoError(t, err)
		assert.Empty(t, commodities)
		devices, err := client.GetDeviceList(t.Context(), alice, "h")
		assert.NoError(t, err)
		assert.Empty(t, devices)
	}
}

func TestBareResults(t *testing.T) {
	for result, code := range map[string]core.Code{
		`true`: "", `"true"`: "", `1`: "", `false`: core.CodeRefused, `"false"`: core.CodeRefused, `0`: core.CodeRefused,
		`null`: core.CodeUnknown, `{}`: core.CodeUnknown, `"yes"`: core.CodeUnknown,
	} {
		client := answering(t, 200, success(result))
		err := client.SaveWXVoipAuth(t.Context(), alice, "d", mall.AuthDenied)
		assert.Equal(t, code, core.CodeOf(err), result)
		assert.Equal(t, code == core.CodeUnknown, core.Retryable(err), result)
		assert.Equal(t, code, core.CodeOf(client.SaveVoipAuthUser(t.Context(), alice, "d", "u")), result)
	}
	for result, code := range map[string]core.Code{
		`true`: "", `null`: "", `{"orderId":"1"}`: "", `"ok"`: "", `[]`: "", `false`: core.CodeUnknown, `"false"`: core.CodeUnknown, `0`: core.CodeUnknown,
	} {
		err := answering(t, 200, success(result)).ExchangeCode(t.Context(), alice, exchange)
		assert.Equal(t, code, core.CodeOf(err), result)
		assert.False(t, core.Retryable(err), result)
	}
}

// Every operation, with an answer that repeats the secrets at us.
func TestNoSecretInAnyError(t *testing.T) {
	secrets := []string{alice.Credential.Reveal(), exchangeCode, "relay-key-that-must-not-show"}
	echo := strings.Join(secrets, " ") + ` \u001b[31m ` + strings.Repeat("微", 500)
	for _, answer := range []string{
		`{"success":false,"code":1109,"msg":"` + echo + `","tid":"` + secrets[0] + `"}`,
		`{"success":false,"code":"` + secrets[2] + `","msg":"` + echo + `"}`,
		`{"success":false,"msg":"` + secrets[0] + `"}`,
		success(`"` + echo + `"`),
		echo,
	} {
		for _, status := range []int{200, 302, 401, 500} {
			answers := map[string]string{}
			for operation := range operations {
				answers[operation] = answer
			}
			r := startRelay(t, answers)
			r.status = status
			client := newClient(t, mall.ActionConfig{URL: r.URL, Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer " + secrets[2])}})
			for operation, call := range operations {
				err := call(t.Context(), client, alice)
				if err == nil {
					assert.Equal(t, mall.OpExchangeCode, operation)
					continue
				}
				for ; err != nil; err = errors.Unwrap(err) {
					text := fmt.Sprintf("%v %+v %#v", err, err, err)
					for _, secret := range secrets[:1] {
						assert.NotContains(t, text, secret, operation)
					}
					assert.NotContains(t, text, secrets[2], operation)
					if operation == mall.OpExchangeCode {
						assert.NotContains(t, text, exchangeCode)
					}
					assert.NotContains(t, text, "\x1b")
					assert.Less(t, len(text), 5000)
				}
			}
		}
	}
	text, err := json.Marshal(exchange)
	require.NoError(t, err)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", exchange, exchange, exchange, text), exchangeCode)
}

// foreign is a transport that somebody else wrote.
type foreign struct{ err error }

func (f foreign) Call(context.Context, mall.Caller, string, any) (json.RawMessage, error) {
	return nil, f.err
}

func TestAForeignTransport(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		code core.Code
		safe bool
	}{
		"a plain error":   {errors.New("socket closed"), core.CodeUnknown, false},
		"a context":       {context.DeadlineExceeded, core.CodeUnknown, false},
		"a refusal":       {mall.Refusal("x", "CODE_USED", "the code "+exchangeCode+" is used", ""), core.CodeRefused, false},
		"a fault":         {mall.Refusal("x", "500", "", ""), core.CodeUnknown, false},
		"busy":            {fmt.Errorf("wrapped: %w", mall.Refusal("x", "429", "", "")), core.CodeRefused, true},
		"unknown":         {&core.Error{Op: "x", Code: core.CodeUnknown, Err: context.Canceled}, core.CodeUnknown, false},
		"never reached":   {&core.Error{Op: "x", Code: core.CodeUnreached}, core.CodeUnreached, true},
		"not implemented": {core.Invalid("x", "not here"), core.CodeInvalid, false},
	} {
		client, err := mall.New(mall.Config{Transport: foreign{tt.err}})
		require.NoError(t, err)
		err = client.ExchangeCode(t.Context(), alice, exchange)
		assert.Equal(t, tt.code, core.CodeOf(err), name)
		assert.Equal(t, tt.safe, core.Retryable(err), name)
		assert.NotContains(t, err.Error(), exchangeCode, name)
		_, err = client.GetServiceListByDevice(t.Context(), alice, "d")
		assert.Equal(t, tt.safe || tt.code == core.CodeUnknown, core.Retryable(err), name)
	}
	// The cause is kept.
	client, err := mall.New(mall.Config{Transport: foreign{context.DeadlineExceeded}})
	require.NoError(t, err)
	_, err = client.GetServiceListByDevice(t.Context(), alice, "d")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestWhichRefusalsAreAboutTheCode(t *testing.T) {
	refusal := func(code string) error { return mall.Refusal("x", code, "", "") }
	var byDefault mall.ExchangeRefusals
	for code, about := range map[string]bool{
		"CODE_USED": true, "CODE_NOT_FOUND": true, "CODE_EXPIRED": true,
		"DEVICE_NOT_FOUND": false, "CATALOG_MISMATCH": false, "PERMISSION_DENIED": false, "1109": false, "500": false, "": false, "code_used": false,
	} {
		assert.Equal(t, about, byDefault.AboutCode(refusal(code)), code)
		assert.Equal(t, code == "CODE_USED", byDefault.CodeUsed(fmt.Errorf("wrapped: %w", refusal(code))), code)
		assert.Equal(t, code == "CODE_NOT_FOUND", byDefault.CodeNotFound(refusal(code)), code)
		assert.Equal(t, code == "CODE_EXPIRED", byDefault.CodeExpired(refusal(code)), code)
	}
	own := mall.ExchangeRefusals{Used: []string{"2010", "500"}, NotFound: []string{}}
	assert.True(t, own.CodeUsed(refusal("2010")))
	assert.False(t, own.CodeUsed(refusal("CODE_USED")), "a list takes the place of the default")
	assert.False(t, own.CodeNotFound(refusal("CODE_NOT_FOUND")), "an empty list is no default")
	assert.True(t, own.CodeExpired(refusal("CODE_EXPIRED")))
	assert.False(t, own.AboutCode(refusal("500")), "what is not known to be refused says nothing about the code")
	assert.False(t, own.AboutCode(nil))
	assert.False(t, own.AboutCode(errors.New("CODE_USED")))
}

func TestManyAtOnce(t *testing.T) {
	answers := map[string]string{mall.OpGetVoipAuthUser: success(`{"userId":"u"}`), mall.OpSaveWXVoipAuth: success(`true`)}
	r := startRelay(t, answers)
	client := newClient(t, mall.ActionConfig{URL: r.URL, Header: map[string]core.Secret{"X-Key": core.NewSecret("k")}})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			caller := mall.Caller{UserID: fmt.Sprintf("user%d", i)}
			_, err := client.GetVoipAuthUser(t.Context(), caller, "d")
			assert.NoError(t, err)
			assert.NoError(t, client.SaveWXVoipAuth(t.Context(), caller, "d", mall.AuthGranted))
		})
	}
	all.Wait()
	perUser := map[string]int{}
	for _, call := range r.calls() {
		perUser[call.Header["user_id"]]++
	}
	assert.Len(t, perUser, 20)
	assert.Equal(t, 2, perUser["user7"])
}

type witness struct {
	works []core.Work
	errs  []error
}

func (w *witness) Observe(ctx context.Context, work core.Work) (context.Context, func(error)) {
	w.works = append(w.works, work)
	return ctx, func(err error) { w.errs = append(w.errs, err) }
}

func TestTheObserverIsToldWhatACallIsAbout(t *testing.T) {
	for operation, call := range operations {
		var w witness
		r := startRelay(t, map[string]string{})
		client := newClient(t, mall.ActionConfig{URL: r.URL, Observer: &w})
		_ = call(t.Context(), client, alice)
		assert.Equal(t, []core.Work{{Kind: "call", Name: "mall." + strings.ToUpper(operation[:1]) + operation[1:], Subject: cmp.Or(subjects[operation], "vdevo1")}}, w.works)
		assert.Len(t, w.errs, 1)
	}
}
