package callback

import (
	"bytes"
	"encoding/json"
	"mime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// maxDepth is how deep an event may be nested. The documented ones have three
// levels.
const maxDepth = 16

// object is a JSON object of one reading. Names are compared exactly, which
// encoding/json does not do for the fields of a struct. The nil object has no
// members.
type object map[string]json.RawMessage

// parseObject reads one JSON object, nested ones included, as package sign
// reads flat ones: valid UTF-8, no byte order mark, no half of a surrogate
// pair, each name once, nothing after the object.
func parseObject(body []byte) (object, error) {
	switch {
	case !utf8.Valid(body):
		return nil, malformed("not valid UTF-8")
	case !json.Valid(body): // refuses a byte order mark, and what follows
		return nil, malformed("the body is not JSON")
	case hasHalfSurrogate(body):
		return nil, malformed("half of a surrogate pair in a string")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := checkNames(decoder, maxDepth); err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil || o == nil {
		return nil, malformed("the body is not a JSON object")
	}
	return o, nil
}

// checkNames reads one value of a valid document, and finds a name that stands
// twice in one object, however it is escaped.
func checkNames(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return malformed("the body is not JSON")
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth == 0 {
		return malformed("the body is nested too deep")
	}
	names := map[any]bool{}
	for d.More() {
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return malformed("the body is not JSON")
			}
			if names[name] {
				return malformed("a field name stands twice")
			}
			names[name] = true
		}
		if err := checkNames(d, depth-1); err != nil {
			return err
		}
	}
	_, err = d.Token() // the end of it
	return err
}

// hasHalfSurrogate reports whether a string of a valid document escapes half of
// a surrogate pair, in whose place encoding/json puts U+FFFD.
func hasHalfSurrogate(body []byte) bool {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		first := escaped(body[i:])
		if first == 0 {
			i++ // an escape of two bytes
			continue
		}
		i += 5
		if !utf16.IsSurrogate(first) {
			continue
		}
		if utf16.DecodeRune(first, escaped(body[i+1:])) == unicode.ReplacementChar {
			return true
		}
		i += 6
	}
	return false
}

// escaped returns what \uXXXX at the start of s stands for; 0 where there is no
// such escape.
func escaped(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0
	}
	n, _ := strconv.ParseUint(string(s[2:6]), 16, 32)
	return rune(n)
}

// object returns a member that is an object, or nil.
func (o object) object(name string) object {
	var inner object
	if json.Unmarshal(o[name], &inner) != nil {
		return nil
	}
	return inner
}

// string returns a member that is a string.
func (o object) string(name string) (text string, ok bool) {
	raw := o[name]
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return "", false
	}
	return text, true
}

// text returns a string, or an integer as its digits stand: a session_type, or
// an id that is all digits, may be either. Anything else is "".
func (o object) text(name string) string {
	if text, ok := o.string(name); ok {
		return text
	}
	literal := string(o[name])
	if _, err := core.ParseFen(literal); err != nil { // the same grammar of integers
		return ""
	}
	return literal
}

// isJSON reports whether a Content-Type, or none, says JSON in UTF-8.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
