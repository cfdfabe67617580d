package testkit

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// readMessage checks a message into a chat (sendmsg): the token first, then
// what is to be said.
func (p *Platform) readMessage(req *request) *refusal {
	g, refused := p.granted(req)
	if refused != nil {
		return refused
	}
	req.target.AppID, req.target.SessionID = g.appID, g.sessionID()
	if !sendScope().MatchString(g.scope) {
		return refuse("Authorization: the token's scope is %s, not sessionapi_sendmsg:SESSION_ID:SESSION_TYPE", g.scope)
	}
	if fault := notJSON(req.header); fault != "" {
		return refuse("%s", fault)
	}
	var err error
	if req.fields, err = readDocument(req.body); err != nil {
		return refuse("%v", err)
	}
	for _, name := range []string{"type", "content"} {
		f, ok := req.field(name)
		switch {
		case !ok || f.value == "":
			return refuse("%s: is missing", name)
		case !strings.HasPrefix(f.literal, `"`):
			return refuse("%s: must be a JSON string, got %s", name, f.literal)
		}
	}
	if limit := p.readings.Limits["content"]; utf8.RuneCountInString(req.value("content")) > limit {
		return refuse("content: is longer than %d characters", limit)
	}
	if req.value("type") != "text" && !p.readings.AnyMessageType {
		return refuse("type: must be text, got %q", req.value("type"))
	}
	return nil
}

func (p *Platform) sendMessage(req *request) reply {
	if refused := req.spoiledToken(); refused != nil {
		return refused.reply()
	}
	g, refused := p.granted(req)
	if refused != nil {
		return refused.reply()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	chat, ok := p.session(g.sessionID())
	if !ok || !chat.has(g.openID) {
		return refuse("Authorization: the user is not in the chat any more").reply()
	}
	p.say(ChatMessage{
		AppID: g.appID, OpenID: g.openID, SessionID: chat.ID, SessionType: chat.Type, Type: req.value("type"), Content: req.value("content"),
	})
	return jsonReply(http.StatusOK, []byte(p.readings.SendMsgResult))
}

// sessionID is the chat that a scope is for; "" of another scope.
func (g grant) sessionID() string {
	parts := strings.Split(g.scope, ":")
	if len(parts) != 3 {
		return ""
	}
	return parts[1]
}
