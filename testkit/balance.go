package testkit

import (
	"errors"

	"github.com/imprest-go/imprest/core"
)

// ErrInsufficientBalance says that the user has less than the order costs.
// Nothing was booked: the order can still be paid. Its code is
// core.CodeRefused.
var ErrInsufficientBalance error = &core.Error{Op: "testkit.Platform.Pay", Code: core.CodeRefused, Err: errors.New("the user's balance is less than the amount")}

// SetBalance says how much a user has, in fen; from then on it is limited, and
// each payment takes from it. It reports whether there is such a user, and fen is
// not negative. An empty openID is the first user's.
func (p *Platform) SetBalance(openID string, fen core.Fen) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	user, ok := p.user(openID)
	if !ok || fen < 0 {
		return false
	}
	p.balances[user.OpenID] = fen
	return true
}

// Balance returns how much a user has, in fen. limited is false for a user who
// can pay anything, as all can at first.
func (p *Platform) Balance(openID string) (fen core.Fen, limited bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if user, ok := p.user(openID); ok {
		fen, limited = p.balances[user.OpenID]
	}
	return fen, limited
}

// spend takes amount from a user, if he has it. It is called with the lock held.
func (p *Platform) spend(openID string, amount core.Fen) bool {
	balance, limited := p.balances[openID]
	if limited && balance < amount {
		return false
	}
	if limited {
		p.balances[openID] = balance - amount
	}
	return true
}
