package outward_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/imprest-go/imprest/core/internal/outward"
)

func TestWords(t *testing.T) {
	for _, tt := range []struct{ words, want string }{
		{"", ""},
		{"token invalid", "token invalid"},
		{"微信视频通话", "微信视频通话"},
		{"a\x1b[31m\nb\u0085c\u2028d\xff", "a[31mbcd"},
		{"bad " + secret + "!", "bad ***!"},
		{"bad app-key-\x00that-must-not-show", "bad ***"},
		{"01234567890123456 " + secret, "01234567890123456 ***"},
		{"微微微微微微微微微微微微微微微微微微微微微微微微微", "微微微微微微微微微微微微微微微微微微微微微"},
	} {
		assert.Equal(t, tt.want, outward.Words(tt.words, 21, secret, ""))
	}
}
