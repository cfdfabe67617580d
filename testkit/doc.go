// Package testkit tests merchants: the parts of the outside world that a
// program built with imprest talks to, as fakes that are as strict as their
// published pages, and on a clock that the test moves ([Clock]).
package testkit
