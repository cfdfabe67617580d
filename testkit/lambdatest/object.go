package lambdatest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// member is one member of a JSON object, as it was written.
type member struct {
	name string
	raw  json.RawMessage
}

type members []member

func (o members) has(name string) bool {
	for _, m := range o {
		if m.name == name {
			return true
		}
	}
	return false
}

var errNoObject = errors.New("not a JSON object")

// readObject reads one object with its members in order, names compared to the
// letter. A repeated member is an error, since two readers could take two of
// them; so is anything after the object.
func readObject(text []byte) (members, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	token, err := decoder.Token()
	if err != nil || token != json.Delim('{') {
		return nil, errNoObject
	}
	read := members{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, errNoObject
		}
		m := member{name: name.(string)} // before a colon the decoder takes texts alone
		if read.has(m.name) {
			return nil, fmt.Errorf("there are two members %q", m.name)
		}
		if err := decoder.Decode(&m.raw); err != nil {
			return nil, errNoObject
		}
		read = append(read, m)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errNoObject
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return read, nil
}

var errNoText = errors.New("not a text")

// readString reads a JSON string; null is none.
func readString(raw json.RawMessage) (string, error) {
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil || text == nil {
		return "", errNoText
	}
	return *text, nil
}

// readStrings reads an array of JSON strings; null is none.
func readStrings(raw json.RawMessage) ([]string, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		return nil, errNoText
	}
	all := make([]string, 0, len(items))
	for _, item := range items {
		text, err := readString(item)
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}
