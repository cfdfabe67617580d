package mall

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// wireObject is an object on its way from the OpenAPI's names to the SDK's.
type wireObject map[string]json.RawMessage

// relatives reads a list of the OpenAPI's objects and gives their members the
// names that T has for them; nil for no list. names has those that mean the
// same: theirs → ours.
func relatives[T any](raw json.RawMessage, names map[string]string) ([]wireObject, error) {
	if string(compact(raw)) == "null" {
		return nil, nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, errors.New("is not a list")
	}
	list := make([]wireObject, len(elements))
	for i, element := range elements {
		object, err := relative[T](element, names)
		if err != nil {
			return nil, within("["+strconv.Itoa(i)+"]", err)
		}
		list[i] = object
	}
	return list, nil
}

// relative is relatives for one object.
func relative[T any](raw json.RawMessage, names map[string]string) (wireObject, error) {
	var theirs wireObject
	if err := json.Unmarshal(raw, &theirs); err != nil || theirs == nil {
		return nil, errors.New("is not an object")
	}
	taken := map[string]bool{}
	for _, m := range membersOf(reflect.TypeFor[T]()) {
		taken[m.name] = true
	}
	ours := wireObject{}
	for name, value := range theirs {
		switch our, same := names[name]; {
		case same:
			ours[our] = value
		case taken[name]:
			ours["openapi_"+name] = value
		default:
			ours[name] = value
		}
	}
	return ours, nil
}

// orderPageOf turns the answer of plugin/order/search into a page of orders.
func orderPageOf(raw json.RawMessage) (wireObject, error) {
	if string(compact(raw)) == "null" {
		return nil, nil
	}
	page, err := relative[OrderPage](raw, map[string]string{"total": "totalRecord", "data_list": "data"})
	if err != nil {
		return nil, err
	}
	orders, err := relatives[Order](page["data"], nil)
	if err != nil {
		return nil, within("data_list", err)
	}
	delete(page, "data")
	if orders == nil {
		return page, nil
	}
	for _, order := range orders {
		base, mall := wireObject{}, wireObject{}
		order.move("mall_code", mall, "mallCode")
		order.move("shop_code", mall, "shopCode")
		order.move("order_id", base, "orderId")
		order.move("currency", base, "currency")
		order.move("total_price", base, "amountTrade")
		if len(mall) > 0 {
			base["mallInfo"], _ = encode("", mall) // what was read can be written
		}
		if len(base) > 0 {
			order["orderBaseInfo"], _ = encode("", base)
		}
	}
	page["data"], err = encode("", orders)
	return page, err
}

// move gives a member to another object, under another name.
func (o wireObject) move(name string, to wireObject, as string) {
	if value, told := o[name]; told {
		to[as] = value
		delete(o, name)
	}
}

// withoutLocalKey drops local_key, in any spelling and at any depth, within
// texts that hold JSON too: whoever has it controls the device. What holds none
// stays to the letter.
func withoutLocalKey(raw json.RawMessage) json.RawMessage {
	raw = compact(raw)
	switch raw[0] {
	case '{':
		var object wireObject
		if json.Unmarshal(raw, &object) != nil {
			return nil
		}
		changed := false
		for name, value := range object {
			if strings.EqualFold(strings.NewReplacer("_", "", "-", "").Replace(name), "localkey") {
				delete(object, name)
				changed = true
			} else if without := withoutLocalKey(value); string(without) != string(compact(value)) {
				object[name] = without
				changed = true
			}
		}
		if changed {
			raw, _ = encode("", object) // what was read can be written
		}
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return nil
		}
		changed := false
		for i, value := range list {
			if without := withoutLocalKey(value); string(without) != string(compact(value)) {
				list[i] = without
				changed = true
			}
		}
		if changed {
			raw, _ = encode("", list)
		}
	case '"':
		var text string
		if json.Unmarshal(raw, &text) != nil || !strings.ContainsAny(text, `{["`) || !json.Valid([]byte(text)) {
			return raw
		}
		if without := withoutLocalKey(json.RawMessage(text)); string(without) != string(compact([]byte(text))) {
			return quote(string(without))
		}
	}
	return raw
}

// encode writes v as the cloud would: without escapes for HTML.
func encode(op string, v any) (json.RawMessage, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, &core.Error{Op: op, Code: core.CodeInternal, Err: errors.New("the result cannot be encoded")}
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}
