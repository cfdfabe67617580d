package purchase

import "slices"

// State is where a purchase stands.
type State string

// The states.
const (
	// Ordering: the order's intent is on record; what the platform made of
	// it is not.
	Ordering State = "ordering"
	// Unpaid: the order exists and has an imprest_code.
	Unpaid State = "unpaid"
	// Paid: the money is there, the goods are not.
	Paid State = "paid"
	// Delivering: the delivery's intent is on record; its outcome is not.
	Delivering State = "delivering"
	// Delivered: the goods were granted.
	Delivered State = "delivered"
	// Expired: nobody paid in time. The imprest_code stays payable, so a late
	// payment is a payment.
	Expired State = "expired"
	// Undeliverable: paid, and the goods will never be granted. The money
	// goes back, if refunds are configured.
	Undeliverable State = "undeliverable"
	// Refunding: the refund's intent is on record; whether money moved is not.
	Refunding State = "refunding"
	// Refunded: the platform said that the money went back.
	Refunded State = "refunded"
	// Attention: a person has to look; Reason says at what.
	Attention State = "attention"
)

// transitions is the whole table: what may follow what.
var transitions = map[State][]State{
	// Straight to Paid when the payment is known before the order's answer
	// is; to Expired when the platform refused the order.
	Ordering:   {Unpaid, Paid, Expired, Attention},
	Unpaid:     {Paid, Expired, Attention},
	Expired:    {Paid, Attention},
	Paid:       {Delivering, Attention},
	Delivering: {Delivered, Undeliverable, Attention},
	// A second payment of the same order.
	Delivered:     {Attention},
	Undeliverable: {Refunding, Attention},
	Refunding:     {Refunded, Attention},
	Refunded:      {Attention},
	// To Paid only while no payment is on record, and to Refunded only after
	// a refund was begun: a genuine notification is what was missing. The
	// others by a person's word, see Service.Resolve.
	Attention: {Paid, Unpaid, Delivering, Delivered, Expired, Refunded},
}

// States returns every state, in the order in which a purchase goes through
// them.
func States() []State {
	return []State{Ordering, Unpaid, Paid, Delivering, Delivered, Expired, Undeliverable, Refunding, Refunded, Attention}
}

// Next returns the states that may follow s.
func (s State) Next() []State { return slices.Clone(transitions[s]) }
