package vvchat

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
)

// Link is a qyx:// link: what a page in a browser on the phone, outside the
// IM, opens in order to reach the app. It is a [LoginLink], a [PayLink], an
// [OpenSessionViewLink] or a [ShareLink]. [BuildLink] writes one, [ParseLink]
// reads one.
type Link interface {
	// Action is the link's host: thirdlogin, qpay, openSessionView or share.
	Action() string

	parameters() [][2]string
}

// LoginLink opens the app's consent screen: qyx://thirdlogin. The app answers
// by opening RedirectURI; [ParseLoginAnswer] reads that. seeds: 002,
// "请求CODE".
type LoginLink struct {
	AppID string `json:"app_id" validate:"required,id"`
	// Scope is ScopeUserInfo, or a SessionScope.
	Scope string `json:"scope" validate:"required,plain"`
	// State comes back as it is. The page calls it optional; without one a
	// login can be forged. core/login makes it.
	State       string `json:"state" validate:"plain"`
	RedirectURI string `json:"redirect_uri" validate:"required"`
}

// PayLink opens the app's payment screen: qyx://qpay. The app opens RedirectURI
// with trade_no when the user has paid; [ParsePayAnswer] reads that. seeds:
// 002, "调起VVChat支付".
type PayLink struct {
	ImprestCode string `json:"imprest_code" validate:"required,id"`
	AppID       string `json:"app_id" validate:"required,id"`
	RedirectURI string `json:"redirect_uri" validate:"required"`
}

// OpenSessionViewLink opens the chat with a customer-service account:
// qyx://openSessionView. Nothing comes back. seeds: 002, "VVChat客服".
type OpenSessionViewLink struct {
	OpenID string `json:"open_id" validate:"required,id"`
}

// ShareLink opens the app's share sheet: qyx://share. The app opens RedirectURI
// with code; [ParseShareAnswer] reads that. protocol: qyx://share.
type ShareLink struct {
	AppID       string `json:"app_id" validate:"required,id"`
	ShareTitle  string `json:"share_title" validate:"required,plain"`
	ShareURL    string `json:"share_url" validate:"required"`
	RedirectURI string `json:"redirect_uri" validate:"required"`
	SubTitle    string `json:"sub_title" validate:"plain"`
	ThumbURL    string `json:"thumb_url" validate:"-"`
	// ShareDataURL makes it an advanced share; [ShareData] writes one.
	ShareDataURL string `json:"share_data_url" validate:"-"`
}

// Action implements [Link].
func (LoginLink) Action() string { return "thirdlogin" }

// Action implements [Link].
func (PayLink) Action() string { return "qpay" }

// Action implements [Link].
func (OpenSessionViewLink) Action() string { return "openSessionView" }

// Action implements [Link].
func (ShareLink) Action() string { return "share" }

func (l LoginLink) parameters() [][2]string {
	return [][2]string{{"app_id", l.AppID}, {"scope", l.Scope}, {"state", l.State}, {"redirect_uri", l.RedirectURI}}
}

func (l PayLink) parameters() [][2]string {
	return [][2]string{{"imprest_code", l.ImprestCode}, {"app_id", l.AppID}, {"redirect_uri", l.RedirectURI}}
}

func (l OpenSessionViewLink) parameters() [][2]string { return [][2]string{{"open_id", l.OpenID}} }

func (l ShareLink) parameters() [][2]string {
	return [][2]string{
		{"app_id", l.AppID}, {"share_title", l.ShareTitle}, {"share_url", l.ShareURL}, {"redirect_uri", l.RedirectURI},
		{"sub_title", l.SubTitle}, {"thumb_url", l.ThumbURL}, {"share_data_url", l.ShareDataURL},
	}
}

// maxParameter is how many bytes a parameter of a link may have, and maxLink a
// whole link: what browsers and QR codes carry.
const (
	maxParameter = 2048
	maxLink      = 8192
)

