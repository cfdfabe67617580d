package boot

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
)

// Program is one of the deployable functions.
type Program string

// The programs.
const (
	PayCallback Program = "paycallback"
	Checkout    Program = "checkout"
	Login       Program = "login"
	Reconcile   Program = "reconcile"
)

// Config is what a program found in its environment.
type Config struct {
	Program Program

	AppID        string
	AppKeys      []core.Secret
	AllowWeakKey bool
	BaseURL      string
	StoreNo      string
	NotifyURL    string
	// Journal may hold the password of a database.
	Journal core.Secret

	// QueueURL is where what is paid is handed over; "" is nowhere. Only
	// PayCallback reads it: nobody else hears of a payment first, and whoever
	// takes the messages puts none in.
	QueueURL string

	DeliverURL string
	DeliverKey core.Secret
	Offers     purchase.Offers

	OutOpenID       string
	PayoutNotifyURL string
	RefundDailyCap  core.Fen

	CookieKeys  []core.Secret
	RedirectURI string

	// Lease and InFlight are purchase.Config's; 0 is its default.
	Lease    time.Duration
	InFlight time.Duration

	// Secrets are the keys that are kept in AWS Secrets Manager: the name of the
	// variable in whose place they are, and the secret's. They are read with the
	// first event.
	Secrets map[string]string

	// Observer is told of every callback, login, step, sweep and call; nil is
	// nobody. No variable sets it: what exports traces would weigh on a cold
	// start, so adapters/otelobserver is for programs of the user's own.
	Observer core.Observer

	SweepEvery time.Duration
	Listen     string
	LogLevel   slog.Level
}

