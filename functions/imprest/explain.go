package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
	"github.com/imprest-go/imprest/testkit"
)

func (p *program) explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "show what is signed, where two sides part, and why",
		ArgsUsage: "[FILE|-]",
		Description: "Reads a body from FILE or standard input and shows its fields, which of them are\n" +
			"signed, the text under the data signature with the key masked, and the verdict.\n" +
			"Given the text that the other side says it signed, it points at the first\n" +
			"difference. The usual causes of a signature that does not hold are tried one by\n" +
			"one, and the one that it is comes first. The exit status is 0 whatever the\n" +
			"verdict: use verify to branch.\n\n" +
			"A line of imprest listen, resend or send, each with --json, is taken for what it holds:\n" +
			"the body that came or was sent.\n\n" +
			"What it prints is for you: do not send it to whoever sent the message.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "theirs", Usage: "`TEXT` that the other side signed, with or without its &key=…"},
			&cli.StringFlag{Name: "theirs-file", Usage: "`FILE` that holds that text"},
			jsonFlag(asOneLine),
			&cli.StringFlag{Name: "lang", Usage: "`LANGUAGE` of the words: zh or en", DefaultText: "that of LC_ALL, LC_MESSAGES or LANG; JSON is English"},
			contentTypeFlag(),
		}, keyFlags()...),
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest explain --app-key-file app.key body.json
imprest explain --theirs 'amount=1.00&app_id=test' < body.json
imprest explain --lang zh body.json
imprest explain --json < body.json | jq -r '.causes[] | select(.verdict == "yes").id'`}),
		Action: p.explain,
	}
}

func (p *program) explain(ctx context.Context, cmd *cli.Command) error {
	lang, err := p.language(cmd.String("lang"))
	if err != nil {
		return err
	}
	keys, err := p.triedKeys(cmd)
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
	b, recorded, err := recordedBody(b, cmd.IsSet("content-type"))
	if err != nil {
		return err
	}
	p.noteLineEnd(b)
	e := sign.Explain(b.contentType, b.bytes, theirs, keys.list...)
	e.Reason = plain(e.Reason, "--theirs")
	if cmd.Bool("json") {
		return p.printJSON(e)
	}
	e, words := inLanguage(e, lang)
	if recorded {
		p.line(words.record, fmt.Sprintf(words.recordOf, len(b.bytes), mediaName(b.contentType)))
	}
	p.showExplanation(e, keys, theirs != "", words)
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

// triedKeys are the keys that a message is held against.
type triedKeys struct {
	list []core.Secret
	// public says that nobody gave any: it is that of the test account.
	public bool
}

func (p *program) triedKeys(cmd *cli.Command) (triedKeys, error) {
	list, err := p.keys(cmd)
	return triedKeys{list, err == nil && !p.givesKeys(cmd)}, err
}

// showTried says which keys a message was held against, and of which app it
// says that it is.
func (p *program) showTried(e sign.Explanation, keys triedKeys, words explainWords) {
	appID := ""
	for _, f := range e.Fields {
		if f.Name == "app_id" {
			appID = f.Value
		}
	}
	text := words.triedOne
	if n := len(keys.list); n != 1 {
		text = fmt.Sprintf(words.triedGiven, n)
	}
	switch account := testkit.TestAccount(); {
	case keys.public && appID != "" && appID != account.AppID:
		p.line(words.tried, p.paint.red(fmt.Sprintf(words.otherApp, printable(appID))))
		return
	case keys.public:
		text = fmt.Sprintf(words.triedPublic, account.AppID)
	case appID != "":
		text += fmt.Sprintf(words.triedFor, printable(appID))
	}
	p.line(words.tried, text)
}

func (p *program) showExplanation(e sign.Explanation, keys triedKeys, compared bool, words explainWords) {
	verdict := p.paint.green(e.Verdict)
	if e.Verdict != "accept" {
		verdict = p.paint.red(e.Verdict)
	}
	p.line(words.verdict, verdict)
	if e.Reason != "" {
		p.line(words.reason, printable(e.Reason))
	}
	if e.Verdict != "accept" && e.Canonical != "" {
		p.showTried(e, keys, words)
	}
	if len(e.Fields) > 0 {
		fmt.Fprintln(p.stdout)
		p.showFields(e.Fields, words)
	}
	if e.Canonical != "" {
		fmt.Fprintln(p.stdout)
		p.line(words.signedText, printable(e.Canonical))
	}
	switch {
	case e.Difference != nil:
		p.showDifference(*e.Difference, words)
	case compared && e.Canonical == "":
		fmt.Fprintln(p.stdout, "\n"+words.nothingToCompare)
	case compared && e.Verdict == "accept":
		fmt.Fprintln(p.stdout, "\n"+words.sameText)
	case compared:
		fmt.Fprintln(p.stdout, "\n"+words.sameTextOnly)
	}
	p.showCauses(e, words)
}

// showCauses tells the causes that it is; where it is none, those that cannot be
// told, the likely ones first. Of the others it tells the number.
func (p *program) showCauses(e sign.Explanation, words explainWords) {
	list := e.Causes
	if len(list) == 0 {
		return
	}
	const indent, fewest = "             ", 5
	fmt.Fprintln(p.stdout)
	known := list[0].Verdict == sign.CauseYes
	likelyKey := e.LikelyKey()
	switch {
	case likelyKey:
		p.line(words.cause, p.paint.red(words.likelyKey)+"  "+p.paint.dim("["+list[0].ID+"]"))
		fmt.Fprintln(p.stdout, indent+words.whyKey)
		fmt.Fprintln(p.stdout, indent+p.paint.bold(words.compareKey))
	case !known:
		p.line(words.cause, words.noCause)
	}
	not, untold := 0, 0
	for i, c := range list {
		switch {
		case likelyKey && i == 0:
		case c.Verdict == sign.CauseYes:
			p.line(words.cause, p.paint.red(printable(words.title(c)))+"  "+p.paint.dim("["+c.ID+"]"))
			fmt.Fprintln(p.stdout, indent+words.shownBy(c.Evidence))
			fmt.Fprintln(p.stdout, indent+p.paint.bold(printable(c.Advice)))
		case c.Verdict == sign.CauseNo:
			not++
		case !known && i < fewest:
			p.line(words.perhaps, printable(words.title(c))+"  "+p.paint.dim("["+c.ID+"]"))
		default:
			untold++
		}
	}
	others := fmt.Sprintf(words.notIt, not)
	if untold > 0 {
		others += fmt.Sprintf(words.cannotTell, untold)
	}
	p.line(words.others, p.paint.dim(others+words.listed))
}

// title is what a cause is in one line.
func (words explainWords) title(c sign.Cause) string {
	title := c.Title
	if c.Field != "" {
		title += words.colon + c.Field
	}
	if c.Detail != "" {
		title += words.colon + c.Detail
	}
	return title
}

// shownBy says what showed a cause.
func (words explainWords) shownBy(evidence sign.CauseEvidence) string {
	switch evidence {
	case sign.EvidenceSign:
		return words.bySign
	case sign.EvidenceTheirs:
		return words.byTheirs
	}
	return words.byBody
}

// line prints a label and what it stands for.
func (p *program) line(label, text string) {
	fmt.Fprintln(p.stdout, p.paint.bold(label+strings.Repeat(" ", max(0, 11-columns(label))))+"  "+text)
}

func (p *program) showFields(fields []sign.ExplainedField, words explainWords) {
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
			fmt.Fprintf(p.stdout, "  %s\n", p.paint.dim(fmt.Sprintf("%-*s  %s%s  %s%s", nameWidth, f.Name, value, pad, words.leftOut, f.Why)))
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
func (p *program) showDifference(d sign.Difference, words explainWords) {
	same := commonPrefix(d.Ours, d.Theirs)
	dots := ""
	if d.At > len(same) {
		dots = "…"
	}
	show := func(label, text string) {
		rest := printable(text[len(same):])
		if rest == "" {
			rest = p.paint.dim(words.endsHere)
		}
		p.line(label, dots+printable(same)+rest)
	}
	fmt.Fprintln(p.stdout)
	show(words.ours, d.Ours)
	show(words.theirs, d.Theirs)
	caret := strings.Repeat(" ", columns(dots+printable(same))) + p.paint.red("^")
	p.line("", caret+" "+fmt.Sprintf(words.firstDifference, d.At))
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
