package sign_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/sign"
)

// FuzzParseJSON holds our reader against encoding/json: whatever ours accepts,
// the other reads as the same fields; whatever is a flat object of plain
// values, ours accepts.
func FuzzParseJSON(f *testing.F) {
	var vectors []messageVector
	readVectors(f, "messages.json", &vectors)
	for _, v := range vectors {
		f.Add(v.bytes(f))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := sign.Parse("application/json", body)
		other, plain := readPlainObject(body)
		if err != nil {
			require.False(t, plain, "refused a plain object: %v", err)
			require.Nil(t, fields)
			return
		}
		require.Equal(t, len(other), len(fields))
		for _, field := range fields {
			value, ok := other[field.Name]
			require.True(t, ok, field.Name)
			require.Equal(t, value, field.Value, field.Name)
		}
		assertParsesBack(t, fields)
	})
}

// readPlainObject reads body token by token with encoding/json. plain says
// that it is beyond doubt an acceptable message.
func readPlainObject(body []byte) (fields map[string]string, plain bool) {
	fields = map[string]string{}
	plain = utf8.Valid(body) && len(body) < 60000 && !bytes.Contains(body, []byte(`\u`)) && !bytes.ContainsRune(body, '\ufeff')
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return fields, false
	}
	for decoder.More() {
		nameToken, err := decoder.Token()
		if err != nil {
			return fields, false
		}
		name, _ := nameToken.(string)
		token, err := decoder.Token()
		if err != nil {
			return fields, false
		}
		value := ""
		switch v := token.(type) {
		case string:
			value = v
		case json.Number:
			value = v.String()
			plain = plain && len(value) <= 64
		case bool:
			value = map[bool]string{true: "true", false: "false"}[v]
		case nil:
		default:
			return fields, false
		}
		if _, twice := fields[name]; twice {
			plain = false
		}
		fields[name] = value
		plain = plain && name != "" && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") == "" && plainText(value)
	}
	if _, err := decoder.Token(); err != nil {
		return fields, false
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fields, false
	}
	return fields, plain && len(fields) <= 100
}

func plainText(s string) bool {
	for _, r := range s {
		if r < ' ' || (r >= 0x7f && r <= 0x9f) || r == '&' {
			return false
		}
	}
	return true
}

// FuzzParseForm holds our form reader against net/url.
func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{"a=1&b=2", "a=%E5%BE%AE+x", "a=1&a=2", "a", "a=1;b=2", "a=%zz", "=1", "a=%26amount%3D1", "sign=x&app_id="} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := sign.Parse("application/x-www-form-urlencoded", body)
		if err != nil {
			return
		}
		values, err := url.ParseQuery(string(body))
		require.NoError(t, err)
		require.Equal(t, len(values), len(fields))
		for _, field := range fields {
			require.Equal(t, []string{field.Value}, values[field.Name])
		}
		assertParsesBack(t, fields)
	})
}

// FuzzSignVerify signs what can be signed and checks that it verifies, and
// under no other key.
func FuzzSignVerify(f *testing.F) {
	f.Add("title", "VoIP", "remark", "")
	f.Add("a", "x&b=1", "b", "&")
	f.Add("a", "微信", "A", "\u0085")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		fields := sign.Fields{{Name: name1, Value: value1}, {Name: name2, Value: value2}}
		signature, err := sign.Data(fields, testKey)
		if err != nil {
			return
		}
		form := url.Values{}
		for _, field := range fields {
			form.Set(field.Name, field.Value)
		}
		form.Set("sign", signature)
		_, err = sign.Verify("application/x-www-form-urlencoded", []byte(form.Encode()), testKey)
		require.NoError(t, err)
	})
}
