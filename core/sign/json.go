package sign

import (
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
	r.space()
	if !r.take('{') {
		return nil, malformed("the body is not a JSON object")
	}
	fields := make(Fields, 0, 16)
	r.space()
	if !r.take('}') {
		for {
			r.space()
			name, err := r.text()
			if err != nil {
				return nil, err
			}
			if !nameOK(name) {
				return nil, malformed("a field name is not 1 to 64 of A-Z, a-z, 0-9 and _")
			}
			r.space()
			if !r.take(':') {
				return nil, malformed("a colon is missing in the JSON object")
			}
			r.space()
			value, err := r.value()
			if err != nil {
				return nil, err
			}
			if len(fields) == maxFields {
				return nil, malformed("more fields than any message has")
			}
			fields = append(fields, Field{Name: name, Value: value})
			r.space()
			if r.take(',') {
				continue
			}
			if r.take('}') {
				break
			}
			return nil, malformed("the JSON object is not complete")
		}
	}
	r.space()
	if r.i != len(r.s) {
		return nil, malformed("there is something after the JSON object")
	}
	if !fields.sort() {
		return nil, malformed("a field name stands twice")
	}
	return fields, nil
}

type jsonReader struct {
	s string
	i int
}

func (r *jsonReader) space() {
	for r.i < len(r.s) {
		switch r.s[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

func (r *jsonReader) take(c byte) bool {
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

func (r *jsonReader) takeWord(word string) bool {
	if len(r.s)-r.i >= len(word) && r.s[r.i:r.i+len(word)] == word {
		r.i += len(word)
		return true
	}
	return false
}

// value reads a scalar. What follows it (a comma, a brace) is the caller's to
// check, so "truex" is refused there.
func (r *jsonReader) value() (string, error) {
	if r.i == len(r.s) {
		return "", malformed("the JSON object is not complete")
	}
	switch r.s[r.i] {
	case '"':
		value, err := r.text()
		if err == nil && Ambiguous(value) {
			err = errAmbiguous
		}
		return value, err
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

// text reads a string. One without escapes is a piece of the body and costs
// no memory.
func (r *jsonReader) text() (string, error) {
	if !r.take('"') {
		return "", malformed("a name in the JSON object is not a string")
	}
	s, start := r.s, r.i
	wide := false
	for i := start; i < len(s); i++ {
		c := s[i]
		if plainByte[c] {
			continue
		}
		switch {
		case c == '"':
			r.i = i + 1
			if wide {
				if err := checkWideText(s[start:i]); err != nil {
					return "", err
				}
			}
			return s[start:i], nil
		case c == '\\':
			return r.escapedText(start, i)
		case c >= utf8.RuneSelf:
			wide = true
		default:
			return "", errControl
		}
	}
	return "", malformed("a string in the JSON object does not end")
}

// plainByte marks the bytes of a string that need no second look.
var plainByte = func() (table [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

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
	for i := range 4 {
		d, ok := hexDigit(s[i])
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
