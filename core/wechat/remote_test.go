package wechat_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/wechat"
)

var _ mall.TicketSource = (*wechat.Client)(nil)

func TestRefusals(t *testing.T) {
	for errcode, want := range map[string]struct {
		class wechat.Class
		safe  bool
	}{
		"-1":      {wechat.ClassBusy, true},
		"45011":   {wechat.ClassBusy, true},
		"45009":   {wechat.ClassQuota, false},
		"48001":   {wechat.ClassPermission, false},
		"9800001": {wechat.ClassDevice, false},
		"9800002": {wechat.ClassDevice, false},
		"9800003": {wechat.ClassDevice, false},
		"40013":   {wechat.ClassAccount, false},
		"47001":   {wechat.ClassRefused, false},
	} {
		f := startFake(t)
		f.answer = `{"errcode":` + errcode + `,"errmsg":"no, rid: 6"}`
		client, _ := newClient(t, f)
		_, err := client.SNTicket(t.Context(), "s", "m")
		assert.Equal(t, core.CodeRefused, core.CodeOf(err), errcode)
		assert.Equal(t, want.safe, core.Retryable(err), errcode)
		remote := remoteOf(err)
		require.NotNil(t, remote)
		assert.Equal(t, errcode, fmt.Sprint(remote.ErrCode))
		assert.Equal(t, "no, rid: 6", remote.ErrMsg)
		assert.Equal(t, want.class, remote.Class)
		assert.Equal(t, [2]int{1, 1}, f.counts(), "one attempt")
	}
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	for _, answer := range []string{`{}`, `{"errcode":0,"errmsg":"ok"}`, `{"sn_ticket":7}`, `{"sn_ticket":""}`, `[]`, `null`, `?`, `{"SN_TICKET":"t"}`} {
		f := startFake(t)
		f.answer = answer
		client, _ := newClient(t, f)
		_, err := client.SNTicket(t.Context(), "s", "m")
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err), answer)
		assert.True(t, core.Retryable(err), answer)
	}
	f := startFake(t)
	f.answer = `{"sn_ticket":"t","more":{"a":[1]}}`
	client, _ := newClient(t, f)
	ticket, err := client.SNTicket(t.Context(), "s", "m")
	require.NoError(t, err, "an errcode that is not there is none")
	assert.Equal(t, "t", ticket)
}

// Every answer and failure, with the secrets repeated at us.
func TestNoSecretInAnyError(t *testing.T) {
	echo := appSecret + ` {access_token} \u001b[31m` + strings.Repeat("微", 500)
	check := func(err error) {
		t.Helper()
		require.Error(t, err)
		for ; err != nil; err = errors.Unwrap(err) {
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			assert.NotContains(t, text, appSecret)
			assert.NotContains(t, text, "-that-must-not-show")
			assert.NotContains(t, text, "\x1b")
			assert.Less(t, len(text), 5000)
		}
	}
	for _, status := range []int{0, 302, 401, 500} {
		for _, errcode := range []string{"-1", "40001", "48001"} {
			f := startFake(t)
			f.refusal, f.status = `{"errcode":`+errcode+`,"errmsg":"`+echo+`"}`, status
			client, _ := newClient(t, f)
			_, err := client.SNTicket(t.Context(), "s", "m")
			check(err)

			f = startFake(t)
			client, _ = newClient(t, f)
			_, err = client.SNTicket(t.Context(), "s", "m")
			require.NoError(t, err)
			f.set(func(f *fake) { f.answer, f.status = `{"errcode":`+errcode+`,"errmsg":"`+echo+`"}`, status })
			_, err = client.SNTicket(t.Context(), "s", "m")
			check(err)
			if status != 0 {
				assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
				assert.True(t, core.Retryable(err))
			}
		}
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	client, err := wechat.New(wechat.Config{AppID: "wx1", Secret: core.NewSecret(appSecret), BaseURL: closed.URL})
	require.NoError(t, err)
	_, err = client.SNTicket(t.Context(), "s", "m")
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
	check(err)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", wechat.Config{Secret: core.NewSecret(appSecret)}, wechat.Config{Secret: core.NewSecret(appSecret)}), appSecret)
}
