package sign

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// spelled tests whether the values were signed as spell gives them: all, and
// each alone.
func (s *causeSearch) spelled(id, detail string, spell func(member) string) {
	if s.tries > maxTries {
		s.found[id].cut = true
		return
	}
	var changed []int
	values := make([]string, len(s.sorted))
	for i, m := range s.sorted {
		if values[i] = spell(m); values[i] != m.Value {
			changed = append(changed, i)
		}
	}
	if len(changed) > 1 {
		i := -1
		s.try(id, "", detail, s.text(func(member) string { i++; return values[i] }))
	}
	for _, only := range changed {
		if s.found[id].evidence == EvidenceSign {
			return
		}
		i := -1
		s.try(id, s.sorted[only].Name, detail, s.text(func(m member) string {
			if i++; i == only {
				return values[i]
			}
			return m.Value
		}))
	}
}

// decoded applies change to every value.
func decoded(change func(string) string) func(member) string {
	return func(m member) string { return change(m.Value) }
}

// tryValues tests whether the values were spelled otherwise when they were signed.
func (s *causeSearch) tryValues() {
	s.tryForm()
	for _, style := range []struct {
		detail string
		keeps  string
	}{
		{"as Go's url.QueryEscape does", "-_.~+"},
		{"as RFC 3986 asks", "-_.~"},
		{"as encodeURIComponent does", "-_.~!*'()"},
		{"as Java's URLEncoder does", "-_.*+"},
		{"as encodeURI does", "-_.~!*'();/?:@&=+$,#"},
	} {
		s.spelled(causeURLEncoded, style.detail, decoded(func(v string) string { return percentEncode(v, style.keeps, "0123456789ABCDEF") }))
		s.spelled(causeURLEncoded, style.detail+", in lower case", decoded(func(v string) string { return percentEncode(v, style.keeps, "0123456789abcdef") }))
	}
	s.try(causeURLEncoded, "", "the whole text", []byte(url.QueryEscape(s.base)))

	s.spelled(causeEscapes, "as the body spells them", func(m member) string {
		if m.kind == kindText {
			return m.raw
		}
		return m.Value
	})
	for _, style := range []struct {
		detail string
		jsonStyle
	}{
		{`" and \ with a backslash`, jsonStyle{}},
		{`<, > and & as \u003c, \u003e and \u0026`, jsonStyle{html: true}},
		{`characters as \u5fae`, jsonStyle{unicode: true}},
		{`characters as \u5FAE`, jsonStyle{unicode: true, upper: true}},
		{`/ as \/`, jsonStyle{slash: true}},
		{`characters as \u5fae, and / as \/`, jsonStyle{unicode: true, slash: true}},
	} {
		s.spelled(causeEscapes, style.detail, decoded(style.spell))
	}
	s.spelled(causeEscapes, "undone once more", decoded(unescapeJSON))
	s.spelled(causeEscapes, "HTML's &amp;, &lt; and their like", decoded(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace))
	s.spelled(causeEscapes, "HTML's &amp;, &quot; and their like", decoded(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace))
	s.spelled(causeEscapes, "HTML's undone", decoded(strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#34;", `"`, "&#39;", "'").Replace))

	s.tryWords()
	s.tryNumbers()
	s.tryCharsets()
	s.trySpaces()
}

// tryForm tests how a form was decoded.
func (s *causeSearch) tryForm() {
	if s.form {
		s.spelled(causeFormPlus, "+ signed as it stands in the form", func(m member) string { return unescapeForm(m.raw, false) })
		s.spelled(causeFormPlus, "a space signed where the form has %2B", decoded(func(v string) string { return strings.ReplaceAll(v, "+", " ") }))
		s.spelled(causeFormPercent, "not decoded", func(m member) string { return m.raw })
		s.spelled(causeFormPercent, "only + decoded", func(m member) string { return strings.ReplaceAll(m.raw, "+", " ") })
	}
	s.spelled(causeFormPercent, "decoded once more", decoded(func(v string) string { return unescapeForm(v, true) }))
	s.spelled(causeFormPercent, "decoded once more, but for +", decoded(func(v string) string { return unescapeForm(v, false) }))
}

// percentEncode encodes all but letters, digits and keeps; "+" in keeps means
// that a space is a plus, unless "/" is kept too.
func percentEncode(s, keeps, digits string) string {
	form := strings.Contains(keeps, "+") && !strings.Contains(keeps, "/")
	text := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		switch {
		case form && c == ' ':
			text = append(text, '+')
		case c|0x20 >= 'a' && c|0x20 <= 'z', c-'0' <= 9, !(form && c == '+') && strings.IndexByte(keeps, c) >= 0:
			text = append(text, c)
		default:
			text = append(text, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(text)
}

// tryWords tests other spellings of true, false and null.
func (s *causeSearch) tryWords() {
	for _, words := range [][3]string{
		{"True", "False", "None"}, {"TRUE", "FALSE", "NULL"}, {"1", "0", "null"}, {"1", "", "nil"}, {"true", "false", "<nil>"}, {"true", "false", "undefined"}, {"true", "false", "(null)"},
	} {
		s.spelled(causeBoolNull, "as "+strings.Trim(strings.Join(words[:], ", "), ", "), func(m member) string {
			switch {
			case m.kind == kindNull:
				return words[2]
			case m.kind == kindText && m.Value == "" && words[2] == "null":
				return "null"
			case m.Value == "true" && m.kind != kindText:
				return words[0]
			case m.Value == "false" && m.kind != kindText:
				return words[1]
			}
			return m.Value
		})
	}
}

// tryNumbers tests other spellings of a number.
func (s *causeSearch) tryNumbers() {
	for _, style := range numberStyles {
		spell := func(m member) string {
			if len(m.Value) > 24 || m.Value == "" || strings.Trim(m.Value, "0123456789.eE+-") != "" {
				return m.Value
			}
			// Not money, but what became of it in a program that took it for a float.
			f, err := strconv.ParseFloat(m.Value, 64)
			if err != nil {
				return m.Value
			}
			return style.spell(m.Value, f)
		}
		s.spelled(causeNumber, style.detail, func(m member) string {
			if m.kind == kindNumber {
				return spell(m)
			}
			return m.Value
		})
		for i, m := range s.sorted {
			if m.kind != kindText && m.kind != kindForm {
				continue
			}
			if value := spell(m); value != m.Value {
				at := -1
				s.try(causeNumber, m.Name, style.detail, s.text(func(m member) string {
					if at++; at == i {
						return value
					}
					return m.Value
				}))
			}
		}
	}
}

func exponent(format byte) func(string, float64) string {
	return func(_ string, f float64) string { return strconv.FormatFloat(f, format, -1, 64) }
}

var numberStyles = []struct {
	detail string
	spell  func(value string, f float64) string
}{
	{"with a decimal point (100.0)", func(v string, _ float64) string { return whole(v, v+".0") }},
	{"with two decimals (100.00)", func(v string, f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }},
	{"with six decimals (100.000000)", func(v string, f float64) string { return strconv.FormatFloat(f, 'f', 6, 64) }},
	{"as a float without its exponent or its zeros (100)", exponent('f')},
	{"in yuan (1.00 for 100 fen)", func(v string, _ float64) string { return whole(v, yuan(v)) }},
	{"in yuan (1 or 1.5 for fen)", func(v string, _ float64) string {
		return whole(v, strings.TrimRight(strings.TrimRight(yuan(v), "0"), "."))
	}},
	{"in yuan (1.0 for 100 fen)", func(v string, _ float64) string { return whole(v, strings.TrimSuffix(yuan(v), "0")) }},
	{"in fen where the body has yuan (100 for 1.00)", func(v string, f float64) string { return strconv.FormatFloat(f*100, 'f', 0, 64) }},
	{"with an exponent (1e+02)", exponent('e')},
	{"with an exponent (1E+02)", exponent('E')},
	{"with an exponent (1e2)", func(_ string, f float64) string { return shortExponent(f, "e", "") }},
	{"with an exponent (1E2)", func(_ string, f float64) string { return shortExponent(f, "E", "") }},
	{"with an exponent (1.0E2)", func(_ string, f float64) string { return shortExponent(f, "E", ".0") }},
	{"with an exponent, as Go prints a large float", exponent('g')},
}

// whole returns spelled for a whole number that is not too long to be an amount,
// and v for any other.
func whole(v, spelled string) string {
	if len(v) > 12 || strings.Trim(v, "0123456789") != "" {
		return v
	}
	return spelled
}

func yuan(fen string) string {
	fen = strings.Repeat("0", max(0, 3-len(fen))) + fen
	return fen[:len(fen)-2] + "." + fen[len(fen)-2:]
}

// shortExponent writes f with an exponent of as few digits as it takes; point
// stands behind a mantissa of one digit.
func shortExponent(f float64, e, point string) string {
	mantissa, power, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	sign := strings.TrimPrefix(power[:1], "+")
	if !strings.Contains(mantissa, ".") {
		mantissa += point
	}
	digits := strings.TrimLeft(power[1:], "0")
	if digits == "" {
		digits = "0"
	}
	return mantissa + e + sign + digits
}

// trySpaces tests for white space that came or went.
func (s *causeSearch) trySpaces() {
	s.spelled(causeTrailingSpace, "taken away", decoded(strings.TrimSpace))
	s.try(causeTrailingSpace, "", "a line end behind the text", []byte(s.base+"\n"))
	s.try(causeTrailingSpace, "", "a line end behind the text", []byte(s.base+"\r\n"))
	s.try(causeTrailingSpace, "", "a space behind the text", []byte(s.base+" "))
	for _, space := range []string{" ", "\n", "\r\n", "\t"} {
		for _, m := range s.sorted {
			if m.Value != "" {
				s.spelled(causeTrailingSpace, "behind the value that was signed", spelledAlone(m.Name, m.Value+space))
			}
		}
	}
	for _, m := range s.sorted {
		if m.Value != "" {
			s.spelled(causeTrailingSpace, "before the value that was signed", spelledAlone(m.Name, " "+m.Value))
		}
	}
	s.spelled(causeTrailingSpace, "all white space taken away", decoded(func(v string) string { return strings.Join(strings.Fields(v), "") }))
	s.spelled(causeTrailingSpace, "runs of white space made one", decoded(func(v string) string { return strings.Join(strings.Fields(v), " ") }))
}

func spelledAlone(name, value string) func(member) string {
	return func(m member) string {
		if m.Name == name {
			return value
		}
		return m.Value
	}
}

// tryCharsets tests the confusions that the standard library can make.
func (s *causeSearch) tryCharsets() {
	if !strings.ContainsFunc(s.base, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return
	}
	latin := func(v string) string {
		text := make([]byte, 0, len(v))
		for _, r := range v {
			if r > 0xff {
				return v
			}
			text = append(text, byte(r))
		}
		return string(text)
	}
	s.spelled(causeCharset, "UTF-8 read as ISO 8859-1", decoded(func(v string) string {
		text := make([]rune, len(v))
		for i := range len(v) {
			text[i] = rune(v[i])
		}
		return string(text)
	}))
	s.spelled(causeCharset, "ISO 8859-1, or UTF-8 that was encoded twice", decoded(latin))
	for _, lost := range []string{"?", "\ufffd"} {
		s.spelled(causeCharset, "characters lost as "+lost, decoded(func(v string) string {
			return strings.Map(func(r rune) rune {
				if r < utf8.RuneSelf {
					return r
				}
				lostRune, _ := utf8.DecodeRuneInString(lost)
				return lostRune
			}, v)
		}))
	}
	s.spelled(causeCharset, "bytes lost as ?", decoded(func(v string) string {
		text := []byte(v)
		for i := range text {
			if text[i] >= utf8.RuneSelf {
				text[i] = '?'
			}
		}
		return string(text)
	}))
	for _, key := range s.keys {
		for _, big := range []bool{false, true} {
			s.hash(causeCharset, "", "UTF-16", wideText(s.base+"&key="+key, big))
		}
	}
}

func wideText(s string, bigEndian bool) string {
	text := make([]byte, 0, 2*len(s))
	for _, unit := range utf16.Encode([]rune(s)) {
		if bigEndian {
			text = append(text, byte(unit>>8), byte(unit))
		} else {
			text = append(text, byte(unit), byte(unit>>8))
		}
	}
	return string(text)
}
