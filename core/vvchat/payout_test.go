package vvchat_test

import (
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
)

var payout = vvchat.Payout{
	OutOrderNo: "R1", InOpenID: "xd8wjr9jr02kjf823jse94kio8", OutOpenID: "lJsDBB01QzGpBKOC7uaZB6D0QGZWBMCS",
	Amount: 1000, NotifyURL: "http://127.0.0.1:1/callbacks/payout", Title: "退款 & more",
}

// jointSign is the joint signature from its published rule, apart from our own
// code.
func jointSign(body map[string]any, key, noncestr, timestamp string) string {
	var pairs []string
	for name, value := range body {
		if text := fmt.Sprint(value); text != "" {
			pairs = append(pairs, name+"="+text)
		}
	}
	slices.Sort(pairs)
	base := fmt.Sprintf("%X", md5.Sum([]byte(key+noncestr+timestamp)))
	return base + "." + fmt.Sprintf("%X", md5.Sum([]byte(strings.Join(pairs, "&")+"&key="+key+"&basesign="+base)))
}

func TestPayoutOnTheWire(t *testing.T) {
	now := time.Unix(1_763_683_200, 0)
	seen := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "POST /paybusapi/v1/app/agentpay", r.Method+" "+r.URL.Path)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		var body map[string]any
		decoder := json.NewDecoder(io.LimitReader(r.Body, 1<<16))
		decoder.UseNumber()
		assert.NoError(t, decoder.Decode(&body))
		noncestr, timestamp := r.Header.Get("noncestr"), r.Header.Get("timestamp")
		assert.Equal(t, "test", r.Header.Get("app_id"))
		assert.Equal(t, "1763683200", timestamp)
		assert.Len(t, noncestr, 32)
		assert.False(t, seen[noncestr], "a nonce is used once")
		seen[noncestr] = true
		assert.Equal(t, jointSign(body, "123456", noncestr, timestamp), r.Header.Get("sign"))
		assert.Equal(t, json.Number("1000"), body["amount"])
		assert.NotContains(t, body, "sign")
		_, _ = w.Write([]byte(`{"agentpay_no":"A1"}`))
	}))
	defer server.Close()
	client, err := vvchat.New(vvchat.Config{BaseURL: server.URL, AppID: "test", AppKeys: core.Secrets("123456", "the-key-that-comes-next"), Now: func() time.Time { return now }})
	require.NoError(t, err)
	withRemark := payout
	withRemark.Remark = "order O1"
	for _, p := range []vvchat.Payout{payout, withRemark} {
		no, err := client.Payout(t.Context(), p)
		require.NoError(t, err)
		assert.Equal(t, "A1", no)
	}
}

// What is known after each answer decides whether a payout may be sent again:
// only what never reached the platform.
func TestWhatEachAnswerToAPayoutLeavesKnown(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		code   core.Code
	}{
		{200, `{}`, ""}, {200, ``, ""}, {200, `accepted`, ""}, {200, `{"agentpay_no":"a&b"}`, ""},
		{400, `{"err_code":400,"err_msg":"余额不足"}`, core.CodeRefused},
		{400, `<html>`, core.CodeUnknown}, {408, ``, core.CodeUnknown}, {500, ``, core.CodeUnknown}, {502, `{}`, core.CodeUnknown}, {302, ``, core.CodeUnknown},
	} {
		no, err := answering(t, tt.status, tt.body).Payout(t.Context(), payout)
		assert.Equal(t, tt.code, core.CodeOf(err), "%d %s", tt.status, tt.body)
		assert.False(t, core.Retryable(err))
		assert.Empty(t, no)
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	client, err := vvchat.New(vvchat.Config{BaseURL: closed.URL, AppID: "test", AppKeys: core.Secrets("123456")})
	require.NoError(t, err)
	_, err = client.Payout(t.Context(), payout)
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
}

func TestPayoutsAreCheckedBeforeTheyAreSent(t *testing.T) {
	client, platform := newClient(t)
	for name, change := range map[string]func(*vvchat.Payout){
		"out_order_no": func(p *vvchat.Payout) { p.OutOrderNo = "" }, "in_open_id": func(p *vvchat.Payout) { p.InOpenID = "a b" },
		"out_open_id": func(p *vvchat.Payout) { p.OutOpenID = "" }, "amount": func(p *vvchat.Payout) { p.Amount = -1 },
		"notify_url": func(p *vvchat.Payout) { p.NotifyURL = "ftp://x" }, "title": func(p *vvchat.Payout) { p.Title = "x&amount=1" },
	} {
		bad := payout
		change(&bad)
		_, err := client.Payout(t.Context(), bad)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.ErrorContains(t, err, name)
	}
	assert.Empty(t, platform.Requests())
}
