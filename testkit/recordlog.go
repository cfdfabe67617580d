package testkit

import (
	"fmt"
	"strings"
)

// Detail returns the exchange as a failed test shows it: the line of String,
// and below it both headers, both bodies, and the text that was signed.
// Secrets are masked in it as in the record.
func (e Exchange) Detail() string {
	var b strings.Builder
	b.WriteString(e.String())
	line := func(format string, args ...any) {
		b.WriteString("\n\t" + fmt.Sprintf(format, args...))
	}
	if e.Query != "" {
		line("query  %s", e.Query)
	}
	for _, h := range e.Header {
		line("> %s: %s", h.Name, h.Value)
	}
	if e.Body != "" {
		line("> %s", clip(e.Body))
	}
	if e.Canonical != "" {
		line("signed %s", clip(e.Canonical))
	}
	for _, h := range e.AnswerHeader {
		line("< %s: %s", h.Name, h.Value)
	}
	if e.Status != 0 {
		line("< %d %s", e.Status, clip(e.Answer))
	}
	return b.String()
}

// clip keeps a body readable in a log: its first 4 KiB, unprintable bytes
// escaped.
func clip(text string) string {
	const most = 4 << 10
	if len(text) > most {
		text = fmt.Sprintf("%s… (%d bytes)", text[:most], len(text))
	}
	quoted := quote(text)
	if quoted == `"`+text+`"` || strings.ReplaceAll(quoted, `\"`, `"`) == `"`+text+`"` {
		return text
	}
	return quoted
}

// watch returns what to tell of each exchange as it happens. A test that can
// say whether it failed is told of all of them at its end, and only then: a
// test that passes is quiet.
func watch(tb TB, told func(Exchange), all func() []Exchange) func(Exchange) {
	if f, ok := tb.(interface{ Failed() bool }); ok {
		tb.Cleanup(func() {
			if !f.Failed() {
				return
			}
			for _, e := range all() {
				tb.Logf("%s", e.Detail())
			}
		})
		return told
	}
	return func(e Exchange) {
		tb.Logf("%s", e)
		if told != nil {
			told(e)
		}
	}
}
