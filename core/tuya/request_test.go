package tuya_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/tuya"
)

// HTTP would send these in another form than the signed one, or not at all.
func TestHeadersThatWouldNotArriveAsSigned(t *testing.T) {
	c, client, _ := start(t)
	do := func(headers ...tuya.Header) error {
		_, err := client.Do(t.Context(), tuya.Request{Method: "GET", Path: "/v1.0/x", Headers: headers})
		return err
	}
	for _, value := range []string{" 1", "1 ", "\t1", "1\t", " ", "a\x01b", "a\tb", "a\x7fb", "caf\u00e9", "\u00a01", "1\r\nb: 2"} {
		err := do(tuya.Header{Name: "area_id", Value: value})
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "%q", value)
		assert.ErrorContains(t, err, "that of area_id is none", value)
	}
	for _, name := range []string{"", "a b", "a:b", "a(b)", "a/b", "a\"b", "a@b", "caf\u00e9", "a\x00", "{a}"} {
		assert.Equal(t, core.CodeInvalid, core.CodeOf(do(tuya.Header{Name: name, Value: "1"})), "%q", name)
	}
	for _, name := range []string{
		"Host", "content-length", "Transfer-Encoding", "Connection", "User-Agent", "user-agent", "accept-encoding", "TE", "Trailer", "Upgrade",
		"Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Expect", "client_id", "Nonce", "T", "content-type", "Lang",
	} {
		err := do(tuya.Header{Name: name, Value: "1"})
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.ErrorContains(t, err, "must not hold "+name)
	}
	err := do(tuya.Header{Name: "Area_id", Value: "1"}, tuya.Header{Name: "b", Value: "1"}, tuya.Header{Name: "area_ID", Value: "1"})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	assert.ErrorContains(t, err, "area_ID once")
	assert.Empty(t, c.calls, "nothing is sent")
}

// The signed text of these would be that of other parameters.
func TestParametersThatTheSignatureCannotTellApart(t *testing.T) {
	c, client, _ := start(t)
	for _, sign := range []string{"&", "=", "#", "%", "+", "\n", "\x00", "\xff"} {
		_, err := client.Do(t.Context(), tuya.Request{Method: "GET", Path: "/v1.0/x", Query: url.Values{"user_id": {"a" + sign + "b"}}})
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "%q", sign)
		assert.ErrorContains(t, err, "user_id in the query", sign)
		_, err = client.Do(t.Context(), tuya.Request{Method: "GET", Path: "/v1.0/x", Query: url.Values{"user" + sign: {"a"}}})
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "%q", sign)
	}
	assert.Empty(t, c.calls, "nothing is sent")
}

// arrival is a transport that looks at a request as a server gets it.
type arrival func(*http.Request)

func (a arrival) RoundTrip(r *http.Request) (*http.Response, error) {
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		return nil, err
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil, err
	}
	a(got)
	answer := `{"success":true,"result":{"access_token":"a","expire_time":7200}}`
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

// Whatever Do sends, its signature holds for what arrives.
func FuzzDo(f *testing.F) {
	f.Add("/v1.0/x", "page_no", "1", "user_id", "a b", "area_id", "1", "Call_id", "2 3")
	f.Add("/v1.0/a-b", "a", "x?y", "b", "/:,", "X-A", "", "x-a", " ")
	f.Add("/\"<>^`{|}[]", "a", "\u00e9", "a", "1", "Host", "h", "Cookie", "a=b; c")
	f.Fuzz(func(t *testing.T, path, name1, value1, name2, value2, header1, text1, header2, text2 string) {
		sent := 0
		at := func() time.Time { return time.UnixMilli(1_763_683_200_000) }
		client, err := tuya.New(tuya.Config{ClientID: clientID, Secret: core.NewSecret(clientSecret), BaseURL: "http://127.0.0.1:1", Now: at, HTTPClient: &http.Client{Transport: arrival(func(r *http.Request) {
			sent++
			signed := tuya.Signed{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query()}
			signed.Body, _ = io.ReadAll(r.Body)
			for name := range strings.SplitSeq(r.Header.Get("Signature-Headers"), ":") {
				if name != "" {
					if len(r.Header.Values(name)) != 1 {
						t.Errorf("%q arrives %d times", name, len(r.Header.Values(name)))
					}
					signed.Headers = append(signed.Headers, tuya.Header{Name: name, Value: r.Header.Get(name)})
				}
			}
			want := tuya.Sign(clientID, core.NewSecret(clientSecret), core.NewSecret(r.Header.Get("access_token")), r.Header.Get("t"), r.Header.Get("nonce"), signed)
			if want != r.Header.Get("sign") {
				t.Errorf("what arrives is not what was signed: %q", signed.StringToSign())
			}
		})}})
		if err != nil {
			t.Fatal(err)
		}
		request := tuya.Request{Method: "POST", Path: path, Query: url.Values{name1: {value1}, name2: {value2}}, Body: 1, Headers: []tuya.Header{{Name: header1, Value: text1}, {Name: header2, Value: text2}}}
		switch _, err := client.Do(context.Background(), request); {
		case core.CodeOf(err) == core.CodeInvalid && sent == 0:
		case err == nil && sent == 2: // for the token, and the call
		default:
			t.Fatalf("%d sent, then: %v", sent, err)
		}
	})
}
