package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
	"github.com/imprest-go/imprest/testkit"
)

func (p *program) signCommand() *cli.Command {
	return &cli.Command{
		Name:      "sign",
		Usage:     "sign a JSON or form body",
		ArgsUsage: "[FILE|-]",
		Description: "Reads a body from FILE or standard input and prints it with the field sign added,\n" +
			"or replaced; every other byte stays as it was. What a careful receiver would\n" +
			"refuse is not signed: a name that stands twice, a nested value, a value that\n" +
			"holds \"&name=\", control characters.\n\n" +
			"--kind base (which signs no body) and joint print the four headers that carry\n" +
			"them; the body of a joint signature is sent as it is.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "kind", Value: "data", Usage: "`KIND` of signature: data (in the body), base or joint (in headers)"},
			&cli.BoolFlag{Name: "only-sign", Usage: "print the signature alone"},
			&cli.StringFlag{Name: "noncestr", Usage: "`TEXT` for the header noncestr, its last character a letter", DefaultText: "32 random ones"},
			&cli.StringFlag{Name: "timestamp", Usage: "ten-digit `SECONDS` for the header timestamp", DefaultText: "now"},
			&cli.StringFlag{Name: "app-id", Usage: "`ID` for the header app_id [$IMPREST_APP_ID]", DefaultText: `"test"`},
			contentTypeFlag(),
			jsonFlag(asOneLine + ": sign, and body or the other headers"),
		}, keyFlags()...),
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
printf '{"app_id":"test","amount":100}' | imprest sign
imprest sign --only-sign --app-key-file app.key order.json
imprest sign --kind joint payout.json > headers
curl -H @headers -H 'Content-Type: application/json' --data-binary @payout.json …/paybusapi/v1/app/agentpay`}),
		Action: p.sign,
	}
}

func (p *program) sign(ctx context.Context, cmd *cli.Command) error {
	kind, err := oneOf(cmd, "kind", signKinds...)
	if err != nil {
		return err
	}
	switch kind {
	case "data":
		err = onlyWith(cmd, "--kind base or joint", "noncestr", "timestamp", "app-id")
	case "base":
		if err = onlyWith(cmd, "--kind data or joint", "content-type"); err == nil {
			err = noArguments(cmd)
		}
	}
	if err != nil {
		return err
	}
	keys, err := p.keys(cmd)
	if err != nil {
		return err
	}
	key := keys[0]
	if kind == "base" {
		return p.signHeaders(cmd, key, nil)
	}
	b, err := p.body(ctx, cmd)
	if err != nil {
		return err
	}
	if b.isForm() {
		b.bytes = withoutLineEnd(b.bytes)
	}
	fields, err := sign.Parse(b.contentType, b.bytes)
	if errors.Is(err, sign.ErrContentType) {
		return usage("--content-type: %q is neither JSON nor a form, in UTF-8", b.contentType)
	}
	if err != nil {
		return err
	}
	if kind == "joint" {
		return p.signHeaders(cmd, key, fields)
	}
	signature, err := sign.Data(fields, key)
	if err != nil {
		return err
	}
	if cmd.Bool("only-sign") {
		return p.showSign(cmd, signature)
	}
	signed, err := withSign(b, signature)
	if err != nil {
		return err
	}
	if _, err := sign.Verify(b.contentType, signed, key); err != nil {
		return fmt.Errorf("with its sign nobody would accept it: %s", reasonOf(err)) // it is full
	}
	if cmd.Bool("json") {
		return p.printJSON(signedMessage{Sign: signature, Body: string(signed)})
	}
	p.stdout.Write(signed)
	if !p.raw && signed[len(signed)-1] != '\n' {
		fmt.Fprintln(p.stdout) // for the eye; a pipe gets the exact bytes
	}
	return nil
}

// signedMessage is what sign prints as JSON: a body with its sign, or headers.
type signedMessage struct {
	AppID     string `json:"app_id,omitempty"`
	Noncestr  string `json:"noncestr,omitempty"`
	Timestamp string `json:"timestamp,omitempty"`
	Sign      string `json:"sign"`
	Body      string `json:"body,omitempty"`
}

// showSign prints a signature alone.
func (p *program) showSign(cmd *cli.Command, signature string) error {
	if cmd.Bool("json") {
		return p.printJSON(signedMessage{Sign: signature})
	}
	_, err := fmt.Fprintln(p.stdout, signature)
	return err
}

// signHeaders prints the headers of a base signature, or with fields those of
// a joint one.
func (p *program) signHeaders(cmd *cli.Command, key core.Secret, fields sign.Fields) error {
	appID, err := p.appID(cmd)
	if err != nil {
		return err
	}
	nonce, timestamp := cmd.String("noncestr"), cmd.String("timestamp")
	if !cmd.IsSet("noncestr") {
		if nonce, err = newNonce(rand.Reader); err != nil {
			return err
		}
	}
	if !cmd.IsSet("timestamp") {
		timestamp = strconv.FormatInt(p.now().Unix(), 10)
	}
	signature, err := sign.Base(key, nonce, timestamp)
	if core.CodeOf(err) == core.CodeInvalid {
		field, rule, _ := strings.Cut(reasonOf(err), " ") // the header's name comes first
		return usage("--%s: %s", field, rule)
	}
	if err == nil && fields != nil {
		signature, err = sign.Joint(fields, key, signature)
	}
	if err != nil {
		return err
	}
	switch {
	case cmd.Bool("only-sign"):
		return p.showSign(cmd, signature)
	case cmd.Bool("json"):
		return p.printJSON(signedMessage{AppID: appID, Noncestr: nonce, Timestamp: timestamp, Sign: signature})
	}
	fmt.Fprintf(p.stdout, "app_id: %s\nnoncestr: %s\ntimestamp: %s\nsign: %s\n", appID, nonce, timestamp, signature)
	return nil
}

// newNonce returns 32 characters, the last of which is a letter: no digit may
// move from it to the timestamp that follows it in the signed text.
func newNonce(random io.Reader) (string, error) {
	nonce, err := core.RandomText(random, 31)
	return nonce + "Z", err
}

// appID returns the app_id that the flag or the variable names, or that of
// the documented test account.
func (p *program) appID(cmd *cli.Command) (string, error) {
	id, from := testkit.TestAccount().AppID, ""
	if value, ok := p.getenv("IMPREST_APP_ID"); ok {
		id, from = value, "IMPREST_APP_ID"
	}
	if cmd.IsSet("app-id") {
		id, from = cmd.String("app-id"), "--app-id"
	}
	if id == "" {
		return "", usage("%s: is empty", from)
	}
	if id != printable(id) {
		return "", usage("%s: %q is no app_id", from, id)
	}
	return id, nil
}
