package sign

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// tryDocuments tests whether JSON was signed that was encoded again: the whole
// body, or one that is a value of it.
func (s *causeSearch) tryDocuments() {
	for _, m := range s.sorted {
		if m.kind == kindNested || strings.HasPrefix(m.Value, "{") || strings.HasPrefix(m.Value, "[") {
			for detail, text := range documents(m.Value) {
				s.spelled(causeReserialised, detail, spelledAlone(m.Name, text))
			}
		}
		if m.kind == kindNested {
			for _, text := range []string{"Array", "[object Object]", "[]"} {
				s.spelled(causeReserialised, "as "+text, spelledAlone(m.Name, text))
			}
		}
	}
	var pairs [2][]string
	list := s.members
	for i := range pairs {
		for _, m := range list {
			raw := m.raw
			if m.kind == kindText || m.kind == kindForm {
				raw = `"` + jsonStyle{}.spell(m.Value) + `"`
			}
			if m.Name != "sign" {
				pairs[i] = append(pairs[i], `"`+jsonStyle{}.spell(m.Name)+`":`+raw)
			}
		}
		list = s.sorted
	}
	inOrder := "{" + strings.Join(pairs[0], ",") + "}"
	s.tryDocument("", inOrder)
	if sorted := "{" + strings.Join(pairs[1], ",") + "}"; sorted != inOrder {
		s.tryDocument("sorted, ", sorted)
	}
}

func (s *causeSearch) tryDocument(order, doc string) {
	for detail, text := range documents(doc) {
		detail = "the whole body, " + order + detail
		s.try(causeReserialised, "", detail, []byte(text))
		for _, key := range s.keys {
			s.hash(causeReserialised, "", detail+", the key right behind it", text, key)
		}
	}
}

// documents yields doc, which is JSON, encoded again in the usual ways.
func documents(doc string) func(yield func(detail, text string) bool) {
	return func(yield func(string, string) bool) {
		if !json.Valid([]byte(doc)) || nested(doc) > maxNested {
			return
		}
		sources := []struct{ detail, doc string }{{"", doc}}
		if sorted := sortedJSON(doc); sorted != "" {
			sources = append(sources, struct{ detail, doc string }{"sorted, ", sorted})
		}
		for i, source := range sources {
			compact := respell(source.doc, jsonStyle{}, ":", ",")
			if i > 0 && compact == respell(doc, jsonStyle{}, ":", ",") {
				return
			}
			var raw, two, four bytes.Buffer
			_ = json.Compact(&raw, []byte(source.doc))
			_ = json.Indent(&two, []byte(compact), "", "  ")
			_ = json.Indent(&four, []byte(compact), "", "    ")
			for _, as := range [][2]string{
				{"compact", compact},
				{"compact, with its escapes as they are", raw.String()},
				{`compact, <, > and & as \u003c`, respell(source.doc, jsonStyle{html: true}, ":", ",")},
				{`compact, characters as \u5fae`, respell(source.doc, jsonStyle{unicode: true}, ":", ",")},
				{`compact, / as \/`, respell(source.doc, jsonStyle{slash: true}, ":", ",")},
				{`compact, characters as \u5fae, / as \/`, respell(source.doc, jsonStyle{unicode: true, slash: true}, ":", ",")},
				{"with a space behind : and ,", respell(source.doc, jsonStyle{}, ": ", ", ")},
				{`with a space behind : and , and characters as \u5fae`, respell(source.doc, jsonStyle{unicode: true}, ": ", ", ")},
				{"pretty, by two spaces", two.String()},
				{"pretty, by four spaces", four.String()},
			} {
				if !yield(source.detail+as[0], as[1]) {
					return
				}
			}
		}
	}
}

// sortedJSON returns doc with the names of every object sorted, "" where it
// cannot be read.
func sortedJSON(doc string) string {
	decoder := json.NewDecoder(strings.NewReader(doc))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return ""
	}
	var sorted bytes.Buffer
	encoder := json.NewEncoder(&sorted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return ""
	}
	return strings.TrimSuffix(sorted.String(), "\n")
}

// respell writes doc, which is JSON, with its strings in style.
func respell(doc string, style jsonStyle, colon, comma string) string {
	text := slices.Grow([]byte(nil), len(doc)+16)
	r := lenientJSON{s: doc}
	for r.i < len(doc) {
		switch c := doc[r.i]; c {
		case '"':
			raw, _ := r.quoted()
			text = append(append(append(text, '"'), style.spell(unescapeJSON(raw))...), '"')
			continue
		case ':':
			text = append(text, colon...)
		case ',':
			text = append(text, comma...)
		case ' ', '\t', '\r', '\n':
		default:
			text = append(text, c)
		}
		r.i++
	}
	return string(text)
}

// maxNested is how deep JSON is that is worth being encoded again: indented, it
// grows with the square of its depth.
const maxNested = 32

// nested returns how deep doc is.
func nested(doc string) (deepest int) {
	r, depth := lenientJSON{s: doc}, 0
	for r.i < len(doc) {
		switch doc[r.i] {
		case '"':
			if _, ok := r.quoted(); !ok {
				return deepest
			}
			continue
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
		r.i++
	}
	return deepest
}
