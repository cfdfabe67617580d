package phone

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// chat finds a chat that a user is in.
func (p *phone) chat(openID, id string) (testkit.Session, bool) {
	for _, chat := range p.platform.Sessions(openID) {
		if chat.ID == id && id != "" {
			return chat, true
		}
	}
	return testkit.Session{}, false
}

// chatView is a chat on a screen.
type chatView struct {
	ID, Name string
	// Kind is what it is, in words.
	Kind  string
	Group bool
	// Chosen says that it is the one that the page was opened in.
	Chosen bool
	// Last is what came last, and when; "" if nothing has.
	Last, LastTime string
}

func (p *phone) chatView(w words, chat testkit.Session) chatView {
	v := chatView{ID: chat.ID, Name: cmp.Or(chat.Name, chat.ID), Kind: w.DirectChat, Group: chat.Type == testkit.SessionGroup}
	if v.Group {
		v.Kind = w.GroupChat
	}
	return v
}

// pickBody is what a choice among chats shows.
type pickBody struct{ Chats []chatView }

// pickBody lists a user's chats, with the one of that id chosen, or the first.
func (p *phone) pickBody(w words, openID, chosen string) pickBody {
	var body pickBody
	for _, chat := range p.platform.Sessions(openID) {
		v := p.chatView(w, chat)
		v.Chosen = chat.ID == chosen
		body.Chats = append(body.Chats, v)
	}
	if len(body.Chats) > 0 && !slices.ContainsFunc(body.Chats, func(v chatView) bool { return v.Chosen }) {
		body.Chats[0].Chosen = true
	}
	return body
}

// entry is one thing in a chat: a message that an app sent, a share, or a page
// that a robot opens there.
type entry struct {
	From, Via, Moment string
	// Text is a message's; Type is its type where it is not "text".
	Text, Type string
	// Card is a page's, and Open the link that opens it in this chat.
	Card *card
	Open string

	at time.Time
}

// entries are what stands in a chat, the newest first.
func (p *phone) entries(w words, chat testkit.Session, openID string) []entry {
	var all []entry
	for _, m := range p.platform.Messages(chat.ID) {
		e := entry{From: p.nickname(m.OpenID), Via: p.merchant(m.AppID), Text: m.Content, at: m.Time}
		if m.RobotNo != "" {
			e.From = w.Robot + " " + m.RobotNo
		}
		if m.Type != "text" {
			e.Type = m.Type
		}
		all = append(all, e)
	}
	for _, s := range p.platform.Shares() {
		if s.SessionID != chat.ID {
			continue
		}
		c := p.card(s.ShareTitle, s.SubTitle, s.ShareURL, s.ThumbURL, s.ShareDataURL)
		c.Thumb = "" // the screen's policy names no host of theirs
		query := url.Values{"url": {s.ShareURL}, "session": {chat.ID}, "open_id": {openID}}
		all = append(all, entry{From: p.nickname(s.OpenID), Via: p.merchant(s.AppID), Card: &c, Open: "/phone/open?" + query.Encode(), at: s.Time})
	}
	for _, c := range p.platform.RobotCommands() {
		if c.SessionOpenID == chat.ID && c.Cmd == "webview-group-open" {
			opens := p.card(w.RobotOpens, "", c.URL, "", "")
			query := url.Values{"url": {c.URL}, "session": {chat.ID}, "open_id": {openID}}
			all = append(all, entry{From: w.Robot + " " + c.RobotNo, Via: p.merchant(c.AppID), Card: &opens, Open: "/phone/open?" + query.Encode(), at: c.Time})
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return b.at.Compare(a.at) })
	for i := range all {
		all[i].Moment = moment(all[i].at)
	}
	return all
}

func (p *phone) nickname(openID string) string {
	for _, user := range p.platform.Users() {
		if user.OpenID == openID {
			return user.Nickname
		}
	}
	return openID
}

// chats shows the holder's chats: GET /phone/chats.
func (p *phone) chats(_ context.Context, r *core.Request) *core.Response {
	w := wordsOf(r)
	openID := p.holder(r).OpenID
	var list []chatView
	for _, chat := range p.platform.Sessions(openID) {
		v := p.chatView(w, chat)
		if in := p.entries(w, chat, openID); len(in) > 0 {
			v.Last, v.LastTime = in[0].Text, in[0].Moment
			if in[0].Card != nil {
				v.Last = in[0].Card.Title
			}
		}
		list = append(list, v)
	}
	slices.SortStableFunc(list, func(a, b chatView) int { return cmp.Compare(b.LastTime, a.LastTime) })
	return p.show(r, http.StatusOK, "chats", "", screen{W: w, Title: w.Chats, Body: list})
}

// chatBody is what the screen of one chat shows.
type chatBody struct {
	Chat    chatView
	Entries []entry
}

// showChat shows one chat: GET /phone/chat with session, or with the open_id
// of the account that a qyx://openSessionView names.
func (p *phone) showChat(ctx context.Context, r *core.Request) *core.Response {
	w := wordsOf(r)
	a, ok := read(r)
	if !ok || (a.Get("session") == "") == (a.Get("open_id") == "") {
		return p.problem(r, http.StatusBadRequest, w.BadLink)
	}
	openID := p.holder(r).OpenID
	var chat testkit.Session
	if id := a.Get("session"); id != "" {
		if chat, ok = p.chat(openID, id); !ok {
			return p.problem(r, http.StatusNotFound, w.UnknownChat)
		}
	} else {
		if dest := r.Header.Get("Sec-Fetch-Dest"); r.Method == http.MethodHead || (dest != "" && dest != "document" && dest != "empty") {
			return p.problem(r, http.StatusForbidden, w.ForeignPage) // an image of another page opens no chat
		}
		var err error
		if chat, err = p.platform.OpenSessionView(ctx, openID, a.Get("open_id")); err != nil {
			return p.problem(r, http.StatusNotFound, w.UnknownAccount)
		}
	}
	v := p.chatView(w, chat)
	return p.show(r, http.StatusOK, "chat", "", screen{W: w, Title: v.Name, Body: chatBody{v, p.entries(w, chat, openID)}})
}
