package awslambda

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads JSON (RFC 8259) in one pass: what is asked for, in the order in
// which it comes, and passes over the rest, which must be JSON too.
//
// It takes what encoding/json takes, but for this: a text that is no Unicode
// (encoding/json makes U+FFFD of what is no UTF-8 and of half a character, and
// says nothing), members that are asked for and come twice (there the last wins,
// or both are merged), and more than depthLimit brackets within each other (there
// 10,000).
//
// After a fault it is at its end: whatever is asked of it then is not there, and
// every loop comes to an end.
type scanner struct {
	text  []byte
	at    int
	depth int
	fault fault
}

// fault is why a scanner cannot go on.
type fault uint8

const (
	none fault = iota
	// malformed is what is no JSON, or is of another type.
	malformed
	// noText is what is no Unicode.
	noText
)

// depthLimit is how deep an event may be nested. AWS's own have less than ten
// levels; what an authorizer adds is the reader's own.
const depthLimit = 256

func (s *scanner) fail(why fault) {
	if s.fault == none {
		s.fault = why
	}
	s.at = len(s.text)
}

// next passes over white space and returns the byte behind it; 0 at the end.
func (s *scanner) next() byte {
	for s.at < len(s.text) {
		c := s.text[s.at]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.at++
	}
	return 0
}

// end tells whether all was read.
func (s *scanner) end() bool {
	s.next()
	return s.at == len(s.text)
}

// A list is read so, an object with '{' and '}':
//
//	for more := s.open('['); more; more = s.more(']') {
//
// Each turn must read one item, or one name and one value.

func (s *scanner) open(bracket byte) bool {
	if s.next() != bracket || s.depth == depthLimit {
		s.fail(malformed)
		return false
	}
	s.at++
	s.depth++
	return !s.close(bracket + 2) // '{' and '}' are two apart, and so are '[' and ']'
}

func (s *scanner) close(bracket byte) bool {
	if s.next() != bracket {
		return false
	}
	s.at++
	s.depth--
	return true
}

func (s *scanner) more(bracket byte) bool {
	if s.next() == ',' {
		s.at++
		return true
	}
	if !s.close(bracket) {
		s.fail(malformed)
	}
	return false
}

// orNull is open for what may be null.
func (s *scanner) orNull(bracket byte) bool {
	return !s.null() && s.open(bracket)
}

// null reads a null, if there is one.
func (s *scanner) null() bool {
	if s.next() != 'n' {
		return false
	}
	s.literal("null")
	return true
}

func (s *scanner) literal(word string) {
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		s.fail(malformed)
		return
	}
	s.at += len(word)
}

// flag reads true or false; null is false.
func (s *scanner) flag() bool {
	switch s.next() {
	case 't':
		s.literal("true")
		return true
	case 'n':
		s.literal("null")
	default:
		s.literal("false")
	}
	return false
}

// string reads a text and keeps it in a; null is "".
func (s *scanner) string(a *arena) string { return a.keep(s.bytes()) }

// bytes reads a text that is needed only as long as the payload is there; null is
// none.
func (s *scanner) bytes() []byte {
	if s.null() {
		return nil
	}
	return s.quoted().unescaped()
}

// name reads the name of a member, and the colon behind it.
func (s *scanner) name() quoted {
	name := s.quoted()
	if s.next() != ':' {
		s.fail(malformed)
		return quoted{}
	}
	s.at++
	return name
}

// names are the members of an object that are asked for.
type names struct {
	all []string
	// ofLength has, for each length, a bit for each of all that is so long: most
	// names are told apart by that.
	ofLength [32]uint32
}

func namesOf(all ...string) *names {
	n := &names{all: all}
	for i, name := range all {
		n.ofLength[len(name)] |= 1 << i
	}
	return n
}

// find returns which of the names this is, -1 if none. As in encoding/json, names
// that differ in case alone are one.
func (n *names) find(q quoted) int {
	name := q.unescaped()
	if len(name) < len(n.ofLength) {
		for left := n.ofLength[len(name)]; left != 0; left &= left - 1 {
			i := bits.TrailingZeros32(left)
			k := n.all[i]
			if name[0]|0x20 == k[0]|0x20 && (string(name) == k || strings.EqualFold(string(name), k)) {
				return i
			}
		}
	}
	if q.escaped || q.wide { // "ſource" and "source" differ in case alone, and not in length
		return slices.IndexFunc(n.all, func(k string) bool { return strings.EqualFold(string(name), k) })
	}
	return -1
}

// member reads the name of a member and returns it as it is spelled in known; ""
// for another. seen remembers which were there: none may come twice.
func (s *scanner) member(known *names, seen *uint32) string {
	which := known.find(s.name())
	if which < 0 {
		return ""
	}
	if *seen&(1<<which) != 0 {
		s.fail(malformed)
		return ""
	}
	*seen |= 1 << which
	return known.all[which]
}

