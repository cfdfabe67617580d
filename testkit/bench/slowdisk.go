package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// syncTakes is by how much the table slowdisk lengthens each sync.
const syncTakes = time.Millisecond

// slowDisk measures the store in a file once more, where each sync takes a
// millisecond longer: this program runs itself under strace, which delays the
// return of the calls that sync, those of the floor too. How far many callers
// share a sync depends on how long that takes, and a disk that answers before
// anything is on it, as some virtual ones do, leaves nothing to share.
func slowDisk(ctx context.Context, progress io.Writer) (table, error) {
	self, err := os.Executable()
	if err != nil {
		return table{}, err
	}
	child := exec.CommandContext(ctx, "strace", "-f", "--seccomp-bpf", "-qq", "-o", os.DevNull, "-e", "trace=fsync,fdatasync",
		"-e", fmt.Sprintf("inject=fsync,fdatasync:delay_exit=%d", syncTakes.Microseconds()), self, "-figures")
	child.Stderr = progress
	out, err := child.Output()
	if err != nil {
		return table{}, fmt.Errorf("strace: %w", err)
	}
	var found cells
	if err := json.Unmarshal(out, &found); err != nil {
		return table{}, err
	}
	t := commitTable("SQLite, where a sync takes a millisecond longer", found, []*shop{{name: "sqlite"}})
	t.bars = sqliteBars("SQLite, syncs of a millisecond", found)
	t.notes = []string{
		"The same payments, records and floor; but each sync returns a millisecond later, the floor's as well as the store's (strace delays the call). " +
			"That is about what a disk takes that is reached over a network, or has no cache that survives a loss of power.",
	}
	return t, nil
}

// figuresOfSQLite is what the child does: it measures the store in a file, and writes
// what it found to out.
func figuresOfSQLite(ctx context.Context, progress, out io.Writer) error {
	dir, err := os.MkdirTemp("", "bench-slowdisk")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file, err := openSQLite(ctx, dir, "journal.db")
	if err != nil {
		return err
	}
	defer file.Close()
	s, err := newShop("sqlite", file)
	if err != nil {
		return err
	}
	found, err := commits(ctx, progress, dir, []*shop{s})
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(found)
}
