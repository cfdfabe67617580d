package awslambda

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// What Lambda takes of an answer, and a load balancer: 6 MiB and 1 MiB of JSON.
// aws-lambda-go ends the process when an answer is refused.
const (
	answerLimit    = 6 << 20
	answerLimitALB = 1 << 20
)

func (e *event) answerLimit() int {
	if e.kind == alb {
		return answerLimitALB
	}
	return answerLimit
}

// writeAnswer writes an answer in the form that the sender of an event takes. It is
// the JSON that encoding/json would write of such a struct, with the members of an
// object in order, and without the escapes for HTML, which make five bytes more of
// one.
func writeAnswer(e *event, resp *core.Response) []byte {
	status := cmp.Or(resp.Status, http.StatusOK)
	var space [16]core.HeaderField
	lines := sendable(space[:0], resp.Header)
	byName := func(a, b core.HeaderField) int { return strings.Compare(a.Name, b.Name) }
	slices.SortStableFunc(lines, byName)
	body := resp.Body
	if e.requestMethod() == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified {
		body = nil
	}
	// What is UTF-8 arrives as it is, whatever its type. Only the rest needs base64,
	// which a REST API passes on undecoded unless it is told of binary types.
	binary := !utf8.Valid(body)

	size := 96 + len(body) + len(body)/8
	if binary {
		size = 96 + base64.StdEncoding.EncodedLen(len(body))
	}
	for _, line := range lines {
		size += len(line.Name) + len(line.Value) + 8
	}
	to := append(make([]byte, 0, size), `{"statusCode":`...)
	to = strconv.AppendInt(to, int64(status), 10)
	switch e.kind {
	case httpAPI, functionURL:
		to = appendV2(to, lines)
	case alb:
		to = append(to, `,"statusDescription":`...)
		to = appendText(to, strconv.Itoa(status)+" "+cmp.Or(http.StatusText(status), "Unknown"))
		if e.multiHeaders.there {
			to = appendRepeated(to, lines)
			break
		}
		lines = spread(lines)
		slices.SortStableFunc(lines, byName)
		to = appendJoined(to, lines)
	default:
		to = appendRepeated(to, lines)
	}
	to = append(to, `,"body":`...)
	if binary {
		to = append(to, '"')
		to = append(base64.StdEncoding.AppendEncode(to, body), '"')
	} else {
		to = appendText(to, body)
	}
	to = append(to, `,"isBase64Encoded":`...)
	return append(strconv.AppendBool(to, binary), '}')
}

// sendable appends the header lines that HTTP can carry, with their names in one
// spelling; a line break in a value becomes a space, as net/http writes it. The
// framing is the sender's.
func sendable(lines, header core.Header) core.Header {
	for _, line := range header {
		name := line.Name
		if !isUsual(name) {
			name = textproto.CanonicalMIMEHeaderKey(name)
			if !isToken(name) || name == "Content-Length" || name == "Transfer-Encoding" || name == "Connection" {
				continue
			}
		}
		if name == "Content-Type" && lines.Get(name) != "" {
			continue // one type: the first, as everywhere
		}
		lines = append(lines, core.HeaderField{Name: name, Value: sendableValue(line.Value)})
	}
	return lines
}

// isUsual reports whether a name is one of those that most answers have, as net/http
// spells them.
func isUsual(name string) bool {
	switch name {
	case "Cache-Control", "Content-Type", "Location", "Set-Cookie", "X-Content-Type-Options":
		return true
	}
	return false
}

func sendableValue(value string) string {
	if plain(value, 0) == len(value) && isValue(value) {
		return strings.TrimSpace(value)
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' {
			return ' '
		}
		if r != '\t' && isControl(r) {
			return -1
		}
		return r
	}, value))
}

// appendV2 appends headers, and cookies beside them.
func appendV2(to []byte, lines core.Header) []byte {
	first := slices.IndexFunc(lines, isCookie)
	if first < 0 {
		return appendJoined(to, lines)
	}
	behind := first
	for behind < len(lines) && isCookie(lines[behind]) {
		behind++
	}
	cookies := slices.Clone(lines[first:behind])
	to = appendJoined(to, slices.Delete(lines, first, behind))
	for i, cookie := range cookies {
		if i == 0 {
			to = append(to, `,"cookies":[`...)
		} else {
			to = append(to, ',')
		}
		to = appendText(to, cookie.Value)
	}
	return append(to, ']')
}

