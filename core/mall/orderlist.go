package mall

import (
	"context"
	"encoding/json"
	"iter"
)

// OrderListParams is what [Client.GetOrderList] needs. seeds: 003,
// "getOrderList".
type OrderListParams struct {
	// MallCode and SiteCode are those of [Client.GetAppMallInfo].
	MallCode string `json:"mallCode" validate:"required,id"`
	SiteCode string `json:"siteCode" validate:"required,id"`
	// SearchKey picks the orders with this text, at most 128 characters; ""
	// is all.
	SearchKey string `json:"searchKey,omitempty" validate:"plain,max=128"`
	// OrderStatusList picks the orders with these statuses, at most 32; nil
	// is all.
	OrderStatusList []OrderStatus `json:"orderStatusList,omitempty" validate:"max=32,dive,required,id"`
	// PageNo counts from 1, PageSize is 1 to [MaxPageSize].
	PageNo   int `json:"pageNo" validate:"gte=1"`
	PageSize int `json:"pageSize" validate:"gte=1,lte=100"`
}

func (p OrderListParams) subject() string { return p.MallCode }

// OrderPage is one page of orders. seeds: 003, "getOrderList".
type OrderPage struct {
	Data []Order `json:"data"`
	// PageCount is how many pages there are, TotalRecord how many orders.
	PageCount   int64 `json:"pageCount"`
	PageNum     int64 `json:"pageNum"`
	PageSize    int64 `json:"pageSize"`
	TotalRecord int64 `json:"totalRecord"`
	// Empty is in the example alone.
	Empty bool `json:"empty,omitzero"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a page of orders.
func (p *OrderPage) UnmarshalJSON(data []byte) error { return readObject(data, p, &p.Extra, &p.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (p OrderPage) MarshalJSON() ([]byte, error) { return writeObject(p, p.Extra, p.kept) }

// GetOrderList returns one page of the caller's orders; [Client.Orders] walks
// all of them. seeds: 003, "getOrderList".
func (c *Client) GetOrderList(ctx context.Context, caller Caller, p OrderListParams) (OrderPage, error) {
	return read[OrderPage](ctx, c, caller, OpGetOrderList, p, nil)
}

// Orders walks the caller's orders from page p.PageNo on (0 is the first), with
// p.PageSize orders to a call (0 is [MaxPageSize]), one call at a time. Nothing
// is asked before the first order is wanted, nor after the loop is left. ctx
// bounds the whole walk.
//
// An order that moves to a later page meanwhile, because new ones came in
// front of it, is not handed out twice. An error ends the walk, and the orders
// before it are good. It is that of the call; or, with core.CodeUnknown and
// core.Retryable, that the pages do not add up: one that answers for another
// number, one that has nothing but what was there before, a count that is
// negative or was reached long ago, more than [MaxPages] pages.
func (c *Client) Orders(ctx context.Context, caller Caller, p OrderListParams) iter.Seq2[Order, error] {
	p.PageNo, p.PageSize = fromPage(p.PageNo, p.PageSize)
	return walk(OpGetOrderList, p.PageNo, p.PageSize, func(pageNo int) (listing[Order], error) {
		at := p
		at.PageNo = pageNo
		page, err := c.GetOrderList(ctx, caller, at)
		return listing[Order]{items: page.Data, pageNum: page.PageNum, pageSize: page.PageSize, pageCount: page.PageCount, totalRecord: page.TotalRecord}, err
	}, func(o Order) string { return o.BaseInfo.OrderID })
}
