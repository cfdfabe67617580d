package mall

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// encodeResult writes a result as its types write it, without what must not
// reach a front end.
func encodeResult(result any, secrets []string) (json.RawMessage, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(result); err != nil {
		return nil, errors.New("it does not encode")
	}
	// A short secret would be found in texts that have nothing to do with it.
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return len(s) < 8 })
	clean, _, err := withoutSecrets(out.Bytes(), secrets)
	return clean, err
}

// secretEndings are how the names of members end that hold a key, in lower
// case, without _ and -: local_key of a device lets anybody control it in its
// network, session_key reads what WeChat encrypts for a user.
var secretEndings = []string{
	"localkey", "seckey", "secretkey", "sessionkey", "appkey", "accesskey", "authkey", "privatekey", "aeskey",
	"secret", "token", "password", "passwd", "pwd", "credential",
}

func secretName(name string) bool {
	name = strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
	return slices.ContainsFunc(secretEndings, func(ending string) bool { return strings.HasSuffix(name, ending) })
}

// withoutSecrets copies body, which is compact JSON, as it is but for members
// with the name of a secret, which it leaves out, and texts that hold one of
// secrets, in which it puts ***. It goes through it once, whatever its depth.
func withoutSecrets(body []byte, secrets []string) (clean json.RawMessage, changed bool, err error) {
	type level struct{ object, key, more bool }
	var out bytes.Buffer
	stack := []level{{}}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		before := d.InputOffset()
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out.Bytes(), changed, nil
		}
		if err != nil {
			return nil, false, errors.New("it is not JSON")
		}
		raw := bytes.TrimLeft(body[before:d.InputOffset()], " \t\r\n,:")
		top := &stack[len(stack)-1]
		delim, isDelim := token.(json.Delim)
		if isDelim && (delim == '}' || delim == ']') {
			out.Write(raw)
			stack = stack[:len(stack)-1]
			continue
		}
		text, isText := token.(string)
		if top.object && top.key && secretName(text) {
			var dropped json.RawMessage
			if err := d.Decode(&dropped); err != nil {
				return nil, false, errors.New("it is not JSON")
			}
			changed = true
			continue
		}
		if top.more && (top.key || !top.object) {
			out.WriteByte(',')
		}
		top.more = true
		if top.object && top.key {
			out.Write(raw)
			out.WriteByte(':')
			top.key = false
			continue
		}
		top.key = top.object
		if isText {
			if safe, found := withoutSecretText(text, secrets); found {
				raw, changed = quote(safe), true
			}
		}
		out.Write(raw)
		if isDelim {
			stack = append(stack, level{object: delim == '{', key: delim == '{'})
		}
	}
}

// withoutSecretText does the same for a text, which may itself be JSON: the
// cloud has such members. JSON in JSON ends soon, since every step doubles its
// backslashes.
func withoutSecretText(text string, secrets []string) (clean string, changed bool) {
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			text, changed = strings.ReplaceAll(text, secret, "***"), true
		}
	}
	inner := strings.TrimSpace(text)
	if len(inner) > 0 && (inner[0] == '{' || inner[0] == '[') {
		if safe, found, err := withoutSecrets(compact([]byte(inner)), secrets); err == nil && found {
			return string(safe), true
		}
	}
	return text, changed
}
