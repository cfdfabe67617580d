package awslambda

import (
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads JSON (RFC 8259) in one pass: what is asked for, in the order in
// which it comes, and passes over the rest, which must be JSON too. Texts without
// an escape are parts of the text that is read.
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
	text  string
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
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return c
		}
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
	if s.close(bracket) {
		return false
	}
	if s.next() != ',' {
		s.fail(malformed)
		return false
	}
	s.at++
	return true
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
	if !strings.HasPrefix(s.text[s.at:], word) {
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

// string reads a text; null is "".
func (s *scanner) string() string {
	if s.null() {
		return ""
	}
	return s.quoted().String()
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

// member reads the name of a member and returns it as it is spelled in known; ""
// for another. As in encoding/json, names that differ in case alone are one. seen
// remembers which were there: none may come twice.
func (s *scanner) member(known []string, seen *uint32) string {
	name := s.name().String()
	ascii := isASCII(name)
	for i, k := range known {
		if name == k || (len(name) == len(k) || !ascii) && strings.EqualFold(name, k) {
			if *seen&(1<<i) != 0 {
				s.fail(malformed)
				return ""
			}
			*seen |= 1 << i
			return k
		}
	}
	return ""
}

func isASCII(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
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
	raw     string
	escaped bool
}

// quoted reads a text.
func (s *scanner) quoted() (q quoted) {
	if s.next() != '"' {
		s.fail(malformed)
		return quoted{}
	}
	for i := s.at + 1; ; {
		i = plain(s.text, i)
		switch {
		case i == len(s.text), s.text[i] < ' ':
			s.fail(malformed)
			return quoted{}
		case s.text[i] == '"':
			q.raw = s.text[s.at+1 : i]
			s.at = i + 1
			return q
		}
		q.escaped = true
		long, why := escape(s.text[i:])
		if why != none {
			s.fail(why)
			return quoted{}
		}
		i += long
	}
}

// plain returns where the first quotation mark, backslash or control character
// is, from i on; the length of text if there is none. It looks at eight bytes at
// once.
func plain(text string, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(text); i += 8 {
		t := text[i : i+8]
		w := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 | uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		mark, slash := w^ones*'"', w^ones*'\\'
		// The high bit of a byte of found is set if the byte is 0 after the xor,
		// or below ' '. A borrow can set others, but only above the first, which
		// is all that is looked at.
		found := ((mark-ones)&^mark | (slash-ones)&^slash | (w-ones*' ')&^w) & highs
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

// escape returns how long the escape is that text begins with.
func escape(text string) (long int, why fault) {
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
func unit(text string) (r rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range []byte(text[2:6]) {
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

// String returns what q stands for.
func (q quoted) String() string {
	if !q.escaped {
		return q.raw
	}
	return string(q.bytes())
}

// bytes returns what q stands for, in memory of its own.
func (q quoted) bytes() []byte {
	if !q.escaped {
		return []byte(q.raw)
	}
	to, raw := make([]byte, 0, len(q.raw)), q.raw
	for {
		i := strings.IndexByte(raw, '\\')
		if i < 0 {
			return append(to, raw...)
		}
		to, raw = append(to, raw[:i]...), raw[i:]
		long := 2
		switch c := raw[1]; c {
		case 'b':
			to = append(to, '\b')
		case 'f':
			to = append(to, '\f')
		case 'n':
			to = append(to, '\n')
		case 'r':
			to = append(to, '\r')
		case 't':
			to = append(to, '\t')
		case 'u':
			r, _ := unit(raw)
			long = 6
			if utf16.IsSurrogate(r) {
				other, _ := unit(raw[6:])
				r, long = utf16.DecodeRune(r, other), 12
			}
			to = utf8.AppendRune(to, r)
		default:
			to = append(to, c)
		}
		raw = raw[long:]
	}
}
