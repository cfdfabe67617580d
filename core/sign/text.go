package sign

import "unicode/utf8"

// checkText reports why a decoded name or value is refused: invalid UTF-8, a
// control character (C0, DEL, C1) or U+FEFF. All are invisible, and readers
// differ in what they do with them.
func checkText(s string) error {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			return checkWideText(s[i:])
		}
		if c < ' ' || c == 0x7f {
			return errControl
		}
	}
	return nil
}

func checkWideText(s string) error {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			return errUTF8
		}
		if refusedRune(r) {
			return errControl
		}
		i += size
	}
	return nil
}

func refusedRune(r rune) bool {
	return r < ' ' || (r >= 0x7f && r <= 0x9f) || r == '\ufeff'
}
