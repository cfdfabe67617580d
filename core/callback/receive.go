package callback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

// App is an app of the merchant's.
type App struct {
	// ID is the app_id.
	ID string
	// Keys are its app_keys, all of which verify: the current one, and the
	// old one while it is being replaced.
	Keys []core.Secret
}

// MinKeyLength is how many characters an app_key needs unless AllowWeakKey is
// set: whoever has seen one notification can try keys against it.
const MinKeyLength = 16

// receiver is what the kinds of notification have in common.
type receiver struct {
	op         string
	keys       map[string][]core.Secret
	identifier func(string) bool
	logger     *slog.Logger
	observer   core.Observer
}

func newReceiver(op string, apps []App, identifier func(string) bool, allowWeakKey bool, logger *slog.Logger, observer core.Observer) (*receiver, error) {
	if len(apps) == 0 {
		return nil, core.Invalid(op, "Apps must name at least one app")
	}
	keys := make(map[string][]core.Secret, len(apps))
	for _, app := range apps {
		if !printable(app.ID) {
			return nil, core.Invalid(op, fmt.Sprintf("an app's ID (app_id) must be printable ASCII without spaces, not %q", app.ID))
		}
		if _, twice := keys[app.ID]; twice {
			return nil, core.Invalid(op, fmt.Sprintf("app_id %q is configured twice: put all its keys into one App", app.ID))
		}
		if len(app.Keys) == 0 {
			return nil, core.Invalid(op, fmt.Sprintf("app_id %q has no app_key", app.ID))
		}
		for _, key := range app.Keys {
			if key.IsZero() {
				return nil, core.Invalid(op, fmt.Sprintf("app_id %q has an empty app_key: everybody could sign with it", app.ID))
			}
			if !printable(key.Reveal()) {
				return nil, core.Invalid(op, fmt.Sprintf("app_id %q has an app_key with a space or a line break: was it read from a file with a line end?", app.ID))
			}
			if len(key.Reveal()) < MinKeyLength && !allowWeakKey {
				return nil, core.Invalid(op, fmt.Sprintf("app_id %q has an app_key of less than %d characters: ask the platform for a longer one, or set AllowWeakKey", app.ID, MinKeyLength))
			}
		}
		keys[app.ID] = slices.Clone(app.Keys)
	}
	rc := unsignedReceiver(op, identifier, logger, observer)
	rc.keys = keys
	return rc, nil
}

