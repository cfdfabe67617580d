package mall

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core/internal/outward"
)

// kind is what a parameter must be in JSON.
type kind string

const (
	aText    kind = "a string"
	anInt    kind = "an integer"
	someText kind = "a list of strings"
)

// parameter is one parameter of an operation, as the SDK spells it.
type parameter struct {
	name     string
	kind     kind
	optional bool
}

// arguments are the values of an operation's parameters: string, int or
// []string by their kind. An optional one may be missing.
type arguments map[string]any

func (a arguments) text(name string) string {
	s, _ := a[name].(string)
	return s
}

func (a arguments) number(name string) int {
	n, _ := a[name].(int)
	return n
}

func (a arguments) texts(name string) []string {
	list, _ := a[name].([]string)
	return list
}

// readArguments reads the body of a call: an object in which each parameter of
// the operation stands once, under exactly its name, with a value of its kind,
// and nothing else stands. No body at all is an empty object. Its errors are
// fit to be shown.
func readArguments(name string, op operation, body []byte) (arguments, error) {
	body = bytes.Trim(body, " \t\r\n")
	in := arguments{}
	switch {
	case len(body) == 0:
		return in, op.missing(in)
	case !utf8.Valid(body) || !json.Valid(body):
		return nil, errors.New("the body must be a JSON object in UTF-8")
	case body[0] == '"' && op.bare:
		value, err := readArgument(aText, body)
		if err != nil {
			return nil, fmt.Errorf("%s %w", op.params[0].name, err)
		}
		in[op.params[0].name] = value
		return in, nil
	case body[0] != '{':
		return nil, errors.New("the body must be a JSON object")
	}
	seen := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(body))
	_, _ = d.Token() // its brace
	for d.More() {
		token, _ := d.Token()
		key, _ := token.(string)
		at := slices.IndexFunc(op.params, func(p parameter) bool { return p.name == key })
		if at < 0 {
			return nil, fmt.Errorf("%q is no parameter of %s, which takes %s", outward.Words(key, 64), name, op.names())
		}
		if seen[key] {
			return nil, fmt.Errorf("%s must be given once", key)
		}
		seen[key] = true
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, errors.New("the body must be a JSON object")
		}
		if string(raw) == "null" {
			continue
		}
		value, err := readArgument(op.params[at].kind, raw)
		if err != nil {
			return nil, fmt.Errorf("%s %w", key, err)
		}
		in[key] = value
	}
	return in, op.missing(in)
}

// missing names the first parameter that is not there and must be.
func (op operation) missing(in arguments) error {
	for _, p := range op.params {
		if _, given := in[p.name]; !given && !p.optional {
			return fmt.Errorf("%s must be given", p.name)
		}
	}
	return nil
}

func (op operation) names() string {
	var names []string
	for _, p := range op.params {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

// readArgument reads raw, which is valid JSON and not null.
func readArgument(k kind, raw json.RawMessage) (any, error) {
	switch {
	case k == aText && raw[0] == '"':
		return readText(raw)
	case k == anInt && isNumber(raw):
		// 32 bits, so that it is the same number wherever it goes.
		if n, err := strconv.ParseInt(string(raw), 10, 32); err == nil {
			return int(n), nil
		}
	case k == someText && raw[0] == '[':
		var elements []json.RawMessage
		if err := json.Unmarshal(raw, &elements); err != nil {
			return nil, err
		}
		list := make([]string, len(elements))
		for i, element := range elements {
			if element = compact(element); element[0] != '"' {
				return nil, fmt.Errorf("must be %s", k)
			}
			var err error
			if list[i], err = readText(element); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("must be %s", k)
}

// readText reads a string. Half a surrogate pair, which has no text and would
// be read as another character, is refused; so is that character itself.
func readText(raw json.RawMessage) (string, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil || strings.ContainsRune(text, utf8.RuneError) {
		return "", errors.New("must be a string of valid characters")
	}
	return text, nil
}

// callOf returns what in is about.
func callOf(name string, op operation, in arguments) Call {
	call := Call{
		Operation: name, Writes: op.writes, DeviceID: in.text("device_id"), UUID: in.text("uuid"),
		HomeID: in.text("homeId"), MallCode: in.text("mallCode"), SiteCode: in.text("siteCode"),
		AppID: in.text("app_id"), UserID: in.text("user_id"),
	}
	if owner := in.text("owner_id"); owner != "" {
		call.HomeID = owner
	}
	return call
}
