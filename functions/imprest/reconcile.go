package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/functions/internal/boot"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

func (p *program) reconcileCommand() *cli.Command {
	return &cli.Command{
		Name:  "reconcile",
		Usage: "do what is due: lost notifications, deliveries, refunds",
		Description: "Makes one sweep, as functions/reconcile --once does, and prints what it did. With\n" +
			"--watch it goes on until Ctrl-C, with a line for each sweep. It may run beside any\n" +
			"number of programs that do the same: they share the work. It takes its keys and\n" +
			"addresses from the environment, as functions/reconcile does.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "once", Usage: "make one sweep, and end: what it does without --watch"},
			&cli.BoolFlag{Name: "watch", Usage: "sweep every so often, until it is interrupted"},
			&cli.DurationFlag{Name: "every", Usage: "with --watch, a sweep every `TIME` [$IMPREST_SWEEP_EVERY]", DefaultText: "1m"},
			jsonFlag("print each sweep as one line of JSON"),
		},
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest reconcile
imprest reconcile --watch --every 10s`}, section{"ENVIRONMENT", boot.Help(boot.Reconcile)}),
		Action: p.reconcile,
	}
}

func (p *program) reconcile(ctx context.Context, cmd *cli.Command) error {
	if err := noArguments(cmd); err != nil {
		return err
	}
	watch := cmd.Bool("watch")
	switch {
	case watch && cmd.Bool("once"):
		return usage("--once and --watch: give one")
	case !watch && cmd.IsSet("every"):
		return onlyWith(cmd, "--watch", "every")
	case cmd.IsSet("every") && cmd.Duration("every") < time.Second:
		return usage("--every: a second at least")
	}
	cfg, err := boot.Load(boot.Reconcile, func(name string) string { value, _ := p.getenv(name); return value }, nil)
	switch {
	case err != nil:
		return usage("%v", err)
	case len(cfg.Secrets) > 0:
		for variable := range cfg.Secrets {
			return usage("%s_SECRET: is read by a function on AWS Lambda alone: set %s", variable, variable)
		}
	}
	if cmd.IsSet("every") {
		cfg.SweepEvery = cmd.Duration("every")
	}
	r := &reconciler{p: p, tick: p.newTicker(), asJSON: cmd.Bool("json")}
	cfg.Observer = r
	return p.sweepJournal(ctx, cfg, func(sweep func(context.Context) (purchase.Sweep, error)) error {
		r.sweep = sweep
		if watch {
			return r.watch(ctx, cfg.SweepEvery)
		}
		_, err := r.once(ctx)
		return err
	})
}

// sweepJournal opens the journal of cfg, and calls use with what sweeps it.
func (p *program) sweepJournal(ctx context.Context, cfg boot.Config, use func(func(context.Context) (purchase.Sweep, error)) error) (err error) {
	name := cfg.Journal.Reveal()
	if file, ok := strings.CutPrefix(name, "sqlite:"); ok {
		if err := checkDatabase(file); err != nil {
			return usage("IMPREST_JOURNAL: %v", err)
		}
	}
	opening, cancel := context.WithTimeout(ctx, openTime)
	store, closing, err := stores.Change(opening, name)
	cancel()
	if core.CodeOf(err) == core.CodeInvalid {
		return usage("IMPREST_JOURNAL: %s", reasonOf(err))
	}
	if err != nil {
		return err
	}
	defer func() {
		if closed := closing(); err == nil {
			err = closed
		}
	}()
	level := max(cfg.LogLevel, slog.LevelWarn) // the sweeps are told of on standard output
	if text, _ := p.getenv("IMPREST_LOG"); text != "" {
		level = cfg.LogLevel
	}
	f, err := boot.Build(cfg, store, nil, slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return usage("%s", reasonOf(err))
	}
	return use(f.Sweep)
}

// reconciler makes sweeps, and says what they did.
type reconciler struct {
	p      *program
	sweep  func(context.Context) (purchase.Sweep, error)
	asJSON bool
	tick   *ticker
	steps  atomic.Int64 // of the sweep that runs
}

// Observe implements core.Observer: a long sweep shows that it lives.
func (r *reconciler) Observe(ctx context.Context, w core.Work) (context.Context, func(error)) {
	if w.Kind == "step" {
		r.tick.show("sweep: %d steps …", r.steps.Add(1))
	}
	return ctx, func(error) {}
}

// swept says what one sweep did, or several.
type swept struct {
	At time.Time `json:"at"`
	// Due counts what was due, Advanced the purchases among it, of which so many
	// are now Delivered, Refunded, or wait for a person (Attention). Errors are
	// records that could not be read or written.
	Due       int                    `json:"due"`
	Advanced  int                    `json:"advanced"`
	Delivered int                    `json:"delivered"`
	Refunded  int                    `json:"refunded"`
	Attention int                    `json:"attention"`
	Purged    int                    `json:"purged"`
	Errors    int                    `json:"errors"`
	States    map[purchase.State]int `json:"states,omitempty"`
	Seconds   float64                `json:"seconds"`
	// Failed says why the sweep broke off, "" if it did not.
	Failed string `json:"failed,omitempty"`
}

func (s *swept) add(sweep purchase.Sweep) {
	if s.States == nil {
		s.States = map[purchase.State]int{}
	}
	s.Due += sweep.Seen
	s.Purged += sweep.Purged
	s.Errors += sweep.Failed
	for state, n := range sweep.States {
		s.States[state] += n
		s.Advanced += n
	}
	s.Delivered, s.Refunded, s.Attention = s.States[purchase.Delivered], s.States[purchase.Refunded], s.States[purchase.Attention]
}

func (s *swept) String() string {
	return fmt.Sprintf("due %d, advanced %d, delivered %d, refunded %d, attention %d, purged %d, errors %d", s.Due, s.Advanced, s.Delivered, s.Refunded, s.Attention, s.Purged, s.Errors)
}

// once makes a sweep and tells of it.
func (r *reconciler) once(ctx context.Context) (purchase.Sweep, error) {
	start := r.p.now()
	r.steps.Store(0)
	sweep, err := r.sweep(ctx)
	r.tick.done()
	did := swept{At: journal.Millis(start), Seconds: r.p.now().Sub(start).Round(time.Millisecond).Seconds()}
	did.add(sweep)
	if err != nil && !errors.Is(err, context.Canceled) {
		did.Failed = reasonOf(err)
	}
	if r.asJSON {
		if err := r.p.printJSON(did); err != nil {
			return sweep, err
		}
		return sweep, err
	}
	line := did.At.Format(time.RFC3339) + "  " + did.String()
	if did.Failed != "" {
		line += "  " + r.p.paint.red("broke off: "+printable(did.Failed))
	}
	fmt.Fprintln(r.p.stdout, line)
	return sweep, err
}

// watch makes a sweep every so often until ctx ends, which is a good end. A sweep
// that fails, since the database is away say, is told of, and the next is made.
func (r *reconciler) watch(ctx context.Context, every time.Duration) error {
	var all swept
	sweeps, failed := 0, 0
	timer := time.NewTicker(every)
	defer timer.Stop()
	for ctx.Err() == nil {
		sweep, err := r.once(ctx)
		all.add(sweep)
		sweeps++
		if err != nil && ctx.Err() == nil {
			failed++
		}
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	if !r.asJSON {
		fmt.Fprintf(r.p.stdout, "ended after %d sweeps, %d of which broke off: %s\n", sweeps, failed, &all)
	}
	return nil
}
