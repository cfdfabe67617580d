package sandbox

import (
	"encoding/json"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
)

// offer is one thing that the shop sells.
type offer struct {
	ID string
	// Title is what the platform and the phone show.
	Title string
	// Price is in fen.
	Price core.Fen
	// Goods is kept with the purchase, for whoever delivers.
	Goods json.RawMessage
}

// offers is all that the shop sells, in the order in which it shows it.
func offers() []offer {
	return []offer{
		{ID: "doorbell-voip-1y", Title: "门铃微信通话 1 年 · Doorbell calls in WeChat, 1 year", Price: 3600, Goods: json.RawMessage(`{"kind":"voip","days":365}`)},
		{ID: "cloud-storage-30d", Title: "云存储 30 天 · Cloud storage, 30 days", Price: 990, Goods: json.RawMessage(`{"kind":"cloud-storage","days":30}`)},
		{ID: "camera-data-1g", Title: "摄像机流量 1 GB · Camera data, 1 GB", Price: 500, Goods: json.RawMessage(`{"kind":"data","megabytes":1024}`)},
	}
}

// catalog is the offers as core/purchase asks for them.
func catalog() purchase.Offers {
	all := purchase.Offers{}
	for _, o := range offers() {
		all[o.ID] = purchase.Offer{Title: o.Title, Amount: o.Price, Data: o.Goods}
	}
	return all
}
