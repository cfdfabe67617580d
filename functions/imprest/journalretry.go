package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

func (p *program) journalRetryCommand() *cli.Command {
	return &cli.Command{
		Name:      "retry",
		Usage:     "make purchases due now, for the next sweep",
		ArgsUsage: "ID…",
		Description: "Takes up at once what would wait, an hour perhaps, after failures whose cause was\n" +
			"seen to. It calls nobody, and decides nothing: a purchase that waits for a person\n" +
			"needs resolve; a call that may still take effect keeps its time; a refund that\n" +
			"was sent is not sent again. To repeat it changes nothing.",
		Flags: []cli.Flag{
			journalFlag(),
			&cli.DurationFlag{Name: "in-flight", Usage: "how long a lost call may still take effect: the programs' IMPREST_IN_FLIGHT `TIME` [$IMPREST_IN_FLIGHT]", DefaultText: "1m"},
			jsonFlag(asEachLine),
		},
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest journal retry --journal sqlite:shop.db p/ABC…
imprest journal ls --json | jq -r 'select(.body.state == "delivering") | .id' | xargs imprest journal retry`}, storesSection),
		Action: p.retryRecords,
	}
}

func (p *program) retryRecords(ctx context.Context, cmd *cli.Command) error {
	ids := cmd.Args().Slice()
	if err := checkIDs(ids, "make due"); err != nil {
		return err
	}
	inFlight, err := p.inFlight(cmd)
	if err != nil {
		return err
	}
	return p.withJournal(ctx, cmd, stores.Change, func(store journal.Store) error {
		operator, err := purchase.NewOperator(purchase.OperatorConfig{Store: store, InFlight: inFlight, Now: p.now})
		if err != nil {
			return err
		}
		failed := false
		for _, id := range ids {
			call, cancel := context.WithTimeout(ctx, openTime)
			did, err := p.retry(call, store, operator, id)
			cancel()
			if err != nil {
				failed = true
				fmt.Fprintf(p.stderr, "%s: %s: %s\n", cmd.FullName(), printable(id), printable(reasonOf(err)))
				continue
			}
			if cmd.Bool("json") {
				err = p.printJSON(did)
			} else {
				_, err = fmt.Fprintf(p.stdout, "%s\t%s\n", id, did.shown(p.now()))
			}
			if err != nil {
				return err
			}
		}
		if failed {
			return errSaid
		}
		return nil
	})
}

// inFlight returns the flag, the variable, or 0 for the default.
func (p *program) inFlight(cmd *cli.Command) (time.Duration, error) {
	given, from := cmd.Duration("in-flight"), "--in-flight"
	if text, ok := p.getenv("IMPREST_IN_FLIGHT"); ok && text != "" && !cmd.IsSet("in-flight") {
		parsed, err := time.ParseDuration(text)
		if err != nil {
			return 0, usage("IMPREST_IN_FLIGHT: must be a time such as 1m")
		}
		given, from = parsed, "IMPREST_IN_FLIGHT"
	}
	if given < 0 {
		return 0, usage("%s: must not be negative", from)
	}
	return given, nil
}

// retried says when a record is due now, and whether it was changed for it.
type retried struct {
	ID      string    `json:"id"`
	Due     time.Time `json:"due"`
	Changed bool      `json:"changed"`
}

// retry makes one record due, and returns what it did.
func (p *program) retry(ctx context.Context, store journal.Store, operator *purchase.Operator, id string) (retried, error) {
	name, isPurchase := strings.CutPrefix(id, purchase.Prefix)
	if !isPurchase {
		return p.retryOther(ctx, store, id)
	}
	done, err := operator.Retry(ctx, name)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return retried{}, errors.New("no such record")
	case err != nil && done.Purchase.State == purchase.Attention:
		return retried{}, fmt.Errorf("%s; a person decides: %s", reasonOf(err), howToResolve(id, done.Purchase))
	case err != nil:
		return retried{}, err
	}
	return retried{id, done.Due, done.Changed}, nil
}

// shown is what a person is told at the time now.
func (r retried) shown(now time.Time) string {
	switch {
	case r.Due.After(now):
		return fmt.Sprintf("due at %s: its last call may take effect until then", shownTime(r.Due))
	case r.Changed:
		return "due now: the next sweep takes it up"
	}
	return fmt.Sprintf("due already, since %s", shownTime(r.Due))
}

// howToResolve is the command that a person decides by.
func howToResolve(id string, stuck purchase.Purchase) string {
	var words []string
	for _, resolution := range stuck.Resolutions() {
		words = append(words, string(resolution))
	}
	return fmt.Sprintf("imprest journal resolve --as %s --note WHO-AND-WHY %s", strings.Join(words, "|"), id)
}

// retryOther makes a record due that is no purchase, and that somebody waits for.
func (p *program) retryOther(ctx context.Context, store journal.Store, id string) (retried, error) {
	for range 8 {
		r, err := store.Get(ctx, id)
		now := journal.Millis(p.now())
		switch {
		case errors.Is(err, journal.ErrNotFound) && !strings.Contains(id, "/"):
			return retried{}, fmt.Errorf("no such record; the one of a purchase is called %s%s", purchase.Prefix, id)
		case errors.Is(err, journal.ErrNotFound):
			return retried{}, errors.New("no such record")
		case err != nil:
			return retried{}, err
		case !r.Expires.IsZero():
			return retried{}, fmt.Errorf("is only due to be removed, at %s: imprest journal purge does that then", shownTime(r.Expires))
		case r.Due.IsZero():
			return retried{}, errors.New("is never due: there is nothing to do about it")
		case !r.Due.After(now):
			return retried{id, r.Due, false}, nil
		}
		r.Due = now
		_, err = store.Put(ctx, r)
		switch {
		case err == nil:
			return retried{id, now, true}, nil
		case !errors.Is(err, journal.ErrConflict) && !errors.Is(err, journal.ErrUnknown):
			return retried{}, err
		}
		// Somebody else wrote it, or nobody knows whether we did: look again.
	}
	return retried{}, &core.Error{Op: "retry", Code: core.CodeBusy, Err: errors.New("changes faster than it can be written: try later")}
}

func (p *program) journalResolveCommand() *cli.Command {
	words := resolutions()
	return &cli.Command{
		Name:      "resolve",
		Usage:     "put a person's decision about a purchase on record",
		ArgsUsage: "ID",
		Description: "Takes a purchase out of attention. Find out first what is true: show has its\n" +
			"reason and its history. What does not fit the record is refused.",
		Flags: []cli.Flag{
			journalFlag(),
			&cli.StringFlag{Name: "as", Usage: "the decision, a `WORD` of: " + strings.Join(words, ", ")},
			&cli.StringFlag{Name: "note", Usage: "who decided, and why: `TEXT` for the purchase's history"},
			jsonFlag(asOneLine),
		},
		CustomHelpTemplate: withSections(section{"DECISIONS", listed([][2]string{
			{"deliver", "deliver what was paid; whether it was granted is asked first"},
			{"delivered", "the goods of a paid purchase were granted, whoever did it"},
			{"watch", "ask the platform again about an order without a payment"},
			{"no-order", "a purchase of the mall has no order, and never will"},
			{"refunded", "the money went back, whoever did it"},
		})}, section{"EXAMPLES", `
imprest journal stats --journal sqlite:shop.db
imprest journal resolve --journal sqlite:shop.db --as delivered --note 'Li: granted by hand, ticket 7' p/ABC…`}, storesSection),
		Action: func(ctx context.Context, cmd *cli.Command) error { return p.resolve(ctx, cmd, words) },
	}
}

func (p *program) resolve(ctx context.Context, cmd *cli.Command, words []string) error {
	ids := cmd.Args().Slice()
	if err := checkIDs(ids, "decide about"); err != nil {
		return err
	}
	name, isPurchase := strings.CutPrefix(ids[0], purchase.Prefix)
	switch {
	case len(ids) > 1:
		return usage("unexpected argument %q: a decision is about one purchase", ids[1])
	case !isPurchase:
		return usage("%q: is no purchase: their ids begin with %s", ids[0], purchase.Prefix)
	case strings.TrimSpace(cmd.String("note")) == "":
		return usage("--note: say who decided, and why")
	}
	as, err := oneOf(cmd, "as", words...)
	if err != nil {
		return err
	}
	return p.withJournal(ctx, cmd, stores.Change, func(store journal.Store) error {
		operator, err := purchase.NewOperator(purchase.OperatorConfig{Store: store, Now: p.now})
		if err != nil {
			return err
		}
		call, cancel := context.WithTimeout(ctx, openTime)
		defer cancel()
		resolved, err := operator.Resolve(call, name, purchase.Resolution(as), strings.TrimSpace(cmd.String("note")))
		if errors.Is(err, journal.ErrNotFound) {
			return fmt.Errorf("no such record: %s", ids[0])
		}
		if err != nil {
			return err
		}
		if cmd.Bool("json") {
			return p.printJSON(map[string]string{"id": ids[0], "state": string(resolved.State)})
		}
		_, err = fmt.Fprintf(p.stdout, "%s\t%s\n", ids[0], resolved.State)
		return err
	})
}
