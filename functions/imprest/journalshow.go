package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

func (p *program) journalShowCommand() *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "show whole records",
		ArgsUsage: "ID…",
		Description: "Shows each record with its body. The number of an order shows its purchase and the\n" +
			"receipts of its notifications.",
		Flags: []cli.Flag{
			journalFlag(),
			jsonFlag(asEachLine),
		},
		CustomHelpTemplate: withSections(section{"EXAMPLES", `
imprest journal show --journal sqlite:shop.db p/ABC…
imprest journal show --journal sqlite:shop.db order-1
imprest journal show --journal sqlite:shop.db --json p/ABC… | jq .body.history`}, storesSection),
		Action: p.showJournal,
	}
}

func (p *program) showJournal(ctx context.Context, cmd *cli.Command) error {
	ids := cmd.Args().Slice()
	if err := checkIDs(ids, "show"); err != nil {
		return err
	}
	return p.withJournal(ctx, cmd, stores.Look, func(store journal.Store) error {
		return p.showRecords(ctx, store, ids, cmd.Bool("json"))
	})
}

func (p *program) showRecords(ctx context.Context, store journal.Store, ids []string, asJSON bool) error {
	var missing []string
	shown := 0
	for _, id := range ids {
		found, err := findRecords(ctx, store, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			missing = append(missing, id)
		}
		for _, r := range found {
			if asJSON {
				if err := p.printJSON(recordJSON(r)); err != nil {
					return err
				}
				continue
			}
			if shown++; shown > 1 {
				fmt.Fprintln(p.stdout)
			}
			p.showRecord(r)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no such record: %s", strings.Join(missing, ", "))
	}
	return nil
}

// maxApps bounds the apps whose receipts are looked through.
const maxApps = 64

// findRecords returns the record of that id; where there is none, and id may be
// the number of an order, its purchase and its receipts.
func findRecords(ctx context.Context, store journal.Store, id string) (found []journal.Record, err error) {
	add := func(id string) error {
		r, err := getRecord(ctx, store, id)
		switch {
		case errors.Is(err, journal.ErrNotFound), core.CodeOf(err) == core.CodeInvalid: // too long with its prefix
			return nil
		case err == nil:
			found = append(found, r)
		}
		return err
	}
	if err := add(id); err != nil || len(found) > 0 || strings.Contains(id, "/") {
		return found, err
	}
	if err := add(purchase.Prefix + id); err != nil {
		return nil, err
	}
	// One look for each app: the first receipt of an app tells its name, and all
	// others of it stand before the app's name with what follows "/".
	after := ""
	for range maxApps {
		page, err := listPage(ctx, store, receiptPrefix, after, 1)
		if err != nil || len(page) == 0 {
			return found, err
		}
		app, _, ok := strings.Cut(strings.TrimPrefix(page[0].ID, receiptPrefix), "/")
		if !ok {
			after = page[0].ID
			continue
		}
		if err := add(receiptPrefix + app + "/" + id); err != nil {
			return nil, err
		}
		after = receiptPrefix + app + "0"
	}
	return found, nil
}

// checkIDs refuses what is no id; verb is what is to be done with the records.
func checkIDs(ids []string, verb string) error {
	if len(ids) == 0 {
		return usage("ID: say which records to %s (imprest journal ls lists them)", verb)
	}
	for _, id := range ids {
		if err := journal.CheckID(id); err != nil {
			return usage("%q: %s", id, reasonOf(err))
		}
	}
	return nil
}

func getRecord(ctx context.Context, store journal.Store, id string) (journal.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	return store.Get(ctx, id)
}

func (p *program) showRecord(r journal.Record) {
	for _, line := range [][2]string{
		{"id", r.ID},
		{"version", fmt.Sprint(r.Version)},
		{"due", shownTime(r.Due)},
		{"expires", shownTime(r.Expires)},
	} {
		fmt.Fprintln(p.stdout, p.paint.bold(fmt.Sprintf("%-7s", line[0]))+"  "+line[1])
	}
	fmt.Fprintln(p.stdout, shownBody(r.Body))
}

// shownBody returns a body as indented JSON, or quoted if it is none.
func shownBody(body []byte) string {
	var text bytes.Buffer
	if len(body) == 0 {
		return "(empty body)"
	}
	if !utf8.Valid(body) || json.Indent(&text, body, "", "  ") != nil {
		return `"` + printable(string(body)) + `"`
	}
	return visible(text.String())
}

// visible spells out in JSON what a terminal would act upon. Such characters
// stand in strings only, so the document means the same.
func visible(document string) string {
	var text strings.Builder
	for _, r := range document {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			text.WriteRune(r)
		case r > 0xffff:
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			fmt.Fprintf(&text, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&text, `\u%04x`, r)
		}
	}
	return text.String()
}

// shownRecord is a record as JSON. A body that is JSON stands as it is, any
// other as base64 under another name.
type shownRecord struct {
	ID      string          `json:"id"`
	Version int64           `json:"version"`
	Due     time.Time       `json:"due,omitzero"`
	Expires time.Time       `json:"expires,omitzero"`
	Body    json.RawMessage `json:"body,omitempty"`
	Base64  []byte          `json:"body_base64,omitempty"`
}

func recordJSON(r journal.Record) shownRecord {
	shown := shownRecord{ID: r.ID, Version: r.Version, Due: r.Due, Expires: r.Expires}
	if utf8.Valid(r.Body) && json.Valid(r.Body) {
		shown.Body = r.Body
	} else {
		shown.Base64 = r.Body
	}
	return shown
}
