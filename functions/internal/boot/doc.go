// Package boot makes the deployable functions: environment → configuration →
// wired handlers → whoever brings the events.
//
// # Where to start
//
// [Main] is the whole main of a function. [Load] reads the environment, [Build]
// wires a [Program] on a journal, and a [Target] says what a build has linked:
// each has one file of wiring, so that a Lambda links no SQLite and a server no
// Lambda.
//
// # What it guards
//
// A variable that is missing or bad is one clear line that names it, and exit
// status 2, before anything is served. No value of a secret reaches a line, a log
// or an error. Nothing is asked of the network before the first event, so a
// platform that is down keeps no function from starting.
package boot
