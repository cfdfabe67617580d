package tuya

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/outward"
)

// Result returns the result of an answer: {"success": true, "result": …, "t": …,
// "tid": "…"} or {"success": false, "code": …, "msg": "…"}. Only success
// decides, whatever the HTTP status was; what it does not know it ignores, and
// code may be a number or a string. An answer that says neither is
// core.CodeUnknown. secrets are cut out of the cloud's words.
func Result(op string, body []byte, secrets ...string) (json.RawMessage, error) {
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(body, &answer); err != nil || answer == nil {
		return nil, unknown(op, errors.New("the answer is not a JSON object: ask what became of it"))
	}
	switch strings.Trim(string(answer["success"]), `"`) {
	case "true":
		return answer["result"], nil
	case "false":
	default:
		return nil, unknown(op, errors.New("the answer does not say whether it was a success: ask what became of it"))
	}
	words := func(name string) string {
		raw := answer[name]
		var text string
		if json.Unmarshal(raw, &text) != nil && len(raw) > 0 && (raw[0] == '-' || raw[0]-'0' <= 9) {
			text = string(raw)
		}
		return outward.Words(text, 200, secrets...)
	}
	code := words("code")
	if code == "" {
		return nil, unknown(op, fmt.Errorf("the answer is a failure without a code, msg %q, tid %q: ask what became of it", words("msg"), words("tid")))
	}
	return nil, Refusal(op, code, words("msg"), words("tid"))
}

func unknown(op string, err error) error {
	return &core.Error{Op: op, Code: core.CodeUnknown, Err: err}
}
