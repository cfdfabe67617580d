package outward

import (
	"strings"
	"unicode/utf8"
)

// Words makes the other side's own words fit for an error: without characters
// that could play tricks on a terminal or a log, with "***" for each of
// secrets, and cut to limit characters, in this order, so that neither a
// control character nor the cut can hide a part of a secret.
func Words(s string, limit int, secrets ...string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r <= 0x9f) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, s)
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	count := 0
	for i := range s {
		if count == limit {
			return s[:i]
		}
		count++
	}
	return s
}
