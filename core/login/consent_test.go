package login

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzConsent takes nothing of a page that two readers could read in two ways.
func FuzzConsent(f *testing.F) {
	for _, seed := range []string{
		`{"code":"c","state":"s"}`, `{"err_code":400,"err_msg":"no"}`, `{"err_code":"200","code":"c","state":"s","more":{"code":[1,{}]}}`,
		`{"code":"c","code":"d","state":"s"}`, `{"\u0063ode":"c","code":"d"}`, `{"CODE":"c","state":"s"}`, `{"err_msg":1,"err_msg":2,"code":"c"}`,
		`null`, `[]`, `{}`, ``, `{"code":null}`, "{\"code\":\"\xff\"}", `{"code":"c"}{}`, `{"err_code":1e400}`, `{"err_code":[]}`, `{"code":"c",}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := readConsent(body)
		if err != nil {
			return
		}
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(body, &members))
		rest := strings.TrimLeft(string(body), " \t\r\n")[1:]
		for name, got := range map[string]string{"code": in.code, "state": in.state, "err_code": in.errCode} {
			raw, given := members[name]
			if !given {
				require.Empty(t, got, name)
				continue
			}
			var want string
			if json.Unmarshal(raw, &want) == nil { // a number stands as it is
				require.Equal(t, want, got, name)
			} else {
				require.Equal(t, string(raw), got, name)
			}
			_, err := readConsent([]byte(`{"` + name + `":"1",` + rest))
			require.Error(t, err, "%s stands twice", name)
		}
	})
}
