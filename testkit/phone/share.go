package phone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// card is a share as a chat shows it.
type card struct {
	Title, Sub, Link string
	// Thumb is the address of a picture that the phone may load; "" is none.
	Thumb string
	// Site is what the link leads to, for people.
	Site string
	// Template names the template of an advanced share, and Lines is its text.
	Template string
	Lines    []string
}

// template is the JSON text of share_data_url.
type template struct {
	Header  string            `json:"tpl_header"`
	Version string            `json:"tpl_version"`
	Type    string            `json:"tpl_type"`
	Data    []json.RawMessage `json:"data"`
}

// readTemplate reads a share_data_url; false if it is no template.
func readTemplate(text string) (template, bool) {
	var t template
	err := json.Unmarshal([]byte(text), &t)
	return t, err == nil && t.Type != ""
}

// checkShare says what is wrong with the options of a share that no user needs
// to see.
func checkShare(options map[string]string) error {
	for _, name := range []string{"share_url", "thumb_url"} {
		if options[name] == "" {
			continue
		}
		if u, err := url.Parse(options[name]); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return errors.New(name + ": must be an http or https address")
		}
	}
	if data := options["share_data_url"]; data != "" && !isAddress(data) {
		if _, ok := readTemplate(data); !ok {
			return errors.New(`share_data_url: must be a JSON template, as in {"tpl_header":"vctalk","tpl_version":"v1","tpl_type":"MultipleLine","data":["a line"]}`)
		}
	}
	return nil
}

// isAddress reports whether a share_data_url is an address, as its name has
// it. The page describes templates alone: the phone fetches none.
func isAddress(data string) bool {
	return strings.HasPrefix(data, "http://") || strings.HasPrefix(data, "https://")
}

func (p *phone) card(title, sub, link, thumb, data string) card {
	c := card{Title: title, Sub: sub, Link: link, Site: link}
	if u, err := url.Parse(link); err == nil {
		c.Site = u.Host
	}
	if p.pictures(thumb) != "" {
		c.Thumb = thumb
	}
	t, ok := readTemplate(data)
	if !ok {
		return c
	}
	c.Template = t.Type
	for _, raw := range t.Data {
		var line string
		if json.Unmarshal(raw, &line) != nil {
			var short bytes.Buffer
			if json.Compact(&short, raw) != nil {
				continue
			}
			line = short.String()
		}
		c.Lines = append(c.Lines, line)
	}
	return c
}

// pictures returns the origin of a picture that the phone may load: as with
// pages, one of this machine or of a host that the configuration names. "" is
// none.
func (p *phone) pictures(address string) string {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || !p.isOurs(u.Hostname()) || strings.ContainsAny(u.Host, ";, ") {
		return ""
	}
	return originOf(u)
}

// shareBody is what the share screen shows.
type shareBody struct {
	Card card
	pickBody
}

func (p *phone) shareBody(w words, options map[string]string, openID, session string) shareBody {
	return shareBody{
		Card:     p.card(options["share_title"], options["sub_title"], options["share_url"], options["thumb_url"], options["share_data_url"]),
		pickBody: p.pickBody(w, openID, session),
	}
}

func (p *phone) shareOf(options map[string]string, openID, session string) testkit.Share {
	return testkit.Share{
		AppID: options["app_id"], OpenID: openID, SessionID: session,
		ShareTitle: options["share_title"], SubTitle: options["sub_title"], ShareURL: options["share_url"],
		ThumbURL: options["thumb_url"], ShareDataURL: options["share_data_url"],
	}
}

// shareOptions are the parameters of qyx://share that say what is shared.
func shareOptions() []string {
	return []string{"app_id", "share_title", "share_url", "sub_title", "thumb_url", "share_data_url"}
}

// askShare shows what is to be shared, and asks into which chat: qyx://share.
func (p *phone) askShare(_ context.Context, r *core.Request) *core.Response {
	a, options, origin, refused := p.readShare(r)
	if refused != nil {
		return refused
	}
	w := wordsOf(r)
	hidden := append(handOn(a, append(shareOptions(), "redirect_uri")...), parameter{"open_id", p.holder(r).OpenID})
	return p.show(r, http.StatusOK, "share", origin, screen{
		W: w, Title: w.Share, Action: "/phone/share", Hidden: hidden, Pictures: p.pictures(options["thumb_url"]),
		Body: p.shareBody(w, options, p.holder(r).OpenID, a.Get("session")),
	})
}

// share takes the user's answer back to the merchant.
func (p *phone) share(_ context.Context, r *core.Request) *core.Response {
	a, options, _, refused := p.readShare(r)
	if refused != nil {
		return refused
	}
	w := wordsOf(r)
	var target string
	switch a.Get("action") {
	case "share":
		if !p.knows(a.Get("open_id")) {
			return p.problem(r, http.StatusBadRequest, w.UnknownUser)
		}
		if _, ok := p.chat(a.Get("open_id"), a.Get("session")); !ok {
			return p.problem(r, http.StatusBadRequest, w.UnknownChat)
		}
		if _, err := p.platform.Share(p.shareOf(options, a.Get("open_id"), a.Get("session"))); err != nil {
			return p.problem(r, http.StatusBadRequest, w.BadShare)
		}
		target, _, _ = p.back(a, "code", "200")
	case "cancel":
		target, _, _ = p.back(a, "code", "400", "err_msg", "the user cancelled")
	default:
		return p.problem(r, http.StatusBadRequest, w.UnknownAction)
	}
	return redirect(target)
}

// readShare reads the parameters of a share, or answers what is wrong with
// them.
func (p *phone) readShare(r *core.Request) (a asked, options map[string]string, origin string, refused *core.Response) {
	w := wordsOf(r)
	a, ok := read(r)
	if !ok {
		return a, nil, "", p.problem(r, http.StatusBadRequest, w.BadLink)
	}
	if _, ok := p.apps[a.Get("app_id")]; !ok {
		return a, nil, "", p.problem(r, http.StatusBadRequest, w.UnknownApp)
	}
	target, origin, ok := p.back(a)
	switch {
	case !ok:
		return a, nil, "", p.problem(r, http.StatusBadRequest, w.BadRedirect)
	case target == "":
		return a, nil, "", p.problem(r, http.StatusBadRequest, w.NoRedirect)
	}
	options = map[string]string{}
	for _, name := range shareOptions() {
		options[name] = a.Get(name)
	}
	if options["share_title"] == "" || options["share_url"] == "" || checkShare(options) != nil {
		return a, nil, "", p.problem(r, http.StatusBadRequest, w.BadShare)
	}
	return a, options, origin, nil
}
