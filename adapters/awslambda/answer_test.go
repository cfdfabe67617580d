package awslambda

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// FuzzAnswer holds what is written against what encoding/json writes.
func FuzzAnswer(f *testing.F) {
	cookies := strings.Repeat("Set-Cookie: a=1\r\nset-cookie: b\xff\r\n", 300)
	for _, header := range []string{
		"", "Content-Type: text/plain\r\ncontent-type: text/html\r\nX-Content-Type-Options: nosniff", "Content-Type: \r\nContent-Type: b\r\nContent-Type: c", "B: 1\r\nA: 2\r\nb: 3\r\nB: \"\\",
		cookies, "Set-Cookie: a=1\r\nA: x\r\nset-cookie: b", "X: \t a\xffb \u2028\u2029 \x00\x1f\x7f\u0085é\t\r\nbad name: x\r\nÉ: x\r\nContent-Length: 1\r\nconnection: x\r\nTransfer-Encoding: y", ": x", "X: <&>", "X: \u00a0a\u00a0",
	} {
		for kind := range kinds {
			f.Add(uint8(kind), false, 200, header, []byte("success"))
		}
		f.Add(uint8(3), true, 0, header, []byte("\x00\x01\b\f\n\r\t\x1f \"\\/<>&\x7f\u0080\u2028\u2029\U0001f514\ufffd"))
		f.Add(uint8(0), false, 204, header, []byte("x"))
		f.Add(uint8(1), false, 599, header, []byte("\xff\xfe\x00"))
		f.Add(uint8(1), true, 404, header, []byte(nil))
	}
	f.Fuzz(func(t *testing.T, which uint8, head bool, status int, header string, body []byte) {
		resp := &core.Response{Status: status, Body: body}
		for line := range strings.SplitSeq(header, "\r\n") {
			name, value, _ := strings.Cut(line, ": ")
			resp.Header.Add(name, value)
		}
		e := event{kind: kinds[int(which)%len(kinds)], method: http.MethodPost}
		if head {
			e.method = http.MethodHead
		}
		e.multiHeaders.there = which&0x80 != 0
		given := core.Response{Status: status, Header: slices.Clone(resp.Header), Body: slices.Clone(body)}
		want, err := plainAnswer(e.kind, e.method, e.multiHeaders.there, resp)
		require.NoError(t, err)
		require.Equal(t, string(want), string(writeAnswer(&e, resp)))
		require.Equal(t, given.Header, resp.Header, "the handler's own")
	})
}

var kinds = []kind{restAPI, httpAPI, httpAPI1, functionURL, alb}
