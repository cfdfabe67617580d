package sign

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// parseJSON reads one flat JSON object, strictly: RFC 8259, valid UTF-8, no
// byte order mark, nothing after the object, no nested value, each name once.
//
// encoding/json takes the last of two equal names, replaces invalid UTF-8,
// and turns numbers into floats; each of these would let the merchant and the
// platform read two messages in one.
func parseJSON(body []byte) (Fields, error) {
	r := jsonReader{s: string(body)}
	if r.next() != '{' {
		return nil, malformed("the body is not a JSON object")
	}
	r.i++
	var space [usualFields]Field
	fields, err := r.members(space[:0])
	if err != nil {
		return nil, err
	}
	if r.next(); r.i != len(r.s) {
		return nil, malformed("there is something after the JSON object")
	}
	return fields.sorted()
}

// jsonReader reads s from i on.
type jsonReader struct {
	s string
	i int
}

// next passes over white space and returns the byte behind it, without taking
// it: 0 at the end, which is as wrong as a byte 0 would be.
func (r *jsonReader) next() byte {
	for r.i < len(r.s) {
		c := r.s[r.i]
		if c > ' ' || (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
			return c
		}
		r.i++
	}
	return 0
}

// members reads the fields up to the closing brace, and appends them to fields.
func (r *jsonReader) members(fields Fields) (Fields, error) {
	if r.next() == '}' {
		r.i++
		return fields, nil
	}
	for {
		name, err := r.name()
		if err != nil {
			return nil, err
		}
		if r.next() != ':' {
			return nil, malformed("a colon is missing in the JSON object")
		}
		r.i++
		value, err := r.value()
		if err != nil {
			return nil, err
		}
		if len(fields) == maxFields {
			return nil, malformed("more fields than any message has")
		}
		fields = append(fields, Field{Name: name, Value: value})
		switch r.next() {
		case ',':
			r.i++
		case '}':
			r.i++
			return fields, nil
		default:
			return nil, malformed("the JSON object is not complete")
		}
	}
}

// name reads the name of a field. Nearly all have no escapes, and
// are done with the first look.
func (r *jsonReader) name() (string, error) {
	if r.next() != '"' {
		return "", malformed("a name in the JSON object is not a string")
	}
	start := r.i + 1
	i := nameEnd(r.s, start)
	if i < len(r.s) && r.s[i] == '"' && i > start && i-start <= maxName {
		r.i = i + 1
		return r.s[start:i], nil
	}
	name, err := r.text()
	if err == nil && !nameOK(name) {
		err = errName
	}
	return name, err
}

// value reads a scalar. What follows it (a comma, a brace) is the caller's to
// check, so "truex" is refused there.
func (r *jsonReader) value() (string, error) {
	switch r.next() {
	case '"':
		return r.text()
	case '{', '[':
		return "", malformed("a value is an object or an array: the signature has no rule for it")
	case 't':
		if r.takeWord("true") {
			return "true", nil
		}
	case 'f':
		if r.takeWord("false") {
			return "false", nil
		}
	case 'n':
		if r.takeWord("null") {
			return "", nil
		}
	default:
		return r.number()
	}
	return "", malformed("a value is no JSON")
}

func (r *jsonReader) take(c byte) bool {
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

func (r *jsonReader) takeWord(word string) bool {
	if strings.HasPrefix(r.s[r.i:], word) {
		r.i += len(word)
		return true
	}
	return false
}

// number returns the literal as it stands: 100 and 1e2 are different texts.
func (r *jsonReader) number() (string, error) {
	start := r.i
	r.take('-')
	if !r.take('0') && r.digits() == 0 {
		return "", malformed("a value is no JSON")
	}
	if r.take('.') && r.digits() == 0 {
		return "", malformed("a value is no JSON")
	}
	if r.take('e') || r.take('E') {
		_ = r.take('+') || r.take('-')
		if r.digits() == 0 {
			return "", malformed("a value is no JSON")
		}
	}
	if r.i-start > maxNumber {
		return "", malformed("a number of more than 64 characters")
	}
	return r.s[start:r.i], nil
}

func (r *jsonReader) digits() (n int) {
	for r.i < len(r.s) && r.s[r.i]-'0' <= 9 {
		r.i++
		n++
	}
	return n
}

// text reads a string, whose opening quote is next. One without escapes is a
// piece of the body and costs no memory.
func (r *jsonReader) text() (string, error) {
	s, start := r.s, r.i+1
	wide := false
	for i := start; ; i++ {
		i = plainEnd(s, i)
		if i == len(s) {
			return "", malformed("a string in the JSON object does not end")
		}
		switch c := s[i]; {
		case c == '"':
			r.i = i + 1
			if wide {
				return s[start:i], checkWideText(s[start:i])
			}
			return s[start:i], nil
		case c == '\\':
			return r.escapedText(start, i)
		case c == '&':
			if opensField(s[i+1:]) {
				return "", errAmbiguous
			}
		case c >= utf8.RuneSelf:
			wide = true
			for i+1 < len(s) && s[i+1] >= utf8.RuneSelf {
				i++
			}
		default:
			return "", errControl
		}
	}
}

// escapedText reads on from the first backslash, at s[i].
func (r *jsonReader) escapedText(start, i int) (string, error) {
	s := r.s
	text := append(make([]byte, 0, len(s[start:i])+64), s[start:i]...)
	for i < len(s) {
		c := s[i]
		switch {
		case c == '"':
			r.i = i + 1
			decoded := string(text)
			return decoded, checkText(decoded)
		case c < ' ':
			return "", errControl
		case c != '\\':
			text = append(text, c)
			i++
			continue
		}
		char, size, err := unescape(s[i:])
		if err != nil {
			return "", err
		}
		text = utf8.AppendRune(text, char)
		i += size
	}
	return "", malformed("a string in the JSON object does not end")
}

// unescape reads the escape at the start of s and returns what it stands for
// and its length.
func unescape(s string) (char rune, size int, err error) {
	if len(s) < 2 {
		return 0, 0, malformed("a string in the JSON object does not end")
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2, nil
	case 'b', 'f', 'n', 'r', 't':
		return 0, 0, errControl
	case 'u':
		first, ok := hex4(s[2:])
		if !ok {
			return 0, 0, malformed("an escape in a string is no JSON")
		}
		if !utf16.IsSurrogate(first) {
			return first, 6, nil
		}
		if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
			if second, ok := hex4(s[8:]); ok {
				if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
					return pair, 12, nil
				}
			}
		}
		return 0, 0, malformed("half of a surrogate pair in a string")
	}
	return 0, 0, malformed("an escape in a string is no JSON")
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	var all byte
	for i := range 4 {
		d := hexDigit[s[i]]
		r, all = r<<4|rune(d), all|d
	}
	return r, all != notHex
}
