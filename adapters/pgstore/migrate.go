package pgstore

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/imprest-go/imprest/core"
)

// Schema is the SQL that makes the tables in a database that has none, for
// whatever applies your schemas; [Migrate] does the same, and brings what is older
// up to date besides. To apply it again changes nothing.
//
//go:embed schema.sql
var Schema string

// Version is the version of the schema that this package reads and writes.
const Version = 1

// migrations bring a schema from one version to the next, beginning with a
// database that has none, or tables from before versions were counted. What was
// released is never edited: it is in databases.
//
// A program keeps the connections that it has while a schema is changed under it.
// So a change that an older program cannot live with must also make its statements
// fail, by another name of a table or a column.
var migrations = [Version]string{Schema}

// ErrSchema says that the database has no schema of the version and the form that
// this package needs; the error that wraps it says which it has, and what to do.
// Its code is core.CodeInternal. Nothing was written.
var ErrSchema error = &core.Error{Op: "pgstore", Code: core.CodeInternal, Err: errors.New("the journal's tables are not as this version needs them")}

// remedy is what to do about a schema that is missing, or older.
const remedy = "run imprest journal migrate, or pgstore.Migrate"

// checkVersion reports whether a version is ours, as ErrSchema, or nil.
func checkVersion(version, ours int) error {
	switch {
	case version < ours:
		return fmt.Errorf("%w: they are of version %d, and this program needs %d: %s", ErrSchema, version, ours, remedy)
	case version > ours:
		return fmt.Errorf("%w: they are of version %d, and this program knows %d: update the program", ErrSchema, version, ours)
	}
	return nil
}

// checkConnection is made with each new connection: one that finds another schema
// is not used.
func checkConnection(ctx context.Context, conn *pgx.Conn) error {
	version := 0
	err := conn.QueryRow(ctx, "SELECT version FROM imprest_schema").Scan(&version)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err // that there is no such table is among what noSchema knows
	}
	return checkVersion(version, Version)
}

// Migrate brings the schema of a database to [Version], and returns what it was,
// 0 for none, and what it is. It may be run as often as one likes, and by several
// at once: they wait for each other, and one does it. Each step is a transaction.
// cfg.Timeout bounds all of it; 0 is ten minutes.
//
// A newer schema, and tables of these names that are none of ours, are
// [ErrSchema], and stay as they are. The role of cfg must be allowed to make
// tables; another one that the programs use needs SELECT on imprest_schema, and
// SELECT, INSERT, UPDATE and DELETE on imprest_records.
func Migrate(ctx context.Context, cfg Config) (from, to int, err error) {
	return migrate(ctx, cfg, migrations[:])
}

func migrate(ctx context.Context, cfg Config, steps []string) (from, to int, err error) {
	const op = "pgstore.Migrate"
	pool, err := cfg.parse(op)
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(cfg.Timeout, 10*time.Minute))
	defer cancel()
	pool.ConnConfig.ConnectTimeout = cmp.Or(pool.ConnConfig.ConnectTimeout, 10*time.Second)
	conn, err := pgx.ConnectConfig(ctx, pool.ConnConfig)
	if err != nil {
		return 0, 0, unread(ctx, "Migrate", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for first := true; ; first = false {
		version := 0
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
			version, err = step(ctx, tx, steps)
			return err
		})
		if first {
			from = version
		}
		if err != nil {
			return from, version, unread(ctx, "Migrate", err)
		}
		if version == len(steps) {
			return from, version, nil
		}
	}
}

// lockKey is what those who migrate wait for each other by: "imprest".
const lockKey = 0x696d7072657374

// step does one step, if there is one to do, and returns the version before it.
func step(ctx context.Context, tx pgx.Tx, steps []string) (version int, err error) {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockKey)); err != nil {
		return 0, err
	}
	var there bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass('imprest_schema') IS NOT NULL").Scan(&there); err != nil {
		return 0, err
	}
	if there {
		err := tx.QueryRow(ctx, "SELECT version FROM imprest_schema").Scan(&version)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return 0, err
		}
	}
	switch {
	case version < 0:
		return version, fmt.Errorf("%w: they say that they are of version %d", ErrSchema, version)
	case version > len(steps):
		return version, checkVersion(version, len(steps))
	case version == len(steps):
		return version, checkForm(ctx, tx)
	}
	if _, err := tx.Conn().PgConn().Exec(ctx, steps[version]).ReadAll(); err != nil {
		return version, err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO imprest_schema (version) VALUES ($1) ON CONFLICT (single) DO UPDATE SET version = excluded.version", version+1); err != nil {
		return version, err
	}
	if version+1 == len(steps) {
		return version, checkForm(ctx, tx)
	}
	return version, nil
}

// checkForm looks whether a table that was there under the name of ours is ours.
func checkForm(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, "SELECT "+columns+" FROM imprest_records LIMIT 0")
	if err != nil {
		return err
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return err
	}
	for i, oid := range []uint32{pgtype.TextOID, pgtype.Int8OID, pgtype.Int8OID, pgtype.Int8OID, pgtype.ByteaOID} {
		if field := rows.FieldDescriptions()[i]; field.DataTypeOID != oid {
			return fmt.Errorf("%w: there is a table imprest_records whose column %s is of another type", ErrSchema, field.Name)
		}
	}
	// To plan it is enough to find that an id could be there twice.
	_, err = tx.Exec(ctx, "EXPLAIN INSERT INTO imprest_records ("+columns+") VALUES ('p/1', 1, NULL, NULL, '') ON CONFLICT (id) DO NOTHING")
	return err
}