// Load reads the environment of a program. Its error is one line that names the
// variable at fault and what it must be, and shows no value of a secret.
func Load(program Program, getenv func(string) string, readFile func(string) ([]byte, error)) (Config, error) {
	if readFile == nil {
		readFile = os.ReadFile
	}
	l := loader{program: program, getenv: getenv, readFile: readFile, secrets: map[string]string{}}
	cfg := Config{
		Program: program, AppID: l.text("IMPREST_APP_ID"), AppKeys: l.appKeys(), BaseURL: l.text("IMPREST_BASE_URL"), Journal: core.NewSecret(l.text("IMPREST_JOURNAL")),
		StoreNo: l.text("IMPREST_STORE_NO"), NotifyURL: l.address("IMPREST_NOTIFY_URL"),
		DeliverURL: l.text("IMPREST_DELIVER_URL"), DeliverKey: core.NewSecret(l.text("IMPREST_DELIVER_KEY")), Offers: l.offers(),
		QueueURL: l.text("IMPREST_QUEUE_URL"), OutOpenID: l.text("IMPREST_OUT_OPEN_ID"), PayoutNotifyURL: l.address("IMPREST_PAYOUT_NOTIFY_URL"),
		CookieKeys: core.Secrets(list(l.text("IMPREST_COOKIE_KEYS"))...), RedirectURI: l.text("IMPREST_REDIRECT_URI"),
		AllowWeakKey: l.yes("IMPREST_ALLOW_WEAK_KEY"), Listen: l.listen(),
		Lease: l.seconds("IMPREST_LEASE", 0), InFlight: l.seconds("IMPREST_IN_FLIGHT", 0), SweepEvery: l.seconds("IMPREST_SWEEP_EVERY", time.Minute), LogLevel: l.logLevel(),
	}
	cfg.Secrets = l.secrets
	if cfg.OutOpenID != "" && !isID(cfg.OutOpenID) {
		l.fail("IMPREST_OUT_OPEN_ID", "must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
	}
	cfg.RefundDailyCap = l.refundCap(cfg.OutOpenID)
	if cfg.OutOpenID != "" && cfg.PayoutNotifyURL == "" {
		l.fail("IMPREST_PAYOUT_NOTIFY_URL", "must be given with IMPREST_OUT_OPEN_ID")
	}
	return cfg, l.err
}

// loader reads variables, and keeps the first error.
type loader struct {
	program  Program
	getenv   func(string) string
	readFile func(string) ([]byte, error)
	secrets  map[string]string
	err      error
}

func (l *loader) fail(name, why string) {
	if l.err == nil {
		l.err = fmt.Errorf("%s %s (%s --help lists all variables)", name, why, l.program)
	}
}

// text returns a variable of the list; "" if the program does not read it.
func (l *loader) text(name string) string {
	i := slices.IndexFunc(variables, func(v variable) bool { return v.name == name })
	v := variables[i]
	if !v.reads(string(l.program)) {
		return ""
	}
	text := strings.TrimSpace(l.getenv(name))
	if id := l.secret(name); id != "" {
		if text != "" {
			l.fail(name+"_SECRET", "and "+name+" are both set: give one")
		}
		return ""
	}
	if text == "" && v.required {
		l.fail(name, "must be set (it is not, or is empty): "+v.about)
	}
	return text
}

// secret returns the name of the secret that takes the place of a variable, and
// notes it; "" if there is none.
func (l *loader) secret(name string) string {
	if !slices.ContainsFunc(variables, func(v variable) bool { return v.name == name+"_SECRET" }) {
		return ""
	}
	id := strings.TrimSpace(l.getenv(name + "_SECRET"))
	if id != "" {
		l.secrets[name] = id
	}
	return id
}

// list splits a comma-separated list.
func list(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func (l *loader) appKeys() []core.Secret {
	text, file := l.text("IMPREST_APP_KEY"), l.text("IMPREST_APP_KEY_FILE")
	switch {
	case text != "" && file != "":
		l.fail("IMPREST_APP_KEY_FILE", "and IMPREST_APP_KEY are both set: give one")
	case file != "" && l.secrets["IMPREST_APP_KEY"] != "":
		l.fail("IMPREST_APP_KEY_SECRET", "and IMPREST_APP_KEY_FILE are both set: give one")
	case file != "":
		content, err := l.readFile(file)
		if err != nil {
			l.fail("IMPREST_APP_KEY_FILE", "names a file that cannot be read")
		}
		text = strings.ReplaceAll(string(content), "\n", ",")
		if len(list(text)) == 0 && err == nil {
			l.fail("IMPREST_APP_KEY_FILE", "names a file without a key")
		}
	case l.secrets["IMPREST_APP_KEY"] != "":
		return nil
	case text == "":
		l.fail("IMPREST_APP_KEY", "must be set, or IMPREST_APP_KEY_FILE, or IMPREST_APP_KEY_SECRET")
	}
	return core.Secrets(list(text)...)
}

func (l *loader) offers() purchase.Offers {
	name := l.text("IMPREST_OFFERS_FILE")
	offers := purchase.Offers{}
	if name == "" {
		return offers
	}
	content, err := l.readFile(name)
	if err != nil {
		l.fail("IMPREST_OFFERS_FILE", "names a file that cannot be read")
		return offers
	}
	var told map[string]struct {
		Title  string          `json:"title"`
		Remark string          `json:"remark"`
		Amount core.Fen        `json:"amount"`
		Data   json.RawMessage `json:"data"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&told); err != nil || decoder.More() {
		l.fail("IMPREST_OFFERS_FILE", `must hold {"id": {"title": "…", "amount": fen}}`)
		return offers
	}
	for id, o := range told {
		if o.Title == "" || o.Amount <= 0 {
			l.fail("IMPREST_OFFERS_FILE", fmt.Sprintf("has an offer %.40q without a title, or whose amount is not greater than 0", id))
		}
		if !isClear(o.Title) || !isClear(o.Remark) {
			l.fail("IMPREST_OFFERS_FILE", fmt.Sprintf("has an offer %.40q whose title or remark the platform cannot be sent: no control characters, and no &name=", id))
		}
		offers[id] = purchase.Offer{ID: id, Title: o.Title, Remark: o.Remark, Amount: o.Amount, Data: o.Data}
	}
	if len(offers) == 0 {
		l.fail("IMPREST_OFFERS_FILE", "has no offer")
	}
	return offers
}

func (l *loader) refundCap(outOpenID string) core.Fen {
	text := l.text("IMPREST_REFUND_DAILY_CAP")
	if outOpenID == "" {
		if text != "" {
			l.fail("IMPREST_REFUND_DAILY_CAP", "is set without IMPREST_OUT_OPEN_ID")
		}
		return 0
	}
	fen, err := strconv.ParseInt(text, 10, 64)
	if err != nil || fen <= 0 {
		l.fail("IMPREST_REFUND_DAILY_CAP", "must be a whole number of fen greater than 0, since IMPREST_OUT_OPEN_ID is set")
	}
	return core.Fen(fen)
}

// seconds returns a variable that is a time of a second or more, or what it is if
// it is empty.
func (l *loader) seconds(name string, empty time.Duration) time.Duration {
	text := l.text(name)
	if text == "" {
		return empty
	}
	told, err := time.ParseDuration(text)
	if err != nil || told < time.Second {
		l.fail(name, "must be a time such as 1m, a second at least")
	}
	return told
}

func (l *loader) listen() string {
	if text := l.text("IMPREST_LISTEN"); text != "" {
		if !isListen(text) {
			l.fail("IMPREST_LISTEN", "must be HOST:PORT, such as 127.0.0.1:8080")
		}
		return text
	}
	if port := strings.TrimSpace(l.getenv("PORT")); port != "" { // what container platforms set
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			l.fail("PORT", "must be a number")
		}
		return ":" + port
	}
	return ":8080"
}

func (l *loader) logLevel() slog.Level {
	var level slog.Level
	if text := l.text("IMPREST_LOG"); text != "" && level.UnmarshalText([]byte(text)) != nil {
		l.fail("IMPREST_LOG", "must be debug, info, warn or error")
	}
	return level
}
