package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/sign"
)

func (p *program) explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "show what is signed, and where two sides part",
		ArgsUsage: "[FILE|-]",
		Description: "Reads a body from FILE or standard input and shows its fields, which of them are\n" +
			"signed, the text under the data signature with the key masked, and the verdict.\n" +
			"Given the text that the other side says it signed, it points at the first\n" +
			"difference. The exit status is 0 whatever the verdict: use verify to branch.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "theirs", Usage: "`TEXT` that the other side signed, with or without its &key=…"},
			&cli.StringFlag{Name: "theirs-file", Usage: "`FILE` that holds that text"},
			&cli.BoolFlag{Name: "json", Usage: "print it as JSON"},
			contentTypeFlag(),
		}, keyFlags()...),
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest explain --app-key-file app.key body.json
imprest explain --theirs 'amount=1.00&app_id=test' < body.json
imprest explain --json < body.json | jq .canonical`}),
		Action: p.explain,
	}
}

func (p *program) explain(ctx context.Context, cmd *cli.Command) error {
	keys, err := p.keys(cmd)
	if err != nil {
		return err
	}
	theirs, err := p.theirs(ctx, cmd)
	if err != nil {
		return err
	}
	b, err := p.body(ctx, cmd)
	if err != nil {
		return err
	}
	p.noteLineEnd(b)
	e := sign.Explain(b.contentType, b.bytes, withoutKeys(theirs, keys), keys...)
	e.Reason = plain(e.Reason, "--theirs")
	if cmd.Bool("json") {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(e)
	}
	p.showExplanation(e, theirs != "")
	return nil
}

// theirs returns the text of the other side, "" if none was given.
func (p *program) theirs(ctx context.Context, cmd *cli.Command) (string, error) {
	text, from := cmd.String("theirs"), "--theirs"
	switch file := cmd.IsSet("theirs-file"); {
	case file && cmd.IsSet("theirs"):
		return "", usage("--theirs and --theirs-file: give one of the two")
	case file:
		name := cmd.String("theirs-file")
		if name == "" || name == "-" {
			return "", usage("--theirs-file: name a file: standard input is the body")
		}
		bytes, err := p.read(ctx, name)
		if err != nil {
			return "", err
		}
		text, from = strings.TrimRight(string(bytes), "\r\n"), "--theirs-file"
	case !cmd.IsSet("theirs"):
		return "", nil
	}
	if text == "" {
		return "", usage("%s: there is no text in it", from)
	}
	return text, nil
}

// withoutKeys masks a key that stands in text elsewhere than behind "&key=".
// One as short as the test key also occurs by chance, and stays.
func withoutKeys(text string, keys []core.Secret) string {
	for _, key := range keys {
		if len(key.Reveal()) >= callback.MinKeyLength {
			text = strings.ReplaceAll(text, key.Reveal(), "***")
		}
	}
	return text
}

func (p *program) showExplanation(e sign.Explanation, compared bool) {
	verdict := p.paint.green(e.Verdict)
	if e.Verdict != "accept" {
		verdict = p.paint.red(e.Verdict)
	}
	p.line("verdict", verdict)
	if e.Reason != "" {
		p.line("reason", printable(e.Reason))
	}
	if len(e.Fields) > 0 {
		fmt.Fprintln(p.stdout)
		p.showFields(e.Fields)
	}
	if e.Canonical != "" {
		fmt.Fprintln(p.stdout)
		p.line("signed text", printable(e.Canonical))
	}
	switch {
	case e.Difference != nil:
		p.showDifference(*e.Difference)
	case compared && e.Canonical == "":
		fmt.Fprintln(p.stdout, "\nThere is nothing to compare theirs with.")
	case compared && e.Verdict == "accept":
		fmt.Fprintln(p.stdout, "\nTheirs is the same text.")
	case compared:
		fmt.Fprintln(p.stdout, "\nTheirs is the same text, so the sign or the key differs.")
	}
}

// line prints a label and what it stands for.
func (p *program) line(label, text string) {
	fmt.Fprintln(p.stdout, p.paint.bold(fmt.Sprintf("%-11s", label))+"  "+text)
}

func (p *program) showFields(fields []sign.ExplainedField) {
	const widest = 40 // a longer value does not push the others aside
	nameWidth, valueWidth := 0, 0
	for _, f := range fields {
		nameWidth = max(nameWidth, len(f.Name))
		if width := columns(shownValue(f)); width <= widest {
			valueWidth = max(valueWidth, width)
		}
	}
	for _, f := range fields {
		value := shownValue(f)
		if !f.Signed {
			pad := strings.Repeat(" ", max(0, valueWidth-columns(value)))
			fmt.Fprintf(p.stdout, "  %s\n", p.paint.dim(fmt.Sprintf("%-*s  %s%s  left out: %s", nameWidth, f.Name, value, pad, f.Why)))
			continue
		}
		fmt.Fprintf(p.stdout, "  %-*s  %s\n", nameWidth, f.Name, value)
	}
}

// shownValue is a field's value; quotes show one that is empty or that begins
// or ends with a space.
func shownValue(f sign.ExplainedField) string {
	if f.Value == "" || strings.TrimSpace(f.Value) != f.Value {
		return `"` + printable(f.Value) + `"`
	}
	return printable(f.Value)
}

// showDifference puts a caret under the first character that differs.
func (p *program) showDifference(d sign.Difference) {
	same := commonPrefix(d.Ours, d.Theirs)
	dots := ""
	if d.At > len(same) {
		dots = "…"
	}
	show := func(label, text string) {
		rest := printable(text[len(same):])
		if rest == "" {
			rest = p.paint.dim("(ends here)")
		}
		p.line(label, dots+printable(same)+rest)
	}
	fmt.Fprintln(p.stdout)
	show("ours", d.Ours)
	show("theirs", d.Theirs)
	caret := strings.Repeat(" ", columns(dots+printable(same))) + p.paint.red("^")
	p.line("", caret+fmt.Sprintf(" the first difference, at byte %d", d.At))
}

// commonPrefix returns the whole characters that both texts begin with.
func commonPrefix(a, b string) string {
	for i, r := range a {
		if !strings.HasPrefix(b[min(i, len(b)):], string(r)) {
			return a[:i]
		}
	}
	return a
}
