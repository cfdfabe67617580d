package gcp

import "github.com/imprest-go/imprest/core/purchase"

// offers is what is sold, by id; amounts are in fen. Keep the id of what was ever
// sold: purchases on record name it.
func offers() purchase.Offers {
	return purchase.Offers{
		"voip-1y":     {Title: "VoIP, one year", Amount: 3600},
		"storage-30d": {Title: "Cloud storage, 30 days", Amount: 990},
	}
}
