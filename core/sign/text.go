package sign

import (
	"math/bits"
	"unicode/utf8"
)

// checkText reports why a decoded value is refused: invalid UTF-8, a control
// character (C0, DEL, C1) or U+FEFF, which are all invisible, and readers differ
// in what they do with them; or "&name=", see [Ambiguous].
func checkText(s string) error {
	if plain(s) {
		return nil
	}
	for i := 0; ; i++ {
		i = plainEnd(s, i)
		if i == len(s) {
			return nil
		}
		switch c := s[i]; {
		case c == '&':
			if opensField(s[i+1:]) {
				return errAmbiguous
			}
		case c >= utf8.RuneSelf:
			if Ambiguous(s[i:]) {
				return errAmbiguous
			}
			return checkWideText(s[i:])
		case c != '"' && c != '\\':
			return errControl
		}
	}
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

// plain reports whether all bytes of s are plain, or quotes or backslashes.
func plain(s string) bool {
	if len(s) < 8 { // spaces stand behind the last bytes
		return oddText(word(s)|each*' '<<(8*len(s))) == 0
	}
	odd := oddText(load8(s[len(s)-8:])) // some of them are in the word before, too
	for ; len(s) > 8; s = s[8:] {
		odd |= oddText(load8(s))
	}
	return odd == 0
}

// plainEnd returns where the plain bytes of s that begin at i end: len(s), or the
// index of the first byte that needs a second look. Plain is what needs none,
// whatever stands around it: visible ASCII and the space, but no quote,
// backslash or ampersand.
func plainEnd(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		if odd := oddBytes(load8(s[i:])); odd != 0 {
			return i + bits.TrailingZeros64(odd)/8
		}
	}
	for i < len(s) && plainByte[s[i]] {
		i++
	}
	return i
}

// nameEnd returns where the bytes of s that begin at i and may stand in a field
// name end.
func nameEnd(s string, i int) int {
	for i < len(s) && nameByte[s[i]] {
		i++
	}
	return i
}

// each × c is c in each of the eight bytes of a word.
const each = 0x0101010101010101

// word returns the first eight bytes of s, the first of them lowest, and zeros
// behind a shorter s.
func word(s string) uint64 {
	switch n := len(s); {
	case n >= 8:
		return load8(s)
	case n >= 4: // two halves, which overlap where they agree
		return load4(s) | load4(s[n-4:])<<(8*(n-4))
	case n >= 1: // the first, the middle and the last of three, two or one
		return uint64(s[0]) | uint64(s[n/2])<<(8*(n/2)) | uint64(s[n-1])<<(8*(n-1))
	}
	return 0
}

// load8 and load4 are loads: the compiler makes one of all the bytes.
func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load4(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

// oddBytes finds the bytes of w that are not plain, all eight at once: the lowest
// bit of what it returns is the top bit of the lowest of them, and 0 says that
// there is none. (Higher bits can be wrong: a subtraction that borrows takes from
// the byte above.)
func oddBytes(w uint64) uint64 {
	quotes := ((w ^ each*'"') - each) | ((w ^ each*'\\') - each)
	return oddText(w) | quotes&(each*0x80)
}

// oddText finds those that are no quotes and no backslashes either.
func oddText(w uint64) uint64 {
	// In a byte below 0x80 the top bit of b-c says that b < c, of (b^c)-1 that b
	// is c, of b+1 that b is DEL. In the others it is set in w itself.
	return (w | (w - each*' ') | (w + each) | ((w ^ each*'&') - each)) & (each * 0x80)
}

// plainByte says of one byte what oddBytes says of eight.
var plainByte = func() (table [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		table[c] = c != '"' && c != '\\' && c != '&'
	}
	return table
}()

// nameByte marks the bytes of a field name.
var nameByte = func() (table [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_" {
		table[c] = true
	}
	return table
}()

// hexDigit is the value of a hexadecimal digit, and notHex for any other byte.
var hexDigit = func() (table [256]byte) {
	for c := range table {
		table[c] = notHex
	}
	for i := range byte(10) {
		table['0'+i] = i
	}
	for i := range byte(6) {
		table['a'+i], table['A'+i] = 10+i, 10+i
	}
	return table
}()

const notHex = 0xff
