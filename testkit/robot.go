package testkit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Robot is a robot of an app.
type Robot struct {
	// AppID is whose it is; the first account's if it is empty.
	AppID string
	// RobotNo is the platform's number of it.
	RobotNo string
	// OpenID is who it is in chats.
	OpenID string
	// Name is what people see.
	Name string
	// EventURL is where the merchant has registered to hear of events; "" is
	// nowhere.
	EventURL string
}

// TestRobot returns the robot that a fake platform knows when it is told of no
// other. It tells nobody of events.
func TestRobot() Robot {
	return Robot{RobotNo: "r1001", OpenID: "rB6nYt3KwSx8VqZm2LdHfJc9PgUe5RaT", Name: "客服"}
}

// RobotCommand is a command that a robot was sent, and carried out.
type RobotCommand struct {
	AppID         string    `json:"app_id"`
	RobotNo       string    `json:"robot_no"`
	SessionOpenID string    `json:"session_open_id"`
	SessionType   int       `json:"session_type"`
	ToType        int       `json:"to_type"`
	To            string    `json:"to"`
	Cmd           string    `json:"cmd"`
	Text          string    `json:"text,omitempty"`
	Height        string    `json:"height,omitempty"`
	URL           string    `json:"url,omitempty"`
	Time          time.Time `json:"time"`
}

// RobotCommands returns all commands that robots carried out, the oldest
// first.
func (p *Platform) RobotCommands() []RobotCommand {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.commands)
}

// SetEventURL says where a robot's events go from now on, and reports whether
// there is such a robot.
func (p *Platform) SetEventURL(robotNo, url string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.robots {
		if p.robots[i].RobotNo == robotNo {
			p.robots[i].EventURL = url
			return true
		}
	}
	return false
}

func (p *Platform) admitRobots(robots []Robot) error {
	const op = "testkit.NewPlatform"
	if robots == nil {
		robots = []Robot{TestRobot()}
	}
	for _, robot := range robots {
		if robot.AppID == "" {
			robot.AppID = p.accounts[0].AppID
		}
		_, known := p.account(robot.AppID)
		switch {
		case !known:
			return notFound(op, "app_id of a robot", robot.AppID)
		case robot.RobotNo == "" || robot.OpenID == "":
			return core.Invalid(op, "Robots: each needs a RobotNo and an OpenID")
		case slices.ContainsFunc(p.robots, func(r Robot) bool { return r.RobotNo == robot.RobotNo || r.OpenID == robot.OpenID }):
			return core.Invalid(op, "Robots: two have the same RobotNo or OpenID")
		}
		p.robots = append(p.robots, robot)
	}
	return nil
}

// robotOf is called with the lock held.
func (p *Platform) robotOf(openID string) (Robot, bool) {
	for _, r := range p.robots {
		if r.OpenID == openID {
			return r, true
		}
	}
	return Robot{}, false
}

// robotScope marks the token of an app's robots among those of users.
const robotScope = "robot"

func (p *Platform) readRobotToken(req *request) *refusal { return p.readCredentials(req) }

func (p *Platform) makeRobotToken(req *request) reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Clock.Now()
	if !p.readings.OldRobotTokens {
		for token, g := range p.secrets.tokens {
			if g.scope == robotScope && g.appID == req.account.AppID {
				g.expires = time.Time{} // stays among the secrets
				p.secrets.tokens[token] = g
			}
		}
	}
	token := p.ids.next("robot token", tokenLength)
	addGrant(p.secrets.tokens, token, grant{appID: req.account.AppID, scope: robotScope, expires: now.Add(p.readings.RobotTokenLife)}, now)
	out := answer(http.StatusOK, struct {
		Token    string `json:"token"`
		ExpireIn int64  `json:"expire_in"`
	}{token, int64(p.readings.RobotTokenLife / time.Second)})
	out.shown = strings.Replace(string(out.body), token, mask, 1)
	return out
}

