package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"unicode/utf8"
)

// What follows is DynamoDB's published arithmetic of capacity, for the requests
// that the programs here make: no transactions, no filters, no parallel scans.

// item is an item as it stands in DynamoDB's JSON: {"id": {"S": "…"}}.
type item map[string]map[string]json.RawMessage

// schema is the form of a table, index that of an index of it.
type schema struct {
	keys    []string
	indexes []index
}

type index struct {
	keys []string
	// all says that the index holds every attribute; else those of holds.
	all   bool
	holds []string
}

func (it item) only(names []string) item {
	kept := item{}
	for _, name := range names {
		if value, ok := it[name]; ok {
			kept[name] = value
		}
	}
	return kept
}

// size is what an item weighs: the bytes of its names and of its values.
func (it item) size() int {
	n := 0
	for name, value := range it {
		n += len(name)
		for kind, raw := range value {
			n += weight(kind, raw)
		}
	}
	return n
}

// weight is the size of a value. A kind that nobody here writes is counted as
// what it says in JSON, which is more than it weighs.
func weight(kind string, raw json.RawMessage) int {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		if kind == "BOOL" || kind == "NULL" {
			return 1
		}
		return len(raw)
	}
	switch kind {
	case "S":
		return len(text)
	case "B":
		return base64.StdEncoding.DecodedLen(len(text)) - strings.Count(text, "=")
	case "N":
		// A byte for two digits, without zeros at either end, and one more; one
		// again for a sign.
		digits := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(text), "0")
		n := (utf8.RuneCountInString(digits)+1)/2 + 1
		if strings.HasPrefix(text, "-") {
			n++
		}
		return n
	}
	return len(raw)
}

// blocks is how many blocks of so many bytes hold size, and one at least.
func blocks(size, bytes int) float64 {
	return math.Max(1, math.Ceil(float64(size)/float64(bytes)))
}

// tableWrite is what a write costs in its table: a unit for each KiB of the item
// before or after it, whichever is larger; no less if its condition failed.
func tableWrite(before, after item) float64 { return blocks(max(before.size(), after.size()), 1<<10) }

// entry is what an index has of an item; nil if it has no such entry.
func (x index) entry(it item) item {
	for _, key := range x.keys {
		if _, ok := it[key]; !ok {
			return nil
		}
	}
	if x.all {
		return it
	}
	return it.only(x.holds)
}

// indexWrite is what a write costs in an index: nothing where neither entry is
// there or they do not differ, one write where an entry comes, goes, or keeps its
// key, and two where the key changes, which removes one entry and makes another.
func indexWrite(x index, before, after item) float64 {
	was, is := x.entry(before), x.entry(after)
	switch {
	case was == nil && is == nil, reflect.DeepEqual(was, is):
		return 0
	case was == nil:
		return blocks(is.size(), 1<<10)
	case is == nil:
		return blocks(was.size(), 1<<10)
	case reflect.DeepEqual(was.only(x.keys), is.only(x.keys)):
		return blocks(max(was.size(), is.size()), 1<<10)
	}
	return blocks(was.size(), 1<<10) + blocks(is.size(), 1<<10)
}

// read is what one read of all these items costs: a unit for each 4 KiB of their
// sum, half of it where the read need not be consistent. To find nothing costs
// what the least item does.
func read(items []item, consistent bool) float64 {
	sum := 0
	for _, it := range items {
		sum += it.size()
	}
	units := blocks(sum, 4<<10)
	if !consistent {
		units /= 2
	}
	return units
}

// figure is a number of units as a table shows it.
func figure(units float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", units), ".0") }
