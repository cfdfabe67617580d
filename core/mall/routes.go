package mall

import (
	"context"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/internal/outward"
)

// Call is what a request to the routes asks for: the operation, and what it is
// about. All of it is well formed, and none of it is known to be the user's:
// that is what [Authorize] decides. What the operation does not take is "".
type Call struct {
	// Operation is the SDK function's name, such as [OpExchangeCode].
	Operation string
	// Writes says that the operation changes something.
	Writes bool
	// DeviceID is device_id.
	DeviceID string
	// UUID is the device's uuid, which the user claims together with
	// DeviceID (voipServiceAuthorization, exchangeCode). A ticket for calls
	// is made for the uuid: check that it is this device's.
	UUID string
	// HomeID is owner_id of getDeviceList and homeId of exchangeCode.
	HomeID string
	// MallCode and SiteCode are those of the two lists of orders, which are
	// the Caller's own whatever the mall.
	MallCode, SiteCode string
	// AppID is app_id of getDeviceWXUserInfo: a WeChat mini program.
	AppID string
	// UserID is user_id of saveVoipAuthUser. It has to be the UserID of the
	// Caller that Authorize returns.
	UserID string
}

// Authorize tells for whom a request is made, and whether this user may ask
// this: only it can know whose a device is, since the cloud may well answer
// about any device of the merchant's project ([OpenAPI] always does). It is
// asked before every call, and never with parameters that are not well formed.
//
// nil lets the call through, for the Caller that it returned. An error is
// answered so, and its text is shown to nobody:
//
//	403  core.CodeRefused and core.CodeMismatch: this user may not
//	404  [ErrForeign]: there is no such device, home or mall for this user
//	503  core.CodeInternal, CodeUnreached, CodeUnknown, CodeBusy and
//	     CodeConflict of a core.Error, and an ended context: nobody could tell
//	401  any other, login.ErrNoSession among them, and a Caller that is empty
//
// It may be called from many goroutines at once. The request holds the whole
// body, with an exchange code if there is one: it belongs in no log.
type Authorize func(ctx context.Context, r *core.Request, call Call) (Caller, error)

// RoutesConfig is what [NewRoutes] needs to know.
type RoutesConfig struct {
	// Operations makes the calls: a [Client]. Required.
	Operations Operations
	// Authorize tells who asks, and whether they may. Required.
	Authorize Authorize
	// VoIP serves voipServiceAuthorization; nil leaves it off.
	VoIP *VoIP
	// Writing names the operations that change something and are to be
	// served: [OpSaveWXVoipAuth], [OpSaveVoipAuthUser], [OpExchangeCode]. nil
	// is none. [OpBuyIncreaseServiceByWx] cannot be named: a purchase is
	// begun with POST /purchases, where it is kept and followed up.
	//
	// exchangeCode lets a user add a service to a device behind the back of
	// core/purchase, which takes a service that was added for the proof of
	// its own deliveries. Where it delivers to devices too, leave exchangeCode
	// off, or let Authorize refuse it for a device with an open purchase.
	Writing []string
	// ExchangeRefusals tells which refusals of exchangeCode are about the
	// code; the zero value is the defaults.
	ExchangeRefusals ExchangeRefusals

	// Limit is how many requests a user may make within Window, all at once
	// or spread out; 0 is 60. It also bounds how fast a user can try out
	// exchange codes.
	Limit int
	// Window is the time in which Limit requests become free again; 0 is a
	// minute.
	Window time.Duration
	// MaxUsers is how many users are remembered for Limit; 0 is 10,000. One
	// more, and the one who asked longest ago is forgotten, and has Limit
	// requests again.
	MaxUsers int

	// Now tells the time; nil is time.Now.
	Now func() time.Time
	// Logger is told of what was refused and of what failed; nil discards.
	Logger *slog.Logger
}

