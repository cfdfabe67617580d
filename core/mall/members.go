package mall

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// The types of this package are read and written here, by their json tags,
// and not by encoding/json: that would match names without regard to case,
// refuse a number in quotes, drop what it does not know, and lose the
// difference between an absent member and a zero.

// wireForm keeps how the cloud spelled a member where that is not how the
// member's type is written: 0 as "0", null, a zero that could have been left
// out, or (nil) nothing at all for a member that is usually there. It is used
// as long as the field still holds the value that was read.
type wireForm map[string]json.RawMessage

func (w *wireForm) keep(name string, raw json.RawMessage) {
	if *w == nil {
		*w = wireForm{}
	}
	(*w)[name] = raw
}

// shapeError says which member of an answer does not have the shape that it
// must have: "[0].prices[1].price is not an exact number".
type shapeError struct {
	path string
	err  error
}

func (e *shapeError) Error() string { return e.path + " " + e.err.Error() }
func (e *shapeError) Unwrap() error { return e.err }

// within puts step in front of the path of err.
func within(step string, err error) error {
	inner, ok := errors.AsType[*shapeError](err)
	switch {
	case !ok:
		return &shapeError{path: step, err: err}
	case strings.HasPrefix(inner.path, "["):
		return &shapeError{path: step + inner.path, err: inner.err}
	}
	return &shapeError{path: step + "." + inner.path, err: inner.err}
}

type member struct {
	name     string
	index    int
	optional bool // left out when zero
}

func membersOf(t reflect.Type) []member {
	var members []member
	for i := range t.NumField() {
		name, option, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			members = append(members, member{name: name, index: i, optional: option == "omitzero"})
		}
	}
	return members
}

// readObject fills v, a pointer to a struct, from a JSON object. What has no
// field goes to extra. null changes nothing, as is the custom of
// json.Unmarshaler.
func readObject(data []byte, v any, extra *map[string]json.RawMessage, kept *wireForm) error {
	if string(data) == "null" {
		return nil
	}
	var wire map[string]json.RawMessage
	if err := json.Unmarshal(data, &wire); err != nil {
		return errors.New("is not an object")
	}
	*extra, *kept = nil, nil
	object := reflect.ValueOf(v).Elem()
	for _, m := range membersOf(object.Type()) {
		field := object.Field(m.index)
		field.SetZero()
		raw, present := wire[m.name]
		delete(wire, m.name)
		if !present {
			if !m.optional {
				kept.keep(m.name, nil)
			}
			continue
		}
		raw = compact(raw)
		usual, err := readValue(raw, field)
		if err != nil {
			return within(m.name, err)
		}
		if !usual || (m.optional && field.IsZero()) {
			kept.keep(m.name, raw)
		}
	}
	if len(wire) > 0 {
		for name, raw := range wire {
			wire[name] = compact(raw)
		}
		*extra = wire
	}
	return nil
}

// readValue fills field. usual says that writeValue would write it as it was.
func readValue(raw json.RawMessage, field reflect.Value) (usual bool, err error) {
	null := string(raw) == "null"
	switch field.Kind() {
	case reflect.Pointer:
		if null {
			return false, nil
		}
		field.Set(reflect.New(field.Type().Elem()))
		return readValue(raw, field.Elem())
	case reflect.Struct:
		if null {
			return false, nil
		}
		err := field.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(raw)
		return true, err // it keeps its own form
	case reflect.Slice:
		return readSlice(raw, field)
	case reflect.String:
		text, err := numberText(raw)
		if err != nil {
			return false, errors.New("is not a text")
		}
		field.SetString(text)
		return raw[0] == '"', nil
	case reflect.Int64:
		n, err := integer(raw)
		if err != nil {
			return false, err
		}
		field.SetInt(n)
		return string(raw) == strconv.FormatInt(n, 10), nil
	case reflect.Bool:
		b, err := boolean(raw)
		field.SetBool(b)
		return raw[0] == 't' || raw[0] == 'f', err
	}
	return false, fmt.Errorf("has a field of type %s, which this package cannot read", field.Type())
}

