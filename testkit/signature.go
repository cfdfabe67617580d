package testkit

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"sort"
	"strings"
)

// The signature, written down a second time from the protocol's page and with
// other means than core/sign uses: a fake that shared the code of the library
// would share its faults.

// field is one field of a message.
type field struct {
	name string
	// value is what enters the canonical string; an empty one stays out.
	value string
	// literal is the value as a JSON token.
	literal string
	// inForm is what a form carries in the place of value; "" is value.
	inForm string
	// key is the name as it stands in the JSON text, without its quotes;
	// "" is the name itself. A mutator may spell it with escapes.
	key string
}

// textField is a field whose value is a JSON string.
func textField(name, value string) field {
	return field{name: name, value: value, literal: quote(value)}
}

// bareField is a field whose value stands without quotes: a number, true, false.
func bareField(name, value string) field {
	return field{name: name, value: value, literal: value}
}

func quote(s string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// canonical is the text under a data signature, without the key.
func canonical(fields []field) string {
	var signed []field
	for _, f := range fields {
		if f.name != "sign" && f.value != "" {
			signed = append(signed, f)
		}
	}
	sort.SliceStable(signed, func(i, j int) bool { return signed[i].name < signed[j].name })
	pairs := make([]string, len(signed))
	for i, f := range signed {
		pairs[i] = f.name + "=" + f.value
	}
	return strings.Join(pairs, "&")
}

// dataSign is the data signature over a canonical string.
func dataSign(canonical, appKey string) string {
	sum := md5.Sum([]byte(canonical + "&key=" + appKey))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// maskedText is the text that was signed, fit to be shown.
func maskedText(canonical string) string { return canonical + "&key=" + mask }

const mask = "***"

func encodeJSON(fields []field) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		if f.key != "" {
			b.WriteString(`"` + f.key + `"`)
		} else {
			b.WriteString(quote(f.name))
		}
		b.WriteByte(':')
		b.WriteString(f.literal)
	}
	b.WriteByte('}')
	return b.Bytes()
}

func encodeForm(fields []field, plus bool) []byte {
	pairs := make([]string, len(fields))
	for i, f := range fields {
		value := f.value
		if f.inForm != "" {
			value = f.inForm
		}
		pairs[i] = url.QueryEscape(f.name) + "=" + url.QueryEscape(value)
	}
	form := strings.Join(pairs, "&")
	if !plus {
		form = strings.ReplaceAll(form, "+", "%20")
	}
	return []byte(form)
}