// BuildLink returns the text of a link, its parameters in the order of the
// platform's pages, empty ones left out. Its errors have core.CodeInvalid and
// name the parameter.
func BuildLink(l Link) (string, error) {
	const op = "vvchat.BuildLink"
	if err := checkLink(op, l); err != nil {
		return "", err
	}
	text := writeLink(l)
	if len(text) > maxLink {
		return "", core.Invalid(op, fmt.Sprintf("the link has %d bytes, the most is %d", len(text), maxLink))
	}
	return text, nil
}

func writeLink(l Link) string {
	var b strings.Builder
	b.WriteString("qyx://" + l.Action())
	separator := "?"
	for _, p := range l.parameters() {
		if p[1] == "" {
			continue
		}
		// %20, since an app may read a link's query as a URI and not as a form.
		b.WriteString(separator + p[0] + "=" + strings.ReplaceAll(url.QueryEscape(p[1]), "+", "%20"))
		separator = "&"
	}
	return b.String()
}

func checkLink(op string, l Link) error {
	switch l.(type) {
	case LoginLink, PayLink, OpenSessionViewLink, ShareLink:
	default: // nil, or a pointer
		return core.Invalid(op, "there is no link: it must be a LoginLink, a PayLink, an OpenSessionViewLink or a ShareLink")
	}
	for _, p := range l.parameters() {
		if len(p[1]) > maxParameter || !utf8.ValidString(p[1]) || strings.ContainsFunc(p[1], unicode.IsControl) {
			return core.Invalid(op, fmt.Sprintf("%s must be UTF-8 without control characters, of at most %d bytes", p[0], maxParameter))
		}
		if p[1] == "" || (!strings.HasSuffix(p[0], "_url") && p[0] != "redirect_uri") {
			continue
		}
		if p[0] == "share_data_url" {
			continue // a template, in spite of its name
		}
		if _, err := absolute(p[1]); err != nil {
			return core.Invalid(op, p[0]+" "+err.Error())
		}
	}
	return check.Struct(op, l)
}

// ParseLink reads a link as strictly as [BuildLink] writes it: a parameter that
// is missing, unknown, empty or there twice is an error with core.CodeInvalid.
func ParseLink(text string) (Link, error) {
	const op = "vvchat.ParseLink"
	rest, ok := strings.CutPrefix(text, "qyx://")
	if !ok || len(text) > maxLink || strings.Contains(text, "#") {
		return nil, core.Invalid(op, "this is no qyx:// link")
	}
	action, query, _ := strings.Cut(rest, "?")
	values := map[string]string{}
	for part := range strings.SplitSeq(query, "&") {
		name, raw, _ := strings.Cut(part, "=")
		value, err := url.PathUnescape(raw) // a + is a +: the platform's pages encode nothing as a form
		if _, twice := values[name]; err != nil || twice || value == "" {
			return nil, core.Invalid(op, fmt.Sprintf("%.40q is empty, there twice, or cannot be read", name))
		}
		values[name] = value
	}
	take := func(name string) string {
		value := values[name]
		delete(values, name)
		return value
	}
	var l Link
	switch action {
	case "thirdlogin":
		l = LoginLink{take("app_id"), take("scope"), take("state"), take("redirect_uri")}
	case "qpay":
		l = PayLink{take("imprest_code"), take("app_id"), take("redirect_uri")}
	case "openSessionView":
		l = OpenSessionViewLink{take("open_id")}
	case "share":
		l = ShareLink{
			AppID: take("app_id"), ShareTitle: take("share_title"), ShareURL: take("share_url"), RedirectURI: take("redirect_uri"),
			SubTitle: take("sub_title"), ThumbURL: take("thumb_url"), ShareDataURL: take("share_data_url"),
		}
	default:
		return nil, core.Invalid(op, fmt.Sprintf("there is no link %.40q: there are thirdlogin, qpay, openSessionView and share", action))
	}
	for name := range values {
		return nil, core.Invalid(op, fmt.Sprintf("%.40q is no parameter of %s", name, action))
	}
	if err := checkLink(op, l); err != nil {
		return nil, err
	}
	if len(writeLink(l)) > maxLink {
		return nil, core.Invalid(op, "the link is too long once it is escaped")
	}
	return l, nil
}
