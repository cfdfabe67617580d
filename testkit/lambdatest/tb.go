package lambdatest

// TB is the part of testing.TB that this package uses, so that a program can
// import lambdatest without linking package testing. *testing.T, *testing.B
// and *testing.F satisfy it.
type TB interface {
	// Helper marks the caller as a helper, so that a failure names the line
	// of the test.
	Helper()
	// Fatalf reports a failure and ends the test.
	Fatalf(format string, args ...any)
	// Logf writes a line to the test's log.
	Logf(format string, args ...any)
	// Failed tells whether the test has failed.
	Failed() bool
	// Cleanup runs f when the test has ended.
	Cleanup(f func())
}
