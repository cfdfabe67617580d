package main

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"plain, 猫 and é":        "plain, 猫 and é",
		"two\nlines\r\tand":     `two\nlines\r\tand`,
		"\x1b[31mred":           `\u001b[31mred`,
		"\u202eback":            `\u202eback`,
		"\xff":                  `\xff`,
		"\uFFFD":                "\uFFFD",
		"\u0085\u200b\ufeff":    `\u0085\u200b\ufeff`,
		"\U000e0041":            `\U000e0041`,
		"ok\xf0\x9f\x90 broken": `ok\xf0\x9f\x90 broken`,
	} {
		got := printable(in)
		assert.Equal(t, want, got, "%q", in)
		assert.Equal(t, got, printable(got), "printing what is printable changes nothing")
		assert.True(t, utf8.ValidString(got))
	}
}

func TestPaintIsPlainInAPipe(t *testing.T) {
	assert.Equal(t, "x", paint{}.red("x"))
	assert.Equal(t, "\x1b[31mx\x1b[0m", paint{on: true}.red("x"))
	assert.Empty(t, paint{on: true}.bold(""))
}
