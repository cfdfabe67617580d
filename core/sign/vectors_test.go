package sign_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

// The vectors are plain JSON, so that an implementation in another language
// can run them. Their signatures were computed with another MD5 than ours.

func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}

type dataVector struct {
	Name      string
	Comment   string
	Fields    sign.Fields
	AppKey    string `json:"app_key"`
	Canonical string
	Sign      string
}

func TestDataVectors(t *testing.T) {
	var vectors []dataVector
	readVectors(t, "data.json", &vectors)
	require.GreaterOrEqual(t, len(vectors), 10)
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			assert.Equal(t, v.Canonical, v.Fields.Canonical())
			got, err := sign.Data(v.Fields, core.NewSecret(v.AppKey))
			require.NoError(t, err)
			assert.Equal(t, v.Sign, got)
		})
	}
}

// The platform's page prints another hash behind its example; that hash is the
// one of the published vector which follows it. Held here so that nobody
// "corrects" the implementation to the page.
func TestThePublishedExampleIsASlip(t *testing.T) {
	var vectors []dataVector
	readVectors(t, "data.json", &vectors)
	const printed = "9A0A8659F005D6984697E2CA0A9CF3B7"
	assert.Equal(t, "0E7F5741C9ECF83D54F9715E7C3F32B8", vectors[0].Sign)
	assert.Equal(t, printed, vectors[1].Sign)
}

func TestBaseAndJointVectors(t *testing.T) {
	var vectors []struct {
		Noncestr, Timestamp string
		AppKey              string `json:"app_key"`
		Base, Joint         string
		Fields              sign.Fields
	}
	readVectors(t, "base_joint.json", &vectors)
	require.NotEmpty(t, vectors)
	for _, v := range vectors {
		key := core.NewSecret(v.AppKey)
		base, err := sign.Base(key, v.Noncestr, v.Timestamp)
		require.NoError(t, err)
		assert.Equal(t, v.Base, base)
		joint, err := sign.Joint(v.Fields, key, base)
		require.NoError(t, err)
		assert.Equal(t, v.Joint, joint)
	}
}

type messageVector struct {
	Name        string
	ContentType string `json:"content_type"`
	Body        string
	BodyBase64  string `json:"body_base64"`
	AppKey      string `json:"app_key"`
	Verdict     string
	Canonical   *string
}

func (v messageVector) bytes(t testing.TB) []byte {
	if v.BodyBase64 == "" {
		return []byte(v.Body)
	}
	raw, err := base64.StdEncoding.DecodeString(v.BodyBase64)
	require.NoError(t, err)
	return raw
}

func TestMessageVectors(t *testing.T) {
	var vectors []messageVector
	readVectors(t, "messages.json", &vectors)
	verdicts := map[string]int{}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			verdicts[v.Verdict]++
			key := core.NewSecret(v.AppKey)
			fields, err := sign.Verify(v.ContentType, v.bytes(t), key)
			explained := sign.Explain(v.ContentType, v.bytes(t), "", key)
			assert.Equal(t, v.Verdict, explained.Verdict, explained.Reason)
			if v.Verdict == "reject" {
				require.Error(t, err)
				assert.Nil(t, fields, "no field of a message that was not verified may be had")
				assert.Contains(t, []core.Code{core.CodeMalformed, core.CodeForged}, core.CodeOf(err))
				assert.NotContains(t, err.Error(), v.AppKey)
				return
			}
			require.NoError(t, err)
			if v.Canonical != nil {
				assert.Equal(t, *v.Canonical, fields.Canonical())
			}
			assertParsesBack(t, fields)
		})
	}
	assert.Greater(t, verdicts["accept"], 20)
	assert.Greater(t, verdicts["reject"], 80)
}

// assertParsesBack holds the rule that makes the canonical text unambiguous:
// cut at every "&name=" it yields the very fields that went in.
func assertParsesBack(t testing.TB, fields sign.Fields) {
	t.Helper()
	var want sign.Fields
	for _, f := range fields {
		if f.Value != "" && f.Name != "sign" {
			want = append(want, f)
		}
	}
	var got sign.Fields
	for _, piece := range strings.Split(fields.Canonical(), "&") {
		name, value, ok := strings.Cut(piece, "=")
		if ok && len(name) >= 1 && len(name) <= 64 && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == "" {
			got = append(got, sign.Field{Name: name, Value: value})
		} else if len(got) > 0 {
			got[len(got)-1].Value += "&" + piece
		}
	}
	assert.Equal(t, want, got)
}
