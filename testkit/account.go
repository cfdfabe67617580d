package testkit

import "github.com/imprest-go/imprest/core"

// Account is a merchant's account on the platform.
type Account struct {
	// AppID names the app.
	AppID string
	// AppKey signs its messages.
	AppKey core.Secret
	// StoreNo is the store that its orders belong to.
	StoreNo string
	// OutOpenID is the account that payouts are paid from; "" means that
	// the app has none.
	OutOpenID string
}

// TestAccount returns the test account that the platform documents: app_id
// "test", app_key "123456", store_no "s1234", and its payout account.
func TestAccount() Account {
	return Account{
		AppID:     "test",
		AppKey:    core.NewSecret("123456"),
		StoreNo:   "s1234",
		OutOpenID: "lJsDBB01QzGpBKOC7uaZB6D0QGZWBMCS",
	}
}

// User is a person with the IM on his phone.
type User struct {
	// OpenID is who he is, the same for every app.
	OpenID string `json:"open_id"`
	// Nickname is what his profile shows.
	Nickname string `json:"nickname"`
	// Sex is "男" or "女".
	Sex string `json:"sex"`
	// Avatar is the URL of his picture.
	Avatar string `json:"avatar"`
}

// TestUser returns the person that a fake platform knows when it is told of
// no other.
func TestUser() User {
	return User{
		OpenID:   "pWq3Zt8vKc1RyNf6BhXu0LmEa5SgTd9J",
		Nickname: "小明",
		Sex:      "男",
		Avatar:   "http://dev.vvchat.im/avatar/xiaoming.png",
	}
}
