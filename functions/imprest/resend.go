package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
)

func (p *program) resendCommand() *cli.Command {
	return &cli.Command{
		Name:  "resend",
		Usage: "send recorded notifications again",
		Description: "Sends notifications that imprest listen has recorded once more, byte for byte and in\n" +
			"the order in which they came: to where they went, or to --to. A merchant delivers\n" +
			"nothing twice, and answers success each time.\n\n" +
			"The exit status is 0 if every one got an answer, whatever it was.",
		ArgsUsage: "[ID…]",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "last", Usage: "the last `N` of the record", HideDefault: true},
			&cli.BoolFlag{Name: "all", Usage: "all of the record"},
			&cli.BoolFlag{Name: "list", Usage: "send nothing: show them, as they were shown when they came"},
			&cli.StringFlag{Name: "to", Usage: "where to post, on loopback: `URL`", DefaultText: "where each one went"},
			recordFlag("the `FILE` that they are recorded in"),
			jsonFlag(asEachLine + ", with its body"),
		},
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest resend --list
imprest resend --last 1
imprest resend 4k7q2mzc
imprest resend --all --to http://127.0.0.1:8081/callbacks/payment`}),
		Action: p.resend,
	}
}

func (p *program) resend(ctx context.Context, cmd *cli.Command) error {
	if cmd.IsSet("to") {
		if err := checkLoopback("to", cmd.String("to")); err != nil {
			return err
		}
	}
	list := cmd.Bool("list")
	if list {
		if err := onlyWith(cmd, "sending, and not with --list", "to"); err != nil {
			return err
		}
	}
	chosen, err := chooseNotices(cmd, list)
	if err != nil {
		return err
	}
	if list {
		for i := range chosen {
			p.showNotice(&chosen[i], cmd.Bool("json"), nil)
		}
		return nil
	}
	for _, n := range chosen {
		if err := checkTarget(cmd, n); err != nil {
			return err // before the first is sent
		}
	}
	client := loopbackClient(1)
	defer client.CloseIdleConnections()
	silent := 0
	for i := range chosen {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n := &chosen[i]
		target := n.To
		if cmd.IsSet("to") {
			target = cmd.String("to")
		}
		n.Time = p.now().UTC()
		if _, err := p.deliver(ctx, client, n, target); err != nil {
			silent++
		}
		if ctx.Err() != nil && n.Error != "" {
			return ctx.Err() // it was the person who broke it off
		}
		p.showNotice(n, cmd.Bool("json"), nil)
	}
	if silent > 0 {
		return &core.Error{Code: core.CodeUnknown, Err: fmt.Errorf("%d of %d got no answer", silent, len(chosen))}
	}
	return nil
}

// chooseNotices reads the record, and returns what the command line asks for,
// the oldest first.
func chooseNotices(cmd *cli.Command, list bool) ([]notice, error) {
	ids, all := cmd.Args().Slice(), cmd.Bool("all")
	ways := 0
	for _, given := range []bool{len(ids) > 0, all, cmd.IsSet("last")} {
		if given {
			ways++
		}
	}
	switch {
	case ways > 1:
		return nil, usage("IDs, --last and --all: give one of the three")
	case ways == 0 && !list:
		return nil, usage("which? Give IDs, --last N or --all (--list shows what is recorded)")
	case cmd.IsSet("last") && cmd.Int("last") < 1:
		return nil, usage("--last: %d is not from 1", cmd.Int("last"))
	}
	recorded, err := readRecord(cmd.String("record"))
	switch {
	case err != nil:
		return nil, err
	case cmd.IsSet("last"):
		return recorded[max(0, len(recorded)-cmd.Int("last")):], nil
	case len(ids) == 0:
		return recorded, nil
	}
	for _, id := range ids {
		if !slices.ContainsFunc(recorded, func(n notice) bool { return n.ID == id }) {
			return nil, usage("there is no %.40q in the record (--list shows what there is)", id)
		}
	}
	return slices.DeleteFunc(recorded, func(n notice) bool { return !slices.Contains(ids, n.ID) }), nil
}

// checkTarget reports why a notification cannot be sent to where it went. A
// record is a file, and says what its writer likes.
func checkTarget(cmd *cli.Command, n notice) error {
	switch {
	case cmd.IsSet("to"):
		return nil
	case strings.HasSuffix(n.To, "/"+hiddenText):
		return usage("--to: is needed for %s: the secret path of a robot's events is on no record", n.ID)
	}
	if err := checkLoopback("to", n.To); err != nil {
		return usage("--to: is needed for %s, which did not go to this machine", n.ID)
	}
	return nil
}
