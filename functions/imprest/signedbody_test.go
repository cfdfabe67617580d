package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

const someSign = "00000000000000000000000000000000"

func TestJSONWithSign(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                                     `{"sign":"S"}`,
		` { } `:                                  ` {"sign":"S" } `,
		`{"a":1}`:                                `{"a":1,"sign":"S"}`,
		`{"a": 1}`:                               `{"a": 1,"sign": "S"}`,
		`{ "a" : 1 }`:                            `{ "a" : 1, "sign" : "S" }`,
		`{"a":1, "b":1e2}`:                       `{"a":1, "b":1e2, "sign":"S"}`,
		"{\n  \"a\": 1.0,\n  \"b\": 2\n}":        "{\n  \"a\": 1.0,\n  \"b\": 2,\n  \"sign\": \"S\"\n}",
		"{\n\t\"a\":\t\"x\"\n}\n":                "{\n\t\"a\":\t\"x\",\n\t\"sign\":\t\"S\"\n}\n",
		"{\"a\":1\n,\"b\":2}":                    "{\"a\":1\n,\"b\":2,\"sign\":\"S\"}",
		`{"sign":null,"a":1}`:                    `{"sign":"S","a":1}`,
		`{"a":1,"sign": "old" ,"b":2}`:           `{"a":1,"sign": "S" ,"b":2}`,
		`{"a":1,"\u0073ign":"old"}`:              `{"a":1,"\u0073ign":"S"}`,
		`{"sign":""}`:                            `{"sign":"S"}`,
		`{"a":"sign\":","b":"}"}`:                `{"a":"sign\":","b":"}","sign":"S"}`,
		`{"a":12345678901234567890.120}`:         `{"a":12345678901234567890.120,"sign":"S"}`,
		`{"a":true,"b":null,"c":""}`:             `{"a":true,"b":null,"c":"","sign":"S"}`,
		"{\"a\":\"猫\",\"b\":\"\\ud83d\\udc08\"}": "{\"a\":\"猫\",\"b\":\"\\ud83d\\udc08\",\"sign\":\"S\"}",
	} {
		got, err := jsonWithSign([]byte(in), "S")
		require.NoError(t, err, in)
		assert.Equal(t, want, string(got), in)
	}
}

func TestFormWithSign(t *testing.T) {
	for in, want := range map[string]string{
		"a=1":                "a=1&sign=S",
		"a=":                 "a=&sign=S",
		"sign=old&a=1":       "sign=S&a=1",
		"a=1&sign=&b=%20+":   "a=1&sign=S&b=%20+",
		"a=1&%73ign=old":     "a=1&%73ign=S",
		"a=sign&b=x%26sign=": "a=sign&b=x%26sign=&sign=S",
	} {
		assert.Equal(t, want, string(formWithSign([]byte(in), "S")), in)
	}
}

// Whatever document is signed: it verifies, signing it again changes nothing,
// and without the sign it has the fields that it had.
func TestWhatIsSignedVerifies(t *testing.T) {
	key := core.NewSecret(longKey)
	space := rapid.SampledFrom([]string{"", " ", "\n", "\t ", "\r\n  "})
	name := rapid.OneOf(rapid.StringMatching(`[a-z_]{1,6}`), rapid.Just("sign"))
	value := rapid.OneOf(
		rapid.SampledFrom([]string{"0", "-1", "1.50", "1e2", "true", "false", "null", `""`, `"a\/b"`, `"\u732b\ud83d\udc08"`, `"猫 = \"x\", }"`}),
		rapid.Custom(func(t *rapid.T) string {
			text, err := json.Marshal(rapid.StringMatching(`[ -%'-~猫é]{0,12}`).Draw(t, "text"))
			require.NoError(t, err)
			return string(text)
		}),
	)
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString(space.Draw(t, "s") + "{")
		for i, n := range rapid.SliceOfNDistinct(name, 0, 8, rapid.ID[string]).Draw(t, "names") {
			if i > 0 {
				b.WriteString(space.Draw(t, "s") + ",")
			}
			b.WriteString(space.Draw(t, "s") + `"` + n + `"` + space.Draw(t, "s") + ":" + space.Draw(t, "s") + value.Draw(t, "v"))
		}
		b.WriteString(space.Draw(t, "s") + "}" + space.Draw(t, "s"))

		in := body{bytes: []byte(b.String()), contentType: typeJSON}
		fields, err := sign.Parse(typeJSON, in.bytes)
		require.NoError(t, err, b.String())
		signature, err := sign.Data(fields, key)
		require.NoError(t, err)
		out, err := withSign(in, signature)
		require.NoError(t, err)

		signed, err := sign.Verify(typeJSON, out, key)
		require.NoError(t, err, string(out))
		require.Equal(t, withoutSign(fields), withoutSign(signed))
		again, err := withSign(body{bytes: out, contentType: typeJSON}, signature)
		require.NoError(t, err)
		require.Equal(t, string(out), string(again))
	})
}

func withoutSign(fields sign.Fields) (rest sign.Fields) {
	for _, f := range fields {
		if f.Name != "sign" {
			rest = append(rest, f)
		}
	}
	return rest
}

// Every body that strict reading takes can be signed, and then verifies.
func FuzzWithSign(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, `{"sign":"x","a":[]}`, "{\n \"a\" : \"\\u0061\" ,\n \"b\" : null\n}", `a=1`, `a=1&sign=2`, `%61=%20+&sign=`, ``, `{"a":1}x`,
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	key := core.NewSecret(longKey)
	f.Fuzz(func(t *testing.T, bytes []byte, form bool) {
		in := body{bytes: bytes, contentType: typeJSON}
		if form {
			in.contentType = typeForm
		}
		fields, err := sign.Parse(in.contentType, in.bytes)
		if err != nil {
			return
		}
		out, err := withSign(in, someSign)
		require.NoError(t, err)
		if len(out) > core.MaxBody || len(withoutSign(fields)) == 128 {
			return // full: the command refuses these
		}
		signed, err := sign.Parse(in.contentType, out)
		require.NoError(t, err, "%q", out)
		require.Equal(t, someSign, signed.Get("sign"))
		require.Equal(t, withoutSign(fields), withoutSign(signed))
		_, err = sign.Data(signed, key)
		require.NoError(t, err)
	})
}

func TestABodyThatIsFullIsNotSigned(t *testing.T) {
	var full []string
	for i := range 128 {
		full = append(full, fmt.Sprintf("f%d=1", i))
	}
	for _, in := range []string{strings.Join(full, "&"), "a=" + strings.Repeat("x", core.MaxBody-2)} {
		_, err := sign.Parse(typeForm, []byte(in))
		require.NoError(t, err)
		r := invoke(t, in, "sign", "--key", "k")
		assert.Equal(t, exitFailed, r.status)
		assert.Empty(t, r.stdout)
		assert.Contains(t, r.stderr, "imprest sign: with its sign nobody would accept it: ")
	}
}
