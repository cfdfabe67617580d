package sign_test

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

// FuzzParseJSON holds our reader against one made of other means, see
// [readStrictly]: they accept the same bodies, and read the same in them.
func FuzzParseJSON(f *testing.F) {
	var vectors []messageVector
	readVectors(f, "messages.json", &vectors)
	for _, v := range vectors {
		f.Add(v.bytes(f))
	}
	f.Add([]byte(`{"a":"seven..","b":"eight...","c":"nine....\u007f"}`))
	f.Add([]byte(`{"a":"12345678&b=\u003d","\u0061b":"\ud83d\ude00"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := sign.Parse("application/json", body)
		want, why := readStrictly(body)
		if why != "" {
			require.Error(t, err, why)
			require.Equal(t, core.CodeMalformed, core.CodeOf(err))
			require.Nil(t, fields)
			return
		}
		require.NoError(t, err)
		require.Len(t, fields, len(want))
		for i, field := range fields {
			value, ok := want[field.Name]
			require.True(t, ok, field.Name)
			require.Equal(t, value, field.Value, field.Name)
			require.True(t, i == 0 || fields[i-1].Name < field.Name, "sorted by name")
		}
		assertParsesBack(t, fields)
	})
}

var (
	wellNamed = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
	ambiguous = regexp.MustCompile(`&[A-Za-z0-9_]{1,64}=`)
	unseen    = regexp.MustCompile(`[\x{0}-\x{1f}\x{7f}-\x{9f}\x{feff}]`)
	escape    = regexp.MustCompile(`\\(?:u[0-9A-Fa-f]{4}|[^u])`)
)

// readStrictly reads body with encoding/json and says why it must be refused, ""
// if it must not. Slow, and each rule stands by itself.
func readStrictly(body []byte) (fields map[string]string, why string) {
	switch {
	case len(body) > core.MaxBody:
		return nil, "too large"
	case !utf8.Valid(body):
		return nil, "not UTF-8"
	case !json.Valid(body):
		return nil, "no JSON"
	case halfSurrogate(body):
		return nil, "half of a surrogate pair"
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, "no object"
	}
	fields = map[string]string{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok || !wellNamed.MatchString(name) {
			return nil, "a name"
		}
		if _, twice := fields[name]; twice {
			return nil, "a name twice"
		}
		token, err = decoder.Token()
		if err != nil {
			return nil, "a value"
		}
		switch v := token.(type) {
		case string:
			if unseen.MatchString(v) || ambiguous.MatchString(v) {
				return nil, "the text of a value"
			}
			fields[name] = v
		case json.Number:
			if len(v) > 64 {
				return nil, "a long number"
			}
			fields[name] = v.String()
		case bool:
			fields[name] = strconv.FormatBool(v)
		case nil:
			fields[name] = ""
		default:
			return nil, "a nested value"
		}
	}
	if len(fields) > 128 {
		return nil, "many fields"
	}
	return fields, ""
}

// halfSurrogate reports whether body, which is JSON, escapes half of a surrogate
// pair: encoding/json puts U+FFFD in its place.
func halfSurrogate(body []byte) bool {
	high, end := false, 0 // a first half that waits for its second, which must begin at end
	for _, at := range escape.FindAllIndex(body, -1) {
		var code uint64
		if text := string(body[at[0]:at[1]]); text[1] == 'u' {
			code, _ = strconv.ParseUint(text[2:], 16, 16)
		}
		isHigh, isLow := code>>10 == 0xd800>>10, code>>10 == 0xdc00>>10
		if isLow != high || (high && at[0] != end) {
			return true
		}
		high, end = isHigh, at[1]
	}
	return high
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

// FuzzData holds Data against the rule written down plainly, and what it signs
// must verify. Each line of text is a field, name=value.
func FuzzData(f *testing.F) {
	f.Add("title=VoIP\nremark=")
	f.Add("a=x&b=1\nb=&")
	f.Add("a=微信\nA=\u0085")
	f.Add("out_trade_no=1\nout_trade=2\nout_trade_n=3\nout_trad=4\nsign=5\nsign_type=6")
	f.Add("q=1\np=1\no=1\nn=1\nm=1\nl=1\nk=1\nj=1\ni=1\nh=1\ng=1\nf=1\ne=1\nd=1\nc=1\nb=1\na=1\n_=1")
	f.Fuzz(func(t *testing.T, text string) {
		var fields sign.Fields
		for line := range strings.SplitSeq(text, "\n") {
			name, value, _ := strings.Cut(line, "=")
			fields = append(fields, sign.Field{Name: name, Value: value})
		}
		want, why := signPlainly(fields, testKey.Reveal())
		got, err := sign.Data(fields, testKey)
		if why != "" {
			require.Equal(t, core.CodeMalformed, core.CodeOf(err), why)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got)

		form := url.Values{}
		for _, field := range fields {
			form.Set(field.Name, field.Value)
		}
		form.Set("sign", got)
		if body := []byte(form.Encode()); len(body) <= core.MaxBody && len(form) <= 128 {
			_, err = sign.Verify("application/x-www-form-urlencoded", body, testKey)
			require.NoError(t, err)
		}
	})
}

// signPlainly signs fields, or says why they must be refused.
func signPlainly(fields sign.Fields, key string) (signature, why string) {
	if len(fields) > 128 {
		return "", "many fields"
	}
	values := map[string]string{}
	for _, field := range fields {
		if !wellNamed.MatchString(field.Name) {
			return "", "a name"
		}
		if _, twice := values[field.Name]; twice {
			return "", "a name twice"
		}
		if !utf8.ValidString(field.Value) || unseen.MatchString(field.Value) || ambiguous.MatchString(field.Value) {
			return "", "the text of a value"
		}
		values[field.Name] = field.Value
	}
	var pieces []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name != "sign" && values[name] != "" {
			pieces = append(pieces, name+"="+values[name])
		}
	}
	return fmt.Sprintf("%X", md5.Sum([]byte(strings.Join(pieces, "&")+"&key="+key))), ""
}
