package testkit

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// Whatever a merchant does with credentials, secrets, tokens, tickets and
// codes, the record of a cloud shows none. This one does all that he must not.
func TestNothingInTheRecordOfACloudIsASecret(t *testing.T) {
	user, app := TestCloudUser(), TestWeChatApp()
	user.Credential = core.NewSecret("c&d/of \"ming+more, and older")
	c := testCloud(t, CloudConfig{Users: []CloudUser{user}, WeChatApps: []WeChatApp{app}})
	token := getToken(t, c)
	ticket := getTicket(t, c, token)
	code := c.NewCodes(CatalogVoIP, 1)[0]
	old := user.Credential
	require.True(t, c.SetCredential(user.ID, core.NewSecret("newer-credential-of-ming")))
	leaks := []string{old.Reveal(), "newer-credential-of-ming", app.Secret.Reveal(), token, ticket, code, "VOIP-TEST-0001"}
	for _, leak := range leaks {
		for _, url := range []string{
			c.ActionURL() + "?note=" + escapeAll(leak),
			c.ActionURL() + "/" + escapePath(leak),
			c.WeChatURL() + "/wxa/getsnticket?access_token=" + escapeAll(leak) + "&note=" + escapeAll(leak),
			c.WeChatURL() + "/cgi-bin/token?grant_type=client_credential&appid=" + escapeAll(leak) + "&secret=" + escapeAll(leak),
			c.ActionURL(),
		} {
			for _, body := range []string{
				actionBody(map[string]string{"user_id": leak, "note": leak}, "exchangeCode", params{"device_id": leak, "note": leak}),
				actionBody(nil, leak, params{leak: leak}),
				"not JSON: " + leak,
				`{"sn":` + quote(leak) + `,"model_id":"m"}`,
			} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
				require.NoError(t, err)
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("X-Trace", "sent "+leak)
				req.Header.Set("Referer", "http://h/x?secret="+escapeAll(leak)+"&note="+escapeAll(leak))
				_, err = sendRequest(c, req)
				require.NoError(t, err)
			}
		}
	}
	require.NotEmpty(t, c.Requests())
	for _, e := range c.Requests() {
		type bare Exchange // without its String
		text := fmt.Sprintf("%+v %s", bare(e), e)
		RequireNoSecret(t, text, core.Secrets(leaks...)...)
		for _, leak := range leaks {
			require.NotContains(t, text, escapeAll(leak))
		}
	}

	// Those that the cloud does not know are found by their names.
	weChat(t, c, "POST", "/wxa/getsnticket?access_token=unknown1", `{"secret" : "unknown2", "sn_ticket":"unknown3`)
	all := c.Requests()
	assert.NotContains(t, fmt.Sprintf("%+v", all[len(all)-1]), "unknown")
}

func TestACodeInTheRecord(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	require.NoError(t, c.AddCodes(ExchangeCode{Code: "action", CatalogCode: CatalogVoIP}))
	for text, want := range map[string]string{
		"":                              "",
		"say VOIP-TEST-0001":            "say ***0001",
		"VOIP-TEST-00012":               "VOIP-TEST-00012",
		"a short one is a word: action": "a short one is a word: action",
	} {
		assert.Equal(t, want, c.maskIssued(text))
	}
}
