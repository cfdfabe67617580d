package sandbox

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// masked stands for what must not be shown.
const masked = "***"

// surelyUnique is how long a secret is that stands nowhere by chance. The
// documented app_key is shorter, and could be an amount.
const surelyUnique = 16

// masks takes secrets out of what the control API shows. The fakes have masked
// their own records; a journal has not.
type masks struct {
	secrets []string        // long ones
	short   []string        // as a whole text, or behind "key="
	codes   map[string]bool // exchange codes
}

// inCode finds an exchange code by its name: one of a stock that no fake made.
var inCode = regexp.MustCompile(`("(?:code|exchange_code)"\s*:\s*")([^"\\]*)(")`)

func (w *world) masks() masks {
	m := masks{codes: map[string]bool{}}
	secrets := append([]core.Secret{w.robotEvents.secret, testkit.TestWeChatApp().Secret}, w.cookieKeys...)
	for _, account := range w.platform.Accounts() {
		secrets = append(secrets, account.AppKey)
	}
	for _, secret := range secrets {
		switch plain := secret.Reveal(); {
		case len(plain) >= surelyUnique:
			m.secrets = append(m.secrets, plain)
		case plain != "":
			m.short = append(m.short, plain)
		}
	}
	for _, code := range w.cloud.Codes() {
		m.codes[code.Code] = true
	}
	return m
}

// text returns a text without the secrets.
func (m masks) text(text string) string {
	for _, secret := range m.secrets {
		text = strings.ReplaceAll(text, secret, masked)
	}
	for _, secret := range m.short {
		text = strings.ReplaceAll(text, `"`+secret+`"`, `"`+masked+`"`)
		text = strings.ReplaceAll(text, "key="+secret, "key="+masked)
	}
	return m.words(text)
}

// words masks the exchange codes that stand in a text as words.
func (m masks) words(text string) string {
	var b strings.Builder
	from, start := 0, -1
	for i := 0; i <= len(text); i++ {
		if i < len(text) && isCodeByte(text[i]) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 && m.codes[text[start:i]] {
			b.WriteString(text[from:start] + maskedCode(text[start:i]))
			from = i
		}
		start = -1
	}
	return b.String() + text[from:]
}

func isCodeByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '_'
}

// maskedCode leaves the last four characters of an exchange code.
func maskedCode(code string) string {
	if len(code) < 8 {
		return masked
	}
	return masked + code[len(code)-4:]
}

// record returns a journal record's body, indented where it is JSON.
func (m masks) record(id string, body []byte) string {
	text := string(body)
	if strings.HasPrefix(id, "codes/") || strings.HasPrefix(id, "redeem/") {
		text = inCode.ReplaceAllStringFunc(text, func(found string) string {
			part := inCode.FindStringSubmatch(found)
			if strings.HasPrefix(part[2], masked) {
				return found
			}
			return part[1] + maskedCode(part[2]) + part[3]
		})
	}
	text = m.text(text)
	var indented bytes.Buffer
	if json.Indent(&indented, []byte(text), "", "  ") == nil {
		return indented.String()
	}
	return text
}
