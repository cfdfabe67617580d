package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// brokenUnderFaults are stores that look sound as long as nothing is cut, lags or
// crashes, and some of which only one case can tell.
var brokenUnderFaults = []broken{
	{name: "put takes an equal record for its own", caught: []string{"of 64 racing puts of the same record one wins"}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			stored, err := s.Put(ctx, r)
			if errors.Is(err, journal.ErrConflict) && stored.Version == r.Version+1 && bytes.Equal(stored.Body, r.Body) && stored.Due.Equal(r.Due) {
				return stored, nil
			}
			return stored, err
		}
	}},
	{name: "a late write counts", caught: []string{
		"after an unknown write there is one of two states", "a claim has one holder whatever fails", "a counter counts once whatever fails",
	}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(_ context.Context, r journal.Record) (journal.Record, error) { return overwrite(s, r) }
	}},
	{name: "claims are lost", caught: []string{"a purchase is paid and granted once whatever fails"}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if strings.HasPrefix(r.ID, "trade/") {
				return journal.Record{}, journal.ErrConflict
			}
			return s.Put(ctx, r)
		}
	}},
	{name: "a losing put has no record for a racing delete", caught: []string{"of 64 racing deletes and puts one wins"}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			stored, err := s.Put(ctx, r)
			if err != nil && stored.Version > 0 && r.Version > 0 {
				stored.Version--
			}
			return stored, err
		}
	}},
	{name: "a crash takes back what was answered", caught: []string{"a crash keeps what was answered"}, crash: func(testing.TB) (journal.Store, func() journal.Store) {
		s := newVolatile(false)
		return s, s.crash
	}},
	{name: "reads show what is not durable", caught: []string{"a crash takes back nothing that was read"}, crash: func(testing.TB) (journal.Store, func() journal.Store) {
		s := newVolatile(true)
		return s, s.crash
	}},
	{name: "due hides what has expired", caught: []string{"due goes by the caller's time alone"}, spoil: func(h *hooked, s journal.Store) {
		h.due = func(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
			found, err := s.Due(ctx, before, limit)
			return slices.DeleteFunc(found, func(r journal.Record) bool { return !r.Expires.IsZero() && r.Expires.Before(time.Now()) }), err
		}
	}},
	{name: "due is asked in two halves", caught: []string{"due shows no record twice among writers"}, spoil: func(h *hooked, s journal.Store) {
		h.due = func(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
			middle := noon.Add(30 * time.Minute)
			first, err := s.Due(ctx, middle, limit)
			if err != nil || len(first) >= limit || !middle.Before(before) {
				return s.Due(ctx, before, limit)
			}
			for range 100 {
				runtime.Gosched() // the moment in which a record moves on
			}
			all, err := s.Due(ctx, before, limit)
			for _, r := range all {
				if r.Due.After(middle) && len(first) < limit {
					first = append(first, r)
				}
			}
			return first, err
		}
	}},
	{name: "due never shows some", caught: []string{"working off what is due misses nothing", "workers whose clocks differ miss nothing", "working off a due that lags takes each record once"}, spoil: func(h *hooked, s journal.Store) {
		h.due = func(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
			found, err := s.Due(ctx, before, limit)
			return slices.DeleteFunc(found, func(r journal.Record) bool { return strings.HasSuffix(r.ID, "7") }), err
		}
	}},
	{name: "a write goes with its context", caught: []string{"a context that ends after the answer takes nothing back"}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			stored, err := s.Put(ctx, r)
			if _, has := ctx.Deadline(); err == nil && has {
				undone := make(chan struct{})
				context.AfterFunc(ctx, func() { _ = s.Delete(context.Background(), stored.ID, stored.Version); close(undone) })
				h.get = func(ctx context.Context, id string) (journal.Record, error) { <-undone; return s.Get(ctx, id) }
			}
			return stored, err
		}
	}},
	{name: "a delete that timed out is a plain error", caught: []string{"a write that was cut short is known, or unknown"}, spoil: func(h *hooked, s journal.Store) {
		h.delete = func(ctx context.Context, id string, version int64) error {
			err := s.Delete(ctx, id, version)
			if _, has := ctx.Deadline(); has && err == nil {
				return context.DeadlineExceeded
			}
			return err
		}
	}},
	{name: "list ends at a megabyte", caught: []string{"many of the greatest bodies come back at once"}, spoil: func(h *hooked, s journal.Store) {
		h.list = func(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
			found, err := s.List(ctx, prefix, after, limit)
			size := 0
			for i, r := range found {
				if size += len(r.Body); size > 1<<20 {
					return found[:i], err
				}
			}
			return found, err
		}
	}},
	{name: "a cut write is sent again", caught: []string{"a write whose connection was cut is unknown"}, through: cutPuts(func(s journal.Store, r journal.Record, cut Cut) (journal.Record, error) {
		if cut == CutAfter {
			_, _ = s.Put(context.Background(), r)
		}
		return s.Put(context.Background(), r)
	})},
	{name: "a cut write is a plain error", caught: []string{"a write whose connection was cut is unknown"}, through: cutPuts(func(s journal.Store, r journal.Record, cut Cut) (journal.Record, error) {
		if cut == CutAfter {
			_, _ = s.Put(context.Background(), r)
		}
		return journal.Record{}, &core.Error{Op: "broken", Code: core.CodeUnreached, Err: errors.New("EOF")}
	})},
	{name: "a cut write is half there", caught: []string{"a write whose connection was cut is unknown"}, through: cutPuts(func(s journal.Store, r journal.Record, cut Cut) (journal.Record, error) {
		if cut == CutAfter {
			r.Due = time.Time{}
			_, _ = s.Put(context.Background(), r)
		}
		return journal.Record{}, fmt.Errorf("%w: EOF", journal.ErrUnknown)
	})},
}

// cutPuts breaks what a put does whose connection is cut.
func cutPuts(put func(s journal.Store, r journal.Record, cut Cut) (journal.Record, error)) func(*hooked, journal.Store, func() Cut) {
	return func(h *hooked, s journal.Store, cut func() Cut) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if c := cut(); c != 0 {
				return put(s, r, c)
			}
			return s.Put(ctx, r)
		}
	}
}

// volatile commits its writes some at a time, and a crash loses what is not
// committed. Its reads show that all the same; its puts are answered at once, or
// with the commit.
type volatile struct {
	*hooked
	crash func() journal.Store
}

func newVolatile(waits bool) volatile {
	const together = 5
	visible := journal.NewMemory()
	var mu sync.Mutex
	var dead bool
	var durable []journal.Record
	var pending int
	committed := make(chan struct{})
	h := &hooked{Store: visible}
	h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
		mu.Lock()
		if dead {
			mu.Unlock()
			return journal.Record{}, journal.ErrUnknown
		}
		stored, err := visible.Put(ctx, r)
		pending++
		done := committed
		if pending >= together || r.Version == 0 {
			durable, pending = everything(visible), 0
			close(committed)
			committed = make(chan struct{})
		}
		mu.Unlock()
		if waits {
			<-done
		}
		return stored, err
	}
	return volatile{h, func() journal.Store {
		mu.Lock()
		defer mu.Unlock()
		for pending == 0 { // a crash comes when it hurts
			mu.Unlock()
			runtime.Gosched()
			mu.Lock()
		}
		dead = true
		close(committed)
		again := journal.NewMemory()
		for _, r := range durable {
			version := r.Version
			for r.Version = range version {
				_, _ = again.Put(context.Background(), r)
			}
		}
		return again
	}}
}
