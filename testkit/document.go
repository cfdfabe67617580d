package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// readDocument reads a signed message: one flat JSON object, and nothing that
// two readers could read in two ways. The error is what err_msg says.
//
// It leans on encoding/json for the grammar and adds what that lets pass:
// repeated names, bad UTF-8, half surrogate pairs. A number keeps its literal,
// since its bytes are what was signed; null is the empty value.
func readDocument(body []byte) ([]field, error) {
	if err := oneReading(body); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("the body is not a JSON object")
	}
	var fields []field
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return nil, fmt.Errorf("the body is not a JSON object")
		}
		if seen[name] {
			return nil, fmt.Errorf("%s: stands there twice", name)
		}
		seen[name] = true
		token, err = decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("%s: cannot be read", name)
		}
		switch value := token.(type) {
		case string:
			fields = append(fields, textField(name, value))
		case json.Number:
			fields = append(fields, bareField(name, value.String()))
		case bool:
			fields = append(fields, bareField(name, strconv.FormatBool(value)))
		case nil:
			fields = append(fields, field{name: name, literal: "null"})
		default:
			return nil, fmt.Errorf("%s: a signed body holds no object or array", name)
		}
	}
	return fields, nil
}

// checkReadings returns an error if the fields of a document could be taken for
// those of another with the same canonical string, or hold what no eye sees:
// the canonical string escapes nothing, so "&name=" in a value is a field to
// who splits it, and readers differ in what they do with control characters
// and U+FEFF.
func checkReadings(fields []field) error {
	name, another := regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`), regexp.MustCompile(`&[A-Za-z0-9_]{1,64}=`)
	for _, f := range fields {
		switch {
		case !name.MatchString(f.name):
			return fmt.Errorf("a name must be 1 to 64 of A-Z, a-z, 0-9 and _, got %.80q", f.name)
		case another.MatchString(f.value):
			return fmt.Errorf("%s: holds \"&name=\", which reads as one more field", f.name)
		case strings.ContainsFunc(f.value, func(r rune) bool { return unicode.IsControl(r) || r == '\uFEFF' }):
			return fmt.Errorf("%s: holds a control character or U+FEFF", f.name)
		}
	}
	return nil
}

// notJSON says what keeps a request from being one with a JSON body; "" is
// nothing.
func notJSON(h http.Header) string {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, hasCharset := params["charset"]
	switch {
	case err != nil || kind != typeJSON || len(h.Values("Content-Type")) > 1:
		return "Content-Type: must be application/json"
	case hasCharset && !strings.EqualFold(charset, "utf-8"):
		return "Content-Type: the charset must be utf-8"
	case h.Get("Content-Encoding") != "":
		return "Content-Encoding: is not understood"
	}
	return ""
}

// oneReading checks what must hold of a body before its values are looked at.
func oneReading(body []byte) error {
	switch {
	case len(body) == 0:
		return fmt.Errorf("the body is empty")
	case !utf8.Valid(body):
		return fmt.Errorf("the body is not UTF-8")
	case !json.Valid(body):
		return fmt.Errorf("the body is not one JSON document")
	case halfPair(body):
		return fmt.Errorf("the body has half a surrogate pair")
	}
	return nil
}

// halfPair reports whether a valid JSON text holds the \u escape of one half
// of a surrogate pair alone. encoding/json reads that as U+FFFD.
func halfPair(body []byte) bool {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++ // on the character after the backslash
		unit, ok := escapedUnit(body[i:])
		if !ok {
			continue
		}
		i += 4 // on the last digit
		if unit < 0xD800 || unit > 0xDFFF {
			continue
		}
		if unit > 0xDBFF || i+2 > len(body) || body[i+1] != '\\' {
			return true
		}
		low, ok := escapedUnit(body[i+2:])
		if !ok || low < 0xDC00 || low > 0xDFFF {
			return true
		}
		i += 6
	}
	return false
}

// escapedUnit reads the "uXXXX" of an escape.
func escapedUnit(b []byte) (uint64, bool) {
	if len(b) < 5 || b[0] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(b[1:5]), 16, 16)
	return unit, err == nil
}

// readObject reads a JSON object that two readers cannot read in two ways,
// however deep, and leaves its members to be read further.
func readObject(body []byte) (map[string]json.RawMessage, error) {
	if err := oneReading(body); err != nil {
		return nil, err
	}
	if name, ok := repeated(body); ok {
		return nil, fmt.Errorf("%s: stands there twice", name)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return nil, fmt.Errorf("the body is not a JSON object")
	}
	return members, nil
}

// repeated returns a name that stands twice in one object of a JSON text.
func repeated(body []byte) (string, bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	type level struct {
		seen  map[string]bool // nil in an array
		value bool            // a value comes next
	}
	var levels []level
	for {
		token, err := decoder.Token()
		if err != nil {
			return "", false // the end: the text is known to be valid
		}
		if n := len(levels); n > 0 && levels[n-1].seen != nil {
			top := &levels[n-1]
			if name, ok := token.(string); ok && !top.value {
				if top.seen[name] {
					return name, true
				}
				top.seen[name] = true
			}
			top.value = !top.value
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{seen: map[string]bool{}})
		case json.Delim('['):
			levels = append(levels, level{})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
		}
	}
}
