package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

func (p *program) journalListCommand() *cli.Command {
	return &cli.Command{
		Name:  "ls",
		Usage: "list records in the order of their ids",
		Description: "Prints id, version, due time and state of each record, separated by tabs where\n" +
			"the output is no terminal.",
		Flags: []cli.Flag{
			journalFlag(),
			&cli.StringFlag{Name: "prefix", Usage: "only ids that begin with `TEXT`, such as p/"},
			&cli.StringFlag{Name: "after", Usage: "only ids greater than `ID`: to go on after the last one shown"},
			&cli.IntFlag{Name: "limit", Value: 100, Usage: "at most `N` records"},
			jsonFlag(asEachLine + ", with its body"),
		},
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest journal ls --journal sqlite:shop.db
imprest journal ls --journal sqlite:shop.db --prefix p/ --json | jq -r .body.state | sort | uniq -c`}, storesSection),
		Action: p.listJournal,
	}
}

// maxRecords bounds what one ls prints.
const maxRecords = 1_000_000

// pageSize is how many records are asked for at once.
const pageSize = 200

func (p *program) listJournal(ctx context.Context, cmd *cli.Command) error {
	if err := noArguments(cmd); err != nil {
		return err
	}
	limit, err := within(cmd, "limit", maxRecords)
	if err != nil {
		return err
	}
	return p.withJournal(ctx, cmd, stores.Look, func(store journal.Store) error {
		return p.listRecords(ctx, cmd, store, limit)
	})
}

func (p *program) listRecords(ctx context.Context, cmd *cli.Command, store journal.Store, limit int) error {
	print, flush := p.recordPrinter(cmd.Bool("json"))
	after := cmd.String("after")
	for shown := 0; ; {
		want := min(pageSize, limit-shown+1) // one more tells whether there are more
		page, err := listPage(ctx, store, cmd.String("prefix"), after, want)
		if err != nil {
			return err
		}
		for _, r := range page {
			if shown == limit {
				flush()
				p.note("there are more: --after %s shows them", after)
				return nil
			}
			if err := print(r); err != nil {
				return err
			}
			after = r.ID
			shown++
		}
		if len(page) < want {
			flush()
			return nil
		}
	}
}

func listPage(ctx context.Context, store journal.Store, prefix, after string, limit int) ([]journal.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	return store.List(ctx, prefix, after, limit)
}

// recordPrinter returns what prints a record, and what is called after the
// last one.
func (p *program) recordPrinter(asJSON bool) (print func(journal.Record) error, flush func()) {
	if asJSON {
		return func(r journal.Record) error { return p.printJSON(recordJSON(r)) }, func() {}
	}
	row := "%s\t%d\t%s\t%s\n"
	if p.raw {
		return func(r journal.Record) error {
			_, err := fmt.Fprintf(p.stdout, row, r.ID, r.Version, shownTime(r.Due), stateOf(r.Body))
			return err
		}, func() {}
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tVERSION\tDUE\tSTATE")
	return func(r journal.Record) error {
		_, err := fmt.Fprintf(table, row, r.ID, r.Version, shownTime(r.Due), stateOf(r.Body))
		return err
	}, func() { _ = table.Flush() }
}

// shownTime returns a time of a record, "-" for never.
func shownTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// stateOf returns the state that a body names, "-" if it names none.
func stateOf(body []byte) string {
	var named struct {
		State string `json:"state"`
	}
	if err := json.Unmarshal(body, &named); err != nil || named.State == "" {
		return "-"
	}
	return printable(named.State)
}