// unsignedReceiver is the receiver of what no key signs.
func unsignedReceiver(op string, identifier func(string) bool, logger *slog.Logger, observer core.Observer) *receiver {
	accepts := plainIdentifier
	if identifier != nil {
		accepts = func(s string) bool { return boundIdentifier(s) && identifier(s) }
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &receiver{op: op, identifier: accepts, logger: logger, observer: observer}
}

// refusal is a request that is refused.
type refusal struct {
	status int
	reason string
	// code is for the observer.
	code core.Code
	// genuine are the fields of a message whose signature holds: that it is
	// refused all the same is for an operator to see.
	genuine sign.Fields
}

func (e *refusal) Error() string { return e.reason }
func (e *refusal) Unwrap() error { return &core.Error{Code: e.code} }

func refuse(status int, reason string) error {
	return &refusal{status: status, reason: reason, code: core.CodeMalformed}
}

// unfit refuses a genuine message that has not the form of its kind.
func unfit(fields sign.Fields, reason string) error {
	return &refusal{status: http.StatusBadRequest, reason: reason, code: core.CodeMalformed, genuine: fields}
}

func malformed(reason string) error { return refuse(http.StatusBadRequest, reason) }

// admit looks at the request before its body is read, and returns the
// Content-Type.
func admit(r *core.Request) (contentType string, err error) {
	if r.Method != http.MethodPost {
		return "", refuse(http.StatusMethodNotAllowed, "the method is not POST")
	}
	if len(r.Body) > core.MaxBody {
		return "", refuse(http.StatusRequestEntityTooLarge, "the body is larger than any notification")
	}
	contentTypes := 0
	for i := range r.Header {
		switch line := &r.Header[i]; {
		case strings.EqualFold(line.Name, "Content-Type"):
			contentType = line.Value
			contentTypes++
		case strings.EqualFold(line.Name, "Content-Encoding"):
			if line.Value != "" && !strings.EqualFold(line.Value, "identity") {
				return "", refuse(http.StatusUnsupportedMediaType, "the body is compressed")
			}
		}
	}
	if contentTypes > 1 {
		return "", refuse(http.StatusUnsupportedMediaType, "more than one Content-Type")
	}
	return contentType, nil
}

// verify reads the request and returns its fields and its app_id if the
// signature holds. The body alone counts: a query never enters a signature.
func (rc *receiver) verify(r *core.Request) (sign.Fields, string, error) {
	contentType, err := admit(r)
	if err != nil {
		return nil, "", err
	}
	fields, err := sign.Parse(contentType, r.Body)
	if errors.Is(err, sign.ErrContentType) {
		return nil, "", refuse(http.StatusUnsupportedMediaType, err.Error())
	}
	if err != nil {
		return nil, "", malformed(err.Error())
	}
	// The message names the app, and the configuration holds its keys: the
	// message chooses among nothing else, and app_id is part of what is signed.
	appID := fields.Get("app_id")
	keys := rc.keys[appID]
	if keys == nil {
		return nil, "", malformed("the app_id is none of ours")
	}
	if err := fields.Verify(keys...); err != nil {
		return nil, "", &refusal{status: http.StatusBadRequest, reason: err.Error(), code: core.CodeOf(err)}
	}
	return fields, appID, nil
}

// acknowledged is the answer to what is done with: the platform waits for it.
func acknowledged() *core.Response { return core.Text(http.StatusOK, "success") }

// answer turns what went wrong into an answer, and the reason into a log line.
func (rc *receiver) answer(ctx context.Context, err error, about ...any) *core.Response {
	if refused, ok := errors.AsType[*refusal](err); ok {
		about = append(about, "reason", refused.reason)
		if refused.genuine == nil {
			rc.logger.WarnContext(ctx, "notification refused", about...)
		} else {
			for _, name := range [...]string{"app_id", "out_trade_no", "trade_no", "out_order_no", "agentpay_no", "amount", "status"} {
				if value := refused.genuine.Get(name); value != "" {
					about = append(about, name, strconv.QuoteToASCII(value[:min(len(value), 64)]))
				}
			}
			rc.logger.ErrorContext(ctx, "genuine notification refused for its form", about...)
		}
		resp := core.Refuse(refused.status)
		if refused.status == http.StatusMethodNotAllowed {
			resp.Header.Set("Allow", http.MethodPost)
		}
		return resp
	}
	if core.CodeOf(err) == core.CodeMismatch {
		rc.logger.ErrorContext(ctx, "notification disagrees with the record", append(about, "reason", err.Error())...)
		return core.Refuse(http.StatusBadRequest)
	}
	rc.logger.ErrorContext(ctx, "notification not processed, the platform is asked to come again", append(about, "code", string(core.CodeOf(err)), "reason", err.Error())...)
	return core.TryLater()
}

// guard runs what a merchant wrote, and makes an error of its panic: the
// platform then delivers again.
func guard(op string, run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &core.Error{Op: op, Code: core.CodeInternal, Err: fmt.Errorf("a panic: %v\n%s", p, debug.Stack())}
		}
	}()
	return run()
}

// printable reports whether s is not empty and holds visible ASCII alone.
func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// plainIdentifier is the default form of trade_no, out_trade_no, open_id and
// their like: 1 to 64 of A-Z, a-z, 0-9, _ and -.
func plainIdentifier(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !plainCharacter[s[i]] {
			return false
		}
	}
	return true
}

// plainCharacter is a table, since the characters of an id are random: no
// processor guesses right which range the next one is in.
var plainCharacter = func() (table [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") {
		table[c] = true
	}
	return table
}()

// boundIdentifier is what no Identifier may widen: an id is a part of the
// signed text, of a journal's id and of a log line.
func boundIdentifier(s string) bool {
	return len(s) <= 128 && printable(s) && !strings.ContainsAny(s, "&=")
}

// seconds reads a ten-digit time.
func seconds(text string) (time.Time, bool) {
	if len(text) != 10 {
		return time.Time{}, false
	}
	n, err := core.ParseFen(text) // the same grammar of integers
	return time.Unix(int64(n), 0).UTC(), err == nil
}

// number reads a small integer in the grammar "0 or digits without a leading
// zero".
func number(text string) (int64, bool) {
	n, err := core.ParseFen(text)
	return int64(n), err == nil
}
