package sign

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// member is a field as it stands in a body that need not be strict: what
// [Explain] tries causes on. Nothing that it says is ever taken for true.
type member struct {
	Field
	// raw is the value as it is spelled: a JSON string without its quotes, a
	// form's value still encoded, or any other literal.
	raw  string
	kind memberKind
}

type memberKind byte

const (
	kindForm memberKind = iota
	kindText
	kindNumber
	kindBool
	kindNull
	kindNested
)

const byteOrderMark = "\ufeff"

// readLeniently reads what it can of a body, in the order of the body; of two
// equal names it keeps the last, as most readers do. It returns nil where there
// is nothing to be read.
func readLeniently(body string, form bool) []member {
	body = strings.TrimPrefix(body, byteOrderMark)
	var members []member
	add := func(m member) bool {
		if i := slices.IndexFunc(members, func(o member) bool { return o.Name == m.Name }); i >= 0 {
			members = slices.Delete(members, i, i+1)
		}
		members = append(members, m)
		return len(members) < maxFields
	}
	if form {
		for pair := range strings.SplitSeq(body, "&") {
			name, raw, ok := strings.Cut(pair, "=")
			if ok && !add(member{Field{unescapeForm(name, true), unescapeForm(raw, true)}, raw, kindForm}) {
				break
			}
		}
		return members
	}
	r := lenientJSON{s: body}
	if !r.skip('{') {
		return nil
	}
	for {
		name, ok := r.quoted()
		if !ok || !r.skip(':') {
			return members
		}
		m, ok := r.value()
		if !ok {
			return members
		}
		m.Name = unescapeJSON(name)
		if !add(m) || !r.skip(',') {
			return members
		}
	}
}

// lenientJSON cuts a JSON text into its pieces.
type lenientJSON struct {
	s string
	i int
}

func (r *lenientJSON) skip(c byte) bool {
	r.i += len(r.s[r.i:]) - len(strings.TrimLeft(r.s[r.i:], " \t\r\n"))
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

// quoted returns the string that is next, its escapes untouched.
func (r *lenientJSON) quoted() (raw string, ok bool) {
	if !r.skip('"') {
		return "", false
	}
	start := r.i
	for ; r.i < len(r.s); r.i++ {
		switch r.s[r.i] {
		case '\\':
			r.i++
		case '"':
			r.i++
			return r.s[start : r.i-1], true
		}
	}
	return "", false
}

func (r *lenientJSON) value() (m member, ok bool) {
	if raw, ok := r.quoted(); ok {
		return member{Field{Value: unescapeJSON(raw)}, raw, kindText}, true
	}
	start, depth := r.i, 0
	for ; r.i < len(r.s); r.i++ {
		switch c := r.s[r.i]; c {
		case '"':
			if _, ok := r.quoted(); !ok {
				return member{}, false
			}
			r.i--
			continue
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth--; depth >= 0 {
				continue
			}
		case ',':
			if depth > 0 {
				continue
			}
		default:
			continue
		}
		break
	}
	raw := strings.TrimSpace(r.s[start:min(r.i, len(r.s))])
	switch {
	case raw == "" || depth > 0:
		return member{}, false
	case raw == "null":
		return member{raw: raw, kind: kindNull}, true
	case raw == "true" || raw == "false":
		return member{Field{Value: raw}, raw, kindBool}, true
	case raw[0] == '{' || raw[0] == '[':
		return member{Field{Value: raw}, raw, kindNested}, true
	}
	return member{Field{Value: raw}, raw, kindNumber}, true
}

// unescapeJSON decodes the escapes that are some, and leaves the others.
func unescapeJSON(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	text := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 == len(s) {
			text = append(text, s[i])
			i++
			continue
		}
		if at := strings.IndexByte(`"\/bfnrt`, s[i+1]); at >= 0 {
			text = append(text, "\"\\/\b\f\n\r\t"[at])
			i += 2
			continue
		}
		char, ok := hex4(s[min(i+2, len(s)):])
		if s[i+1] != 'u' || !ok {
			text = append(text, s[i])
			i++
			continue
		}
		i += 6
		if utf16.IsSurrogate(char) && strings.HasPrefix(s[i:], `\u`) {
			second, _ := hex4(s[i+2:])
			if pair := utf16.DecodeRune(char, second); pair != utf8.RuneError {
				char = pair
				i += 6
			}
		}
		text = utf8.AppendRune(text, char)
	}
	return string(text)
}

// unescapeForm decodes the percent escapes that are complete, and "+" if plus.
func unescapeForm(s string, plus bool) string {
	text := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+' && plus:
			text = append(text, ' ')
		case s[i] == '%' && i+2 < len(s) && hexDigit[s[i+1]]|hexDigit[s[i+2]] != notHex:
			text = append(text, hexDigit[s[i+1]]<<4|hexDigit[s[i+2]])
			i += 2
		default:
			text = append(text, s[i])
		}
	}
	return string(text)
}

// jsonStyle is how a writer of JSON spells a string.
type jsonStyle struct{ html, unicode, slash, upper bool }

// spell returns s as it stands between the quotes of a JSON string.
func (style jsonStyle) spell(s string) string {
	digits := "0123456789abcdef"
	if style.upper {
		digits = "0123456789ABCDEF"
	}
	text := make([]byte, 0, len(s)+16)
	escape := func(unit uint16) {
		text = append(text, '\\', 'u', digits[unit>>12], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
	}
	for i := 0; i < len(s); {
		char, size := utf8.DecodeRuneInString(s[i:])
		at := strings.IndexByte("\"\\\b\f\n\r\t", s[i])
		switch {
		case at >= 0:
			text = append(text, '\\', `"\bfnrt`[at])
		case char < ' ' || (style.html && (char == '<' || char == '>' || char == '&')):
			escape(uint16(char))
		case char == '/' && style.slash:
			text = append(text, '\\', '/')
		case char >= utf8.RuneSelf && style.unicode && size > 1:
			for _, unit := range utf16.Encode([]rune{char}) {
				escape(unit)
			}
		default:
			text = append(text, s[i:i+size]...)
		}
		i += size
	}
	return string(text)
}
