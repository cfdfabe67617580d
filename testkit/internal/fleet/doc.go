// Package fleet runs the functions as a fleet, and looks whether the end is exact:
// several processes of functions/paycallback and functions/reconcile on one
// journal, a platform that tells them of payments again and again, out of order
// and beside forgeries, a warehouse that answers late, fails and cuts
// connections, and SIGKILL at the worst moments.
//
// [Run] is one such run on a [Store]. It is what `make soak` shows at length,
// and what the tests of this package do in small.
//
// What it holds the end against is what the outside saw, never what a process
// said of itself: which notifications were answered "success", what the
// warehouse granted, what the platform paid back, and the journal's records.
//
//	acknowledged                on record, for ever
//	paid                        granted once, or refunded once, or with a person,
//	                            for a reason that the rules allow
//	granted                     paid, and never refunded
//	not paid                    neither granted nor refunded
//	forged, unknown, altered    never "success"
//	posted to the warehouse     never after it was granted, but by a process that
//	                            slept through its lease
//
// A seed fixes what is sold and how each sale is disturbed. When what happens is
// up to the machine: a run is not repeated by its seed.
package fleet
