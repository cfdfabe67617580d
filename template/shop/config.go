package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/vvchat"
)

// config is what the environment says. README.md lists the variables.
type config struct {
	// The account that the platform issued.
	baseURL, appID, storeNo string
	appKeys                 []core.Secret
	// url is the shop's public address, without a slash at the end.
	url        string
	addr       string
	dataDir    string
	cookieKeys []core.Secret
	// jssdk is the address of the platform's script; "" is none: then the page
	// uses links inside the IM too.
	jssdk string
	// phone is the phone of a sandbox on this machine, which takes the place of
	// the app; "" is the app.
	phone string
}

// testing reports whether the account is the documented one of the test host,
// or of a fake: its key is short, and known to everybody.
func (c config) testing() bool {
	u, err := url.Parse(c.baseURL)
	return err == nil && (isLoopback(u) || c.baseURL == vvchat.TestHost)
}

// readConfig reads the environment. Its error has one line for each variable
// that is missing or will not do, and no secret.
func readConfig(getenv func(string) string) (config, error) {
	r := reader{getenv: getenv}
	c := config{
		baseURL: r.required("IMPREST_BASE_URL", "the platform's address, as it was issued to you"),
		appID:   r.required("IMPREST_APP_ID", "your app_id"),
		storeNo: r.required("IMPREST_STORE_NO", "your store_no"),
		appKeys: r.keys("IMPREST_APP_KEY", "your app_key", 1),
		url:     r.address("SHOP_URL", "the shop's public address, such as https://shop.example", true),
		addr:    r.optional("SHOP_ADDR", "127.0.0.1:8080"),
		dataDir: r.optional("SHOP_DATA", "data"),
		cookieKeys: r.keys("SHOP_COOKIE_KEY", fmt.Sprintf("%d random characters or more, such as `openssl rand -hex 32` prints", login.MinKeyLength),
			login.MinKeyLength),
		jssdk: strings.TrimSpace(getenv("SHOP_JSSDK")),
		phone: r.address("SHOP_PHONE", "the phone of `imprest sandbox`, http://127.0.0.1:8701", false),
	}
	if u, err := url.Parse(c.phone); err == nil && c.phone != "" && !isLoopback(u) {
		r.bad("SHOP_PHONE", "is not on this machine, and a fake phone is for trying out alone")
	}
	if u, err := url.Parse(c.jssdk); c.jssdk != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && !isLoopback(u))) {
		r.bad("SHOP_JSSDK", "is not the https address of a script")
	}
	if c.jssdk == "" && c.phone != "" {
		c.jssdk = c.phone + "/phone/vvchatjssdk-1.0.0.js"
	}
	return c, errors.Join(r.problems...)
}

// reader collects what is wrong, so that it can be put right in one go.
type reader struct {
	getenv   func(string) string
	problems []error
}

func (r *reader) bad(name, reason string) {
	r.problems = append(r.problems, fmt.Errorf("%s %s", name, reason))
}

func (r *reader) optional(name, otherwise string) string {
	if value := strings.TrimSpace(r.getenv(name)); value != "" {
		return value
	}
	return otherwise
}

func (r *reader) required(name, what string) string {
	value := r.optional(name, "")
	if value == "" {
		r.bad(name, "is not set: "+what)
	}
	return value
}

// keys reads one key, or several with commas between them while they are
// rotated, from the variable or from the file that name_FILE names.
func (r *reader) keys(name, what string, shortest int) []core.Secret {
	text := r.optional(name, "")
	if file := r.optional(name+"_FILE", ""); file != "" {
		if text != "" {
			r.bad(name, "and "+name+"_FILE are both set: keep one")
			return nil
		}
		content, err := os.ReadFile(file)
		if err != nil {
			r.bad(name+"_FILE", "cannot be read: "+err.Error())
			return nil
		}
		text = strings.TrimSpace(string(content))
	}
	if text == "" {
		r.bad(name, "is not set (nor "+name+"_FILE): "+what)
		return nil
	}
	var keys []core.Secret
	for key := range strings.SplitSeq(text, ",") {
		if key = strings.TrimSpace(key); len(key) < shortest {
			r.bad(name, "holds a key that is too short: "+what)
			return nil
		}
		keys = append(keys, core.NewSecret(key))
	}
	return keys
}

// address reads an address of a whole site: https, or http on this machine.
func (r *reader) address(name, what string, required bool) string {
	text := r.optional(name, "")
	if required {
		text = r.required(name, what)
	}
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		r.bad(name, "is not the address of a site: "+what)
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u)):
		r.bad(name, "has to begin with https://, unless it is on this machine")
	}
	return strings.TrimRight(text, "/")
}

func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
}
