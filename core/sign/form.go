package sign

import "strings"

// parseForm reads an application/x-www-form-urlencoded body, strictly: each
// piece between "&" is name=value, escapes are complete, no ";" stands for a
// separator, each name once. Values are signed decoded.
func parseForm(body []byte) (Fields, error) {
	s := string(body)
	if s == "" {
		return nil, malformed("the body is empty")
	}
	fields := make(Fields, 0, 16)
	for more := true; more; {
		var pair string
		pair, s, more = strings.Cut(s, "&")
		rawName, rawValue, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, malformed("a piece of the form is not name=value")
		}
		name, err := formText(rawName)
		if err != nil {
			return nil, err
		}
		if !nameOK(name) {
			return nil, malformed("a field name is not 1 to 64 of A-Z, a-z, 0-9 and _")
		}
		value, err := formText(rawValue)
		if err != nil {
			return nil, err
		}
		if Ambiguous(value) {
			return nil, errAmbiguous
		}
		if len(fields) == maxFields {
			return nil, malformed("more fields than any message has")
		}
		fields = append(fields, Field{Name: name, Value: value})
	}
	if !fields.sort() {
		return nil, malformed("a field name stands twice")
	}
	return fields, nil
}

// formText decodes percent escapes, and "+" as a space.
func formText(s string) (string, error) {
	if strings.IndexByte(s, ';') >= 0 {
		return "", malformed("a semicolon in the form: some readers take it for a separator")
	}
	if !strings.ContainsAny(s, "%+") {
		return s, checkText(s)
	}
	text := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '+':
			text = append(text, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", malformed("an escape in the form is not complete")
			}
			high, ok1 := hexDigit(s[i+1])
			low, ok2 := hexDigit(s[i+2])
			if !ok1 || !ok2 {
				return "", malformed("an escape in the form is not complete")
			}
			text = append(text, high<<4|low)
			i += 2
		default:
			text = append(text, s[i])
		}
	}
	decoded := string(text)
	return decoded, checkText(decoded)
}
