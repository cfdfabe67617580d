package callback

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// The length of a secret in the path of robot events: 26 characters of
// core.RandomText, 32 hexadecimal digits and a UUID all fit.
const (
	MinSecretLength = 22
	MaxSecretLength = 128
)

// RobotSink takes the events of robots.
type RobotSink interface {
	// Robot is called for every event that came by the secret path, those of
	// kinds and versions that this module does not know included.
	//
	// An event is a hint and no more: nothing signs it. It must not move
	// money, grant goods or log anybody in; ask the platform, or your own
	// records, for whatever matters. Events carry no number, so one that is
	// delivered twice cannot be told from two; and the platform does not say
	// whether it delivers again.
	//
	// Errors decide the answer as for [Sink.Paid]: core.CodeMismatch is 4xx,
	// any other error 5xx.
	Robot(ctx context.Context, e RobotEvent) error
}

// RobotSinkFunc makes a [RobotSink] of a function.
type RobotSinkFunc func(ctx context.Context, e RobotEvent) error

// Robot calls f.
func (f RobotSinkFunc) Robot(ctx context.Context, e RobotEvent) error { return f(ctx, e) }

// RobotConfig is what [Robot] needs to know. The fields that it shares with
// [Config] mean the same.
type RobotConfig struct {
	// Secrets are what the last segment of the path must be: any of them,
	// the current one, and the old one while it is being replaced. At least
	// one, each of MinSecretLength to MaxSecretLength random characters of
	// A-Z, a-z, 0-9, "-", ".", "_" and "~", which no transport spells
	// otherwise; core.RandomText(rand.Reader, 26) makes one.
	//
	// The address with the secret in it is what is registered with the
	// platform: https, and out of the access logs of proxies.
	Secrets []core.Secret
	// AppIDs are the app_ids whose robots are ours. At least one.
	AppIDs []string
	// Sink takes the events. Required.
	Sink RobotSink

	// Identifier says whether a text may be an open_id, session_open_id or
	// robot_no; nil, and its bounds, are as in [Config].
	Identifier func(string) bool
	Logger     *slog.Logger
	Observer   core.Observer
}

// Robot returns the handler for the address of robot events. Its error names
// what is wrong with cfg, with core.CodeInvalid.
//
// Mount it where the last segment of the path is the secret, and for every
// method, so that without the secret the path looks like any unknown one:
//
//	routes["/callbacks/robot/{secret}"] = handler
//
// A path without one of the secrets is 404 with core.RefusedText, the answer
// of core.Routes to a path that is not there, whatever the method and the
// body. Behind it the handler answers as that of [Payment] does: 200 "success"
// when the sink returned nil; 4xx for what is malformed or of an app that is
// not ours; 5xx for everything else. It reads JSON alone, at most core.MaxBody
// bytes, and refuses what could be read in two ways. Neither path nor secret
// is told to Logger or Observer.
func Robot(cfg RobotConfig) (core.Handler, error) {
	const op = "callback.Robot"
	if cfg.Sink == nil {
		return nil, core.Invalid(op, "Sink must be given")
	}
	if len(cfg.Secrets) == 0 {
		return nil, core.Invalid(op, "Secrets must hold at least one: robot events are not signed, and the secret in their path is all that keeps strangers out")
	}
	h := &robotHandler{
		receiver: unsignedReceiver(op, cfg.Identifier, cfg.Logger, cfg.Observer),
		apps:     make(map[string]bool, len(cfg.AppIDs)),
		sink:     cfg.Sink,
	}
	for _, secret := range cfg.Secrets {
		text := secret.Reveal()
		if len(text) < MinSecretLength || len(text) > MaxSecretLength || strings.Trim(text, unreserved) != "" {
			return nil, core.Invalid(op, fmt.Sprintf(`each of Secrets must have %d to %d characters of A-Z, a-z, 0-9, "-", ".", "_" and "~": draw one with core.RandomText(rand.Reader, 26)`, MinSecretLength, MaxSecretLength))
		}
		h.secrets = append(h.secrets, sha256.Sum256([]byte(text)))
	}
	if len(cfg.AppIDs) == 0 {
		return nil, core.Invalid(op, "AppIDs must name at least one app")
	}
	for _, id := range cfg.AppIDs {
		if !printable(id) {
			return nil, core.Invalid(op, fmt.Sprintf("each of AppIDs (app_id) must be printable ASCII without spaces, not %q", id))
		}
		h.apps[id] = true
	}
	return h, nil
}

// unreserved are the characters that stand for themselves in every path
// (RFC 3986, 2.3).
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

type robotHandler struct {
	*receiver
	secrets [][sha256.Size]byte // digests
	apps    map[string]bool
	sink    RobotSink
}

func (h *robotHandler) Handle(ctx context.Context, r *core.Request) *core.Response {
	var e RobotEvent
	err := guard(h.op, func() (err error) { e, err = h.event(r); return err })
	if err != nil {
		ctx, ended := core.Observe(ctx, h.observer, core.Work{Kind: "callback", Name: h.op})
		ended(err)
		return h.answer(ctx, err, "kind", "robot", "remote_addr", r.RemoteAddr)
	}
	ctx, ended := core.Observe(ctx, h.observer, core.Work{Kind: "callback", Name: h.op, Subject: e.SessionOpenID})
	err = guard(h.op, func() error { return h.sink.Robot(ctx, e) })
	ended(err)
	if err == nil {
		return acknowledged()
	}
	return h.answer(ctx, err, "kind", "robot", "event", string(e.Event), "version", e.Version, "app_id", e.AppID, "robot_no", e.RobotNo, "session_open_id", e.SessionOpenID)
}

// event checks the path before it looks at anything else, and reads the event.
func (h *robotHandler) event(r *core.Request) (RobotEvent, error) {
	if !h.knows(secretOf(r)) {
		return RobotEvent{}, &refusal{status: http.StatusNotFound, reason: "the path holds none of the secrets", code: core.CodeForged}
	}
	contentType, err := admit(r)
	if err != nil {
		return RobotEvent{}, err
	}
	if !isJSON(contentType) {
		return RobotEvent{}, refuse(http.StatusUnsupportedMediaType, "the Content-Type is not application/json in UTF-8")
	}
	e, err := readRobotEvent(r.Body, h.identifier)
	if err != nil {
		return RobotEvent{}, err
	}
	// Another version may name the app elsewhere; one that is named is ours.
	if (e.AppID != "" || e.Version == EventVersion) && !h.apps[e.AppID] {
		return RobotEvent{}, malformed("the app_id is none of ours")
	}
	return e, nil
}

// secretOf returns what stands in the place of the secret: the {secret} of the
// route, or the last segment of the path where another mux did the routing.
func secretOf(r *core.Request) string {
	if secret := r.PathValue("secret"); secret != "" {
		return secret
	}
	return r.Path[strings.LastIndexByte(r.Path, '/')+1:]
}

// knows reports whether given is one of the secrets. The digests of all of
// them are compared, each in constant time: the time that it takes shows
// neither which one fits, nor how much of it, nor how long it is.
func (h *robotHandler) knows(given string) bool {
	digest := sha256.Sum256([]byte(given))
	known := 0
	for i := range h.secrets {
		known |= subtle.ConstantTimeCompare(h.secrets[i][:], digest[:])
	}
	return known == 1
}
