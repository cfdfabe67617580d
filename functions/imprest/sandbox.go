package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/functions/imprest/internal/sandbox"
)

func (p *program) sandboxCommand() *cli.Command {
	return &cli.Command{
		Name:  "sandbox",
		Usage: "run a merchant, a fake VVChat platform and a fake Tuya cloud on this machine",
		Description: "Serves a shop that sells services for devices, a fake VVChat platform that is as\n" +
			"strict as the real one, with the documented test account, and a fake Tuya cloud:\n" +
			"open the shop's page in a browser and buy something. It ends with Ctrl-C. With\n" +
			"--once it runs one purchase from login to delivery, and lets the device call its\n" +
			"user, without a browser; it shows each step, prints the purchase as JSON, and\n" +
			"exits 0 if the run ended as its faults imply.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "addr", Usage: "`HOST:PORT` of the merchant", DefaultText: "127.0.0.1:8700; a free port with --once"},
			&cli.StringFlag{Name: "platform-addr", Usage: "`HOST:PORT` of the platform and the phone", DefaultText: "127.0.0.1:8701; a free port with --once"},
			&cli.StringFlag{Name: "cloud-addr", Usage: "`HOST:PORT` of the cloud and the mini program", DefaultText: "127.0.0.1:8702; a free port with --once, or if it is taken"},
			&cli.StringFlag{Name: "journal", Usage: "`STORE` of the purchases: memory, sqlite:FILE, postgres://… or dynamodb:TABLE", DefaultText: "sqlite in a temporary file, which it names"},
			&cli.StringSliceFlag{Name: "faults", Usage: "what shall go wrong: `NAME`s from the list below, comma-separated; help prints the list"},
			&cli.Uint64Flag{Name: "seed", Usage: "`N` that makes a run repeatable: the same faults on the same requests, the same ids", HideDefault: true},
			&cli.BoolFlag{Name: "once", Usage: "run one purchase without a browser, then end"},
			&cli.StringFlag{Name: "rail", Usage: "what --once buys on: `RAIL` vvchat (an order of VVChat) or mall (an order of Tuya's mall, paid with WeChat)", DefaultText: "vvchat, or what the faults need"},
			jsonFlag("print one line of JSON alone: where everything is, or with --once the purchase"),
			&cli.BoolFlag{Name: "verbose", Usage: "log what goes on underneath"},
		},
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest sandbox
imprest sandbox --once
imprest sandbox --once --faults duplicate,reorder,slow --seed 7
imprest sandbox --once --faults cloud-permanent
imprest sandbox --once --rail mall --faults token-expired
imprest sandbox --journal sqlite:shop.db`},
			section{"FAULTS", faultList()},
			section{"FAULTS WITH --rail mall", faultListOnMall()}),
		Action: p.sandbox,
	}
}

// faultList is every fault of the VVChat rail with its line.
func faultList() string {
	return listFaults(func(f sandbox.FaultInfo) string { return f.About })
}

// faultListOnMall is every fault of the mall rail with its line.
func faultListOnMall() string {
	return listFaults(func(f sandbox.FaultInfo) string { return f.OnMall })
}

func listFaults(about func(sandbox.FaultInfo) string) string {
	var rows [][2]string
	for _, fault := range sandbox.FaultList() {
		if line := about(fault); line != "" {
			rows = append(rows, [2]string{fault.Name, line})
		}
	}
	return listed(rows)
}

func (p *program) sandbox(ctx context.Context, cmd *cli.Command) error {
	if slices.Contains(cmd.StringSlice("faults"), "help") {
		fmt.Fprintf(p.stdout, "%s\nwith --rail mall:\n\n%s", faultList(), faultListOnMall())
		return nil
	}
	faults, err := faults(cmd.StringSlice("faults"))
	if err != nil {
		return err
	}
	if err := noArguments(cmd); err != nil {
		return err
	}
	for _, flag := range []string{"addr", "platform-addr", "cloud-addr"} {
		if cmd.IsSet(flag) {
			if err := checkAddress(cmd.String(flag)); err != nil {
				return usage("--%s: %v", flag, err)
			}
		}
	}
	if cmd.IsSet("journal") {
		if err := checkJournal(cmd.String("journal")); err != nil {
			return usage("--journal: %v", err)
		}
	}
	once := cmd.Bool("once")
	err = sandbox.Run(ctx, sandbox.Config{
		Addr:         cmd.String("addr"),
		PlatformAddr: cmd.String("platform-addr"),
		CloudAddr:    cmd.String("cloud-addr"),
		Journal:      cmd.String("journal"),
		Faults:       faults,
		Rail:         cmd.String("rail"),
		Seed:         cmd.Uint64("seed"),
		Once:         once,
		Out:          p.stdout,
		Colour:       p.paint.on,
		JSON:         cmd.Bool("json"),
		Logger:       p.logger(cmd.Bool("verbose"), once),
	})
	if core.CodeOf(err) == core.CodeInvalid {
		reason := reasonOf(err)
		if !strings.HasPrefix(reason, "--") {
			reason = "--journal: " + reason // from the store itself
		}
		return usage("%s", reason)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s (or one runs already: open http://%s)", reasonOf(err), cmp.Or(cmd.String("addr"), "127.0.0.1:8700"))
	}
	return err
}

// checkAddress reports why text is not HOST:PORT.
func checkAddress(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT, such as 127.0.0.1:8700", text)
	}
	return nil
}

// checkJournal reports why a journal cannot be where name says.
func checkJournal(name string) error {
	if name == "" {
		return errors.New("is empty")
	}
	file, ok := strings.CutPrefix(name, "sqlite:")
	if !ok || file == "" {
		return nil // sandbox.Run knows what it is
	}
	if info, err := os.Stat(file); err == nil && info.Size() > 0 {
		return checkDatabase(file)
	}
	_, err := os.Stat(filepath.Dir(file))
	return err
}

// logger writes to standard error. A run that shows its own steps is not
// interrupted by refusals that its faults imply.
func (p *program) logger(verbose, once bool) *slog.Logger {
	switch {
	case verbose:
		return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	case once:
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// faults checks the names that were given.
func faults(given []string) ([]string, error) {
	var known, chosen []string
	for _, fault := range sandbox.FaultList() {
		known = append(known, fault.Name)
	}
	for _, name := range given {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return nil, usage("--faults: there is no %q: there are %s", name, strings.Join(known, ", "))
		}
		chosen = append(chosen, name)
	}
	return chosen, nil
}
