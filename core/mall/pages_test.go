package mall_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

// book is a transport with a list of orders or subscriptions in pages.
type book struct {
	answer func(pageNo, pageSize int) (string, error)
	asked  []int
	sizes  []int
}

func (b *book) Call(_ context.Context, _ mall.Caller, _ string, params any) (json.RawMessage, error) {
	var p struct{ PageNo, PageSize int }
	text, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, err
	}
	b.asked, b.sizes = append(b.asked, p.PageNo), append(b.sizes, p.PageSize)
	answer, err := b.answer(p.PageNo, p.PageSize)
	return json.RawMessage(answer), err
}

// page writes a page; counts are the members behind the data.
func page(counts string, ids ...string) string {
	var items []string
	for _, id := range ids {
		items = append(items, fmt.Sprintf(`{"subscribeId":%q,"orderBaseInfo":{"orderId":%q}}`, id, id))
	}
	return `{"data":[` + strings.Join(items, ",") + `]` + counts + `}`
}

// script answers page n with the nth text, and with an empty page behind.
func script(pages ...string) func(int, int) (string, error) {
	return func(pageNo, _ int) (string, error) {
		if pageNo > len(pages) {
			return page(""), nil
		}
		return pages[pageNo-1], nil
	}
}

func gather[T any](seq iter.Seq2[T, error], id func(T) string) (ids []string, err error) {
	for item, failure := range seq {
		if failure != nil {
			err = failure
			continue
		}
		ids = append(ids, id(item))
	}
	return ids, err
}

func shop(t *testing.T, b *book) *mall.Client {
	t.Helper()
	client, err := mall.New(mall.Config{Transport: b})
	require.NoError(t, err)
	return client
}

// both walks orders and subscriptions, which must come to the same.
func both(t *testing.T, pageNo, pageSize int, answer func(int, int) (string, error)) (ids []string, asked []int, err error) {
	t.Helper()
	orders, subscriptions := &book{answer: answer}, &book{answer: answer}
	ids, err = gather(shop(t, orders).Orders(t.Context(), alice, mall.OrderListParams{MallCode: "m", SiteCode: "CN", PageNo: pageNo, PageSize: pageSize}),
		func(o mall.Order) string { return o.BaseInfo.OrderID })
	assert.Equal(t, cap100(pageSize), slices.Compact(orders.sizes))
	if strings.Contains(fmt.Sprint(err), "pageCount") {
		return ids, orders.asked, err // subscriptions have no such member
	}
	again, failure := gather(shop(t, subscriptions).Subscriptions(t.Context(), alice, mall.SubscriptionListParams{MallCode: "m", SiteCode: "CN", PageNo: pageNo, PageSize: pageSize}),
		func(s mall.Subscription) string { return s.SubscribeID })
	assert.Equal(t, ids, again)
	assert.Equal(t, core.CodeOf(err), core.CodeOf(failure))
	return ids, orders.asked, err
}

func cap100(size int) []int {
	if size == 0 {
		return []int{mall.MaxPageSize}
	}
	return []int{size}
}

func TestAllPages(t *testing.T) {
	abc := []string{"a", "b", "c"}
	for name, tt := range map[string]struct {
		pageNo, size int
		pages        []string
		ids          []string
		asked        []int
	}{
		"nothing":                     {0, 0, nil, nil, []int{1}},
		"null":                        {0, 0, []string{`null`}, nil, []int{1}},
		"until an empty page":         {0, 2, []string{page("", "a", "b"), page("", "c")}, abc, []int{1, 2, 3}},
		"a short page is not the end": {0, 2, []string{page("", "a"), page("", "b", "c")}, abc, []int{1, 2, 3}},
		"a total ends them":           {0, 2, []string{page(`,"totalRecord":3`, "a", "b"), page(`,"totalRecord":3`, "c"), page("", "x")}, abc, []int{1, 2}},
		"the cloud's smaller page":    {0, 0, []string{page(`,"totalRecord":3,"pageSize":2`, "a", "b"), page(`,"totalRecord":3,"pageSize":2`, "c"), page("", "x")}, abc, []int{1, 2}},
		"a smaller page, and no word": {0, 0, []string{page(`,"totalRecord":3`, "a"), page(`,"totalRecord":3`, "b"), page(`,"totalRecord":3`, "c"), page("", "x")}, abc, []int{1, 2, 3}},
		"the same from page 2":        {2, 0, []string{page("", "z"), page(`,"totalRecord":4`, "a"), page(`,"totalRecord":4`, "b"), page(`,"totalRecord":4`, "c"), page("", "x")}, abc, []int{2, 3, 4}},
		"from a later page":           {2, 2, []string{page("", "z"), page(`,"totalRecord":5`, "a", "b"), page(`,"totalRecord":5`, "c")}, abc, []int{2, 3}},
		"what slid onto a later page": {0, 2, []string{page("", "a", "b"), page("", "b", "c")}, abc, []int{1, 2, 3}},
		"without ids":                 {0, 0, []string{page("", "", "a")}, []string{"", "a"}, []int{1, 2}},
	} {
		ids, asked, err := both(t, tt.pageNo, tt.size, script(tt.pages...))
		assert.NoError(t, err, name)
		assert.Equal(t, tt.ids, ids, name)
		assert.Equal(t, tt.asked, asked, name)
	}
	// Orders say how many pages there are.
	b := &book{answer: script(page(`,"pageCount":2,"pageNum":1,"totalRecord":9`, "a"), page(`,"pageCount":2,"pageNum":2`, "b"), page("", "x"))}
	ids, err := gather(shop(t, b).Orders(t.Context(), alice, mall.OrderListParams{MallCode: "m", SiteCode: "CN"}), func(o mall.Order) string { return o.BaseInfo.OrderID })
	assert.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, ids)
	assert.Equal(t, []int{1, 2}, b.asked)
}

