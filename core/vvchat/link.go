package vvchat

import (
	"net/url"
	"strings"
)

// LoginLink returns the link that opens the app's consent screen from a
// browser on the phone: qyx://thirdlogin. The app answers by opening
// redirectURI with code and state, or with err_code. seeds: 002, "请求CODE".
func LoginLink(appID, scope, state, redirectURI string) string {
	return link("thirdlogin", url.Values{"app_id": {appID}, "scope": {scope}, "state": {state}, "redirect_uri": {redirectURI}})
}

// PayLink returns the link that opens the app's payment screen from a browser
// on the phone: qyx://qpay. The app opens redirectURI with trade_no when the
// user has paid; that proves nothing, only the notification and the query do.
// seeds: 002, "调起VVChat支付".
func PayLink(imprestCode, appID, redirectURI string) string {
	return link("qpay", url.Values{"imprest_code": {imprestCode}, "app_id": {appID}, "redirect_uri": {redirectURI}})
}

func link(action string, parameters url.Values) string {
	for name, values := range parameters {
		if values[0] == "" {
			delete(parameters, name)
		}
	}
	// %20, since an app may read a link's query as a URI and not as a form.
	return "qyx://" + action + "?" + strings.ReplaceAll(parameters.Encode(), "+", "%20")
}
