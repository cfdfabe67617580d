package core

import (
	"fmt"
	"io"
)

// base32 without padding: no two letters that look alike in most fonts, no
// digit 0 or 1, safe in every id, URL and file name of the protocol.
const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// RandomText returns n characters of A-Z and 2-7 read from r, five random
// bits each: 26 characters hold 130 bits. r is crypto/rand.Reader outside of
// tests.
func RandomText(r io.Reader, n int) (string, error) {
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", &Error{Op: "core.RandomText", Code: CodeInternal, Err: fmt.Errorf("no randomness to be had: %w", err)}
	}
	for i := range text {
		text[i] = idAlphabet[text[i]&31]
	}
	return string(text), nil
}
