package phone

import (
	"bytes"
	"html"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// maxHead is how much of a page is held back while its head is looked
// through; the rest streams.
const maxHead = 256 << 10

// inject puts the bridge into a page as the first thing in its head, and
// widens the policies that the head itself has. nonced says that a policy of
// the header wants the script's nonce.
func (g grants) inject(resp *http.Response, nonced bool) error {
	body := resp.Body
	start := make([]byte, 0, 4096)
	for !wholeHead(start) && len(start) < maxHead {
		if len(start) == cap(start) {
			start = append(start, make([]byte, len(start))...)[:len(start)]
		}
		n, err := body.Read(start[len(start):cap(start)])
		start = start[:len(start)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	at, _ := headOf(start)
	head, nonce := g.widenHead(start[at:])
	tag := `<script src="` + own + `bridge.js"></script>`
	if nonced || nonce {
		tag = `<script nonce="` + g.nonce + `" src="` + own + `bridge.js"></script>`
	}
	if resp.ContentLength >= 0 {
		resp.ContentLength += int64(len(tag) + len(head) - len(start[at:]))
		resp.Header.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start[:at]), strings.NewReader(tag), bytes.NewReader(head), body), body}
	return nil
}

// wholeHead reports whether all of a page's head is in sight.
func wholeHead(page []byte) bool {
	at, found := headOf(page)
	return found && endOfHead().Match(page[at:])
}

func endOfHead() *regexp.Regexp { return regexp.MustCompile(`(?i)</head|<body|</html`) }
func metaTag() *regexp.Regexp   { return regexp.MustCompile(`(?is)<meta\s[^>]*>`) }
func policyName() *regexp.Regexp {
	return regexp.MustCompile(`(?is)\shttp-equiv\s*=\s*["']?\s*content-security-policy\b`)
}
func policyText() *regexp.Regexp {
	return regexp.MustCompile(`(?is)(\scontent\s*=\s*)("[^"]*"|'[^']*')`)
}

// widenHead widens the policies that stand in a page's head as <meta>.
func (g grants) widenHead(page []byte) (widened []byte, nonce bool) {
	end := len(page)
	if at := endOfHead().FindIndex(page); at != nil {
		end = at[0]
	}
	if !bytes.Contains(bytes.ToLower(page[:end]), []byte("content-security-policy")) {
		return page, false
	}
	head := metaTag().ReplaceAllFunc(page[:end], func(tag []byte) []byte {
		if !policyName().Match(tag) {
			return tag
		}
		return policyText().ReplaceAllFunc(tag, func(attribute []byte) []byte {
			parts := policyText().FindSubmatch(attribute)
			policy, used := g.widen(html.UnescapeString(string(parts[2][1 : len(parts[2])-1])))
			nonce = nonce || used
			return []byte(string(parts[1]) + `"` + html.EscapeString(policy) + `"`)
		})
	})
	return append(head, page[end:]...), nonce
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