func TestPagesThatDoNotAddUp(t *testing.T) {
	for says, tt := range map[string]struct {
		pages []string
		ids   []string
	}{
		"page 2 has nothing but what earlier pages had":    {[]string{page("", "a"), page("", "a")}, []string{"a"}},
		"page 3 has nothing but what earlier pages had":    {[]string{page("", "a"), page("", "b"), page("", "a")}, []string{"a", "b"}},
		"page 2 was asked for, and pageNum is 1":           {[]string{page(`,"pageNum":1`, "a"), page(`,"pageNum":1`, "b")}, []string{"a"}},
		"page 1 has items, and pageCount is -1":            {[]string{page(`,"pageCount":-1`, "a")}, nil},
		"page 2 has items, and pageCount is 1":             {[]string{page(`,"pageCount":7`, "a"), page(`,"pageCount":1`, "b")}, []string{"a"}},
		"page 1 has items, and totalRecord is -3":          {[]string{page(`,"totalRecord":-3`, "a")}, nil},
		"result.data[0] is null":                           {[]string{`{"data":[null]}`}, nil},
		"the cloud answered no: code \"429\"":              {[]string{page("", "a"), "429"}, []string{"a"}},
		"there are more than 1000 pages: begin again at p": {nil, nil},
	} {
		answer := script(tt.pages...)
		if tt.pages == nil {
			answer = func(pageNo, _ int) (string, error) { return page("", fmt.Sprint(pageNo)), nil }
		}
		ids, asked, err := both(t, 0, 0, func(pageNo, size int) (string, error) {
			text, err := answer(pageNo, size)
			if text == "429" {
				return "", mall.Refusal("x", "429", "", "")
			}
			return text, err
		})
		assert.ErrorContains(t, err, says)
		assert.True(t, core.Retryable(err), says)
		if tt.pages == nil {
			assert.Len(t, asked, mall.MaxPages)
			assert.Len(t, ids, mall.MaxPages)
			continue
		}
		assert.Equal(t, tt.ids, ids, says)
		assert.LessOrEqual(t, len(asked), len(tt.pages), "nothing is asked behind an error")
	}
}

func TestAWalkAsksForNoMoreThanIsWanted(t *testing.T) {
	b := &book{answer: func(pageNo, _ int) (string, error) { return page("", fmt.Sprint(pageNo), fmt.Sprint(-pageNo)), nil }}
	client := shop(t, b)
	orders := client.Orders(t.Context(), alice, mall.OrderListParams{MallCode: "m", SiteCode: "CN"})
	assert.Empty(t, b.asked, "nothing is asked before the first order is wanted")
	n := 0
	for _, err := range orders {
		require.NoError(t, err)
		if n++; n == 3 {
			break
		}
	}
	assert.Equal(t, []int{1, 2}, b.asked)
	for _, err := range orders { // a walk can be begun again
		require.NoError(t, err)
		break
	}
	assert.Equal(t, []int{1, 2, 1}, b.asked)
}

func TestAWalkEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := startRelay(t, map[string]string{mall.OpGetOrderList: success(page("", "a"))})
	client := newClient(t, mall.ActionConfig{URL: r.URL})
	var failures []error
	for _, err := range client.Orders(ctx, alice, mall.OrderListParams{MallCode: "m", SiteCode: "CN"}) {
		if err == nil {
			cancel()
			continue
		}
		failures = append(failures, err)
	}
	require.Len(t, failures, 1)
	assert.ErrorIs(t, failures[0], context.Canceled)
	assert.Len(t, r.calls(), 1)
}
