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
	if start := strings.TrimLeft(s, " \t\r\n"); start != "" && start[0] == '{' { // no name begins so
		return nil, malformed("the Content-Type says form; the body looks like JSON")
	}
	fields := make(Fields, 0, usualFields)
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
			return nil, errName
		}
		value, err := formText(rawValue)
		if err != nil {
			return nil, err
		}
		if len(fields) == maxFields {
			return nil, malformed("more fields than any message has")
		}
		fields = append(fields, Field{Name: name, Value: value})
	}
	return fields.sorted()
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
			if i+2 >= len(s) || hexDigit[s[i+1]]|hexDigit[s[i+2]] == notHex {
				return "", malformed("an escape in the form is not complete")
			}
			text = append(text, hexDigit[s[i+1]]<<4|hexDigit[s[i+2]])
			i += 2
		default:
			text = append(text, s[i])
		}
	}
	decoded := string(text)
	return decoded, checkText(decoded)
}
