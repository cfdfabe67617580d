package main

import (
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
)

// offer is one thing that the shop sells.
type offer struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	About string `json:"about"`
	// Price is in fen, 1/100 yuan.
	Price core.Fen `json:"price"`
}

// offers returns what the shop sells, in the order in which the page shows it.
// Keep the id of what was ever sold: purchases on record name it.
func offers() []offer {
	return []offer{
		{ID: "studio-1y", Title: "Studio, one year", About: "A licence key for one person.", Price: 19900},
		{ID: "studio-team", Title: "Studio for a team, one year", About: "A licence key for up to ten people.", Price: 99000},
		{ID: "fonts", Title: "Font pack", About: "A licence key that does not end.", Price: 990},
	}
}

// catalog is the offers as purchases ask for them. The price comes from here,
// never from a request.
func catalog() purchase.Offers {
	all := purchase.Offers{}
	for _, o := range offers() {
		all[o.ID] = purchase.Offer{Title: o.Title, Amount: o.Price}
	}
	return all
}