// appendJoined appends headers that have one value each: repeats are joined.
func appendJoined(to []byte, lines core.Header) []byte {
	for i, line := range lines {
		if i > 0 && lines[i-1].Name == line.Name {
			to = append(to[:len(to)-1], ", "...) // within the quotation marks
			to = append(appendEscaped(to, line.Value), '"')
			continue
		}
		to = appendName(to, `,"headers":{`, i, line.Name)
		to = appendText(to, line.Value)
	}
	if len(lines) > 0 {
		to = append(to, '}')
	}
	return to
}

// appendRepeated appends headers with a list of values each.
func appendRepeated(to []byte, lines core.Header) []byte {
	for i, line := range lines {
		if i > 0 && lines[i-1].Name == line.Name {
			to = append(to[:len(to)-1], ',') // within the brackets
		} else {
			to = append(appendName(to, `,"multiValueHeaders":{`, i, line.Name), '[')
		}
		to = append(appendText(to, line.Value), ']')
	}
	if len(lines) > 0 {
		to = append(to, '}')
	}
	return to
}

// appendName appends the name of the i-th header, behind what the first begins with.
func appendName(to []byte, opening string, i int, name string) []byte {
	if i > 0 {
		opening = ","
	}
	return append(appendText(append(to, opening...), name), ':')
}

func isCookie(line core.HeaderField) bool { return line.Name == "Set-Cookie" }

// spread gives cookies names of their own: one header has one value, and cookies
// cannot be joined. Names that differ in case are different headers to a load
// balancer.
func spread(lines core.Header) core.Header {
	left := 0
	for _, line := range lines {
		if isCookie(line) {
			left++
		}
	}
	kept, n := lines[:0], 0
	for _, line := range lines {
		if isCookie(line) {
			line.Name = inCase(line.Name, n)
			n++
			if left--; left >= spellings {
				continue // a later one has its name
			}
		}
		kept = append(kept, line)
	}
	return kept
}

// spellings is in how many ways Set-Cookie can be spelled.
const spellings = 1 << len("SetCookie")

// inCase returns the n-th way to spell a name in upper and lower case; 0 is its
// own.
func inCase(name string, n int) string {
	spelled := []byte(name)
	for i := range spelled {
		if letter := spelled[i] | 0x20; letter >= 'a' && letter <= 'z' {
			if n&1 == 1 {
				spelled[i] ^= 0x20
			}
			n >>= 1
		}
	}
	return string(spelled)
}

// appendText appends a JSON text.
func appendText[T string | []byte](to []byte, text T) []byte {
	return append(appendEscaped(append(to, '"'), text), '"')
}

// appendEscaped appends what stands between the quotation marks of a JSON text, as
// encoding/json writes it.
func appendEscaped[T string | []byte](to []byte, text T) []byte {
	const hex = "0123456789abcdef"
	from := 0 // what is not appended yet
	for i := plain(text, 0); i < len(text); i = plain(text, i) {
		c := text[i]
		long, escape := 1, ""
		switch {
		case c == '"' || c == '\\':
			to = append(append(to, text[from:i]...), '\\', c)
		case c >= utf8.RuneSelf:
			var r rune
			r, long = utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
			switch {
			case r == utf8.RuneError && long == 1:
				escape = `\ufffd`
			case r == '\u2028': // these end a line of JavaScript
				escape = `\u2028`
			case r == '\u2029':
				escape = `\u2029`
			default:
				i += long
				continue
			}
			to = append(append(to, text[from:i]...), escape...)
		default:
			to = append(to, text[from:i]...)
			if short := strings.IndexByte("\b\f\n\r\t", c); short >= 0 {
				to = append(to, '\\', "bfnrt"[short])
			} else {
				to = append(to, `\u00`...)
				to = append(to, hex[c>>4], hex[c&0xf])
			}
		}
		i += long
		from = i
	}
	return append(to, text[from:]...)
}
