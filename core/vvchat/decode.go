package vvchat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/imprest-go/imprest/core"
)

// object is an answer that nobody signed, by exact field name: encoding/json
// would match "AMOUNT" to a field tagged "amount". Fields that we do not know
// may have any shape.
type object map[string]json.RawMessage

func decodeObject(body []byte) (object, error) {
	var o object
	if err := json.Unmarshal(body, &o); err != nil || o == nil {
		return nil, errors.New("the answer is not a JSON object")
	}
	return o, nil
}

// text returns a string field; a number counts as its literal, null and an
// absent field as "".
func (o object) text(name string) (string, error) {
	raw := o[name]
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	if raw[0] == '"' {
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	}
	if raw[0] == '-' || raw[0]-'0' <= 9 {
		return string(raw), nil
	}
	return "", fmt.Errorf("the field %s of the answer is not a text", name)
}

// int returns an integer field, which may come as a string of digits.
func (o object) int(name string) (int64, error) {
	text, err := o.text(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the field %s of the answer is not an integer", name)
	}
	return n, nil
}

// fen returns an amount.
func (o object) fen(name string) (core.Fen, error) {
	text, err := o.text(name)
	if err != nil {
		return 0, err
	}
	amount, err := core.ParseFen(text)
	if err != nil {
		return 0, fmt.Errorf("the field %s of the answer is not an amount in fen", name)
	}
	return amount, nil
}

// texts fills each target with the field of its name.
func (o object) texts(targets map[string]*string) error {
	for name, target := range targets {
		value, err := o.text(name)
		if err != nil {
			return err
		}
		*target = value
	}
	return nil
}
