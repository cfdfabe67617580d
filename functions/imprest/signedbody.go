package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// withSign returns b with the field sign set to signature. It changes the
// text alone and decodes nothing else, so that numbers keep their spelling
// and a person finds his own document again. b has been read by sign.Parse:
// it is one flat object, or a form, and holds sign at most once.
func withSign(b body, signature string) ([]byte, error) {
	if b.isForm() {
		return formWithSign(b.bytes, signature), nil
	}
	return jsonWithSign(b.bytes, signature)
}

func formWithSign(form []byte, signature string) []byte {
	pairs := strings.Split(string(form), "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err == nil && decoded == "sign" {
			pairs[i] = name + "=" + signature
			return []byte(strings.Join(pairs, "&"))
		}
	}
	return []byte(string(form) + "&sign=" + signature)
}

func jsonWithSign(object []byte, signature string) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	if _, err := decoder.Token(); err != nil { // the opening brace
		return nil, err
	}
	value := `"` + signature + `"`
	// Of the last field: what stands before its name, and between its name
	// and its value. A new field is laid out like it.
	before, between := "", ": "
	end := int(decoder.InputOffset())
	first := end
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		nameEnd := int(decoder.InputOffset())
		if _, err := decoder.Token(); err != nil {
			return nil, err
		}
		valueStart := nameEnd + leading(object[nameEnd:], " \t\r\n:")
		valueEnd := int(decoder.InputOffset())
		if name == "sign" {
			return slices.Concat(object[:valueStart], []byte(value), object[valueEnd:]), nil
		}
		before = string(object[end : end+leading(object[end:], " \t\r\n,")])
		if comma := strings.IndexByte(before, ','); comma >= 0 {
			before = before[comma+1:]
		}
		between = string(object[nameEnd:valueStart])
		end = valueEnd
	}
	if end == first { // no field yet
		return slices.Concat(object[:end], []byte(`"sign":`+value), object[end:]), nil
	}
	return slices.Concat(object[:end], []byte(","+before+`"sign"`+between+value), object[end:]), nil
}

// leading returns how many of the first bytes of text are in set.
func leading(text []byte, set string) int {
	return len(text) - len(bytes.TrimLeft(text, set))
}

// withoutLineEnd returns a form without the line end that an editor or echo
// leaves behind it, and that would be part of its last value.
func withoutLineEnd(form []byte) []byte {
	form = bytes.TrimSuffix(form, []byte("\n"))
	return bytes.TrimSuffix(form, []byte("\r"))
}