// NewRoutes checks cfg and returns the back end of a front end: a mini program
// or a page calls the merchant's server as it would call Tuya's SDK
// @ray-js/wechat-ms-voip. It calls nobody. Its errors have core.CodeInvalid.
//
//	POST /mall/{operation}   {"device_id": "…"}
//
// operation is the SDK function's name; the body is application/json, an
// object with the function's own parameters. getDeviceList,
// getServiceListByDevice and getVoipAuthUser also take a bare string, as the
// SDK's examples have it. A parameter that is null counts as one that is not
// there; the callbacks success and fail vanish when an object becomes JSON.
//
// The answer is 200 with the result in the SDK's shape: an object or a list as
// the cloud sent it, members that this package does not know included, but for
// those that by their name are keys, tokens, secrets or passwords (local_key).
// saveWXVoipAuth and saveVoipAuthUser answer true or false, exchangeCode
// answers true.
//
// Operations that read are always there. Those that write are where
// [RoutesConfig] names them. voipServiceAuthorization is only its first half,
// since one request cannot wait for what the user says: it answers with a
// [DeviceVoIP], the mini program hands that to wx.requestDeviceVoIP, and then
// posts saveVoipAuthUser and saveWXVoipAuth, in this order after a yes, the
// second alone after a no.
//
// Any other answer is {"error": {"code": "…", "message": "…", "class": "…"}},
// class only where the cloud refused (see [Class]). message says what to do
// next; it is never in the cloud's own words:
//
//	400  invalid            a parameter is missing, unknown, given twice or no good: message names it
//	401  unauthorized       nobody is logged in, or the cloud no longer takes the user's token
//	403  forbidden          not for this user, by Authorize or by the cloud
//	403  switched_off       a known operation that is not served here
//	404  unknown_operation  the SDK has no such function
//	404  not_found          no such device, by Authorize or by the cloud; or the cloud has no such thing
//	409  code_used, code_not_found, code_expired   exchangeCode: this code, another may do
//	409  refused, mismatch  the cloud refused; the device belongs to another mini program
//	413  too_large          the body
//	415  unsupported        the body is not application/json
//	422  refused            the cloud refuses the parameters
//	422  invalid            what carries the operation to the cloud cannot take them
//	429  too_many           RoutesConfig.Limit
//	501  not_published      the transport has no call for it (an OpenAPI has four)
//	502  unknown            nobody can say whether it was done: ask, do not repeat
//	502  refused            the cloud refuses the merchant (credentials, plan), not the user
//	503  busy, unreached, internal   nothing was done
//
// Retry-After says that the same request may be sent again: it has no effect
// or does no harm twice. An exchangeCode that is 502 unknown has none: read
// getServiceListByDevice.
//
// Requests are checked in the order of content type, operation, body,
// Authorize, Limit. So what arrives without a login costs no call and no
// memory, but is not counted either: floods are for the proxy in front. Limit
// is kept in memory, by each instance of the program for itself.
//
// A page of another site cannot send application/json without a CORS
// permission, and none is given here.
func NewRoutes(cfg RoutesConfig) (core.Routes, error) {
	const op = "mall.NewRoutes"
	switch {
	case cfg.Operations == nil:
		return nil, core.Invalid(op, "operations must be given: a mall.Client")
	case cfg.Authorize == nil:
		return nil, core.Invalid(op, "authorize must be given: without it anybody could ask about any device")
	case cfg.Limit < 0 || cfg.Window < 0 || cfg.MaxUsers < 0:
		return nil, core.Invalid(op, "limit, window and max users must be at least 0")
	}
	for _, name := range cfg.Writing {
		if err := checkWriting(op, name); err != nil {
			return nil, err
		}
	}
	if cfg.Limit == 0 {
		cfg.Limit = 60
	}
	if cfg.Window == 0 {
		cfg.Window = time.Minute
	}
	if cfg.MaxUsers == 0 {
		cfg.MaxUsers = 10_000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Writing = slices.Clone(cfg.Writing)
	h := &frontEnd{cfg: cfg, operations: routed(cfg), limit: newRateLimit(cfg.Limit, cfg.Window, cfg.MaxUsers, cfg.Now)}
	return core.Routes{"POST /mall/{operation}": h}, nil
}

func checkWriting(op, name string) error {
	switch name {
	case OpSaveWXVoipAuth, OpSaveVoipAuthUser, OpExchangeCode:
		return nil
	case OpBuyIncreaseServiceByWx:
		return core.Invalid(op, "writing must not name buyIncreaseServiceByWx: a purchase is begun with POST /purchases of core/purchase, which keeps it")
	case OpVoipServiceAuthorization:
		return core.Invalid(op, "writing must not name voipServiceAuthorization: give VoIP to switch it on")
	}
	if slices.Contains(AllOperations(), name) {
		return core.Invalid(op, fmt.Sprintf("writing must not name %s, which reads: it is always served", name))
	}
	return core.Invalid(op, fmt.Sprintf("writing must name operations of the SDK, and %q is none", name))
}

// frontEnd answers POST /mall/{operation}.
type frontEnd struct {
	cfg        RoutesConfig
	operations map[string]operation
	limit      *rateLimit
}

// asking is one request on its way.
type asking struct {
	operation operation
	call      Call
	// secrets are what came with it and must not be seen again.
	secrets []string
	// sent says that the cloud may have been asked.
	sent bool
}

// Handle answers one call.
func (h *frontEnd) Handle(ctx context.Context, r *core.Request) (resp *core.Response) {
	a := &asking{call: Call{Operation: r.PathValue("operation")}}
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		f := failure{status: http.StatusServiceUnavailable, Code: "internal", Message: tryLater}
		if a.sent && a.operation.writes {
			f = unknownOutcome // it may have been done
		}
		h.log(ctx, slog.LevelError, "a call to the mall panicked", a, f, fmt.Sprint(cause))
		resp = f.response()
	}()
	result, f := h.serve(ctx, r, a)
	if f != nil {
		return f.response()
	}
	body, err := encodeResult(result, a.secrets)
	if err != nil {
		f := failure{status: http.StatusServiceUnavailable, Code: "internal", Message: tryLater}
		if a.operation.writes {
			f = unknownOutcome
		}
		h.log(ctx, slog.LevelError, "a result of the mall cannot be written", a, f, err.Error())
		return f.response()
	}
	return core.JSON(http.StatusOK, body)
}

