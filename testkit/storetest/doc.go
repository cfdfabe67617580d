// Package storetest is the conformance suite of [journal.Store]: whoever
// writes a driver runs it, and a driver that passes may keep money.
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
//		})
//	}
//
// Run it under -race. A case that fails prints the numbered rule of
// [journal.Store] that it stands for; -run 'TestStore/rule_07' runs the cases
// of one rule.
//
// # What it cannot see
//
// A suite in the same process sees no power failure. That a write is on the
// disk before Put returns (rule 3) is for the driver's own tests, with kill -9
// and strace; here [Harness.Reopen] only shows that nothing lives in memory
// alone.
//
// Engines differ in what they promise of Due. A driver whose Due lags says so
// in [Harness.DueLag]; no case asks which driver it runs on.
package storetest
