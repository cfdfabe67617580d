//go:build unix

package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// What must be found is found, and what the rules allow is no fault.
func TestTheJudge(t *testing.T) {
	one, other := testkit.Payment{TradeNo: "t1"}, testkit.Payment{TradeNo: "t2"}
	paidBy := &purchase.Payment{TradeNo: "t1"}
	done := testkit.Payout{Status: testkit.PayoutDone}
	granted := seen{plan: grants, payments: []testkit.Payment{one}, acknowledged: []string{"t1"}, granted: true,
		record: purchase.Purchase{State: purchase.Delivered, Payment: paidBy}}
	refused := seen{plan: refuses, payments: []testkit.Payment{one}, acknowledged: []string{"t1"}, payouts: []testkit.Payout{done},
		record: purchase.Purchase{State: purchase.Refunded, Payment: paidBy}}
	nobody := seen{plan: grants, record: purchase.Purchase{State: purchase.Unpaid}}
	doubled := granted
	doubled.payments = []testkit.Payment{one, other}
	doubled.record = purchase.Purchase{State: purchase.Attention, Payment: paidBy, Surplus: []purchase.Payment{{TradeNo: "t2"}},
		Reason: "delivered, and paid more than once, trade_no t2: pay it back"}
	type is struct{ fault, lost, double, open bool }
	for name, tt := range map[string]struct {
		of     seen
		change func(*seen)
		want   is
	}{
		"granted":                      {of: granted},
		"refunded":                     {of: refused},
		"nobody paid":                  {of: nobody},
		"paid twice":                   {of: doubled},
		"found by a query":             {of: granted, change: func(s *seen) { s.acknowledged = nil }},
		"nobody paid in time":          {of: nobody, change: func(s *seen) { s.record.State = purchase.Expired }},
		"a refund that a crash left":   {of: refused, change: attention("the refund Rx may have been sent: look whether money moved, it is not sent again")},
		"a refund that was cut off":    {of: refused, change: attention("the refund Rx was sent, and this came of it: vvchat.Payout: no answer")},
		"acknowledged, and forgotten":  {granted, func(s *seen) { s.record.Payment = nil; s.record.State = purchase.Unpaid; s.granted = false }, is{true, true, false, false}},
		"the second one forgotten":     {doubled, func(s *seen) { s.record.Surplus = nil; s.acknowledged = []string{"t1", "t2"} }, is{true, true, false, false}},
		"its record is gone":           {granted, func(s *seen) { s.missing = true }, is{true, true, false, false}},
		"paid, and unpaid":             {granted, func(s *seen) { s.record.Payment = nil; s.acknowledged = nil; s.granted = false }, is{true, true, false, true}},
		"paid, and not granted yet":    {granted, func(s *seen) { s.granted = false; s.record.State = purchase.Delivering }, is{true, true, false, true}},
		"delivered in name":            {granted, func(s *seen) { s.granted = false }, is{true, true, false, false}},
		"granted, and given up":        {granted, attention("8 attempts at delivering came to no good end"), is{true, true, false, true}},
		"not granted, and given up":    {granted, func(s *seen) { s.granted = false; s.record.State = purchase.Attention }, is{true, true, false, true}},
		"refunded, and no money moved": {refused, func(s *seen) { s.payouts = nil }, is{true, true, false, false}},
		"money moved, and nobody says": {refused, func(s *seen) {
			s.record.State = purchase.Attention
			s.record.Reason = "the refund Rx may have been sent: look whether money moved"
		}, is{true, true, false, true}},
		"granted and refunded":        {refused, func(s *seen) { s.granted = true }, is{true, false, true, false}},
		"refunded twice":              {refused, func(s *seen) { s.payouts = append(s.payouts, done) }, is{true, false, true, false}},
		"posted after it was granted": {granted, func(s *seen) { s.doubles = 1 }, is{true, false, true, false}},
		"granted for nothing":         {nobody, func(s *seen) { s.granted = true }, is{true, false, false, false}},
		"paid by a forgery":           {nobody, func(s *seen) { s.record = granted.record }, is{true, false, false, false}},
		"paid by a forgery as well":   {granted, func(s *seen) { s.record.Surplus = []purchase.Payment{{TradeNo: "forged"}} }, is{true, false, false, false}},
		"success for a lie":           {granted, func(s *seen) { s.offences = []string{"a notification was answered 200"} }, is{true, false, false, false}},
		"a leap of state": {granted, func(s *seen) {
			s.record.History = []purchase.Event{{At: time.Unix(1, 0), State: purchase.Unpaid}, {At: time.Unix(2, 0), State: purchase.Delivered}}
		}, is{true, false, false, false}},
		"paid twice, and nobody called": {doubled, func(s *seen) { s.record.State = purchase.Delivered }, is{true, true, false, true}},
		"no money back, and no reason":  {refused, func(s *seen) { s.payouts = nil; s.record.State = purchase.Attention }, is{true, true, false, true}},
	} {
		of := tt.of
		if tt.change != nil {
			tt.change(&of)
		}
		fault := judge(of)
		assert.Equal(t, tt.want, is{fault.what != "", fault.lost, fault.double, fault.open}, "%s: %s", name, fault.what)
	}
}

func attention(reason string) func(*seen) {
	return func(s *seen) {
		s.payouts, s.record.State, s.record.Reason = nil, purchase.Attention, reason
	}
}