// readCommand checks a robot's command.
func (p *Platform) readCommand(req *request) *refusal {
	token, refused := req.one("token")
	if refused != nil {
		return refused
	}
	robotNo, refused := req.one("robot_no")
	if refused != nil {
		return refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.secrets.tokens[token]
	switch {
	case !ok || g.scope != robotScope:
		return refuse("token: is not known")
	case !p.Clock.Now().Before(g.expires):
		return refuse("token: has expired")
	}
	req.target.AppID = g.appID
	i := slices.IndexFunc(p.robots, func(r Robot) bool { return r.RobotNo == robotNo && r.AppID == g.appID })
	if i < 0 {
		return refuse("robot_no: is not a robot of this app")
	}
	command, refused := p.decodeCommand(req)
	if refused != nil {
		return refused
	}
	command.AppID, command.RobotNo = g.appID, robotNo
	req.target.SessionID = command.SessionOpenID
	req.command = command
	return nil
}

// decodeCommand is called with the lock held.
func (p *Platform) decodeCommand(req *request) (RobotCommand, *refusal) {
	var c RobotCommand
	if fault := notJSON(req.header); fault != "" {
		return c, refuse("%s", fault)
	}
	members, err := readObject(req.body)
	if err != nil {
		return c, refuse("%v", err)
	}
	content, err := readObject(members["content"])
	if err != nil {
		return c, refuse("content: must be a JSON object with cmd and params")
	}
	var kind, params, sessionText, toText string
	for _, f := range []struct {
		name   string
		in     map[string]json.RawMessage
		target *string
		digits bool
	}{
		{"type", members, &kind, false},
		{"session_open_id", members, &c.SessionOpenID, false},
		{"session_type", members, &sessionText, true},
		{"to_type", members, &toText, true},
		{"to", members, &c.To, false},
		{"cmd", content, &c.Cmd, false},
		{"params", content, &params, false},
	} {
		raw := strings.TrimSpace(string(f.in[f.name]))
		if f.digits && p.readings.RobotTypeNumbers && (raw == "1" || raw == "2") {
			*f.target = raw
			continue
		}
		if raw == "" || json.Unmarshal([]byte(raw), f.target) != nil || *f.target == "" {
			return c, refuse("%s: must be a JSON string that is not empty", f.name)
		}
	}
	c.SessionType, c.ToType = sessionType(sessionText), sessionType(toText)
	switch {
	case kind != "cmd":
		return c, refuse("type: must be cmd, got %q", kind)
	case sessionText != "1" && sessionText != "2":
		return c, refuse("session_type: must be 1 or 2, got %q", sessionText)
	case toText != "1" && toText != "2":
		return c, refuse("to_type: must be 1 or 2, got %q", toText)
	case !p.receives(c.SessionOpenID, c.SessionType):
		return c, refuse("session_open_id: is not known")
	case !p.receives(c.To, c.ToType):
		return c, refuse("to: is not known")
	}
	refused := c.readParams(params)
	return c, refused
}

// receives reports whether there is a person, or a group, of that open_id. It
// is called with the lock held.
func (p *Platform) receives(openID string, kind int) bool {
	if kind == SessionDirect {
		_, ok := p.user(openID)
		return ok && openID != ""
	}
	s, ok := p.session(openID)
	return ok && s.Type == SessionGroup
}

var isHeight = regexp.MustCompile(`^[1-9][0-9]{0,4}$|^(?:[1-9][0-9]?|100)%$`)

// readParams reads the parameters of a command: a JSON document in a text.
func (c *RobotCommand) readParams(params string) *refusal {
	members, err := readObject([]byte(params))
	if err != nil {
		return refuse("params: must be a JSON object in a string")
	}
	wanted, ok := map[string]map[string]bool{ // name → required
		"send-text":             {"text": true},
		"webview-group-open":    {"height": true, "url": true},
		"webview-group-close":   {},
		"webview-group-refresh": {"height": false, "url": true},
	}[c.Cmd]
	if !ok {
		return refuse("cmd: %q is not known", c.Cmd)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if _, ok := wanted[name]; !ok {
			return refuse("params.%s: is not a parameter of %s", name, c.Cmd)
		}
	}
	for _, p := range []struct {
		name   string
		target *string
	}{{"text", &c.Text}, {"height", &c.Height}, {"url", &c.URL}} {
		required, takes := wanted[p.name]
		raw, given := members[p.name]
		switch {
		case !takes || (!given && !required):
		case json.Unmarshal(raw, p.target) != nil || *p.target == "":
			return refuse("params.%s: must be a JSON string that is not empty", p.name)
		}
	}
	switch {
	case c.Height != "" && !isHeight.MatchString(c.Height):
		return refuse("params.height: must be pixels such as 234, or a share such as 50%%, got %q", c.Height)
	case c.URL != "" && !isNotifyURL(c.URL):
		return refuse("params.url: must be an absolute http or https URL")
	}
	return nil
}

func (p *Platform) carryOutCommand(req *request) reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	if expired := req.struck.has(FaultTokenExpired); expired || req.struck.has(FaultTokenInvalid) {
		token := req.query.Get("token")
		g := p.secrets.tokens[token]
		g.expires = time.Time{}
		p.secrets.tokens[token] = g
		if expired {
			return refuse("token: has expired").reply()
		}
		return refuse("token: is not known").reply()
	}
	c := req.command
	c.Time = p.Clock.Now()
	if c.Cmd == "send-text" {
		chat, ok := p.session(c.SessionOpenID)
		if c.SessionType == SessionDirect {
			i := slices.IndexFunc(p.robots, func(r Robot) bool { return r.RobotNo == c.RobotNo })
			direct, err := p.direct("testkit.Platform", c.SessionOpenID, p.robots[i].OpenID, p.robots[i].Name)
			chat, ok = direct, err == nil
		}
		if ok {
			p.say(ChatMessage{AppID: c.AppID, RobotNo: c.RobotNo, SessionID: chat.ID, SessionType: chat.Type, Type: "text", Content: c.Text})
		}
	}
	p.commands = append(p.commands, c)
	if over := len(p.commands) - p.record.keep; over > 0 {
		p.commands = slices.Delete(p.commands, 0, over)
	}
	return jsonReply(http.StatusOK, []byte(p.readings.RobotResult))
}

