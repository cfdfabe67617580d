package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// onceLimit is how long a run with Once may take, by the wall clock.
const onceLimit = 30 * time.Second

// once runs one purchase as a user with a browser would make it, over real
// connections; sees it through to its end on a clock that is moved ahead where
// there is nothing to do but wait; and holds the end against what the faults
// imply.
func (w *world) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, onceLimit, fmt.Errorf("the run did not come to an end within %v", onceLimit))
	defer cancel()
	b := newBrowser(w.base)
	defer b.client.CloseIdleConnections()
	buy, verify := w.buy, w.verify
	if w.cfg.Rail == RailMall {
		buy, verify = w.buyInMall, w.verifyMall
	}
	id, err := buy(ctx, b)
	if err == nil {
		err = w.untilSettled(ctx, id)
	}
	if err == nil {
		err = w.authorize(ctx, b, id)
	}
	if err == nil {
		err = verify(ctx, id)
	}
	if id != "" {
		err = errors.Join(err, w.printPurchase(ctx, id))
	}
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// browser is the user's.
type browser struct {
	client *http.Client
	base   string
}

func newBrowser(base string) *browser {
	jar, _ := cookiejar.New(nil) // its error is always nil
	return &browser{base: base, client: &http.Client{Jar: jar, Transport: &http.Transport{}, Timeout: 10 * time.Second}}
}

// page is what a request ended at.
type page struct {
	status   int
	body     []byte
	location string
	url      *url.URL
}

