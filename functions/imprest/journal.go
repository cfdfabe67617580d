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
	"github.com/imprest-go/imprest/functions/imprest/internal/sandbox"
)

func (p *program) journalCommand() *cli.Command {
	return &cli.Command{
		Name:  "journal",
		Usage: "read a journal: purchases, receipts, claims",
		Description: "Reads a store and writes nothing. The records of purchases are called p/…,\n" +
			"receipts r/…, claims of a payment trade/….\n\n" +
			"   imprest journal ls --journal sqlite:shop.db --prefix p/\n" +
			"   imprest journal show --journal sqlite:shop.db p/ABC…",
		Commands: []*cli.Command{p.journalListCommand(), p.journalShowCommand()},
		Action:   group,
	}
}

func journalFlag() cli.Flag {
	return &cli.StringFlag{Name: "journal", Usage: "the `STORE` to read, such as sqlite:FILE [$IMPREST_JOURNAL]"}
}

// openTime is how long opening and each reading of a journal may take.
const openTime = 10 * time.Second

// openJournal opens the store that the flag or the variable names. One that
// does not exist is not made by looking at it.
func (p *program) openJournal(ctx context.Context, cmd *cli.Command) (journal.Store, func() error, error) {
	name, from := cmd.String("journal"), "--journal"
	if !cmd.IsSet("journal") {
		var ok bool
		if name, ok = p.getenv("IMPREST_JOURNAL"); !ok {
			return nil, nil, usage("--journal: name the store to read, such as sqlite:FILE, or set IMPREST_JOURNAL")
		}
		from = "IMPREST_JOURNAL"
	}
	if name == "memory" {
		return nil, nil, usage("%s: a journal in memory ends with its process: there is nothing to read", from)
	}
	if file, ok := strings.CutPrefix(name, "sqlite:"); ok {
		if err := checkDatabase(file); err != nil {
			return nil, nil, usage("%s: %v", from, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	store, closing, err := sandbox.OpenJournal(ctx, name)
	if core.CodeOf(err) == core.CodeInvalid {
		return nil, nil, usage("%s: %s", from, reasonOf(err))
	}
	return store, closing, err
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
