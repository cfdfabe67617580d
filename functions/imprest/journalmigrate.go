package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

func (p *program) journalMigrateCommand() *cli.Command {
	return &cli.Command{
		Name:  "migrate",
		Usage: "make a journal ready for this version",
		Description: "Brings the schema of a PostgreSQL database to the version that this program\n" +
			"needs, step by step, each in a transaction. Run it before programs of a new\n" +
			"version are started, as often as you like: several at once wait for each other.\n" +
			"No other command, and no program, changes a schema.\n\n" +
			"Of DynamoDB it looks whether the table is as it must be, and makes it with\n" +
			"--create. A file of SQLite needs nothing.",
		Flags: []cli.Flag{
			journalFlag(),
			&cli.BoolFlag{Name: "create", Usage: "make the table of dynamodb:TABLE, if there is none, and wait until it is ready"},
			jsonFlag(asOneLine),
		},
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
IMPREST_JOURNAL="$DATABASE_URL" imprest journal migrate
imprest journal migrate --journal dynamodb:orders --create`}, storesSection),
		Action: p.migrateJournal,
	}
}

func (p *program) migrateJournal(ctx context.Context, cmd *cli.Command) error {
	if err := noArguments(cmd); err != nil {
		return err
	}
	name, from, err := p.journalName(cmd)
	if err != nil {
		return err
	}
	did, err := stores.Migrate(ctx, name, cmd.Bool("create"))
	switch {
	case errors.Is(err, stores.ErrNoCreate):
		return usage("--create goes with dynamodb:TABLE")
	case core.CodeOf(err) == core.CodeInvalid:
		return usage("%s: %s", from, reasonOf(err))
	case err != nil:
		return err
	}
	if cmd.Bool("json") {
		return p.printJSON(map[string]string{"did": did})
	}
	_, err = fmt.Fprintln(p.stdout, did)
	return err
}