func (b *browser) send(ctx context.Context, method, target, contentType, body string, follow bool) (page, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return page{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	client := *b.client
	if !follow {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	resp, err := client.Do(req)
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return page{resp.StatusCode, content, resp.Header.Get("Location"), resp.Request.URL}, err
}

func (b *browser) get(ctx context.Context, target string) (page, error) {
	return b.send(ctx, http.MethodGet, target, "", "", true)
}

// press sends the form of a screen of the phone, with one of its buttons.
func (b *browser) press(ctx context.Context, screen *url.URL, button string, follow bool) (page, error) {
	form := screen.Query()
	form.Set("action", button)
	target := url.URL{Scheme: screen.Scheme, Host: screen.Host, Path: screen.Path}
	return b.send(ctx, http.MethodPost, target.String(), "application/x-www-form-urlencoded", form.Encode(), follow)
}

// want fails unless the page has that status.
func (p page) want(what string, status int) error {
	if p.status != status {
		return fmt.Errorf("%s: answered %d, not %d: %.200q", what, p.status, status, p.body)
	}
	return nil
}

// buy walks from the login to the payment, and returns the purchase's id.
func (w *world) buy(ctx context.Context, b *browser) (id string, err error) {
	if err := w.logIn(ctx, b); err != nil {
		return "", err
	}
	chosen, err := w.choose(ctx, b)
	if err != nil {
		return "", err
	}
	bought, err := w.order(ctx, b, chosen)
	if err != nil {
		return bought.ID, err
	}
	w.out.step("imprest_code", "%s", bought.ImprestCode)
	return bought.ID, w.pay(ctx, b, bought)
}

// logIn logs the first user in, again if the token did not hold.
func (w *world) logIn(ctx context.Context, b *browser) error {
	for try := 1; ; try++ {
		consent, err := b.get(ctx, b.base+"/login?return=/")
		if err != nil {
			return fmt.Errorf("login: %w", err)
		}
		if err := consent.want("the phone's consent screen", http.StatusOK); err != nil {
			return err
		}
		back, err := b.press(ctx, consent.url, "allow", true)
		if err != nil {
			return fmt.Errorf("login: %w", err)
		}
		if back.status == http.StatusOK {
			break
		}
		if try == 3 || !w.plan.has(tokenExpired) {
			return back.want("login", http.StatusOK)
		}
		w.out.trouble("login", "answered %d: the user logs in again", back.status)
	}
	current, err := b.get(ctx, b.base+"/login/session")
	if err != nil {
		return fmt.Errorf("login: %w", err)
	}
	var session login.Session
	if err := errors.Join(current.want("login: the session", http.StatusOK), json.Unmarshal(current.body, &session)); err != nil {
		return err
	}
	w.out.step("login", "%s, open_id %s", session.Nickname, session.OpenID)
	return nil
}

// choose takes the first offer of the shop.
func (w *world) choose(ctx context.Context, b *browser) (offerView, error) {
	shelf, err := b.get(ctx, b.base+"/offers")
	if err != nil {
		return offerView{}, fmt.Errorf("offer: %w", err)
	}
	var all []offerView
	if err := errors.Join(shelf.want("offer", http.StatusOK), json.Unmarshal(shelf.body, &all)); err != nil {
		return offerView{}, err
	}
	if len(all) == 0 {
		return offerView{}, errors.New("offer: the shop has none")
	}
	w.out.step("offer", "%s, %s yuan: %s", all[0].ID, all[0].Price.Yuan(), all[0].Title)
	return all[0], nil
}

// order begins the purchase, and waits for its imprest_code if the platform's
// answer got lost.
func (w *world) order(ctx context.Context, b *browser, chosen offerView) (purchase.View, error) {
	wish, err := json.Marshal(map[string]any{"offer": chosen.ID, "price": chosen.Price})
	if err != nil {
		return purchase.View{}, err
	}
	answer, err := b.send(ctx, http.MethodPost, b.base+"/purchases", "application/json", string(wish), false)
	if err != nil {
		return purchase.View{}, fmt.Errorf("order: %w", err)
	}
	var bought purchase.View
	if answer.status != http.StatusCreated && answer.status != http.StatusAccepted {
		return bought, answer.want("order", http.StatusCreated)
	}
	if err := json.Unmarshal(answer.body, &bought); err != nil {
		return bought, fmt.Errorf("order: %w", err)
	}
	w.out.step("order", "out_trade_no %s, %s", bought.ID, bought.State)
	for bought.State == purchase.Ordering {
		if err := w.moveOn(ctx, bought.ID); err != nil {
			return bought, fmt.Errorf("order: %w", err)
		}
		p, err := w.purchase(ctx, bought.ID)
		if err != nil {
			return bought, fmt.Errorf("order: %w", err)
		}
		bought = p.View()
	}
	if bought.State != purchase.Unpaid || bought.ImprestCode == "" {
		return bought, fmt.Errorf("order: the purchase is %s, with imprest_code %q", bought.State, bought.ImprestCode)
	}
	return bought, nil
}

// pay taps "pay" on the phone. The notification is on its way when it returns.
func (w *world) pay(ctx context.Context, b *browser, bought purchase.View) error {
	screen, err := b.get(ctx, w.payLink(bought))
	if err != nil {
		return fmt.Errorf("payment: %w", err)
	}
	if err := screen.want("the phone's payment screen", http.StatusOK); err != nil {
		return err
	}
	w.out.step("payment", "%s yuan, tapped on the phone", bought.Amount.Yuan())
	paid, err := b.press(ctx, screen.url, "pay", false)
	if err != nil {
		return fmt.Errorf("payment: %w", err)
	}
	if err := paid.want("payment", http.StatusSeeOther); err != nil {
		return err
	}
	back, err := url.Parse(paid.location)
	if err != nil || back.Query().Get("trade_no") == "" {
		return errors.New("payment: the phone did not come back with a trade_no")
	}
	return nil
}

// untilSettled moves on until nothing is left to happen to the purchase.
func (w *world) untilSettled(ctx context.Context, id string) error {
	for {
		p, err := w.purchase(ctx, id)
		if err != nil {
			return err
		}
		if settled(p) && w.notified() {
			return nil
		}
		if err := w.moveOn(ctx, id); err != nil {
			return fmt.Errorf("the purchase is %s: %w", p.State, err)
		}
	}
}

// settled reports whether nothing happens to a purchase by itself any more.
func settled(p purchase.Purchase) bool {
	switch p.State {
	case purchase.Delivered, purchase.Refunded, purchase.Attention:
		return true
	}
	// Nobody can pay it here, or there is no order to pay.
	return p.Mall != nil && (p.State == purchase.Expired || p.State == purchase.Unpaid && p.Mall.Withheld)
}

// authorize lets the device call its user, if calls were granted: the
// merchant's server prepares it, the user answers in the mini program, and the
// server tells the cloud.
func (w *world) authorize(ctx context.Context, b *browser, id string) error {
	p, err := w.purchase(ctx, id)
	if err != nil || p.DeliveredAt.IsZero() {
		return err
	}
	service, deviceID, _ := strings.Cut(p.OfferID, "@")
	if service != voip1y && (p.Mall == nil || p.Mall.ServiceCode != testkit.ServiceVoIP) {
		return nil
	}
	path := b.base + "/devices/" + deviceID + "/voip"
	answer, err := b.send(ctx, http.MethodPost, path, "application/json", "{}", false)
	if err != nil {
		return fmt.Errorf("authorization: %w", err)
	}
	var asked mall.DeviceVoIP
	if err := errors.Join(answer.want("authorization: the ticket", http.StatusOK), json.Unmarshal(answer.body, &asked)); err != nil {
		return err
	}
	screen, err := b.get(ctx, miniProgramLink(w.cloudBase, asked, b.base+"/?device="+deviceID))
	if err != nil {
		return fmt.Errorf("authorization: %w", err)
	}
	if err := screen.want("the mini program", http.StatusOK); err != nil {
		return err
	}
	button := "allow"
	if w.plan.strikes(callsRefused, id) {
		button = "refuse"
	}
	said, err := b.press(ctx, screen.url, button, false)
	if err != nil {
		return fmt.Errorf("authorization: %w", err)
	}
	back, err := url.Parse(said.location)
	if err := errors.Join(err, said.want("the mini program", http.StatusSeeOther)); err != nil {
		return err
	}
	calls := back.Query().Get("calls")
	w.out.step("mini_program", "%s: calls from %s are %s", "wx.requestDeviceVoIP", asked.DeviceName, calls)
	for try := 1; ; try++ {
		saved, err := b.send(ctx, http.MethodPost, path+"/authorization", "application/json", fmt.Sprintf(`{"granted":%t}`, calls == "allowed"), false)
		if err != nil {
			return fmt.Errorf("authorization: %w", err)
		}
		if saved.status == http.StatusOK {
			break
		}
		if try == 3 || saved.status != http.StatusServiceUnavailable {
			return saved.want("authorization", http.StatusOK)
		}
		w.out.trouble("authorization", "answered %d: the page says it again", saved.status)
	}
	w.out.step("authorization", "the cloud knows that calls are %s", calls)
	return nil
}

// notified reports whether the platform has no news left for the merchant.
func (w *world) notified() bool {
	for _, n := range w.platform.Notifications() {
		lost := slices.ContainsFunc(n.Attempts, func(a testkit.Attempt) bool { return a.Dropped }) // as all that follow will be
		if !n.Acknowledged && !lost {
			return false
		}
	}
	return true
}

// moveOn moves the clock to the next thing that is due, a notification or a
// step of the purchase, and does it.
func (w *world) moveOn(ctx context.Context, id string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m, err := w.alive(ctx)
	if err != nil {
		return err
	}
	now := w.clock.Now()
	next, waits := w.clock.Next()
	record, err := m.store.Get(ctx, purchase.Prefix+id)
	if err != nil {
		return err
	}
	if !record.Due.IsZero() && (!waits || record.Due.Before(next)) {
		next, waits = record.Due, true
	}
	if !waits {
		return errors.New("nothing is left that could change that")
	}
	if wait := next.Sub(now); wait > 0 {
		w.out.step("clock", "ahead by %v, to what is due next", wait.Round(time.Second))
		if err := w.advance(ctx, wait); err != nil {
			return err
		}
	}
	if m, err = w.alive(ctx); err != nil {
		return err
	}
	if _, err := m.sweeper.Reconcile(ctx); err != nil && !m.store.crashed() {
		return err
	}
	return nil
}

// purchase returns the purchase as it is on record.
func (w *world) purchase(ctx context.Context, id string) (purchase.Purchase, error) {
	m, err := w.alive(ctx)
	if err != nil {
		return purchase.Purchase{}, err
	}
	return m.shop.Get(ctx, id)
}

// printPurchase prints the record of the purchase as one line of JSON.
func (w *world) printPurchase(ctx context.Context, id string) error {
	p, err := w.purchase(context.WithoutCancel(ctx), id)
	if err != nil {
		return err
	}
	return w.out.json(p)
}
