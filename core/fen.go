package core

import (
	"errors"
	"strconv"
	"strings"
)

// Fen is an amount of money in fen, 1/100 yuan: the unit of every amount on
// the VVChat wire. It marshals to a JSON integer. There is no conversion from
// or to a float.
type Fen int64

// ErrNotFen says that a text is not an exact amount: wrong shape, a fraction
// of a fen, or more than an int64 holds.
var ErrNotFen error = &Error{Op: "core.Fen", Code: CodeInvalid, Err: errors.New("not an exact amount of fen")}

// ParseFen reads an integer of fen as the wire spells it: "0", or digits
// without a leading zero. No sign, no exponent, no space. Anything else is
// [ErrNotFen].
func ParseFen(s string) (Fen, error) {
	if s == "" || len(s) > 19 || (s[0] == '0' && len(s) > 1) {
		return 0, ErrNotFen
	}
	var n uint64
	for i := 0; i < len(s); i++ {
		d := s[i] - '0'
		if d > 9 {
			return 0, ErrNotFen
		}
		n = n*10 + uint64(d) // 19 digits cannot overflow a uint64
	}
	if n > 1<<63-1 {
		return 0, ErrNotFen
	}
	return Fen(n), nil
}

// ParseYuan reads a decimal amount of yuan ("12", "12.3", "12.34", "-0.01")
// exactly. A third decimal must be zero ("12.340" is fine, "12.345" is not);
// an exponent, a thousands separator, a "+" or a space is [ErrNotFen].
func ParseYuan(s string) (Fen, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, hasPoint := strings.Cut(digits, ".")
	if whole == "" || (hasPoint && fraction == "") || (len(whole) > 1 && whole[0] == '0') {
		return 0, ErrNotFen
	}
	if len(fraction) > 2 {
		if strings.Trim(fraction[2:], "0") != "" {
			return 0, ErrNotFen
		}
		fraction = fraction[:2]
	}
	fraction += "00"[:2-len(fraction)]
	digits = strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, nil
	}
	fen, err := ParseFen(digits)
	if err != nil {
		return 0, err
	}
	if negative {
		fen = -fen
	}
	return fen, nil
}

// Yuan returns the amount as a decimal of yuan with two places: 1234 is
// "12.34", -5 is "-0.05".
func (f Fen) Yuan() string {
	sign, n := "", uint64(f)
	if f < 0 {
		sign, n = "-", -n
	}
	cents := strconv.FormatUint(n%100, 10)
	return sign + strconv.FormatUint(n/100, 10) + "." + "00"[:2-len(cents)] + cents
}

// String returns the amount in fen, as the wire spells it: "1234".
func (f Fen) String() string { return strconv.FormatInt(int64(f), 10) }
