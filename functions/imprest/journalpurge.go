package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

func (p *program) journalPurgeCommand() *cli.Command {
	return &cli.Command{
		Name:  "purge",
		Usage: "remove what has expired",
		Description: "Removes the receipts and other records whose time is over, as every sweep does;\n" +
			"never a purchase or a claim. What changes meanwhile is left alone. It goes by\n" +
			"this machine's clock.",
		Flags: []cli.Flag{
			journalFlag(),
			&cli.StringFlag{Name: "prefix", Usage: "only ids that begin with `TEXT`, such as r/"},
			&cli.BoolFlag{Name: "dry-run", Usage: "count, and remove nothing"},
			jsonFlag(asOneLine),
		},
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest journal purge --journal sqlite:shop.db --dry-run
imprest journal purge --journal sqlite:shop.db`}, storesSection),
		Action: p.purgeJournal,
	}
}

// purged says what a purge did.
type purged struct {
	DryRun bool `json:"dry_run,omitempty"`
	Seen   int  `json:"seen"`
	// Expired counts what may be removed, Removed what was; Kept is what changed,
	// or was removed by others, meanwhile.
	Expired int            `json:"expired"`
	Removed int            `json:"removed"`
	Kept    int            `json:"kept"`
	Failed  int            `json:"failed"`
	Kinds   map[string]int `json:"kinds"`

	mu    sync.Mutex
	first error
}

func (p *program) purgeJournal(ctx context.Context, cmd *cli.Command) error {
	if err := noArguments(cmd); err != nil {
		return err
	}
	done := &purged{DryRun: cmd.Bool("dry-run"), Kinds: map[string]int{}}
	open := stores.Change
	if done.DryRun {
		open = stores.Look
	}
	return p.withJournal(ctx, cmd, open, func(store journal.Store) error {
		err := p.purge(ctx, store, cmd.String("prefix"), done)
		if cmd.Bool("json") {
			if err := p.printJSON(done); err != nil {
				return err
			}
		} else {
			fmt.Fprintln(p.stdout, done)
		}
		if err == nil && done.Failed > 0 {
			err = fmt.Errorf("%d could not be removed; the first: %w", done.Failed, done.first)
		}
		return err
	})
}

func (p *program) purge(ctx context.Context, store journal.Store, prefix string, done *purged) error {
	now := p.now()
	tick := p.newTicker()
	defer tick.done()
	return walkPages(ctx, store, prefix, func(page []journal.Record) error {
		done.Seen += len(page)
		var expired []journal.Record
		for _, r := range page {
			if isExpired(r, now) {
				expired = append(expired, r)
				done.Kinds[kindOf(r.ID)]++
			}
		}
		done.Expired += len(expired)
		if !done.DryRun {
			done.remove(ctx, store, expired, now)
		}
		tick.show("%d records, %d expired, %d removed …", done.Seen, done.Expired, done.Removed)
		return ctx.Err()
	})
}

// isExpired reports whether a record may be removed. A purchase never may: no
// program gives it an end, and what was paid stays on record.
func isExpired(r journal.Record, now time.Time) bool {
	return !r.Expires.IsZero() && !r.Expires.After(now) && !strings.HasPrefix(r.ID, purchase.Prefix)
}

// removers is how many records are removed at once: an embedded store makes one
// commit of them.
const removers = 16

func (d *purged) remove(ctx context.Context, store journal.Store, expired []journal.Record, now time.Time) {
	work := make(chan journal.Record)
	var done sync.WaitGroup
	for range min(removers, len(expired)) {
		done.Go(func() {
			for r := range work {
				call, cancel := context.WithTimeout(ctx, openTime)
				removed, err := journal.Purge(call, store, r, now)
				cancel()
				d.count(removed, err)
			}
		})
	}
	for _, r := range expired {
		work <- r
	}
	close(work)
	done.Wait()
}

func (d *purged) count(removed bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err != nil:
		d.Failed++
		if d.first == nil {
			d.first = err
		}
	case removed:
		d.Removed++
	default:
		d.Kept++
	}
}

// String is the result in a line.
func (d *purged) String() string {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(d.Kinds)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", printable(kind), d.Kinds[kind]))
	}
	of := ""
	if len(kinds) > 0 {
		of = " (" + strings.Join(kinds, ", ") + ")"
	}
	if d.DryRun {
		return fmt.Sprintf("%d records, %d expired%s, nothing removed", d.Seen, d.Expired, of)
	}
	return fmt.Sprintf("%d records, %d expired%s, %d removed, %d kept since they changed, %d failed", d.Seen, d.Expired, of, d.Removed, d.Kept, d.Failed)
}
