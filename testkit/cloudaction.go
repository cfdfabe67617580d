package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// relay answers the action relay: POST /action with the name of an operation,
// its parameters and its caller, in the shape of Tuya's cloud functions:
//
//	{"action":"…","params":{…},"header":{"user_id":"…","access_token":"…"}}
func (c *Cloud) relay(r *http.Request, body []byte, e *Exchange) reply {
	switch {
	case r.URL.EscapedPath() != actionPath:
		return c.denied(deny("1108", "no such path"))
	case r.Method != http.MethodPost:
		return c.denied(deny("1108", "the method must be POST"))
	case r.URL.RawQuery != "":
		return c.denied(deny("1109", "the relay takes no query"))
	}
	if fault := notJSON(r.Header); fault != "" {
		return c.denied(deny("1006", "%s", fault))
	}
	act, denied := readAction(body)
	if denied != nil {
		return c.denied(denied)
	}
	op, ok := c.operations[act.name]
	if !ok {
		return c.denied(deny("1108", "there is no action %q", act.name))
	}
	a := &asked{operation: op}
	e.Call, e.UserID, e.DeviceID = op.call, act.header["user_id"], act.text("device_id")
	if a.user, denied = c.caller(act.header["user_id"], act.header["access_token"]); denied != nil {
		return c.denied(denied)
	}
	if denied = c.readParams(a, act.params); denied != nil {
		return c.denied(denied)
	}

	a.struck = c.faults.take(FaultTarget{Call: op.call, UserID: e.UserID, DeviceID: e.DeviceID})
	e.Faults = a.struck.kinds()
	faulty := dialect{
		failed:  func() reply { return c.deniedWith(http.StatusInternalServerError, deny("500", "")) },
		refused: func() reply { return c.denied(deny(denyPermission, "not allowed")) },
		tooMany: func() reply { return c.deniedWith(http.StatusTooManyRequests, deny("1199", "")) },
	}
	return c.carryOut(r, a.struck, faulty, func() reply { return c.perform(a) })
}

// action is what a request to the relay says.
type action struct {
	name   string
	params map[string]json.RawMessage
	header map[string]string
}

// text returns a parameter that is a text, for the record.
func (act action) text(name string) string {
	var s string
	_ = json.Unmarshal(act.params[name], &s) // what is none is refused later
	return s
}

// readAction reads the body of a request to the relay.
func readAction(body []byte) (action, *denial) {
	act := action{params: map[string]json.RawMessage{}, header: map[string]string{}}
	if len(body) == 0 {
		return act, deny("1100", "the body")
	}
	parts, err := readObject(body)
	if err != nil {
		return act, deny("1109", "%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		into, ok := map[string]any{"action": &act.name, "params": &act.params}[name]
		switch {
		case name == "header":
			if denied := act.readHeader(parts[name]); denied != nil {
				return act, denied
			}
		case !ok:
			return act, deny("1109", "%s: does not belong beside action, params and header", name)
		case string(parts[name]) == "null":
			return act, deny("1102", "%s", name)
		case json.Unmarshal(parts[name], into) != nil:
			return act, deny("1104", "%s", name)
		}
	}
	for _, name := range []string{"action", "params"} {
		if _, ok := parts[name]; !ok {
			return act, deny("1102", "%s", name)
		}
	}
	if act.name == "" {
		return act, deny("1100", "action")
	}
	return act, nil
}

// readHeader reads the header of a request to the relay: texts, of which
// user_id and access_token are looked at.
func (act *action) readHeader(raw json.RawMessage) *denial {
	var header map[string]any
	if string(raw) == "null" || json.Unmarshal(raw, &header) != nil {
		return deny("1104", "header")
	}
	for name, value := range header {
		text, ok := value.(string)
		if !ok {
			return deny("1104", "header: %s must be a text", name)
		}
		act.header[name] = text
	}
	return nil
}

// maskedAction is what the record shows of a request to the relay: the exact
// body with its secrets masked. What cannot be read is not shown at all, since
// it may hold a secret anywhere.
func (c *Cloud) maskedAction(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	if _, err := readObject(body); err != nil {
		return fmt.Sprintf("%s (%d bytes: %v)", mask, len(body), err)
	}
	var request struct{ Action any }
	_ = json.Unmarshal(body, &request) // an object, as was seen
	name, _ := request.Action.(string)
	return maskValues(body, func(field, value string) (string, bool) {
		switch {
		case field == "access_token", field == "secret":
			return mask, true
		case field == "code" && c.operations[name].call != CallGetDeviceCapability:
			return maskCode(value), true
		}
		return "", false
	})
}

// maskValues returns a readable JSON text with texts and numbers replaced where
// masked says so, and all other bytes as they are.
func maskValues(body []byte, masked func(name, value string) (string, bool)) string {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	type level struct {
		object bool
		name   string // of the member that is being read; "" before a name
	}
	var out strings.Builder
	var levels []level
	copied := int64(0)
	for {
		before := decoder.InputOffset()
		token, err := decoder.Token()
		if err != nil { // the end
			out.Write(body[copied:])
			return out.String()
		}
		if delim, ok := token.(json.Delim); ok {
			switch delim {
			case '{', '[':
				levels = append(levels, level{object: delim == '{'})
				continue
			}
			levels = levels[:len(levels)-1]
		}
		if len(levels) == 0 {
			continue
		}
		top := &levels[len(levels)-1]
		text, isText := token.(string)
		number, isNumber := token.(json.Number)
		if top.object && top.name == "" && isText {
			top.name = "." + text
			continue
		}
		if isNumber {
			text = number.String()
		}
		name := strings.TrimPrefix(top.name, ".")
		top.name = ""
		replaced, ok := masked(name, text)
		if !ok || (!isText && !isNumber) {
			continue
		}
		start := before
		for bytes.IndexByte([]byte(" \t\r\n:,"), body[start]) >= 0 {
			start++
		}
		out.Write(body[copied:start])
		out.WriteString(quote(replaced))
		copied = decoder.InputOffset()
	}
}
