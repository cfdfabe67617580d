// Package sign is the signature of the VVChat platform: strict reading of a
// signed message, its canonical string, the data, base and joint signatures,
// and verification in constant time.
//
// # Where to start
//
// Programs that receive notifications use core/callback, and programs that
// call the platform use core/vvchat; both sign and verify by themselves. This
// package is for who builds or checks a message by hand: [Verify] takes the
// bytes as they came and returns the fields only if the signature holds;
// [Data] signs a list of fields; [Explain] shows what was signed, and tries the
// usual causes of a signature that does not hold: which of them it is comes first.
//
//	fields, err := sign.Verify("application/json", body, appKey)
//
// The page template/guide/signature.md is for who looks for the reason.
//
// # What it guards
//
// The canonical string (k=v joined by &, sorted, not escaped) is ambiguous:
// two documents can share one, and then one signature fits both. Verify
// accepts a document only if its canonical string parses back to exactly that
// document, so it refuses whatever two readers could read in two ways:
// duplicate or odd names, nested values, a value that holds "&name=", control
// characters, invalid UTF-8, anything after the object. Numbers enter as their
// bytes stand; no float is ever made. Nothing in a message chooses the key or
// the algorithm, and no error tells the signature that would have fitted. Explain
// tells more than an error does, so it is for a developer's own machine.
//
// MD5 with the key as suffix is the platform's choice and weak by today's
// measure. Compare what a message says with your own records, use keys of 16
// characters or more, and confirm large amounts by the query call.
//
// sign imports core and the standard library alone.
package sign
