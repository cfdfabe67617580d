// Package storetest is the conformance suite of [journal.Store]: whoever
// writes a driver runs it, and a driver that passes may keep money. It also has
// the stores that fail on purpose ([Faulty], [Lagging]), for tests of what runs on
// a store.
//
// # Where to start
//
// One test in the package of the driver:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			Open: func(t testing.TB) journal.Store {
//				s, err := mydriver.Open(t.Context(), mydriver.Config{Path: filepath.Join(t.TempDir(), "journal")})
//				require.NoError(t, err)
//				t.Cleanup(func() { s.Close() })
//				return s
//			},
//			Lacks: map[string]string{"Reopen": "to do", "Crash": "to do", "Through": "to do", "PutAll": "to do"},
//		})
//	}
//
// Run it under -race. A case that fails prints the numbered rule of
// [journal.Store] that it stands for; -run 'TestStore/rule_07' runs the cases
// of one rule. It takes some seconds on an engine that writes in a millisecond.
//
// # The hooks
//
// Then give it the hooks of [Harness], one after another. What an engine cannot
// have stands in [Harness.Lacks] with its reason, and is logged; nothing is
// skipped in silence.
//
//   - Reopen: close, and open the same data again.
//   - Share: the same data from a second process, or as from one.
//   - Crash: kill -9. A server is killed and started again, calls under way. An
//     embedded engine runs in a process of its own: [Start] runs the test binary
//     again, which hands its store to [Serve], and [Process.Kill] ends it. The
//     example of [Run] shows both sides.
//   - Through: the same data over a [Link], a TCP proxy that cuts a request off
//     before its effect or after it, keeps the answer, or holds the request back
//     until the caller has tried again. All of these are ErrUnknown.
//
// A store that is a [journal.AtomicStore] runs the cases of its rules, too; one
// that is none says why in Lacks, as "PutAll".
//
// Engines differ in what they promise of Due. A driver whose Due lags says so
// in [Harness.DueLag]; no case asks which driver it runs on.
//
// # What it cannot see
//
// After kill -9 the kernel still has what was never synced. That a write is on
// the disk before Put returns (rule 3) is for the driver's own tests, with strace
// or with a disk that fails.
//
// # Stores that fail on purpose
//
// [Faulty] fails a call as a [Script] says: refused, ErrUnknown before or after
// the effect, or an effect that comes late. [Lagging] has the worst Due that rule
// 7 allows. Both have a PutAll if the store behind them has one, and both pass the suite when they wrap a store that does, so that a
// program which fails on them breaks the contract, and not they.
package storetest
