package mall

import (
	"encoding/json"
	"fmt"
	"iter"

	"github.com/imprest-go/imprest/core"
)

const (
	// MaxPageSize is the largest page that this package asks for. The cloud
	// does not publish its own limit.
	MaxPageSize = 100
	// MaxPages is how many pages [Client.Orders] and [Client.Subscriptions]
	// ask for at most, so that a cloud that never comes to an end does not
	// keep them for ever.
	MaxPages = 1000
)

// fromPage fills in what a walk may leave out.
func fromPage(pageNo, pageSize int) (int, int) {
	if pageNo == 0 {
		pageNo = 1
	}
	if pageSize == 0 {
		pageSize = MaxPageSize
	}
	return pageNo, pageSize
}

// listing is a page of either kind. A count of 0 is one that did not come.
type listing[T any] struct {
	items                                     []T
	pageNum, pageSize, pageCount, totalRecord int64
}

// walk hands out the items of all pages, each item once.
func walk[T json.Marshaler](operation string, first, size int, get func(pageNo int) (listing[T], error), id func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		fail := func(format string, args ...any) {
			yield(none, &core.Error{Op: opOf(operation), Code: core.CodeUnknown, Safe: true, Err: fmt.Errorf(format, args...)})
		}
		seen := map[string]bool{}
		var skipped, got int64 // items before the first page, and since
		for pageNo := first; ; pageNo++ {
			if pageNo-first >= MaxPages {
				fail("there are more than %d pages: begin again at pageNo %d, or ask for larger pages", MaxPages, pageNo)
				return
			}
			page, err := get(pageNo)
			if err != nil {
				yield(none, err)
				return
			}
			if len(page.items) == 0 {
				return
			}
			if err := page.check(int64(pageNo)); err != nil {
				fail("%w", err)
				return
			}
			news := false
			for _, item := range page.items {
				key := id(item)
				if key == "" {
					text, _ := item.MarshalJSON() // what was read can be written
					key = string(text)
				}
				if seen[key] {
					continue
				}
				seen[key], news = true, true
				if !yield(item, nil) {
					return
				}
			}
			if !news {
				fail("page %d has nothing but what earlier pages had: read the list again", pageNo)
				return
			}
			if pageNo == first {
				skipped = int64(first-1) * int64(min(size, len(page.items)))
			}
			got += int64(len(page.items))
			if page.last(int64(pageNo), int64(size), skipped+got) {
				return
			}
		}
	}
}

// check reports what does not add up in a page that has items.
func (l listing[T]) check(pageNo int64) error {
	switch {
	case l.pageNum != 0 && l.pageNum != pageNo:
		return fmt.Errorf("page %d was asked for, and pageNum is %d: read the list again", pageNo, l.pageNum)
	case l.pageCount < 0 || (l.pageCount != 0 && l.pageCount < pageNo):
		return fmt.Errorf("page %d has items, and pageCount is %d: read the list again", pageNo, l.pageCount)
	case l.totalRecord < 0:
		return fmt.Errorf("page %d has items, and totalRecord is %d: read the list again", pageNo, l.totalRecord)
	}
	return nil
}

// last reports whether no page follows, as far as the cloud says; got is how
// many items there were up to here. Where it says nothing, an empty page will
// tell.
func (l listing[T]) last(pageNo, asked, got int64) bool {
	switch {
	case l.pageCount > 0:
		return pageNo >= l.pageCount
	case l.totalRecord > 0 && l.pageSize > 0:
		// The cloud may have a limit of its own.
		return pageNo*min(l.pageSize, asked) >= l.totalRecord
	case l.totalRecord > 0:
		// The same, and it does not say which.
		return got >= l.totalRecord
	}
	return false
}
