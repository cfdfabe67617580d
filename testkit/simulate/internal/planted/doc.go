// Package planted plants bugs, one at a time, and looks whether the simulation
// catches them: a simulation that never failed has not been shown to see
// anything.
package planted
