// Package sandbox runs a whole world on loopback: a merchant's shop built from
// imprest's own parts, which sells services for devices; a fake VVChat platform
// that is as strict as the real one, with a fake phone to log in, pay, chat and
// share with; and a fake Tuya cloud, where what was paid for is redeemed, with the
// mini program in which a user lets his doorbell call him. It is what
// `imprest sandbox` runs.
//
// # Where to start
//
// [Run] serves until its context ends, or with [Config.Once] runs one purchase
// from login to a doorbell that may call by itself and says how it ended. [FaultList] names the
// faults that can be switched on.
//
// # What it guards
//
// The sandbox is for a developer's own machine. Everything but the shop is
// served on loopback alone, to requests that name a loopback host, so that
// neither the network nor a page in the developer's browser reaches the control
// API. The account is the platform's documented test account: no real key has
// any business here.
package sandbox