func readSlice(raw json.RawMessage, field reflect.Value) (usual bool, err error) {
	if string(raw) == "null" {
		return false, nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return false, errors.New("is not a list")
	}
	list := reflect.MakeSlice(field.Type(), len(elements), len(elements))
	usual = true
	for i, element := range elements {
		element = compact(element)
		step := "[" + strconv.Itoa(i) + "]"
		if string(element) == "null" {
			return false, within(step, errors.New("is null"))
		}
		u, err := readValue(element, list.Index(i))
		if err != nil {
			return false, within(step, err)
		}
		usual = usual && u
	}
	field.Set(list)
	return usual, nil
}

// boolean reads true and false, "true" and "false", 1 and 0, "1" and "0", and
// null and "", which are false.
func boolean(raw json.RawMessage) (bool, error) {
	switch string(raw) {
	case `true`, `"true"`, `1`, `"1"`:
		return true, nil
	case `false`, `"false"`, `0`, `"0"`, `null`, `""`:
		return false, nil
	}
	return false, errors.New("is neither true nor false")
}

// readResult fills v, a pointer, from the result of an operation.
func readResult(raw json.RawMessage, v any) error {
	_, err := readValue(compact(raw), reflect.ValueOf(v).Elem())
	if err == nil {
		return nil
	}
	return within("result", err)
}

// writeObject is the other way round: the members in the order of v's fields,
// then those of extra that no field has, by name.
func writeObject(v any, extra map[string]json.RawMessage, kept wireForm) ([]byte, error) {
	object := reflect.ValueOf(v)
	var out bytes.Buffer
	write := func(name string, raw []byte) {
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		out.Write(quote(name))
		out.WriteByte(':')
		out.Write(raw)
	}
	known := map[string]bool{}
	for _, m := range membersOf(object.Type()) {
		known[m.name] = true
		field := object.Field(m.index)
		raw, odd := kept[m.name]
		if odd && (raw != nil || field.IsZero()) && unchanged(raw, field) {
			if raw != nil {
				write(m.name, raw)
			}
			continue
		}
		if m.optional && field.IsZero() {
			continue
		}
		raw, err := writeValue(field)
		if err != nil {
			return nil, err
		}
		write(m.name, raw)
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if !known[name] {
			write(name, compact(extra[name]))
		}
	}
	return append(append([]byte{'{'}, out.Bytes()...), '}'), nil
}

// unchanged reports whether field holds what was read from raw; nil is the
// zero value.
func unchanged(raw json.RawMessage, field reflect.Value) bool {
	if raw == nil {
		return field.IsZero()
	}
	read := reflect.New(field.Type()).Elem()
	_, err := readValue(raw, read)
	return err == nil && reflect.DeepEqual(read.Interface(), field.Interface())
}

func writeValue(field reflect.Value) ([]byte, error) {
	switch field.Kind() {
	case reflect.String:
		return quote(field.String()), nil
	case reflect.Int64:
		return strconv.AppendInt(nil, field.Int(), 10), nil
	case reflect.Bool:
		return strconv.AppendBool(nil, field.Bool()), nil
	case reflect.Slice:
		out := []byte{'['}
		for i := range field.Len() {
			if i > 0 {
				out = append(out, ',')
			}
			element, err := writeValue(field.Index(i))
			if err != nil {
				return nil, err
			}
			out = append(out, element...)
		}
		return append(out, ']'), nil
	case reflect.Pointer:
		return writeValue(field.Elem()) // not nil: those are omitzero
	}
	return field.Interface().(json.Marshaler).MarshalJSON()
}

func quote(s string) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string always encodes, and a buffer always takes it
	return bytes.TrimRight(out.Bytes(), "\n")
}

// compact returns raw, which is valid JSON, without white space.
func compact(raw []byte) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return raw
	}
	return out.Bytes()
}