// skip passes over a value.
func (s *scanner) skip() {
	switch c := s.next(); c {
	case '"':
		s.quoted()
	case '{':
		for more := s.open('{'); more; more = s.more('}') {
			s.name()
			s.skip()
		}
	case '[':
		for more := s.open('['); more; more = s.more(']') {
			s.skip()
		}
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

func (s *scanner) number() {
	if s.next() == '-' {
		s.at++
	}
	// What follows a leading 0 is found by whoever comes next.
	if s.at < len(s.text) && s.text[s.at] == '0' {
		s.at++
	} else {
		s.digits()
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		s.digits()
	}
	if s.at < len(s.text) && s.text[s.at]|0x20 == 'e' {
		s.at++
		if s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
			s.at++
		}
		s.digits()
	}
}

// digits reads one digit at least.
func (s *scanner) digits() {
	from := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	if s.at == from {
		s.fail(malformed)
	}
}

// quoted is what stands between two quotation marks. Its escapes, if it has any,
// are known to be good.
type quoted struct {
	raw []byte // of what is read, and only as long as that is there
	// escaped is whether there are escapes in it, and wide whether there is
	// anything but ASCII besides them.
	escaped, wide bool
}

// quoted reads a text.
func (s *scanner) quoted() (q quoted) {
	if s.next() != '"' {
		s.fail(malformed)
		return quoted{}
	}
	text, from := s.text, s.at+1
	for i := plain(text, from); i < len(text); i = plain(text, i) {
		switch c := text[i]; {
		case c == '"':
			q.raw = text[from:i]
			s.at = i + 1
			return q
		case c == '\\':
			q.escaped = true
			if i+1 < len(text) && text[i+1] == '"' { // most of all, in a body
				i += 2
				continue
			}
			long, why := escape(text[i:])
			if why != none {
				s.fail(why)
				return quoted{}
			}
			i += long
		case c >= utf8.RuneSelf:
			r, long := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && long == 1 {
				s.fail(noText)
				return quoted{}
			}
			q.wide = true
			i += long
		default:
			s.fail(malformed)
			return quoted{}
		}
	}
	s.fail(malformed)
	return quoted{}
}

// Bytes are looked at eight at once: word is the eight that text begins with, the
// first of them lowest. In what below and equal return, the high bit of a byte is set
// if that byte of w is below or equal to c. They can set others too, but only above
// the first, which is all that is looked at.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

func word[T string | []byte](t T) uint64 {
	_ = t[7]
	return uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 | uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
}

// special is equal and below for all that is not plain at once. In a byte below 0x80
// the high bit of b-c says that b < c, and of (b^c)-1 that b is c; in the others it is
// set in w itself.
func special(w uint64) uint64 {
	return (w | (w - ones*' ') | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones)) & highs
}

func below(w uint64, c byte) uint64 { return (w - ones*uint64(c)) &^ w & highs }
func equal(w uint64, c byte) uint64 { return below(w^ones*uint64(c), 1) }
func first(found uint64) int        { return bits.TrailingZeros64(found) / 8 }

// plain returns where the first quotation mark, backslash, control character or
// byte that is not ASCII is, from i on; the length of text if there is none.
func plain[T string | []byte](text T, i int) int {
	for ; i+8 <= len(text); i += 8 {
		w := word(text[i : i+8])
		if found := special(w); found != 0 {
			return i + first(found)
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return i
}

// escape returns how long the escape is that text begins with.
func escape(text []byte) (long int, why fault) {
	if len(text) < 2 {
		return 0, malformed
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, none
	case 'u':
	default:
		return 0, malformed
	}
	r, ok := unit(text)
	switch {
	case !ok:
		return 0, malformed
	case !utf16.IsSurrogate(r):
		return 6, none
	}
	other, ok := unit(text[6:])
	if !ok || utf16.DecodeRune(r, other) == utf8.RuneError {
		return 0, noText
	}
	return 12, none
}

// unit returns the number of the "\u" and four digits that text begins with.
func unit(text []byte) (r rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range text[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescaped returns what q stands for, in memory of its own only if it must.
func (q quoted) unescaped() []byte {
	if !q.escaped {
		return q.raw
	}
	return q.bytes()
}

// bytes returns what q stands for, in memory of its own.
func (q quoted) bytes() []byte {
	if !q.escaped {
		return append([]byte(nil), q.raw...)
	}
	// What is read is never shorter than what is written: there is always room for
	// eight bytes where eight are read.
	raw := q.raw
	to := make([]byte, len(raw))
	n := 0
	for at := 0; at < len(raw); {
		if at+8 <= len(raw) {
			w := word(raw[at : at+8])
			binary.LittleEndian.PutUint64(to[n:], w)
			found := equal(w, '\\')
			if found == 0 {
				n, at = n+8, at+8
				continue
			}
			n, at = n+first(found), at+first(found)
		} else if raw[at] != '\\' {
			to[n] = raw[at]
			n, at = n+1, at+1
			continue
		}
		c := raw[at+1]
		if c == '"' { // most of all, in a body
			to[n] = c
			n, at = n+1, at+2
			continue
		}
		long := 2
		switch c {
		case 'b':
			to[n] = '\b'
		case 'f':
			to[n] = '\f'
		case 'n':
			to[n] = '\n'
		case 'r':
			to[n] = '\r'
		case 't':
			to[n] = '\t'
		case 'u':
			r, _ := unit(raw[at:])
			long = 6
			if utf16.IsSurrogate(r) {
				other, _ := unit(raw[at+6:])
				r, long = utf16.DecodeRune(r, other), 12
			}
			n += utf8.EncodeRune(to[n:], r) - 1
		default:
			to[n] = c
		}
		n, at = n+1, at+long
	}
	return to[:n]
}

// arena makes strings, many in one piece of memory.
type arena struct{ piece strings.Builder }

// pieceSize is enough for a request with a dozen headers.
const pieceSize = 384

// keep returns text as a string.
func (a *arena) keep(text []byte) string {
	from := a.piece.Len()
	if a.piece.Cap()-from < len(text) {
		if len(text) > pieceSize/3 {
			return string(text)
		}
		// The strings that are in the old piece stay there.
		a.piece, from = strings.Builder{}, 0
		a.piece.Grow(pieceSize)
	}
	a.piece.Write(text)
	return a.piece.String()[from:]
}
