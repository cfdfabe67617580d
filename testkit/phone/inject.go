package phone

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// maxBeforeHead is how much of a page is held back while its head is looked
// for; the rest streams.
const maxBeforeHead = 64 << 10

// inject puts a tag into a page as the first thing in its head.
func inject(resp *http.Response, tag string) error {
	body := resp.Body
	start := make([]byte, 0, 4096)
	var at int
	for {
		var found bool
		if at, found = headOf(start); found || len(start) >= maxBeforeHead {
			break
		}
		if len(start) == cap(start) {
			start = append(start, make([]byte, len(start))...)[:len(start)]
		}
		n, err := body.Read(start[len(start):cap(start)])
		start = start[:len(start)+n]
		if err == io.EOF {
			at, _ = headOf(start)
			break
		}
		if err != nil {
			return err
		}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start[:at:at]), bytes.NewReader([]byte(tag)), bytes.NewReader(start[at:]), body), body}
	if resp.ContentLength >= 0 {
		resp.ContentLength += int64(len(tag))
		resp.Header.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	return nil
}

// headOf returns where the head of a page begins: behind <head>, or before the
// first tag or text that begins one unsaid. found is false if more of the page
// must be seen to know; at is then the last place where a tag may stand.
func headOf(page []byte) (at int, found bool) {
	at = len(page) - len(bytes.TrimPrefix(page, []byte("\ufeff")))
	for {
		at += len(page[at:]) - len(bytes.TrimLeft(page[at:], " \t\r\n\f"))
		rest := page[at:]
		if len(rest) == 0 {
			return at, false
		}
		if rest[0] != '<' {
			return at, true
		}
		var length int
		switch {
		case startsWith(rest, "<!--"):
			length = 4 + bytes.Index(rest[min(4, len(rest)):], []byte("-->")) + 3
			if length < 7 {
				return at, false
			}
		case startsWith(rest, "<!"), startsWith(rest, "<?"):
			length = bytes.IndexByte(rest, '>') + 1
		case startsWith(rest, "<html"), startsWith(rest, "<head"):
			if len(rest) > 5 && !bytes.ContainsRune([]byte(" \t\r\n\f/>"), rune(rest[5])) {
				return at, true // <header>
			}
			length = tagLength(rest)
		default:
			return at, true
		}
		if length == 0 {
			return at, false
		}
		at += length
		if startsWith(rest, "<head") {
			return at, true
		}
	}
}

// startsWith reports whether a page starts with a lower-case text, or may
// once there is more of it.
func startsWith(page []byte, text string) bool {
	n := min(len(page), len(text))
	return bytes.EqualFold(page[:n], []byte(text[:n]))
}

// tagLength returns how long the tag is that a page starts with; 0 if its end
// is not in sight. A ">" within quotes does not end it.
func tagLength(page []byte) int {
	var quote byte
	for i, c := range page {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return 0
}
