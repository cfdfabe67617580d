package sandbox

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// sendMessage handles POST /messages, JSON {"code", "session": {"session_id",
// "session_type"}, "text"}: a page inside the IM has asked its user for the
// scope of a chat, and hands the code in.
func (m *merchant) sendMessage(ctx context.Context, r *core.Request) *core.Response {
	buyer, err := m.buyer(ctx, r)
	if err != nil {
		return core.Refuse(http.StatusUnauthorized)
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return core.Refuse(http.StatusUnsupportedMediaType)
	}
	var wish struct {
		Code    string         `json:"code"`
		Session vvchat.Session `json:"session"`
		Text    string         `json:"text"`
	}
	if err := json.Unmarshal(r.Body, &wish); err != nil {
		return core.Refuse(http.StatusBadRequest)
	}
	token, err := m.platform.SendToSession(ctx, wish.Code, wish.Session, vvchat.Message{Content: wish.Text})
	if err == nil && token.OpenID != buyer {
		m.log.WarnContext(ctx, "a message was sent for another user than the one who is logged in", "open_id", token.OpenID)
	}
	switch core.CodeOf(err) {
	case "":
		return core.JSON(http.StatusOK, map[string]bool{"sent": true})
	case core.CodeInvalid, core.CodeRefused, core.CodeMismatch:
		m.log.WarnContext(ctx, "a message was not sent", "reason", err.Error())
		return core.Refuse(http.StatusBadRequest)
	}
	m.log.ErrorContext(ctx, "a message was not sent", "reason", err.Error())
	return core.TryLater()
}

// insideIM reports whether a page is shown by the app's web view.
func insideIM(r *core.Request) bool { return strings.Contains(r.Header.Get("User-Agent"), "VVChat") }

// link is where the browser reaches the phone by a qyx:// link, which no
// browser on a desktop knows.
func (w *world) link(l vvchat.Link) string {
	text, err := vvchat.Redirects{w.base}.BuildLink(l)
	if err != nil {
		w.log.Error("a link cannot be built", "reason", err.Error())
		return w.platformBase + "/phone"
	}
	return w.platformBase + "/phone/link?" + url.Values{"uri": {text}}.Encode()
}

// sharesView is what the page's script shares: by the JSSDK inside the IM, by
// links outside.
type sharesView struct {
	Basic        vvchat.ShareCall `json:"basic"`
	Advanced     vvchat.ShareCall `json:"advanced"`
	BasicLink    string           `json:"basicLink"`
	AdvancedLink string           `json:"advancedLink"`
}

func (w *world) shares(words shopWords) sharesView {
	basic := vvchat.ShareCall{
		AppID: w.platform.Account().AppID, ShareTitle: words.Shop, SubTitle: words.Tagline, ShareURL: w.base + "/", ThumbURL: w.base + "/thumb.svg",
	}
	advanced := basic
	advanced.ShareDataURL = vvchat.ShareData{Data: []string{words.Tagline, words.Lead}}.String()
	outside := func(s vvchat.ShareCall) string {
		return w.link(vvchat.ShareLink{
			AppID: s.AppID, ShareTitle: s.ShareTitle, ShareURL: s.ShareURL, SubTitle: s.SubTitle, ThumbURL: s.ThumbURL, ShareDataURL: s.ShareDataURL, RedirectURI: w.base + "/?shared=1",
		})
	}
	return sharesView{basic, advanced, outside(basic), outside(advanced)}
}

// serviceLink opens the chat with customer service.
func (w *world) serviceLink() string {
	return w.link(vvchat.OpenSessionViewLink{OpenID: testkit.TestRobot().OpenID})
}
