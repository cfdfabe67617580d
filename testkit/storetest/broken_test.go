package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/imprest-go/imprest/core/journal"
)

var brokenStores = []broken{
	{name: "put is blind", rules: []int{1, 2}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(_ context.Context, r journal.Record) (journal.Record, error) { return overwrite(s, r) }
	}},
	{name: "put looks, then writes", rules: []int{1}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if old, err := s.Get(ctx, r.ID); err != nil || old.Version != r.Version {
				return s.Put(ctx, r)
			}
			runtime.Gosched() // the moment in which another does the same
			return overwrite(s, r)
		}
	}},
	{name: "put returns its argument", rules: []int{1}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			stored, err := s.Put(ctx, r)
			if err == nil {
				return r, nil
			}
			return stored, err
		}
	}},
	{name: "put keeps the due that is not set any more", rules: []int{1, 7}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if old, err := s.Get(ctx, r.ID); err == nil && r.Due.IsZero() {
				r.Due = old.Due
			}
			return s.Put(ctx, r)
		}
	}},
	{name: "put at a version creates", rules: []int{2}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if _, err := s.Get(ctx, r.ID); errors.Is(err, journal.ErrNotFound) {
				r.Version = 0
			}
			return s.Put(ctx, r)
		}
	}},
	{name: "a conflict comes without the record", rules: []int{2}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			stored, err := s.Put(ctx, r)
			if err != nil {
				stored = journal.Record{}
			}
			return stored, err
		}
	}},
	{name: "a conflict comes with the caller's record", rules: []int{2}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			stored, err := s.Put(ctx, r)
			if err != nil {
				stored = r
			}
			return stored, err
		}
	}},
	{name: "a conflict comes with an older version", rules: []int{4}, spoil: func(h *hooked, s journal.Store) {
		var mu sync.Mutex
		first := map[string]journal.Record{}
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			stored, err := s.Put(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			old, ok := first[r.ID]
			switch {
			case ok && err != nil:
				return old, err
			case !ok && err == nil:
				first[r.ID] = stored
			}
			return stored, err
		}
	}},
	{name: "versions grow by two", rules: []int{1}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			stored, err := s.Put(ctx, r)
			if err == nil && stored.Version > 1 {
				return s.Put(ctx, stored)
			}
			return stored, err
		}
	}},
	{name: "a restart loses the last write", rules: []int{3}, reopen: func(_ testing.TB, s journal.Store) journal.Store {
		all := everything(s)
		fresh := journal.NewMemory()
		for _, r := range all[:len(all)-1] {
			for v := range r.Version {
				r.Version = v
				_, _ = fresh.Put(context.Background(), r)
			}
		}
		return fresh
	}},
	{name: "a restart forgets the versions", rules: []int{3}, reopen: func(_ testing.TB, s journal.Store) journal.Store {
		fresh := journal.NewMemory()
		for _, r := range everything(s) {
			r.Version = 0
			_, _ = fresh.Put(context.Background(), r)
		}
		return fresh
	}},
	{name: "get reads from a replica that lags", rules: []int{4, 5}, spoil: func(h *hooked, s journal.Store) {
		var mu sync.Mutex
		replica := map[string]journal.Record{}
		var reads int
		h.get = func(ctx context.Context, id string) (journal.Record, error) {
			now, err := s.Get(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			reads++
			if old, ok := replica[id]; ok && reads%3 == 0 {
				return old, nil
			}
			if reads%5 == 0 && err == nil {
				replica[id] = now
			}
			return now, err
		}
	}},
	{name: "get finds the neighbour", rules: []int{5}, spoil: func(h *hooked, s journal.Store) {
		h.get = func(ctx context.Context, id string) (journal.Record, error) {
			if r, err := s.Get(ctx, id); err == nil || journal.CheckID(id) != nil || ctx.Err() != nil {
				return r, err
			}
			for _, r := range everything(s) {
				if strings.EqualFold(r.ID, id) {
					return r, nil
				}
			}
			return journal.Record{}, journal.ErrNotFound
		}
	}},
	{name: "a second process remembers what it read", rules: []int{4, 5}, share: func(_ testing.TB, s journal.Store) journal.Store {
		var mu sync.Mutex
		read := map[string]journal.Record{}
		return &hooked{Store: s, get: func(ctx context.Context, id string) (journal.Record, error) {
			mu.Lock()
			defer mu.Unlock()
			if r, ok := read[id]; ok {
				return r, nil
			}
			r, err := s.Get(ctx, id)
			if err == nil {
				read[id] = r
			}
			return r, err
		}}
	}},
	{name: "a second process has a lock of its own", rules: []int{1}, share: func(_ testing.TB, s journal.Store) journal.Store {
		var mu sync.Mutex
		return &hooked{Store: s, put: func(ctx context.Context, r journal.Record) (journal.Record, error) {
			mu.Lock()
			defer mu.Unlock()
			if old, err := s.Get(ctx, r.ID); err != nil || old.Version != r.Version {
				return s.Put(ctx, r)
			}
			runtime.Gosched()
			return overwrite(s, r)
		}}
	}},
	{name: "delete is blind", rules: []int{6}, spoil: func(h *hooked, s journal.Store) {
		h.delete = func(ctx context.Context, id string, _ int64) error {
			r, err := s.Get(ctx, id)
			if err != nil {
				return err
			}
			return s.Delete(ctx, id, r.Version)
		}
	}},
	{name: "delete of nothing is fine", rules: []int{6}, spoil: func(h *hooked, s journal.Store) {
		h.delete = func(ctx context.Context, id string, version int64) error {
			if err := s.Delete(ctx, id, version); !errors.Is(err, journal.ErrNotFound) {
				return err
			}
			return nil
		}
	}},
	{name: "delete leaves a tombstone", rules: []int{6}, spoil: func(h *hooked, s journal.Store) {
		dead := []byte("\x00dead")
		h.delete = func(ctx context.Context, id string, version int64) error {
			_, err := s.Put(ctx, journal.Record{ID: id, Version: version, Body: dead})
			return err
		}
		h.get = func(ctx context.Context, id string) (journal.Record, error) {
			if r, err := s.Get(ctx, id); err != nil || !bytes.Equal(r.Body, dead) {
				return r, err
			}
			return journal.Record{}, journal.ErrNotFound
		}
	}},
	{name: "due shows what is never due", rules: []int{7}, spoil: func(h *hooked, s journal.Store) {
		h.due = func(_ context.Context, before time.Time, limit int) ([]journal.Record, error) {
			all := slices.DeleteFunc(everything(s), func(r journal.Record) bool { return r.Due.After(before) })
			slices.SortStableFunc(all, func(a, b journal.Record) int { return a.Due.Compare(b.Due) })
			return all[:max(0, min(limit, len(all)))], nil
		}
	}},
	{name: "due leaves out what is due right then", rules: []int{7}, spoil: func(h *hooked, s journal.Store) {
		h.due = func(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
			return s.Due(ctx, before.Add(-time.Millisecond), limit)
		}
	}},
	{name: "due is in the order of ids", rules: []int{7}, spoil: func(h *hooked, s journal.Store) {
		h.due = func(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
			found, err := s.Due(ctx, before, limit)
			slices.SortFunc(found, func(a, b journal.Record) int { return strings.Compare(a.ID, b.ID) })
			return found, err
		}
	}},
	{name: "due takes a negative limit for none", rules: []int{7}, spoil: func(h *hooked, s journal.Store) {
		h.due = func(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
			if limit < 0 {
				limit = 1 << 20
			}
			return s.Due(ctx, before, limit)
		}
	}},
	{name: "due forgets now and then", rules: []int{7}, spoil: func(h *hooked, s journal.Store) {
		h.due = func(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
			found, err := s.Due(ctx, before, limit)
			return slices.DeleteFunc(found, func(r journal.Record) bool { return strings.HasSuffix(r.ID, "27") }), err
		}
	}},
	{name: "due knows what was created only", rules: []int{7}, spoil: func(h *hooked, s journal.Store) {
		h.due = func(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
			found, err := s.Due(ctx, before, limit)
			return slices.DeleteFunc(found, func(r journal.Record) bool { return r.Version > 2 }), err
		}
	}},
	{name: "due lags", rules: []int{7}, spoil: func(h *hooked, s journal.Store) {
		var last []journal.Record
		var mu sync.Mutex
		h.due = func(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
			mu.Lock()
			defer mu.Unlock()
			now, err := s.Due(ctx, before, limit)
			now, last = last, now
			return now, err
		}
	}},
	{name: "list takes the prefix for a pattern", rules: []int{8}, spoil: func(h *hooked, s journal.Store) {
		var like func(pattern, text string) bool
		like = func(pattern, text string) bool {
			switch {
			case pattern == "":
				return true // the % at the end
			case pattern[0] == '%':
				return like(pattern[1:], text) || text != "" && like(pattern, text[1:])
			case text == "":
				return false
			case pattern[0] == '_', pattern[0] == text[0]:
				return like(pattern[1:], text[1:])
			}
			return false
		}
		h.list = func(_ context.Context, prefix, after string, limit int) ([]journal.Record, error) {
			found := slices.DeleteFunc(everything(s), func(r journal.Record) bool { return !like(prefix, r.ID) || r.ID <= after })
			return found[:max(0, min(limit, len(found)))], nil
		}
	}},
	{name: "list includes the end of the range", rules: []int{8}, spoil: func(h *hooked, s journal.Store) {
		h.list = func(_ context.Context, prefix, after string, limit int) ([]journal.Record, error) {
			end := prefix
			if end != "" {
				end = end[:len(end)-1] + string(end[len(end)-1]+1)
			}
			found := slices.DeleteFunc(everything(s), func(r journal.Record) bool {
				return r.ID < prefix || r.ID <= after || end != "" && r.ID > end
			})
			return found[:max(0, min(limit, len(found)))], nil
		}
	}},
	{name: "list ends the range at ~", rules: []int{8}, spoil: func(h *hooked, s journal.Store) {
		h.list = func(_ context.Context, prefix, after string, limit int) ([]journal.Record, error) {
			found := slices.DeleteFunc(everything(s), func(r journal.Record) bool { return r.ID < prefix || r.ID <= after || r.ID > prefix+"~" })
			return found[:max(0, min(limit, len(found)))], nil
		}
	}},
	{name: "list begins with after", rules: []int{8}, spoil: func(h *hooked, s journal.Store) {
		h.list = func(_ context.Context, prefix, after string, limit int) ([]journal.Record, error) {
			found := slices.DeleteFunc(everything(s), func(r journal.Record) bool { return !strings.HasPrefix(r.ID, prefix) || r.ID < after })
			return found[:max(0, min(limit, len(found)))], nil
		}
	}},
	{name: "list pages by offset", rules: []int{8}, spoil: func(h *hooked, s journal.Store) {
		var mu sync.Mutex
		offsets := map[string]int{}
		h.list = func(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
			if limit != 7 { // the walk's window only, so that nothing but the walk can tell
				return s.List(ctx, prefix, after, limit)
			}
			mu.Lock()
			defer mu.Unlock()
			if after == "" {
				clear(offsets)
			}
			all, err := s.List(ctx, prefix, "", 1<<20)
			from := min(offsets[after], len(all))
			page := all[from:min(from+limit, len(all))]
			if len(page) > 0 {
				offsets[page[len(page)-1].ID] = from + len(page)
			}
			runtime.Gosched()
			return page, err
		}
	}},
	{name: "list folds case", rules: []int{8, 10}, spoil: func(h *hooked, s journal.Store) {
		h.list = func(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
			found, err := s.List(ctx, prefix, after, limit)
			slices.SortStableFunc(found, func(a, b journal.Record) int {
				return strings.Compare(strings.ToLower(a.ID), strings.ToLower(b.ID))
			})
			return found, err
		}
	}},
	{name: "a put that timed out is a plain error", rules: []int{9}, spoil: func(h *hooked, s journal.Store) {
		var n atomic.Int64
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			stored, err := s.Put(ctx, r)
			if _, has := ctx.Deadline(); has && err == nil && n.Add(1)%2 == 0 {
				return journal.Record{}, context.DeadlineExceeded // the answer was lost
			}
			return stored, err
		}
	}},
	{name: "a put that timed out was fine", rules: []int{9}, spoil: func(h *hooked, s journal.Store) {
		var n atomic.Int64
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if _, has := ctx.Deadline(); has && ctx.Err() == nil && n.Add(1)%2 == 0 {
				r.Version++
				return r, nil
			}
			return s.Put(ctx, r)
		}
	}},
	{name: "a caller that leaves takes the others along", rules: []int{9}, spoil: func(h *hooked, s journal.Store) {
		var leaving atomic.Bool
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if _, has := ctx.Deadline(); has {
				leaving.Store(true)
			} else if leaving.Swap(false) {
				return journal.Record{}, fmt.Errorf("%w: interrupted", journal.ErrUnknown)
			}
			return s.Put(ctx, r)
		}
	}},
	{name: "put checks nothing", rules: []int{10}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if r.Check() != nil {
				return r, nil
			}
			return s.Put(ctx, r)
		}
	}},
	{name: "get of a bad id finds nothing", rules: []int{10}, spoil: func(h *hooked, s journal.Store) {
		h.get = func(ctx context.Context, id string) (journal.Record, error) {
			if journal.CheckID(id) != nil {
				return journal.Record{}, journal.ErrNotFound
			}
			return s.Get(ctx, id)
		}
	}},
	{name: "ids are cut at 254 bytes", rules: []int{10}, spoil: func(h *hooked, s journal.Store) {
		cut := func(id string) string { return id[:min(len(id), journal.MaxID-1)] }
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if r.Check() == nil {
				r.ID = cut(r.ID)
			}
			return s.Put(ctx, r)
		}
		h.get = func(ctx context.Context, id string) (journal.Record, error) {
			if journal.CheckID(id) == nil {
				id = cut(id)
			}
			return s.Get(ctx, id)
		}
	}},
	{name: "times are rounded", rules: []int{11}, spoil: putting(func(r *journal.Record) {
		if !r.Due.IsZero() {
			r.Due = r.Due.Round(time.Millisecond)
		}
	})},
	{name: "times are cut to the second", rules: []int{11}, spoil: putting(func(r *journal.Record) {
		if !r.Expires.IsZero() {
			r.Expires = time.Unix(r.Expires.Unix(), 0)
		}
	})},
	{name: "times are cut toward 1970", rules: []int{11}, spoil: putting(func(r *journal.Record) {
		if at := r.Due; at.Before(time.Unix(0, 0)) && at.Nanosecond()%1e6 != 0 {
			r.Due = at.Add(time.Millisecond)
		}
	})},
	{name: "times end in 2262", rules: []int{11}, spoil: putting(func(r *journal.Record) {
		if !r.Due.IsZero() {
			r.Due = time.Unix(0, r.Due.UnixNano())
		}
	})},
	{name: "1970 is no time", rules: []int{11}, spoil: putting(func(r *journal.Record) {
		if r.Expires.UnixMilli() == 0 {
			r.Expires = time.Time{}
		}
	})},
	{name: "times come back in another zone", rules: []int{11}, spoil: func(h *hooked, s journal.Store) {
		h.get = func(ctx context.Context, id string) (journal.Record, error) {
			r, err := s.Get(ctx, id)
			if !r.Due.IsZero() {
				r.Due = r.Due.In(time.FixedZone("elsewhere", 3600))
			}
			return r, err
		}
	}},
	{name: "bodies end at NUL", rules: []int{11}, spoil: putting(func(r *journal.Record) {
		r.Body, _, _ = bytes.Cut(r.Body, []byte{0})
	})},
	{name: "bodies are made valid UTF-8", rules: []int{11}, spoil: putting(func(r *journal.Record) {
		r.Body = bytes.ToValidUTF8(r.Body, []byte("?"))
	})},
	{name: "the greatest body is too great", rules: []int{11}, spoil: putting(func(r *journal.Record) {
		if len(r.Body) == journal.MaxBody {
			r.Body = append(r.Body, 0)
		}
	})},
	{name: "an empty body leaves the old one", rules: []int{11}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if old, err := s.Get(ctx, r.ID); err == nil && len(r.Body) == 0 {
				r.Body = old.Body
			}
			return s.Put(ctx, r)
		}
	}},
	{name: "get hands out its own memory", rules: []int{11}, spoil: func(h *hooked, s journal.Store) {
		var mu sync.Mutex
		cache := map[string]journal.Record{}
		h.get = func(ctx context.Context, id string) (journal.Record, error) {
			r, err := s.Get(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			if hit := cache[id]; err == nil && hit.Version == r.Version {
				return hit, nil
			}
			cache[id] = r
			return r, err
		}
	}},
	{name: "put keeps the caller's memory", rules: []int{11}, spoil: func(h *hooked, s journal.Store) {
		var mu sync.Mutex
		kept := map[string][]byte{}
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			stored, err := s.Put(ctx, r)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				kept[r.ID] = r.Body
			}
			return stored, err
		}
		h.get = func(ctx context.Context, id string) (journal.Record, error) {
			r, err := s.Get(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				r.Body = bytes.Clone(kept[id])
			}
			return r, err
		}
	}},
	{name: "an ended context is not looked at", rules: []int{12}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			return s.Put(context.WithoutCancel(ctx), r)
		}
	}},
	{name: "an ended context is looked at afterwards", rules: []int{12}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			stored, err := s.Put(context.WithoutCancel(ctx), r)
			if ctx.Err() != nil {
				return journal.Record{}, ctx.Err()
			}
			return stored, err
		}
	}},
	{name: "an ended context is unknown", rules: []int{12}, spoil: func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if err := ctx.Err(); err != nil {
				return journal.Record{}, fmt.Errorf("%w: %w", journal.ErrUnknown, err)
			}
			return s.Put(ctx, r)
		}
	}},
	{name: "one write in fifty is lost", rules: []int{1}, spoil: func(h *hooked, s journal.Store) {
		var mu sync.Mutex
		random := rand.New(rand.NewPCG(1, 1))
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			mu.Lock()
			lose := random.IntN(50) == 0
			mu.Unlock()
			if old, _ := s.Get(ctx, r.ID); lose && old.Version == r.Version && r.Check() == nil {
				r.Version++
				return r, nil
			}
			return s.Put(ctx, r)
		}
	}},
}