func (h *frontEnd) serve(ctx context.Context, r *core.Request, a *asking) (any, *failure) {
	if f := checkContent(r); f != nil {
		return nil, f
	}
	name := a.call.Operation
	if !slices.Contains(AllOperations(), name) {
		return nil, &failure{status: http.StatusNotFound, Code: "unknown_operation", Message: "there is no such operation: the names are those of the SDK, such as getCommodityList"}
	}
	known, on := h.operations[name]
	if !on {
		return nil, switchedOff(name)
	}
	a.operation = known
	in, err := readArguments(name, known, r.Body)
	if err != nil {
		return nil, invalid(err.Error())
	}
	a.call = callOf(name, known, in)
	ready := known.prepare(in)
	a.secrets = ready.secrets
	if err := ready.check(opOf(name)); err != nil {
		return nil, invalid(reasonOf(err))
	}

	caller, err := h.cfg.Authorize(ctx, r, a.call)
	if secret := caller.Credential.Reveal(); secret != "" {
		a.secrets = append(a.secrets, secret)
	}
	if f := h.authorized(ctx, a, caller, err); f != nil {
		return nil, f
	}
	if wait := h.limit.take(keyOf(caller)); wait > 0 {
		return nil, &failure{status: http.StatusTooManyRequests, Code: "too_many", Message: "too many requests: send this one again after the seconds of Retry-After", retryAfter: wait}
	}

	a.sent = true
	result, err := ready.run(ctx, caller)
	if err != nil {
		f := h.failureOf(err, name, known, caller)
		level := slog.LevelInfo
		if f.status >= http.StatusInternalServerError {
			level = slog.LevelWarn
		}
		h.log(ctx, level, "a call to the mall failed", a, f, err.Error())
		return nil, &f
	}
	return result, nil
}

// authorized makes an answer of what Authorize said, or nil for a yes.
func (h *frontEnd) authorized(ctx context.Context, a *asking, caller Caller, err error) *failure {
	if err == nil && caller.UserID == "" && caller.Credential.IsZero() {
		return &unauthorized
	}
	if err != nil {
		f := refusalOf(err)
		level := slog.LevelInfo
		switch f.status {
		case http.StatusUnauthorized:
			level = slog.LevelDebug // the common case
		case http.StatusServiceUnavailable:
			level = slog.LevelWarn
		}
		h.log(ctx, level, "a call to the mall was not authorized", a, f, err.Error())
		return &f
	}
	if err := check.Struct("mall.Authorize", caller); err != nil {
		f := failure{status: http.StatusServiceUnavailable, Code: "internal", Message: tryLater}
		h.log(ctx, slog.LevelError, "Authorize returned a caller that cannot be one", a, f, err.Error())
		return &f
	}
	if a.call.UserID != "" && a.call.UserID != caller.UserID {
		f := forbidden
		h.log(ctx, slog.LevelInfo, "a call to the mall was not authorized", a, f, "user_id is not the caller's own")
		return &f
	}
	return nil
}

// log tells the operator what the front end is not told. reason is the other
// side's: secrets that came with the request are cut out of it.
func (h *frontEnd) log(ctx context.Context, level slog.Level, msg string, a *asking, f failure, reason string) {
	var hide []string
	for _, secret := range a.secrets {
		quoted := fmt.Sprintf("%q", secret) // as an error would have it
		hide = append(hide, quoted[1:len(quoted)-1], secret)
	}
	h.cfg.Logger.Log(ctx, level, msg, "operation", outward.Words(a.call.Operation, 64), "device_id", a.call.DeviceID,
		"status", f.status, "code", f.Code, "reason", outward.Words(reason, 500, hide...))
}

// checkContent refuses a body that is not declared as JSON in UTF-8.
func checkContent(r *core.Request) *failure {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	encoding := r.Header.Get("Content-Encoding")
	switch charset := params["charset"]; {
	case err != nil || media != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")):
		return &failure{status: http.StatusUnsupportedMediaType, Code: "unsupported", Message: "the content type must be application/json, in UTF-8"}
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return &failure{status: http.StatusUnsupportedMediaType, Code: "unsupported", Message: "the body must not be compressed"}
	case len(r.Body) > core.MaxBody:
		return &failure{status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: "the body must be at most 64 KiB"}
	}
	return nil
}
