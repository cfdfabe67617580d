package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

func (p *program) journalCommand() *cli.Command {
	return &cli.Command{
		Name:  "journal",
		Usage: "look after a journal: purchases, receipts, claims",
		Description: "The records of purchases are called p/…, receipts r/…, claims of a payment\n" +
			"trade/…. ls, show and stats write nothing.\n\n" +
			"   imprest journal stats --journal sqlite:shop.db\n" +
			"   imprest journal ls --journal sqlite:shop.db --prefix p/\n" +
			"   imprest journal show --journal sqlite:shop.db p/ABC…",
		Commands: []*cli.Command{
			p.journalListCommand(), p.journalShowCommand(), p.journalStatsCommand(), p.journalRetryCommand(),
			p.journalResolveCommand(), p.journalPurgeCommand(), p.journalMigrateCommand(),
		},
		Action: group,
	}
}

func journalFlag() cli.Flag {
	return &cli.StringFlag{Name: "journal", Usage: "the `STORE`, see below [$IMPREST_JOURNAL]"}
}

// storesSection is the part of each command's help that says what a store is.
var storesSection = section{"STORES", `
sqlite:FILE
postgres://USER:PASSWORD@HOST/DATABASE
dynamodb:TABLE, with AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN and AWS_ENDPOINT_URL_DYNAMODB, as AWS's own tools read them

A password belongs into IMPREST_JOURNAL: every user of the machine can see what
stands in a command line.`}

// openTime is how long opening and each reading of a journal may take.
const openTime = 10 * time.Second

// opener is how a journal is opened: stores.Look or stores.Change.
type opener func(ctx context.Context, name string) (journal.Store, func() error, error)

// journalName returns the store that the flag or the variable names, and which of
// the two it was.
func (p *program) journalName(cmd *cli.Command) (name, from string, err error) {
	name, from = cmd.String("journal"), "--journal"
	if !cmd.IsSet("journal") {
		var ok bool
		if name, ok = p.getenv("IMPREST_JOURNAL"); !ok {
			return "", "", usage("--journal: name the store to read, such as sqlite:FILE, or set IMPREST_JOURNAL")
		}
		from = "IMPREST_JOURNAL"
	}
	return name, from, nil
}

// withJournal calls use with the store that the flag or the variable names. One
// that does not exist is not made by it.
func (p *program) withJournal(ctx context.Context, cmd *cli.Command, open opener, use func(journal.Store) error) error {
	name, from, err := p.journalName(cmd)
	if err != nil {
		return err
	}
	if file, ok := strings.CutPrefix(name, "sqlite:"); ok {
		if err := checkDatabase(file); err != nil {
			return usage("%s: %v", from, err)
		}
	}
	opening, cancel := context.WithTimeout(ctx, openTime)
	store, closing, err := open(opening, name)
	cancel()
	if core.CodeOf(err) == core.CodeInvalid {
		return usage("%s: %s", from, reasonOf(err))
	}
	if err != nil {
		return err
	}
	err = use(store)
	if closed := closing(); err == nil {
		err = closed
	}
	return err
}

// checkDatabase reports why file is no SQLite database.
func checkDatabase(name string) error {
	const magic = "SQLite format 3\x00"
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(file, head); err != nil || string(head) != magic {
		return fmt.Errorf("%s is no SQLite database", name)
	}
	return nil
}
