//go:build race

package simulate_test

// raceEnabled says that the race detector is on.
const raceEnabled = true