// RequireRobotCommand fails the test unless a robot carried out one command of
// that name (cmd), and returns it.
func (p *Platform) RequireRobotCommand(tb TB, cmd string) RobotCommand {
	tb.Helper()
	var found []RobotCommand
	var seen []string
	for _, c := range p.RobotCommands() {
		seen = append(seen, c.Cmd)
		if c.Cmd == cmd {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("one robot command %q", cmd), got: fmt.Sprintf("%d, and all are %q", len(found), seen), rule: ruleRobotCommand,
			do: "see in the log whether a robot command arrived, and what it was answered",
		})
		return RobotCommand{}
	}
	return found[0]
}

// The events of a robot.
const (
	EventSessionOpen        = "session-open"
	EventJoinGroupForInvite = "join-group-for-invite"
	EventAt                 = "at"
)

// RobotEvent is something that a robot's merchant is told of. The platform does
// not sign it.
type RobotEvent struct {
	// Event is [EventSessionOpen] and its like; whatever else it is travels
	// too.
	Event string
	// RobotNo is the robot; the first one if it is empty.
	RobotNo string
	// SessionOpenID and SessionType are the chat that it happened in: a
	// person's, or a group's. The user's own if both are empty; a group if
	// the type alone is.
	SessionOpenID string
	SessionType   int
	// TriggerOpenID is who did it; the first user if it is empty.
	TriggerOpenID string
	// Text is what was said, of [EventAt] and of events that are not
	// documented.
	Text string
}

