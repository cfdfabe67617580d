package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
)

// deckView is what can be done to the world.
type deckView struct {
	// Faults have a button each; More are the others.
	Faults, More []faultSwitch
	// Active counts those that are on.
	Active int
	// Due says how long it is until something is due; "" is never.
	Due string
}

// faultSwitch is one fault of GET /_sandbox/faults.
type faultSwitch struct {
	Name   string `json:"name"`
	About  string `json:"about"`
	OnMall string `json:"on_mall"`
	On     bool   `json:"on"`
	Times  int    `json:"times"`
	// Word is what it is called here.
	Word string `json:"-"`
}

// switchView is a fault's button.
type switchView struct {
	faultSwitch
	Back, Struck string
}

// Switch is the button of a fault on this page.
func (v *consoleView) Switch(f faultSwitch) switchView { return switchView{f, v.Here, v.W.Struck} }

// deck reads how the world stands.
func (c console) deck(ctx context.Context, v *consoleView) error {
	var all []faultSwitch
	if err := c.ask(ctx, http.MethodGet, "/_sandbox/faults", nil, nil, &all); err != nil {
		return err
	}
	v.Deck = &deckView{}
	for i := range all {
		all[i].About = v.Say(cmp.Or(all[i].About, all[i].OnMall))
	}
	for _, name := range consoleFaults {
		for _, f := range all {
			if f.Name == name {
				f.Word = v.W.FaultNames[name]
				v.Deck.Faults = append(v.Deck.Faults, f)
			}
		}
	}
	for _, f := range all {
		if f.On {
			v.Deck.Active++
		}
		if f.Word = v.W.FaultNames[f.Name]; f.Word == "" {
			f.Word = f.Name
			v.Deck.More = append(v.Deck.More, f)
		}
	}
	due, err := c.w.nextDue(ctx)
	if err != nil {
		return err
	}
	if !due.IsZero() {
		v.Deck.Due = span(max(0, due.Sub(c.w.clock.Now())))
	}
	return nil
}

// nextDue returns when something happens next if nobody does anything: by the
// journal, or by a fake that will send something. Zero is never, or later than
// the clock is ever moved at once.
func (w *world) nextDue(ctx context.Context) (time.Time, error) {
	now := w.clock.Now()
	m, err := w.alive(ctx)
	if err != nil {
		return time.Time{}, err
	}
	records, err := m.store.Due(ctx, now.Add(maxAdvance), 1)
	if err != nil {
		return time.Time{}, err
	}
	var due time.Time
	if len(records) > 0 {
		due = records[0].Due
	}
	if next, ok := w.clock.Next(); ok && next.Before(now.Add(maxAdvance)) && (due.IsZero() || next.Before(due)) {
		due = next
	}
	return due, nil
}

// act does what a button asks for, by a call of the control API, and goes back
// to the page.
func (c console) act(ctx context.Context, r *core.Request) *core.Response {
	form, err := url.ParseQuery(string(r.Body))
	back := ""
	if err == nil {
		back, err = c.do(ctx, form)
	}
	if err != nil {
		return c.page(ctx, r, func(context.Context, *consoleView) error { return err })
	}
	return &core.Response{Status: http.StatusSeeOther, Header: core.Header{{Name: "Location", Value: back}, {Name: "Cache-Control", Value: "no-store"}}}
}

// do does what a form says, and returns where to go then.
func (c console) do(ctx context.Context, form url.Values) (back string, err error) {
	if back = form.Get("back"); back != "/_sandbox" && !strings.HasPrefix(back, "/_sandbox?") && !strings.HasPrefix(back, consolePath) {
		back = "/_sandbox"
	}
	switch do, what := form.Get("do"), form.Get("what"); do {
	case "advance":
		return back, c.ask(ctx, http.MethodPost, "/_sandbox/clock", nil, map[string]string{"advance": what}, nil)
	case "due":
		return back, c.ask(ctx, http.MethodPost, "/_sandbox/clock", nil, map[string]string{"to": "next"}, nil)
	case "fault":
		return back, c.ask(ctx, http.MethodPost, "/_sandbox/faults", nil, map[string]any{"name": what, "on": form.Get("on") == "true"}, nil)
	case "crash":
		return back, c.ask(ctx, http.MethodPost, "/_sandbox/crash", nil, nil, nil)
	case "notify":
		wish := map[string]any{"out_trade_no": form.Get("id")}
		if what != "" {
			wish["mutate"] = []string{what}
		}
		var became struct {
			Hop string `json:"hop"`
		}
		if err := c.ask(ctx, http.MethodPost, "/_sandbox/notify", nil, wish, &became); err != nil || became.Hop == "" {
			return back, err
		}
		return consolePath + "purchases/" + url.PathEscape(form.Get("id")) + "?" + url.Values{"hop": {became.Hop}}.Encode(), nil
	case "buy":
		b := newBrowser(c.w.base)
		defer b.client.CloseIdleConnections()
		id, err := c.w.buy(ctx, b)
		if id == "" {
			return back, orElse(err, errors.New("the shop sold nothing"))
		}
		// What became of it is on its page, and so is what went wrong.
		return consolePath + "purchases/" + id, nil
	default:
		return back, invalid(fmt.Sprintf("there is no button %q", do))
	}
}

func orElse(err, other error) error {
	if err == nil {
		return other
	}
	return err
}
