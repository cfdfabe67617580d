package simulate

import (
	"bytes"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core/journal"
)

// disk is what is committed: it survives every crash. Its order of due records
// and of ids is exact, the store in front of it makes the trouble.
type disk struct {
	records map[string]*committed
	ids     []string // sorted
	// sum is the same for the same content, whatever the order of the writes.
	sum uint64
}

type committed struct {
	journal.Record
	sum uint64
}

func newDisk() *disk { return &disk{records: map[string]*committed{}} }

func (d *disk) get(id string) (journal.Record, error) {
	c := d.records[id]
	if c == nil {
		return journal.Record{}, journal.ErrNotFound
	}
	return c.own(), nil
}

func (c *committed) own() journal.Record {
	r := c.Record
	r.Body = bytes.Clone(r.Body)
	return r
}

// put returns the record as stored, or the one that is in its way.
func (d *disk) put(r journal.Record) (journal.Record, error) {
	old := d.records[r.ID]
	switch {
	case old == nil && r.Version != 0:
		return journal.Record{}, journal.ErrConflict
	case old != nil && old.Version != r.Version:
		return old.own(), journal.ErrConflict
	}
	r.Body = bytes.Clone(r.Body)
	r.Version++
	r.Due, r.Expires = journal.Millis(r.Due), journal.Millis(r.Expires)
	next := &committed{Record: r}
	next.sum = mix(mix(text(r.ID), uint64(r.Version)), mix(content(r.Body), uint64(instant(r.Due))))
	if old == nil {
		at, _ := slices.BinarySearch(d.ids, r.ID)
		d.ids = slices.Insert(d.ids, at, r.ID)
	} else {
		d.sum -= old.sum
	}
	d.sum += next.sum
	d.records[r.ID] = next
	return next.own(), nil
}

func (d *disk) remove(id string, version int64) error {
	old := d.records[id]
	switch {
	case old == nil:
		return journal.ErrNotFound
	case old.Version != version:
		return journal.ErrConflict
	}
	d.sum -= old.sum
	delete(d.records, id)
	at, _ := slices.BinarySearch(d.ids, id)
	d.ids = slices.Delete(d.ids, at, at+1)
	return nil
}

// due returns the records that are due, the earliest first.
func (d *disk) due(before time.Time, limit int) []journal.Record {
	var found []journal.Record
	for _, id := range d.ids {
		if c := d.records[id]; !c.Due.IsZero() && !c.Due.After(before) {
			found = append(found, c.own())
		}
	}
	slices.SortStableFunc(found, func(a, b journal.Record) int { return a.Due.Compare(b.Due) })
	return found[:min(len(found), max(limit, 0))]
}

// nextDue is when something is due next, or zero.
func (d *disk) nextDue() time.Time {
	var next time.Time
	for _, c := range d.records {
		if !c.Due.IsZero() && (next.IsZero() || c.Due.Before(next)) {
			next = c.Due
		}
	}
	return next
}

func (d *disk) list(prefix, after string, limit int) []journal.Record {
	var found []journal.Record
	at, _ := slices.BinarySearch(d.ids, max(prefix, after))
	for _, id := range d.ids[at:] {
		if len(found) >= limit || !strings.HasPrefix(id, prefix) {
			break
		}
		if id != after {
			found = append(found, d.records[id].own())
		}
	}
	return found
}

func instant(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

var (
	historyMark = []byte(`"history":[`)
	atMark      = []byte(`{"at":"`)
)

// content is the sum of a body, but for the times in a purchase's history:
// they are there for people, and no code goes by them.
func content(body []byte) uint64 {
	from := bytes.Index(body, historyMark)
	if from < 0 {
		return raw(body)
	}
	sum := raw(body[:from])
	for rest := body[from:]; ; {
		at := bytes.Index(rest, atMark)
		if at < 0 {
			return mix(sum, raw(rest))
		}
		at += len(atMark)
		end := bytes.IndexByte(rest[at:], '"')
		if end < 0 {
			return mix(sum, raw(rest))
		}
		sum = mix(sum, raw(rest[:at]))
		rest = rest[at+end:]
	}
}

// hashSeed makes the sums of one process: they are compared with each other,
// and stand in no result.
var hashSeed = maphash.MakeSeed()

func text(s string) uint64 { return maphash.String(hashSeed, s) }
func raw(b []byte) uint64  { return maphash.Bytes(hashSeed, b) }

// mix is the finisher of splitmix64 over two words.
func mix(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 + b + 0x632be59bd9b4e019
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
