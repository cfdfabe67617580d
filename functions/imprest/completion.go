package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/functions/imprest/internal/sandbox"
	"github.com/imprest-go/imprest/testkit"
)

// completionCommand puts the command that the library makes into the order of
// the others.
func completionCommand(cmd *cli.Command) {
	cmd.Hidden = false
	cmd.Usage = "print what completes commands and flags in bash, zsh, fish or pwsh"
	cmd.Description = "Prints a script for a shell. From then on Tab completes commands, flags, and the\n" +
		"words that a flag takes. In ~/.bashrc, in ~/.zshrc, for fish, and for PowerShell, whose\n" +
		"profile then runs the file:\n\n" +
		"   source <(imprest completion bash)\n" +
		"   source <(imprest completion zsh)\n" +
		"   imprest completion fish > ~/.config/fish/completions/imprest.fish\n" +
		"   imprest completion pwsh > imprest.ps1"
	cmd.Action = group
	for _, sub := range cmd.Commands {
		sub.Usage = "print the script for " + sub.Name
		print := sub.Action
		sub.Action = func(ctx context.Context, cmd *cli.Command) error {
			if err := noArguments(cmd); err != nil {
				return err
			}
			if _, err := fmt.Fprint(cmd.Root().Writer, preambles[cmd.Name]); err != nil {
				return err
			}
			return print(ctx, cmd)
		}
	}
	finish(cmd)
}

// preambles stand before a shell's script. The library's for bash needs a
// function of the package bash-completion, which minimal systems and containers
// do not have; the words that bash itself found do.
var preambles = map[string]string{"bash": `if ! declare -F _comp_initialize >/dev/null 2>&1 && ! declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
  _get_comp_words_by_ref() { cur="${COMP_WORDS[COMP_CWORD]}"; }
fi
`}

// complete prints what can stand where the person is: the words of a flag whose
// name stands before, the flags that begin as he did, or commands; a name, a
// colon, and what it means. Nothing lets the shell propose files.
func complete(_ context.Context, cmd *cli.Command) {
	last := ""
	if args := cmd.Args().Slice(); len(args) > 0 {
		last = args[len(args)-1]
	}
	out := cmd.Root().Writer
	if !strings.HasPrefix(last, "-") {
		for _, sub := range cmd.VisibleCommands() {
			fmt.Fprintf(out, "%s:%s\n", sub.Name, sub.Usage)
		}
		return
	}
	if words := flagWords(cmd, strings.TrimLeft(last, "-")); words != nil {
		for _, word := range words {
			fmt.Fprintln(out, word)
		}
		return
	}
	for _, flag := range cmd.VisibleFlags() {
		name := "--" + flag.Names()[0]
		if doc, ok := flag.(cli.DocGenerationFlag); ok && strings.HasPrefix(name, last) {
			fmt.Fprintf(out, "%s:%s\n", name, strings.ReplaceAll(doc.GetUsage(), "`", ""))
		}
	}
}

// The words that flags take.
var (
	signKinds    = []string{"data", "base", "joint"}
	verifyKinds  = []string{"data", "payment", "payout"}
	sendKinds    = []string{"payment", "payout"}
	languages    = []string{"zh", "en"}
	expectations = []string{"success", "refused"}
)

// resolutions are the words of a person's decision.
func resolutions() (words []string) {
	for _, resolution := range purchase.Resolutions() {
		words = append(words, string(resolution))
	}
	return words
}

// flagWords returns the words that a flag of cmd takes, nil if it takes any.
func flagWords(cmd *cli.Command, flag string) (words []string) {
	switch cmd.Name + " " + flag {
	case "sign kind":
		return signKinds
	case "verify kind":
		return verifyKinds
	case "explain lang":
		return languages
	case "send kind":
		return sendKinds
	case "send expect":
		return expectations
	case "resolve as":
		return resolutions()
	case "sandbox rail":
		return []string{sandbox.RailVVChat, sandbox.RailMall}
	case "sandbox faults":
		for _, fault := range sandbox.FaultList() {
			words = append(words, fault.Name)
		}
	case "send mutate":
		for _, m := range testkit.Mutators() {
			words = append(words, string(m.Name))
		}
	}
	return words
}