// SendRobotEvent tells a robot's merchant of an event, once, and returns his
// answer. The error is [core.CodeNotFound] for a robot that does not exist,
// [core.CodeInvalid] for one without an EventURL, and [core.CodeUnknown] if no
// answer came.
func (p *Platform) SendRobotEvent(ctx context.Context, e RobotEvent) (*core.Response, error) {
	const op = "testkit.Platform.SendRobotEvent"
	if e.Event == "" {
		return nil, core.Invalid(op, "Event: must be given")
	}
	p.mu.Lock()
	i := slices.IndexFunc(p.robots, func(r Robot) bool { return e.RobotNo == "" || r.RobotNo == e.RobotNo })
	user, known := p.user(e.TriggerOpenID)
	if p.noAttempts {
		p.mu.Unlock()
		return nil, core.Invalid(op, "the fake platform is closed")
	}
	if i < 0 || !known {
		p.mu.Unlock()
		return nil, notFound(op, "robot_no or trigger", e.RobotNo+" "+e.TriggerOpenID)
	}
	robot := p.robots[i]
	if robot.EventURL == "" {
		p.mu.Unlock()
		return nil, core.Invalid(op, "EventURL: the robot has none")
	}
	p.attempts.Add(1)
	p.mu.Unlock()
	defer p.attempts.Done()
	if e.SessionOpenID == "" {
		e.SessionOpenID, e.SessionType = user.OpenID, SessionDirect
	}
	if e.SessionType == 0 {
		e.SessionType = SessionGroup
	}
	return p.sendEvent(ctx, robotNotice{robot, user, e})
}

// robotNotice is an event that is to be sent.
type robotNotice struct {
	robot Robot
	user  User // who did it
	event RobotEvent
}

// sendEvent sends an event, and records it.
func (p *Platform) sendEvent(ctx context.Context, n robotNotice) (*core.Response, error) {
	robot := n.robot
	message := Message{Method: http.MethodPost, ContentType: typeJSON, Body: p.eventBody(robot, n.user, n.event)}
	sent := p.Clock.Now()
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	began := time.Now()
	resp, err := message.send(ctx, p.notifier, robot.EventURL)
	exchange := Exchange{
		Seq: p.record.begin(), Peer: PeerVVChat, Call: CallRobotEvent, Time: sent, Took: time.Since(began),
		Method: message.Method, Path: withoutSecret(robot.EventURL), Header: message.Request("/").Header, Body: string(message.Body), AppID: robot.AppID,
	}
	if err != nil {
		exchange.Err = err.Error()
	} else {
		exchange.Status, exchange.Answer, exchange.AnswerHeader = resp.Status, string(resp.Body), resp.Header
	}
	p.record.add(p.masked(exchange))
	return resp, err
}

// withoutSecret masks what follows the host in an address: the path of a
// robot's events is all that tells a genuine one.
func withoutSecret(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	host, _, path := strings.Cut(rest, "/")
	if path {
		return scheme + "://" + host + "/" + mask
	}
	return address
}

func (p *Platform) eventBody(robot Robot, user User, e RobotEvent) []byte {
	data := map[string]any{
		"robot":   map[string]string{"app_id": robot.AppID, "open_id": robot.OpenID, "robot_no": robot.RobotNo},
		"session": map[string]any{"session_open_id": e.SessionOpenID, "session_type": p.eventType(e.SessionType)},
		"trigger": map[string]string{"open_id": user.OpenID, "target": "user"},
	}
	if e.Text != "" && e.Event != EventSessionOpen && e.Event != EventJoinGroupForInvite {
		data["content"] = map[string]string{"text": e.Text}
	}
	return encode(map[string]any{"event": e.Event, "version": "v1", "data": data})
}

func (p *Platform) eventType(kind int) any {
	if p.readings.EventTypeText {
		return string(rune('0' + kind))
	}
	return kind
}
