// Package simulate plays purchases through everything that can go wrong, one
// schedule after the other, and says which schedule breaks a promise.
//
// The code that runs is the code that ships: purchase.Service on both its rails,
// the handlers of package callback with notifications that are genuinely signed,
// several processes on one journal. Simulated is what is outside of it: the disk,
// the platform, Tuya's mall, the goods, the clock, and when each call happens. Nothing runs in
// parallel and nothing waits, so a run is the list of its choices, and the same
// list is the same run. Of the two processes one has a journal that writes several
// records at once (journal.AtomicStore), and the other writes one after the other,
// as an older program beside it does: both ways, and how they meet, are in every
// scenario.
//
// # Where to start
//
// A merchant who wrote a purchase.Deliverer hands it to [Test] and reads what
// comes out. [Explore] plays every schedule up to a bound, [Random] one for each
// seed; their error is a *[Failure], whose Schedule shows the run line by line,
// and whose Choices make [Replay] play it again, in a debugger if need be.
//
// # What can go wrong
//
// Each call to the journal, the platform, or the goods is a choice point. There
// the run goes on; or another actor runs first (a buyer, the platform with a
// notification or its duplicate, a sweeper of another process, a stranger with a
// message that is none, the clock); or a fault happens: the process dies before
// or after the effect with everything that it had in memory, the request or the
// reply is lost, the effect comes when the caller has given up, the call fails
// cleanly, Due lags behind, comes in the wrong order or shows what is done, an
// answer to the platform gets lost. In the mall the list of orders lags and comes in
// pages, prices change, and people order and pay in Tuya's app beside us. When all actors are done, faults are off, and
// what is left undone must be settled by a bounded number of sweeps.
//
// # What must hold
//
// Goods are granted at most once, and never without a genuine payment; money goes
// back at most once, and never for what was granted; what is answered "success" is
// on disk, and stays there; versions grow by one; only the transitions of
// purchase.State happen; with faults off every paid purchase settles; and what the
// records say in the end is what happened.
//
// On the mall rail: an order proves one purchase for ever; a purchase is delivered
// only for an order of its own caller, device and SKU that is paid and was not there
// before; one purchase is open for each of these; an order whose answer was lost is
// never made again; nothing to pay by is handed out above the price that the buyer
// saw; nothing paid is forgotten; and a person is asked only where nobody can tell.
// Nothing that made a service longer, a code or another order, passes for a delivery
// that has not happened.
//
// # How much is explored
//
// An exploration skips what it has seen: it ends a run at a moment that is equal
// to one which was met with as many faults and pre-emptions to spend. Moments are
// told apart by what is on disk and outside, by the time, and by what each actor
// has learnt in what it is doing: the same code goes on in the same way from
// there. So a Deliverer or a wrapper must do the same whenever it is told the
// same: no time but [World.Now], no randomness but [World.Read], no goroutines, no
// ranging over maps into calls.
//
// The package imports neither package testing nor an assertion library.
package simulate
