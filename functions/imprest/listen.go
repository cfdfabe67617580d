package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/functions/imprest/internal/sandbox"
	"github.com/imprest-go/imprest/testkit"
)

func (p *program) listenCommand() *cli.Command {
	return &cli.Command{
		Name:  "listen",
		Usage: "forward a fake platform's notifications to your own server, and show each",
		Description: "Runs a fake VVChat platform with a phone to pay on, for a server of yours that takes\n" +
			"its orders there. What the platform notifies goes to --forward-to, byte for byte,\n" +
			"whatever notify_url an order has; your server's answer goes back, and what is not\n" +
			"answered success comes again by the platform's schedule. Each is shown as it\n" +
			"comes, and recorded: imprest resend sends it again.\n\n" +
			"With --sandbox it joins a sandbox that runs already, and forwards a copy of what\n" +
			"the platform there sends. The answers are shown, and go no further: the sandbox\n" +
			"has a merchant of its own.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "forward-to", Usage: "where notifications of payments go, on loopback: `URL`", DefaultText: "the notify_url of the order"},
			&cli.StringFlag{Name: "payout-to", Usage: "where those of payouts go: `URL`", DefaultText: "the notify_url of the payout"},
			&cli.StringFlag{Name: "robot-to", Usage: "where a robot's events go: `URL`", DefaultText: "nowhere"},
			&cli.StringFlag{Name: "sandbox", Usage: "join the sandbox whose merchant is at `URL`, such as http://127.0.0.1:8700"},
			&cli.StringFlag{Name: "platform-addr", Usage: "`HOST:PORT` of the platform and the phone", DefaultText: "127.0.0.1:8701"},
			&cli.DurationFlag{Name: "pay-after", Usage: "pay every order `TIME` after it was made, without the phone", HideDefault: true},
			&cli.StringFlag{Name: "app-id", Usage: "the app's `ID` [$IMPREST_APP_ID]", DefaultText: `"test"`},
			&cli.StringFlag{Name: "store-no", Usage: "the `NUMBER` of the app's store", DefaultText: "s1234"},
			recordFlag("the `FILE` to record in, one line of JSON for each"),
			jsonFlag(asEachLine + ", with its body"),
		}, keyFlags()...),
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest listen --forward-to http://127.0.0.1:8080/callbacks/payment
imprest listen --forward-to http://127.0.0.1:8080/callbacks/payment --pay-after 1s
imprest listen --sandbox http://127.0.0.1:8700 --forward-to http://127.0.0.1:8080/callbacks/payment
imprest listen --json | jq .answer_status
imprest resend --last 1`}),
		Action: p.listen,
	}
}

func recordFlag(about string) cli.Flag {
	return &cli.StringFlag{Name: "record", Usage: about, DefaultText: "notifications.jsonl in the user's cache"}
}

func (p *program) listen(ctx context.Context, cmd *cli.Command) (err error) {
	if err := noArguments(cmd); err != nil {
		return err
	}
	for _, flag := range []string{"forward-to", "payout-to", "robot-to", "sandbox"} {
		if cmd.IsSet(flag) {
			if err := checkLoopback(flag, cmd.String(flag)); err != nil {
				return err
			}
		}
	}
	joins := cmd.IsSet("sandbox")
	f := &forwarder{
		p: p, client: loopbackClient(maxForwards), asJSON: cmd.Bool("json"),
		payments: cmd.String("forward-to"), payouts: cmd.String("payout-to"), robots: cmd.String("robot-to"),
	}
	defer f.client.CloseIdleConnections()
	account, err := p.listenAccount(cmd, joins)
	if err != nil {
		return err
	}
	f.hide = []core.Secret{account.AppKey}
	if f.record, err = openRecord(cmd.String("record")); err != nil {
		if cmd.IsSet("record") {
			return usage("--record: %v", err)
		}
		fmt.Fprintln(p.stderr, "note: nothing is recorded:", printable(err.Error()))
	} else {
		defer func() {
			if closed := f.record.close(); err == nil {
				err = closed
			}
		}()
	}
	if joins {
		return f.join(ctx, cmd.String("sandbox"))
	}
	return f.serve(ctx, cmd, account)
}

// listenAccount is the merchant's account on the platform that is to be run.
func (p *program) listenAccount(cmd *cli.Command, joins bool) (testkit.Account, error) {
	account := testkit.TestAccount()
	if joins {
		if cmd.String("forward-to")+cmd.String("payout-to")+cmd.String("robot-to") == "" {
			return account, usage("--sandbox: needs --forward-to, --payout-to or --robot-to: the sandbox serves its own merchant")
		}
		return account, onlyWith(cmd, "a platform of its own, and not with --sandbox",
			"platform-addr", "pay-after", "app-id", "store-no", "app-key", "app-key-file")
	}
	if cmd.IsSet("platform-addr") {
		if err := checkAddress(cmd.String("platform-addr")); err != nil {
			return account, usage("--platform-addr: %v", err)
		}
	}
	if cmd.IsSet("pay-after") && cmd.Duration("pay-after") <= 0 {
		return account, usage("--pay-after: must be a time such as 1s")
	}
	if cmd.IsSet("store-no") && cmd.String("store-no") == "" {
		return account, usage("--store-no: is empty")
	}
	var err error
	if account.AppID, err = p.appID(cmd); err != nil {
		return account, err
	}
	keys, err := p.keys(cmd)
	if err != nil {
		return account, err
	}
	account.AppKey, account.StoreNo = keys[0], cmp.Or(cmd.String("store-no"), account.StoreNo)
	return account, nil
}

// serve runs a fake platform whose notifications f forwards, until ctx ends.
func (f *forwarder) serve(ctx context.Context, cmd *cli.Command, account testkit.Account) error {
	robot := testkit.TestRobot()
	robot.AppID, robot.EventURL = account.AppID, f.robots
	var solo *sandbox.Solo
	wait := cmd.Duration("pay-after")
	cfg := testkit.PlatformConfig{
		Accounts: []testkit.Account{account}, Robots: []testkit.Robot{robot}, Clock: testkit.NewRunningClock(), Async: true,
		Client: &http.Client{Transport: f, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		OnExchange: func(x testkit.Exchange) {
			f.showCall(x)
			if wait > 0 {
				f.payLater(solo.Platform, x, wait)
			}
		},
	}
	solo, err := sandbox.OpenSolo(ctx, cmd.String("platform-addr"), cfg, nil)
	switch {
	case core.CodeOf(err) == core.CodeInvalid:
		return usage("%s", reasonOf(err))
	case err != nil:
		return fmt.Errorf("%s (or join a sandbox that runs there: --sandbox http://127.0.0.1:8700)", reasonOf(err))
	}
	f.greet(solo.URL, account)
	return solo.Serve(ctx)
}

// greet says where things are: on standard error, since none of it is the
// result.
func (f *forwarder) greet(platform string, account testkit.Account) {
	say := func(name, text string) {
		fmt.Fprintf(f.p.stderr, "  %-9s %s\n", name, printable(text))
	}
	if platform != "" {
		say("platform", fmt.Sprintf("%s  app_id %s, store_no %s", platform, account.AppID, account.StoreNo))
		say("server", "point your server's base URL at "+platform)
		say("phone", platform+"/phone")
	}
	say("payments", "to "+cmp.Or(withoutQuery(f.payments), "the order's notify_url"))
	say("payouts", "to "+cmp.Or(withoutQuery(f.payouts), "the payout's notify_url"))
	if f.robots != "" {
		say("robot", "to "+withoutPath(f.robots))
	}
	if f.record != nil {
		say("record", f.record.file.Name())
	}
	if platform != "" {
		waits := testkit.DefaultSchedule()
		say("again", fmt.Sprintf("what is not answered success: after %v, %v, %v and so on, %d times", waits[0], waits[1], waits[2], len(waits)))
		fmt.Fprintln(f.p.stderr, "Ctrl-C ends it.")
	}
}

// showCall tells a person what the developer's server asked of the platform,
// and why it was refused: else an order that fails shows nowhere.
func (f *forwarder) showCall(x testkit.Exchange) {
	switch x.Call {
	case testkit.CallNotification, testkit.CallPayoutNotification, testkit.CallRobotEvent:
		return // shown with the bytes that were sent
	}
	if f.asJSON {
		return
	}
	p := f.p
	call := cmp.Or(string(x.Call), x.Method+" "+x.Path)
	answer := fmt.Sprint(x.Status)
	if x.Status >= 400 {
		answer = p.paint.red(fmt.Sprintf("%d %s", x.Status, shortened(x.Answer)))
	}
	fmt.Fprintf(p.stdout, "%s  %-11s  %s %s  %s\n", p.paint.dim(x.Time.Local().Format(time.TimeOnly)), "asked",
		p.paint.bold(shortened(call)), cmp.Or(shortened(x.OutTradeNo), shortened(x.OutOrderNo), "-"), answer)
}

// payLater has the first user pay an order a while after it was made.
func (f *forwarder) payLater(platform *testkit.Platform, x testkit.Exchange, wait time.Duration) {
	if x.Call != testkit.CallUnifiedOrder || x.Status != http.StatusOK {
		return
	}
	var made struct {
		ImprestCode string `json:"imprest_code"`
	}
	if json.Unmarshal([]byte(x.Answer), &made) != nil || made.ImprestCode == "" {
		return // by a fault
	}
	platform.Clock.AfterFunc(wait, func() {
		// It was paid on the phone meanwhile, or the user has too little.
		if _, err := platform.Pay(context.Background(), made.ImprestCode, ""); err != nil {
			fmt.Fprintf(f.p.stderr, "note: %s was not paid: %s\n", shortened(x.OutTradeNo), printable(reasonOf(err)))
		}
	})
}
