// Package nethttp joins core handlers and net/http, both ways.
//
// # Where to start
//
// [Wrap] turns a core.Handler (what callback.Payment, login.Login.Routes or
// core.Routes give you) into an http.Handler, to be mounted in the mux that
// you have, or in the router of a framework (template/guide/mount.md):
//
//	mux.Handle("/callbacks/", nethttp.Wrap(callbacks))
//
// A program without a mux of its own is one line: [Start]. A server that is
// yours to keep, with time-outs that a public address needs, is [NewServer];
// [Serve] runs it until a context ends and lets requests that are under way
// finish. [FromHTTP] goes the other way: your own mux rides along wherever
// core handlers run, AWS Lambda included.
//
// # What it guards
//
// Bytes pass as they came. Signatures cover exact bytes, so the body, the path
// as it stood on the request line, the query and every repeated header line
// reach the handler unchanged; and an answer leaves with the headers that it
// holds, without a Content-Type guessed from its body. A body is read up to a
// limit before the handler is called, so that no handler sees half a body or
// has to bound one, and it has to arrive in time whatever server it comes by;
// the context of a handler has a deadline. A handler that panics or returns
// nothing is an answer of 500 with a fixed text, not a dropped connection.
//
// Two things that net/http takes away before any handler can see them are not
// there: the order of header lines with different names (they come sorted by
// name), and the "?" of an empty query. Note, too, that an http.ServeMux in
// front redirects a path that holds "//" or "..": mount Wrap directly where
// such paths have to arrive.
//
// nethttp imports core and the standard library alone.
package nethttp
