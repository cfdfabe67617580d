package mall

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/imprest-go/imprest/core"
)

var errNotExact = errors.New("is not an exact number")

// maxNumber is how long the text of a number may be: no amount and no time
// needs more.
const maxNumber = 40

// exactInteger returns the decimal number s times 10^places, if that is an
// integer of 63 bits and a sign. s is what JSON calls a number: a plain
// decimal, or one with an exponent, which is moved digit by digit.
func exactInteger(s string, places int) (int64, error) {
	if len(s) > maxNumber || s == "" || (s[0] != '-' && s[0]-'0' > 9) || !json.Valid([]byte(s)) {
		return 0, errNotExact // what is valid JSON and begins so is a number, perhaps with a space behind it
	}
	unsigned, negative := strings.CutPrefix(s, "-")
	mantissa, exponent := unsigned, 0
	if i := strings.IndexAny(unsigned, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(unsigned[i+1:]); err != nil {
			return 0, errNotExact
		}
		mantissa = unsigned[:i]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, nil
	}
	switch shift := places + exponent - len(fraction); {
	case shift > maxNumber || shift < -maxNumber:
		return 0, errNotExact
	case shift >= 0:
		digits += strings.Repeat("0", shift)
	default:
		cut := max(0, len(digits)+shift)
		if strings.Trim(digits[cut:], "0") != "" {
			return 0, errNotExact
		}
		digits = digits[:cut]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, errNotExact
	}
	if negative {
		n = -n
	}
	return n, nil
}

// isNumber reports whether raw, which is valid JSON, is a number.
func isNumber(raw []byte) bool { return len(raw) > 0 && (raw[0] == '-' || raw[0]-'0' <= 9) }

// numberText returns the literal of a number, or the text of a string.
// null and the empty string are "".
func numberText(raw []byte) (string, error) {
	switch {
	case string(raw) == "null":
		return "", nil
	case isNumber(raw):
		return string(raw), nil
	case len(raw) > 0 && raw[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	}
	return "", errors.New("is neither a number nor a text")
}

// integer reads a number, a string of one, or null and "", which are 0.
func integer(raw []byte) (int64, error) {
	text, err := numberText(raw)
	if err != nil || text == "" {
		return 0, err
	}
	n, err := exactInteger(text, 0)
	if err != nil {
		return 0, errors.New("is not an integer")
	}
	return n, nil
}

// Money is an amount as the cloud spells it. Its documentation calls an amount
// a number, its examples show {"Value": "0.01"}: a decimal of the currency's
// unit (yuan). Money reads a JSON number, a string with a decimal, or such an
// object, exactly: what is no whole number of fen is an error, never rounded.
// No float is involved. It encodes to the very form it was read from.
//
// The zero value is no amount at all, which is not the same as free:
// see [Money.Given].
type Money struct {
	// Fen is the amount in 1/100 of the currency's unit.
	Fen core.Fen
	// wire is the JSON that Fen was read from; "" for none.
	wire string
}

// NewMoney returns an amount, which encodes as the cloud's examples do:
// {"Value": "0.01"}.
func NewMoney(amount core.Fen) Money {
	return Money{Fen: amount, wire: valueObject(amount)}
}

func valueObject(amount core.Fen) string { return `{"Value":"` + amount.Yuan() + `"}` }

// Given reports whether there is an amount: it is false where the cloud sent
// none, or null.
func (m Money) Given() bool {
	if m.Fen != 0 {
		return true
	}
	_, given, _ := readMoney([]byte(m.wire)) // what is no amount is none
	return given
}

// String returns the amount as a decimal with two places, or "" if none is
// given.
func (m Money) String() string {
	if !m.Given() {
		return ""
	}
	return m.Fen.Yuan()
}

// UnmarshalJSON reads an amount in any of the cloud's forms.
func (m *Money) UnmarshalJSON(data []byte) error {
	amount, _, err := readMoney(data)
	if err != nil {
		return err
	}
	*m = Money{Fen: amount}
	if string(data) != "null" {
		m.wire = string(compact(data))
	}
	return nil
}

func readMoney(data []byte) (amount core.Fen, given bool, err error) {
	raw := json.RawMessage(data)
	if len(raw) > 0 && raw[0] == '{' {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(raw, &object); err != nil {
			return 0, false, err
		}
		value, ok := object["Value"]
		if !ok {
			return 0, false, errors.New(`is an amount without "Value"`)
		}
		raw = value
	}
	text, err := numberText(raw)
	if err != nil || text == "" {
		return 0, false, err
	}
	n, err := exactInteger(text, 2)
	if err != nil {
		return 0, false, core.ErrNotFen
	}
	return core.Fen(n), true, nil
}

// MarshalJSON returns the form that the amount was read from, unless Fen was
// changed since; then, and for an amount made by hand, {"Value": "0.01"}; and
// null for no amount.
func (m Money) MarshalJSON() ([]byte, error) {
	if amount, _, err := readMoney([]byte(m.wire)); m.wire != "" && err == nil && amount == m.Fen {
		return []byte(m.wire), nil
	}
	if !m.Given() {
		return []byte("null"), nil
	}
	return []byte(valueObject(m.Fen)), nil
}
