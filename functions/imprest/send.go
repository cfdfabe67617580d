package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

func (p *program) sendCommand() *cli.Command {
	return &cli.Command{
		Name:  "send",
		Usage: "post a signed notification, once or many times, to a loopback URL",
		Description: "Posts a payment or payout notification, signed as the platform signs it, and\n" +
			"counts the answers. All repeats are the same notification: a merchant delivers\n" +
			"once and answers success to each. --mutate makes it wrong in one way or more.\n\n" +
			"The exit status is 0 if every request got an answer, whatever it was, and with\n" +
			"--expect if every answer was the expected one.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "url", Usage: "where to post, on loopback: `URL`", DefaultText: "http://127.0.0.1:8700/callbacks/payment, or …/payout"},
			&cli.StringFlag{Name: "kind", Value: "payment", Usage: "`KIND` of notification: payment or payout"},
			&cli.StringFlag{Name: "app-id", Usage: "the app's `ID` [$IMPREST_APP_ID]", DefaultText: `"test"`},
			&cli.StringFlag{Name: "out-trade-no", Usage: "the merchant's `NUMBER` of the order; required for a payment"},
			&cli.StringFlag{Name: "amount", Value: "100", Usage: "what was paid, in `FEN`"},
			&cli.StringFlag{Name: "trade-no", Usage: "the platform's `NUMBER` of the payment", DefaultText: "made from out-trade-no"},
			&cli.StringFlag{Name: "open-id", Usage: "`ID` of who paid", DefaultText: "the test user's"},
			&cli.StringFlag{Name: "out-order-no", Usage: "the merchant's `NUMBER` of the payout; required for a payout"},
			&cli.StringFlag{Name: "agentpay-no", Usage: "the platform's `NUMBER` of the payout", DefaultText: "made from out-order-no"},
			&cli.StringFlag{Name: "status", Value: "1", Usage: "`STATUS`: 0 waiting, 1 paid or done, 2 failed"},
			&cli.BoolFlag{Name: "form", Usage: "send a form in the place of JSON"},
			&cli.StringSliceFlag{Name: "mutate", Usage: "make it wrong: `NAME`s from the list below, comma-separated; help prints the list"},
			&cli.IntFlag{Name: "repeat", Value: 1, Usage: "send it `N` times"},
			&cli.IntFlag{Name: "concurrency", Value: 1, Usage: "`N` of them at once"},
			&cli.StringFlag{Name: "expect", Usage: "`ANSWER` that each must get: success or refused"},
			jsonFlag("print the summary as one line of JSON"),
		}, keyFlags()...),
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest send --out-trade-no order-1 --amount 100
imprest send --out-trade-no order-1 --repeat 200 --concurrency 50 --expect success
imprest send --out-trade-no order-1 --mutate tampered-amount --expect refused
imprest send --kind payout --out-order-no payout-1 --status 2`},
			section{"MUTATORS", mutatorList()}),
		Action: p.send,
	}
}

// mutatorList is every mutator of testkit with its line, and what a strict
// merchant makes of it.
func mutatorList() string {
	var rows [][2]string
	for _, m := range testkit.Mutators() {
		about := string(m.Verdict) + ": " + m.Doc
		if !m.Payout {
			about += " (payment only)"
		}
		rows = append(rows, [2]string{string(m.Name), about})
	}
	return listed(rows)
}

// Limits of one run: more than a merchant's test needs, and less than what
// would use up this machine.
const (
	maxRepeat      = 1_000_000
	maxConcurrency = 1000
)

func (p *program) send(ctx context.Context, cmd *cli.Command) error {
	if slices.Contains(cmd.StringSlice("mutate"), "help") {
		fmt.Fprint(p.stdout, mutatorList())
		return nil
	}
	if err := noArguments(cmd); err != nil {
		return err
	}
	expect := cmd.String("expect")
	if cmd.IsSet("expect") {
		if _, err := oneOf(cmd, "expect", expectations...); err != nil {
			return err
		}
	}
	repeat, err := within(cmd, "repeat", maxRepeat)
	if err != nil {
		return err
	}
	concurrency, err := within(cmd, "concurrency", maxConcurrency)
	if err != nil {
		return err
	}
	message, url, err := p.notification(cmd)
	if err != nil {
		return err
	}
	s := p.post(ctx, message, url, repeat, min(concurrency, repeat))
	if cmd.Bool("json") {
		if err := p.printJSON(s); err != nil {
			return err
		}
	} else {
		p.showSummary(s)
	}
	return s.failure(ctx, repeat, expect)
}

func within(cmd *cli.Command, flag string, most int) (int, error) {
	n := cmd.Int(flag)
	if n < 1 || n > most {
		return 0, usage("--%s: %d is not from 1 to %d", flag, n, most)
	}
	return n, nil
}

// notification reads the flags that say what is sent, and where.
func (p *program) notification(cmd *cli.Command) (testkit.Message, string, error) {
	fail := func(err error) (testkit.Message, string, error) { return testkit.Message{}, "", err }
	kind, err := oneOf(cmd, "kind", sendKinds...)
	if err != nil {
		return fail(err)
	}
	number, url := "out-trade-no", "http://127.0.0.1:8700/callbacks/payment"
	if kind == "payout" {
		number, url = "out-order-no", "http://127.0.0.1:8700/callbacks/payout"
		err = onlyWith(cmd, "--kind payment", "out-trade-no", "amount", "trade-no", "open-id")
	} else {
		err = onlyWith(cmd, "--kind payout", "out-order-no", "agentpay-no")
	}
	if err != nil {
		return fail(err)
	}
	if cmd.IsSet("url") {
		url = cmd.String("url")
	}
	if err := checkLoopback("url", url); err != nil {
		return fail(err)
	}
	if cmd.String(number) == "" {
		return fail(usage("--%s: must say which %s the notification is about", number, map[string]string{"payment": "order", "payout": "payout"}[kind]))
	}
	for _, flag := range []string{"trade-no", "open-id", "agentpay-no"} {
		if cmd.IsSet(flag) && cmd.String(flag) == "" {
			return fail(usage("--%s: is empty", flag))
		}
	}
	if _, err := core.ParseFen(cmd.String("status")); err != nil {
		return fail(usage("--status: %q is not a whole number", cmd.String("status")))
	}
	amount, err := core.ParseFen(cmd.String("amount"))
	if err != nil || amount == 0 {
		return fail(usage("--amount: %q is not a whole number of fen from 1 (--mutate amount-zero and its like send wrong ones)", cmd.String("amount")))
	}
	mutators, err := mutators(cmd, kind)
	if err != nil {
		return fail(err)
	}
	appID, err := p.appID(cmd)
	if err != nil {
		return fail(err)
	}
	keys, err := p.keys(cmd)
	if err != nil {
		return fail(err)
	}
	if kind == "payout" {
		return testkit.SignedPayout(testkit.PayoutFields{
			AppID: appID, AppKey: keys[0],
			OutOrderNo: cmd.String("out-order-no"), AgentpayNo: cmd.String("agentpay-no"), Status: cmd.String("status"),
		}, mutators...), url, nil
	}
	return testkit.SignedPayment(testkit.PaymentFields{
		AppID: appID, AppKey: keys[0], Amount: amount,
		OutTradeNo: cmd.String("out-trade-no"), TradeNo: cmd.String("trade-no"), OpenID: cmd.String("open-id"), Status: cmd.String("status"),
	}, mutators...), url, nil
}

func mutators(cmd *cli.Command, kind string) ([]testkit.Mutator, error) {
	var chosen []testkit.Mutator
	if cmd.Bool("form") {
		chosen = append(chosen, testkit.MutateForm)
	}
	for _, name := range cmd.StringSlice("mutate") {
		name = strings.TrimSpace(name)
		info, ok := testkit.FindMutator(name)
		switch {
		case !ok:
			return nil, usage("--mutate: there is no %q (--mutate help lists them)", name)
		case kind == "payout" && !info.Payout:
			return nil, usage("--mutate: %s is for payments, not for payouts", name)
		}
		chosen = append(chosen, info.Name)
	}
	return chosen, nil
}
