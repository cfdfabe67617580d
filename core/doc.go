// Package core is the vocabulary that every other package of imprest speaks:
// a transport-free [Request], [Response] and [Handler], a router for them
// ([Routes]), money ([Fen]), secrets that do not print ([Secret]), and errors
// that say what is known about their effect ([Error], [CodeOf], [Retryable]).
//
// # Where to start
//
// Most programs never import this package for its own sake. They build a
// handler with core/callback, mount it with adapters/nethttp, and meet core in
// three places: a [Secret] for the app_key, a [Fen] for an amount, and
// [CodeOf] when an error has to be told apart from another.
//
// # What it guards
//
// Signatures cover exact bytes. A [Request] therefore carries the body as it
// came, and a [Header] that keeps order and repeats, so that no adapter has to
// re-serialise anything. A [Handler] answers and never panics outward; what an
// outsider sees of a failure is one fixed text per class ([Refuse],
// [TryLater]), never the reason.
//
// core imports the standard library alone. It starts no goroutine, keeps no
// global state and reads no clock.
package core
