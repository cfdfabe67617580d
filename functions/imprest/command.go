package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"
)

// root builds the tree of commands. It is built anew for every run, since the
// flags keep what was parsed.
func (p *program) root() *cli.Command {
	root := &cli.Command{
		Name:    "imprest",
		Usage:   "sell in VVChat: sandbox, signatures, notifications and journals at hand",
		Version: version(),
		Description: "Run a merchant and a fake VVChat platform on this machine:\n\n" +
			"   imprest sandbox\n\n" +
			"Find out why a signature does not hold:\n\n" +
			"   imprest explain --app-key-file app.key body.json\n\n" +
			"Each command has --help with examples.",
		Commands: []*cli.Command{
			p.sandboxCommand(),
			p.signCommand(),
			p.verifyCommand(),
			p.explainCommand(),
			p.sendCommand(),
			p.listenCommand(),
			p.resendCommand(),
			p.journalCommand(),
			p.reconcileCommand(),
			p.versionCommand(),
			p.helpCommand(),
		},
		Action: group,

		EnableShellCompletion:           true,
		ConfigureShellCompletionCommand: completionCommand,

		Reader:    p.stdin,
		Writer:    p.stdout,
		ErrWriter: p.stderr,
		// Without this the library would end the process by itself.
		ExitErrHandler:  func(context.Context, *cli.Command, error) {},
		HideHelpCommand: true, // for helpCommand, which fails like the others
	}
	finish(root)
	return root
}

// finish gives every command the same behaviour in what goes wrong, and every
// flag the same look.
func finish(cmd *cli.Command) {
	cmd.ShellComplete = complete
	cmd.OnUsageError = func(_ context.Context, cmd *cli.Command, err error, _ bool) error {
		return usage("%s: %s", cmd.FullName(), flagProblem(err))
	}
	if action := cmd.Action; action != nil {
		cmd.Action = func(ctx context.Context, cmd *cli.Command) error {
			return named(cmd.FullName(), action(ctx, cmd))
		}
	}
	for _, flag := range cmd.Flags {
		if flag, ok := flag.(cli.StringerSetter); ok {
			flag.SetStringer(flagLine)
		}
	}
	for _, sub := range cmd.Commands {
		finish(sub)
	}
}

// named puts the command before the text of an error.
func named(command string, err error) error {
	if err == nil || errors.Is(err, errSaid) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: interrupted", command)
	}
	if bad, ok := errors.AsType[*usageError](err); ok {
		return usage("%s: %s", command, bad.reason)
	}
	return fmt.Errorf("%s: %s", command, reasonOf(err))
}

// flagProblem says in our words what the flag parser found.
func flagProblem(err error) string {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return fmt.Sprintf("unknown flag --%s (--help lists them)", name)
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		return name + " needs a value"
	}
	if rest, ok := strings.CutPrefix(text, "invalid value "); ok {
		if value, rest, ok := strings.Cut(rest, " for flag -"); ok {
			name, _, _ := strings.Cut(rest, ":")
			return fmt.Sprintf("--%s: %s is not a value for it (--help says what is)", name, value)
		}
	}
	return text
}

// flagLine is a flag's line in the help: a flag that can be given again is
// not shown twice.
func flagLine(flag cli.Flag) string {
	line := cli.FlagStringer(flag)
	names, rest, _ := strings.Cut(line, "\t")
	names, _, _ = strings.Cut(names, " [ -")
	return names + "\t" + rest
}

// group is the action of a command that has only subcommands.
func group(_ context.Context, cmd *cli.Command) error {
	if !cmd.Args().Present() {
		if cmd.Root() == cmd {
			return cli.ShowRootCommandHelp(cmd)
		}
		return cli.ShowSubcommandHelp(cmd)
	}
	return unknownCommand(cmd, cmd.Args().First())
}

func unknownCommand(cmd *cli.Command, name string) error {
	var names []string
	for _, sub := range cmd.VisibleCommands() {
		names = append(names, sub.Name)
	}
	if len(names) == 0 {
		return usage("%s has no commands of its own", cmd.FullName())
	}
	return usage("unknown command %q: there are %s", name, strings.Join(names, ", "))
}

func (p *program) helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "say how a command is used",
		ArgsUsage: "[COMMAND…]",
		Action: func(ctx context.Context, cmd *cli.Command) error {
			parent, at := cmd.Root(), cmd.Root()
			for _, name := range cmd.Args().Slice() {
				next := at.Command(name)
				if next == nil {
					return unknownCommand(at, name)
				}
				parent, at = at, next
			}
			switch {
			case at == cmd.Root():
				return cli.ShowRootCommandHelp(at)
			case len(at.VisibleCommands()) > 0:
				return cli.ShowSubcommandHelp(at)
			}
			return cli.ShowCommandHelp(ctx, parent, at.Name)
		},
	}
}

// section is a part of a command's help after its options.
type section struct{ title, text string }

// withSections returns the help template of a command, the sections behind it.
func withSections(sections ...section) string {
	var template strings.Builder
	template.WriteString(cli.CommandHelpTemplate)
	for _, s := range sections {
		template.WriteString("\n" + s.title + ":\n")
		for line := range strings.Lines(strings.Trim(s.text, "\n")) {
			template.WriteString("   " + line)
		}
		template.WriteString("\n")
	}
	return template.String()
}

// listed lays out names and what each means, one to a line.
func listed(rows [][2]string) string {
	width := 0
	for _, row := range rows {
		width = max(width, len(row[0]))
	}
	var text strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&text, "%-*s  %s\n", width, row[0], row[1])
	}
	return text.String()
}

// noArguments refuses what stands after the flags.
func noArguments(cmd *cli.Command) error {
	if cmd.Args().Present() {
		return usage("unexpected argument %q", cmd.Args().First())
	}
	return nil
}

// oneOf returns the value of a flag that takes one of a few words.
func oneOf(cmd *cli.Command, flag string, words ...string) (string, error) {
	value := cmd.String(flag)
	for _, word := range words {
		if value == word {
			return value, nil
		}
	}
	return "", usage("--%s: %q is not one of %s", flag, value, strings.Join(words, ", "))
}

// onlyWith refuses flags that mean nothing without another one.
func onlyWith(cmd *cli.Command, other string, flags ...string) error {
	for _, flag := range flags {
		if cmd.IsSet(flag) {
			return usage("--%s goes with %s", flag, other)
		}
	}
	return nil
}
