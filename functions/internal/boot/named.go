package boot

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

// names has the variable for each word by which the parts name what is wrong with
// their configuration.
var names = strings.NewReplacer(
	"base_url", "IMPREST_BASE_URL",
	"app_id", "IMPREST_APP_ID",
	"app_key", "IMPREST_APP_KEY",
	"store_no", "IMPREST_STORE_NO",
	"notify_url", "IMPREST_NOTIFY_URL",
	"each of CookieKeys", "each key of IMPREST_COOKIE_KEYS",
	"CookieKeys", "IMPREST_COOKIE_KEYS",
	"RedirectURI (redirect_uri)", "IMPREST_REDIRECT_URI",
	"redirect_uri", "IMPREST_REDIRECT_URI",
	// Where the login ends is "/", and is the program's: what can be in its way is
	// the address of the login.
	"AfterLogin must not be a path of the login itself", "IMPREST_REDIRECT_URI must have a path of its own, such as /login/return",
	"set AllowWeakKey", "set IMPREST_ALLOW_WEAK_KEY=true",
	", or set AllowInsecure", "",
)

// named returns the error of a part that was wired, in the names of the variables.
func named(err error) error {
	if told, ok := errors.AsType[*core.Error](err); ok && told.Code == core.CodeInvalid {
		return core.Invalid("", names.Replace(reason(told)))
	}
	return err
}

// onLoopback reports whether a host is this machine.
func onLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// address returns a variable that is an address which the platform posts to: https,
// or http on this machine, or where the platform itself is called by http.
func (l *loader) address(name string) string {
	text := l.text(name)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	plain := err == nil && u.Scheme == "http" && (onLoopback(u.Hostname()) || strings.HasPrefix(l.getenv("IMPREST_BASE_URL"), "http://"))
	if err != nil || u.Host == "" || u.User != nil || strings.Contains(text, "#") || (u.Scheme != "https" && !plain) {
		l.fail(name, "must be an https address, without user and fragment (http on this machine alone)")
	}
	return text
}

// isListen reports whether text is HOST:PORT.
func isListen(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// isID reports whether text has the form of an identifier of the platform.
func isID(text string) bool {
	return len(text) <= 64 && text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	})
}

// isClear reports whether an order may hold text: its signature could not tell
// "&name=" from another field.
func isClear(text string) bool {
	_, err := sign.Data(sign.Fields{{Name: "text", Value: text}}, core.NewSecret("any"))
	return err == nil
}

// yes returns a variable that is true or false.
func (l *loader) yes(name string) bool {
	switch l.text(name) {
	case "true":
		return true
	case "", "false":
	default:
		l.fail(name, "must be true or false")
	}
	return false
}
