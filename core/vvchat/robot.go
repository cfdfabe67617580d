package vvchat

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/internal/token"
)

const (
	opRobotToken = "vvchat.RobotToken"
	opRobotSend  = "vvchat.Robot.Send"
)

// RobotToken asks the platform for a token of the app's robots:
// GET /robotapi/v1/token. lifetime is how long it works, two hours as
// documented. The platform asks not to be asked often: most programs use
// [Client.Robot], which keeps one. The call may always be repeated;
// core.CodeRefused holds a [PlatformError] of [ClassAccount].
func (c *Client) RobotToken(ctx context.Context) (_ core.Secret, lifetime time.Duration, err error) {
	const op = opRobotToken
	query := url.Values{"app_id": {c.cfg.AppID}, "app_key": {c.cfg.AppKeys[0].Reveal()}}
	req, err := c.newRequest(http.MethodGet, "/robotapi/v1/token?"+query.Encode(), nil)
	if err != nil {
		return core.Secret{}, 0, err
	}
	body, err := c.call(ctx, op, "", true, req)
	if err != nil {
		return core.Secret{}, 0, err
	}
	secret, lifetime, err := c.decodeRobotToken(body)
	if err != nil {
		return core.Secret{}, 0, unknown(op, true, err)
	}
	return secret, lifetime, nil
}

func (c *Client) decodeRobotToken(body []byte) (core.Secret, time.Duration, error) {
	answer, err := decodeObject(body)
	if err != nil {
		return core.Secret{}, 0, err
	}
	text, err := answer.text("token")
	if err != nil {
		return core.Secret{}, 0, err
	}
	seconds, err := answer.int("expire_in")
	if err != nil {
		return core.Secret{}, 0, err
	}
	const farAway = 1 << 40 // keeps a mad answer from overflowing a time
	seconds = min(seconds, farAway)
	lifetime := token.MaxLifetime
	if seconds >= firstTime {
		lifetime = min(lifetime, time.Unix(seconds, 0).Sub(c.cfg.Now()))
	} else {
		lifetime = min(lifetime, time.Duration(seconds)*time.Second)
	}
	if text == "" || seconds <= 0 || lifetime <= 0 {
		return core.Secret{}, 0, errors.New("the answer holds no token, or one that has ended: come again later")
	}
	return core.NewSecret(text), lifetime, nil
}

// Robot sends commands of one robot into chats. [Client.Robot] makes it. All
// robots of a client share one token, which is asked for when it is first
// needed, by one request however many wait, and renewed five minutes before it
// ends (half its life, if that is shorter). A Robot is safe for use by many
// goroutines.
type Robot struct {
	client *Client
	no     string
}

// Robot returns the robot with the platform's number robotNo (robot_no), 1 to
// 64 of A-Z, a-z, 0-9, _ and -. It calls nobody.
func (c *Client) Robot(robotNo string) (*Robot, error) {
	if !check.ID(robotNo) {
		return nil, core.Invalid("vvchat.Robot", "robot_no must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
	}
	return &Robot{client: c, no: robotNo}, nil
}

// RobotNo returns the platform's number of the robot.
func (r *Robot) RobotNo() string { return r.no }

// RobotTarget says where a robot's command is carried out and who is meant. A
// robot event names the chat that it comes from.
type RobotTarget struct {
	// SessionOpenID is the open_id of the chat: the person's in a direct
	// chat, the group's in a group. Required.
	SessionOpenID string `json:"session_open_id" validate:"required,id"`
	// SessionType is SessionDirect or SessionGroup. Required.
	SessionType SessionType `json:"session_type" validate:"oneof=1 2"`
	// ToType is the kind of the receiver; 0 is SessionType.
	ToType SessionType `json:"to_type" validate:"omitempty,oneof=1 2"`
	// To is the open_id of the receiver, a person or a group by ToType; "" is
	// SessionOpenID: all of the chat. Required where ToType is not SessionType.
	To string `json:"to" validate:"omitempty,id"`
}

// Send sends a command: POST /robotapi/v1/message/send. nil means that the
// platform took it: HTTP 200 says so.
//
// A refusal that blames the token is answered with a new token and one more
// attempt, and so is one that does not say what it blames, if the token is
// older than a minute: nobody documents how the platform refuses a token. After
// that, core.CodeRefused holds a [PlatformError], and nothing was done. After
// core.CodeUnknown the command may have been carried out: a text may show
// twice when it is sent again, the other commands do no harm. The token
// travels in the URL, which no error and no observer is shown.
func (r *Robot) Send(ctx context.Context, to RobotTarget, command RobotCommand) error {
	const op = opRobotSend
	body, err := robotBody(op, to, command)
	if err != nil {
		return err
	}
	robots := r.client.robots
	secret, err := robots.AccessToken(ctx, core.Secret{})
	if err != nil {
		return err
	}
	err = r.send(ctx, to, body, secret)
	if refused, ok := errors.AsType[*PlatformError](err); ok && blamesToken(refused, robots.Fresh(secret, time.Minute)) {
		if secret, err = robots.AccessToken(ctx, secret); err != nil {
			return err
		}
		err = r.send(ctx, to, body, secret)
	}
	return err
}

// blamesToken reports whether a new token may help. Where the platform does
// not say, a fresh token is not to blame; else a caller whose commands are all
// refused would ask for a token with each.
func blamesToken(refused *PlatformError, fresh bool) bool {
	return refused.Class == ClassToken || (refused.Class == ClassRefused && refused.Status == http.StatusBadRequest && !fresh)
}

func (r *Robot) send(ctx context.Context, to RobotTarget, body robotRequest, secret core.Secret) error {
	query := url.Values{"robot_no": {r.no}, "token": {secret.Reveal()}}
	req, err := r.client.newRequest(http.MethodPost, "/robotapi/v1/message/send?"+query.Encode(), body)
	if err != nil {
		return err
	}
	_, err = r.client.call(ctx, opRobotSend, to.SessionOpenID, false, req, secret.Reveal())
	return hint(err, core.CodeUnknown, "the command may have been carried out")
}

// robotRequest is the body of a command. The platform wants the types as
// texts, and the parameters as a JSON document inside a text.
type robotRequest struct {
	Type          string `json:"type"`
	SessionOpenID string `json:"session_open_id"`
	SessionType   string `json:"session_type"`
	ToType        string `json:"to_type"`
	To            string `json:"to"`
	Content       struct {
		Cmd    string `json:"cmd"`
		Params string `json:"params"`
	} `json:"content"`
}

func robotBody(op string, to RobotTarget, command RobotCommand) (robotRequest, error) {
	if err := check.Struct(op, to); err != nil {
		return robotRequest{}, err
	}
	if to.ToType == 0 {
		to.ToType = to.SessionType
	}
	if to.To == "" {
		if to.ToType != to.SessionType {
			return robotRequest{}, core.Invalid(op, "to must be given where to_type is not session_type")
		}
		to.To = to.SessionOpenID
	}
	cmd, params, err := encodeCommand(op, command)
	if err != nil {
		return robotRequest{}, err
	}
	body := robotRequest{
		Type: "cmd", SessionOpenID: to.SessionOpenID, SessionType: strconv.Itoa(int(to.SessionType)),
		ToType: strconv.Itoa(int(to.ToType)), To: to.To,
	}
	body.Content.Cmd, body.Content.Params = cmd, params
	return body, nil
}
