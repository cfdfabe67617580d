package testkit

import "net/http"

// gatewayText is what the gateway says of one of its error codes: of all that
// are published, and of those that are known from elsewhere.
func gatewayText(code string) string {
	return map[string]string{
		"429":  "too many requests",
		"500":  "system error",
		"1000": "data not exist",
		"1001": "secret invalid",
		"1002": "access_token is null",
		"1003": "grant type invalid",
		"1004": "sign invalid",
		"1005": "clientId invalid",
		"1006": "content type is not supported",
		"1007": "key not supported",
		"1008": "invalid access",
		"1010": "token is expired",
		"1011": "token invalid",
		"1012": "token status is invalid",
		"1013": "request time is invalid",
		"1100": "param is empty",
		"1101": "params range invalid",
		"1102": "param is null",
		"1103": "commands issue error",
		"1104": "type is incorrect",
		"1105": "missing the header",
		"1106": "permission deny",
		"1107": "code invalid",
		"1108": "uri path invalid",
		"1109": "param is illegal",
		"1110": "concurrent request over limit",
		"1111": "system is busy, please retry after some time",
		"1113": "too many requests",
		"1199": "requests too frequent",

		"28841001": "no cloud plan",
		"28841002": "the cloud plan has expired",
		"28841003": "the bill of the cloud plan is overdue",
		"28841004": "the quota of the trial is used up",
		"28841101": "the API is not subscribed to",
		"28841102": "the subscription to the API has expired",
		"28841103": "the bill of the API is overdue",
		"28841104": "the quota of the API is used up",
		"28841105": "No permissions. This project is not authorized to call this API",
		"28841106": "No permissions. This API is not subscribed.",

		denyParams:        "params error",
		denyShop:          "the shop does not exist",
		denyOrderNotFound: "order not found",
		denyOrderStatus:   "order status invalid",
		"2007001":         "delivery failed",
	}[code]
}

// statusFor is the HTTP status that fits an error code.
func statusFor(code string) int {
	switch code {
	case "500":
		return http.StatusInternalServerError
	case "1001", "1002", "1004", "1005", "1010", "1011", "1012", "1013":
		return http.StatusUnauthorized
	case "1008", "1106", "28841105", "28841106", denyPermission:
		return http.StatusForbidden
	case "1000", "1108", denyDeviceNotFound, denyCodeNotFound, denyMallNotFound, denySKUNotFound, denyShop, denyOrderNotFound:
		return http.StatusNotFound
	case "1110", "1111":
		return http.StatusServiceUnavailable
	case "429", "1113", "1199":
		return http.StatusTooManyRequests
	}
	return http.StatusBadRequest
}
