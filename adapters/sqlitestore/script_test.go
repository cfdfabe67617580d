package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

const (
	scriptWriters = 4
	scriptIDs     = scriptWriters * idsEach
	scriptPuts    = scriptIDs * 4
	// scriptTend lets the log be brought into the database every few puts.
	scriptTend = 30
)

// script is a process whose disk fails somewhere: it puts records one by one,
// from one thread, so that the same call to the disk is the same step in every
// run. It goes on from what failed in the way in which doc.go says that one
// can, returns an error when anything is not as doc.go says, and tells:
//
//	id version           answered
//	unopened             an Open failed; it is tried again
//	full id              a Put was ErrFull; it is made again
//	unknown id version   a Put was ErrUnknown; the store is opened again
//	settled id version   what that became
//	broken               a Put was ErrBroken; the store is opened again
//	dead                 it cannot be opened any more, or fails again and again
//	done                 all puts are answered
//
// With leave it ends then, as if killed; otherwise it closes the store.
func script(path string, leave int, out io.Writer) error {
	runtime.LockOSThread()
	ctx := context.Background()
	tell := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	open := func() (s *sqlitestore.Store) {
		for range 3 {
			s, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: path})
			if err == nil {
				s.TendLogAt(scriptTend)
				return s
			}
			tell("unopened")
		}
		return nil
	}
	s := open()
	if s == nil {
		tell("dead")
		return nil
	}
	tell("opened")
	known := map[string]int64{} // versions, of every record that is there
	look := func() error {
		all, err := s.List(ctx, "p/", "", 1000)
		if core.Retryable(err) {
			all, err = s.List(ctx, "p/", "", 1000)
		}
		if err != nil {
			return err
		}
		for _, r := range all {
			known[r.ID] = r.Version
		}
		return nil
	}
	if err := look(); err != nil {
		return err
	}

	failures := 0
	for n := 0; n < scriptPuts; n++ {
		id := idOf(n%scriptWriters, n/scriptWriters)
		r, err := put(ctx, s, id, known[id])
		if err == nil {
			known[id] = r.Version
			tell("%s %d", id, r.Version)
			continue
		}
		unknown := errors.Is(err, journal.ErrUnknown)
		switch {
		case errors.Is(err, sqlitestore.ErrFull) && !unknown && !errors.Is(err, sqlitestore.ErrBroken):
			tell("full %s", id)
			if err := requireVersions(ctx, s, known, ""); err != nil {
				return err
			}
			n--
			continue
		case unknown:
			tell("unknown %s %d", id, known[id]+1)
		case errors.Is(err, sqlitestore.ErrBroken):
			tell("broken")
		default:
			return fmt.Errorf("put: %w", err)
		}

		// Nothing is written any more, and everything else can be read.
		doubtful := ""
		if unknown {
			doubtful = id
		}
		if err := requireVersions(ctx, s, known, doubtful); err != nil {
			return err
		}
		for range 3 {
			if _, err := put(ctx, s, "p/other", 0); !errors.Is(err, sqlitestore.ErrBroken) || errors.Is(err, journal.ErrUnknown) {
				return fmt.Errorf("a put after the failure: %v", err)
			}
		}
		log, err := os.Stat(path + "-wal")
		if err != nil {
			return err
		}
		_ = s.Close()
		// The log must be there still: what SQLite believes to have moved to
		// the database may not be on the disk.
		if left, err := os.Stat(path + "-wal"); err != nil || left.Size() != log.Size() {
			return fmt.Errorf("the log of a store that is broken was touched: %w", err)
		}
		failures++
		if s = open(); s == nil || failures > 3 {
			tell("dead")
			return nil
		}
		if before := known[id]; unknown {
			switch r, err := s.Get(ctx, id); {
			case err == nil && r.Version == before+1 && same(recordOf(id, before+1), r):
				known[id]++
			case err == nil && r.Version == before:
				n-- // again
			case errors.Is(err, journal.ErrNotFound) && before == 0:
				n--
			default:
				return fmt.Errorf("%s after opening again: version %d, %w", id, r.Version, err)
			}
			tell("settled %s %d", id, known[id])
		} else {
			n--
		}
		if err := requireVersions(ctx, s, known, ""); err != nil {
			return err
		}
	}
	tell("done")
	if leave != 0 {
		os.Exit(0)
	}
	_ = s.Close()
	return nil
}

// requireVersions reports what of known is not in s, or not as it was written.
// Nobody can say so of the doubtful id.
func requireVersions(ctx context.Context, s *sqlitestore.Store, known map[string]int64, doubtful string) error {
	if doubtful != "" {
		if _, err := s.Get(ctx, doubtful); !errors.Is(err, journal.ErrUnknown) || !errors.Is(err, sqlitestore.ErrBroken) {
			return fmt.Errorf("get of %s, whose write is unknown: %v", doubtful, err)
		}
	}
	for id, version := range known {
		if id == doubtful {
			continue
		}
		r, err := s.Get(ctx, id)
		if core.Retryable(err) {
			r, err = s.Get(ctx, id)
		}
		if err != nil {
			return fmt.Errorf("get of %s, written at version %d: %w", id, version, err)
		}
		if !same(recordOf(id, version), r) {
			return fmt.Errorf("get of %s, written at version %d: it is another record, at version %d", id, version, r.Version)
		}
	}
	return nil
}
