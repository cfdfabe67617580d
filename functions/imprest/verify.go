package main

import (
	"context"
	"net/http"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/sign"
)

func (p *program) verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "accept or reject a signed body, and say why",
		ArgsUsage: "[FILE|-]",
		Description: "Reads a body from FILE or standard input and prints one line of JSON:\n\n" +
			"   {\"verdict\":\"accept\",\"reason\":\"…\"}\n\n" +
			"The exit status is 0 for accept and 1 for reject.\n\n" +
			"--kind data holds the body to strict reading and to its data signature. --kind\n" +
			"payment and payout hold it to the whole rule of that notification, by the code\n" +
			"that serves it in production; with --out-trade-no, --amount or --out-order-no\n" +
			"also to what you have on record.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "kind", Value: "data", Usage: "`KIND` of message: data, payment or payout"},
			&cli.StringFlag{Name: "app-id", Usage: "the app's `ID`, for a notification [$IMPREST_APP_ID]", DefaultText: `"test"`},
			&cli.StringFlag{Name: "out-trade-no", Usage: "the order's `NUMBER` on record, for a payment"},
			&cli.StringFlag{Name: "amount", Usage: "the order's amount on record in `FEN`, for a payment"},
			&cli.StringFlag{Name: "out-order-no", Usage: "the payout's `NUMBER` on record, for a payout"},
			contentTypeFlag(),
			&cli.StringFlag{Name: "content-encoding", Usage: "the Content-Encoding `NAME` that a notification came with"},
			jsonFlag("print it as one line of JSON, as it is without, too"),
			&cli.StringFlag{Name: "method", Value: http.MethodPost, Usage: "the HTTP `METHOD` that a notification came with"},
		}, keyFlags()...),
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest verify --app-key-file app.key body.json
imprest verify --kind payment --app-id qyx… --out-trade-no 20240501-7 --amount 1990 < notification
printf 'app_id=test&amount=100&sign=…' | imprest verify --content-type form`}),
		Action: p.verify,
	}
}

// outcome is what verify prints.
type outcome struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
}

func accept(reason string) outcome { return outcome{Verdict: "accept", Reason: reason} }
func reject(reason string) outcome { return outcome{Verdict: "reject", Reason: reason} }

func (p *program) verify(ctx context.Context, cmd *cli.Command) error {
	check, err := p.verifier(cmd)
	if err != nil {
		return err
	}
	b, err := p.body(ctx, cmd)
	if err != nil {
		return err
	}
	p.noteLineEnd(b)
	result, err := check(ctx, b)
	if err != nil {
		return err
	}
	if err := p.printJSON(result); err != nil {
		return err
	}
	if result.Verdict != "accept" {
		return errSaid
	}
	return nil
}

// verifier reads the flags, so that a wrong one is told before a body is
// waited for.
func (p *program) verifier(cmd *cli.Command) (func(context.Context, body) (outcome, error), error) {
	kind, err := oneOf(cmd, "kind", verifyKinds...)
	if err != nil {
		return nil, err
	}
	if kind != "payment" {
		err = onlyWith(cmd, "--kind payment", "out-trade-no", "amount")
	}
	if err == nil && kind != "payout" {
		err = onlyWith(cmd, "--kind payout", "out-order-no")
	}
	if err == nil && kind == "data" {
		err = onlyWith(cmd, "--kind payment or payout", "app-id", "method", "content-encoding")
	}
	if err != nil {
		return nil, err
	}
	keys, err := p.keys(cmd)
	if err != nil {
		return nil, err
	}
	if kind == "data" {
		return func(_ context.Context, b body) (outcome, error) {
			if _, err := sign.Verify(b.contentType, b.bytes, keys...); err != nil {
				return reject(plain(reasonOf(err), "imprest explain")), nil
			}
			return accept("the data signature holds"), nil
		}, nil
	}
	appID, err := p.appID(cmd)
	if err != nil {
		return nil, err
	}
	j := &judge{}
	if j.record, err = recordFrom(cmd); err != nil {
		return nil, err
	}
	// A key of any length: whether it is too short is not asked here.
	apps := []callback.App{{ID: appID, Keys: keys}}
	var handler core.Handler
	if kind == "payment" {
		handler, err = callback.Payment(callback.Config{Apps: apps, Sink: j, AllowWeakKey: true, Observer: j})
	} else {
		handler, err = callback.Payout(callback.PayoutConfig{Apps: apps, Sink: j, AllowWeakKey: true, Observer: j})
	}
	if err != nil {
		return nil, err
	}
	method, encoding := cmd.String("method"), cmd.String("content-encoding")
	return func(ctx context.Context, b body) (outcome, error) {
		return j.decide(ctx, handler, request(method, encoding, b))
	}, nil
}

// request is the body as an adapter hands it to a handler.
func request(method, encoding string, b body) *core.Request {
	r := &core.Request{Method: method, Path: "/", Body: b.bytes}
	if b.contentType != "" {
		r.Header.Add("Content-Type", b.contentType)
	}
	if encoding != "" {
		r.Header.Add("Content-Encoding", encoding)
	}
	return r
}
