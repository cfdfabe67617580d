package sign

import (
	"crypto/md5"
	"crypto/subtle"
	"errors"
	"mime"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// Errors that callers branch on, matched with errors.Is. A message that
// cannot be read in one way only is an error with core.CodeMalformed.
var (
	// ErrSignature: the message is well formed, and its signature does not
	// hold for any of the keys. Its code is core.CodeForged.
	ErrSignature error = &core.Error{Op: "sign", Code: core.CodeForged, Err: errors.New("the signature does not hold for any key: compare what both sides signed: imprest explain, or sign.Explain")}
	// ErrNoKey: there is no key to verify or sign with, or an empty one.
	ErrNoKey error = &core.Error{Op: "sign", Code: core.CodeInvalid, Err: errors.New("no app_key: an empty key would make every signature worthless")}
	// ErrContentType: the body is neither JSON nor a form.
	ErrContentType error = &core.Error{Op: "sign", Code: core.CodeMalformed, Err: errors.New("the Content-Type is neither application/json nor application/x-www-form-urlencoded, in UTF-8")}
)

// Verify reads a signed message and returns its fields if the data signature
// in its field "sign" holds for one of keys (several while a key rotates). The
// body is parsed once, whatever the number of keys.
//
// contentType is the value of the Content-Type header; "" means JSON. The
// errors are ErrSignature, ErrContentType, ErrNoKey, or any other with
// core.CodeMalformed; none of them holds a key, or a signature that would
// have fitted.
func Verify(contentType string, body []byte, keys ...core.Secret) (Fields, error) {
	fields, err := Parse(contentType, body)
	if err != nil {
		return nil, err
	}
	if err := fields.Verify(keys...); err != nil {
		return nil, err
	}
	return fields, nil
}

// Parse reads a message strictly and leaves its signature unverified: for a
// receiver that has to see app_id before it knows which keys to try. Use
// [Verify] wherever the keys are known.
func Parse(contentType string, body []byte) (Fields, error) {
	if len(body) > core.MaxBody {
		return nil, malformed("the body is larger than any message")
	}
	form, err := isForm(contentType)
	if err != nil {
		return nil, err
	}
	if form {
		return parseForm(body)
	}
	return parseJSON(body)
}

// isForm reads a Content-Type. A charset other than UTF-8 would make other
// text of the same bytes, so it is refused.
func isForm(contentType string) (bool, error) {
	switch contentType {
	case "", "application/json":
		return false, nil
	case "application/x-www-form-urlencoded":
		return true, nil
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false, ErrContentType
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
		return false, ErrContentType
	}
	switch media {
	case "application/json":
		return false, nil
	case "application/x-www-form-urlencoded":
		return true, nil
	}
	return false, ErrContentType
}

// Verify reports whether the data signature in the field "sign" holds for one
// of keys: nil, or an error as the function [Verify] gives it. It is meant for
// what [Parse] returned, whose form is checked already.
//
// The signature is 32 hexadecimal digits; lower case is accepted, since it
// names the same 16 bytes. They are compared in constant time.
func (fs Fields) Verify(keys ...core.Secret) error {
	if len(fs) > maxFields {
		return malformed("more fields than any message has")
	}
	var got [md5.Size]byte
	if err := decodeSign(&got, fs.Get("sign")); err != nil {
		return err
	}
	if len(keys) == 0 {
		return ErrNoKey
	}
	var (
		places    [usualFields]place
		textSpace [usualText]byte
	)
	text := append(fs.appendCanonical(textSpace[:0], fs.order(&places)), "&key="...)
	holds := 0
	for _, key := range keys {
		if key.IsZero() {
			return ErrNoKey
		}
		want := md5.Sum(append(text, key.Reveal()...))
		holds |= subtle.ConstantTimeCompare(want[:], got[:])
	}
	if holds != 1 {
		return ErrSignature
	}
	return nil
}

// usualText is how many bytes of text are signed at most, but for rare messages.
const usualText = 512

func decodeSign(dst *[md5.Size]byte, sign string) error {
	if sign == "" {
		return malformed("the field sign is missing or empty")
	}
	if len(sign) != 2*md5.Size {
		return malformed("the field sign is not 32 hexadecimal digits")
	}
	var all byte
	for i := range dst {
		high, low := hexDigit[sign[2*i]], hexDigit[sign[2*i+1]]
		dst[i], all = high<<4|low, all|high|low
	}
	if all == notHex {
		return malformed("the field sign is not 32 hexadecimal digits")
	}
	return nil
}

// Data returns the data signature (数据签名) of fields under key: the value of
// the field "sign" of a request body, 32 upper-case hexadecimal digits. A
// field called "sign" is left out, as are empty ones.
//
// Fields that a careful receiver would refuse are refused here too, with
// core.CodeMalformed: better no order than an order whose text could be read
// as another. seeds: 001, "统一下单接口".
func Data(fields Fields, key core.Secret) (string, error) {
	return data(fields, key, "")
}

// data signs fields, with "&basesign=" and base behind the key if there is one.
func data(fields Fields, key core.Secret, base string) (string, error) {
	if key.IsZero() {
		return "", ErrNoKey
	}
	if err := fields.check(); err != nil {
		return "", err
	}
	var (
		places    [usualFields]place
		textSpace [usualText]byte
	)
	order := fields.order(&places)
	if !fields.unique(order) {
		return "", errTwice
	}
	text := append(fields.appendCanonical(textSpace[:0], order), "&key="...)
	text = append(text, key.Reveal()...)
	if base != "" {
		text = append(append(text, "&basesign="...), base...)
	}
	return upperHex(md5.Sum(text)), nil
}

// Base returns the base signature (基础签名) for the headers noncestr and
// timestamp (10 digits, seconds): 32 upper-case hexadecimal digits. The text
// has no separators, so noncestr must not end in a digit and timestamp must have
// exactly ten digits, or characters could move from one to the other; anything
// else is core.CodeInvalid.
func Base(key core.Secret, noncestr, timestamp string) (string, error) {
	if key.IsZero() {
		return "", ErrNoKey
	}
	if !nameOK(noncestr) || noncestr[len(noncestr)-1]-'0' <= 9 {
		return "", core.Invalid("sign.Base", "noncestr must be 1 to 64 letters and digits, the last no digit")
	}
	if len(timestamp) != 10 || strings.Trim(timestamp, "0123456789") != "" {
		return "", core.Invalid("sign.Base", "timestamp must be ten digits of seconds")
	}
	return upperHex(md5.Sum([]byte(key.Reveal() + noncestr + timestamp))), nil
}

// Joint returns the joint signature (联合签名) of fields: base, which [Base]
// made, a ".", and 32 upper-case hexadecimal digits that bind the body to it.
// Its errors are those of [Data].
func Joint(fields Fields, key core.Secret, base string) (string, error) {
	if len(base) != 2*md5.Size {
		return "", core.Invalid("sign.Joint", "base must be what sign.Base returned")
	}
	bound, err := data(fields, key, base)
	if err != nil {
		return "", err
	}
	return base + "." + bound, nil
}

func upperHex(sum [md5.Size]byte) string {
	const digits = "0123456789ABCDEF"
	var text [2 * md5.Size]byte
	for i, b := range sum {
		text[2*i], text[2*i+1] = digits[b>>4], digits[b&0xf]
	}
	return string(text[:])
}
