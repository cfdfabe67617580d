// Package requests holds one table of HTTP requests against every transport
// that brings requests to core handlers: net/http, Google's Functions Framework,
// and what AWS Lambda is called by. It is tests alone.
//
// A row says what a client sends and what a handler answers. A transport
// carries it, and whatever it cannot keep is one of its differences, in words:
// with these taken into account, and nothing else, the handler must see what
// was sent and the client must get what was answered. A difference that no row
// needs fails the test, so that none outlives its reason.
//
// A transport joins by a line in transports: one func that carries a request,
// and another for raw bytes if HTTP itself reaches it.
package requests
