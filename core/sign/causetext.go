package sign

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// tryReading looks at the body and its sign before any text is tried.
func (s *causeSearch) tryReading(contentType string, keys []core.Secret) {
	if s.cutOff {
		s.note(causeNotStrict, EvidenceBody, "", "it is larger than any message")
		return
	}
	evidence := EvidenceBody
	if s.sign == "" {
		s.lookForSign()
	} else {
		s.wrong = s.readSign()
		if s.signs([]byte(s.base)) {
			evidence = EvidenceSign
			if s.bound != "" {
				s.wrong = "a base signature stands in front of it"
			}
			if s.wrong != "" {
				s.note(causeSignSpelling, EvidenceSign, "", s.wrong)
			}
		}
	}
	if slices.ContainsFunc(keys, core.Secret.IsZero) {
		s.note(causeKey, EvidenceBody, "", "one of those that were given is empty")
	}
	if form, err := isForm(contentType); err != nil {
		s.note(causeContentType, evidence, "", "it names another type or charset")
	} else if form != s.form && len(s.members) > 0 {
		s.note(causeContentType, evidence, "", map[bool]string{true: "the body is a form", false: "the body is JSON"}[s.form])
	}
	body, marked := strings.CutPrefix(s.body, byteOrderMark)
	if marked {
		s.note(causeBOM, evidence, "", "at the beginning of the body")
	}
	if !utf8.ValidString(body) {
		s.note(causeCharset, evidence, "", "the body is not UTF-8")
		return
	}
	parse := parseJSON
	if s.form {
		parse = parseForm
	}
	if _, err := parse([]byte(body)); err != nil {
		reason := err.Error()
		if cause, ok := errors.AsType[reasonError](err); ok {
			reason = cause.Error()
		}
		s.note(causeNotStrict, evidence, "", reason)
	}
}

// lookForSign looks for the signature in a field of another name.
func (s *causeSearch) lookForSign() {
	for i, m := range s.sorted {
		switch strings.ToLower(m.Name) {
		case "sign", "signature", "paysign", "pay_sign", "app_sign":
		default:
			continue
		}
		if m.Value == "" {
			continue
		}
		s.sign = m.Value
		s.sorted = slices.Delete(s.sorted, i, i+1)
		s.members = slices.DeleteFunc(s.members, func(o member) bool { return o.Name == m.Name })
		s.base = string(s.text(asItIs))
		s.wrong = s.readSign()
		evidence := EvidenceBody
		if s.signs([]byte(s.base)) {
			evidence = EvidenceSign
		}
		s.note(causeSignMissing, evidence, m.Name, "it is in a field of another name")
		return
	}
	s.note(causeSignMissing, EvidenceBody, "", "")
}

// with makes the text with more fields, empty ones too.
func (s *causeSearch) with(more ...member) string {
	list := slices.Clone(more)
	for _, m := range s.sorted {
		if m.Value != "" {
			list = append(list, m)
		}
	}
	slices.SortStableFunc(list, func(a, b member) int { return strings.Compare(a.Name, b.Name) })
	return s.joined(list)
}

// joined makes the text of list in its order.
func (s *causeSearch) joined(list []member) string {
	s.space = s.space[:0]
	for _, m := range list {
		s.append(m.Name, m.Value)
	}
	return string(s.space)
}

// tryFields tests whether a field was signed that should not be, or was not.
func (s *causeSearch) tryFields() {
	var empty, null []member
	for _, m := range s.sorted {
		switch {
		case m.Value == "" && m.kind == kindNull:
			null = append(null, m)
		case m.Value == "":
			empty = append(empty, m)
		}
	}
	signField := member{Field: Field{Name: "sign"}}
	all := slices.Concat(empty, null)
	if len(all) > 1 {
		s.try(causeEmptySigned, "", "all of them", []byte(s.with(all...)))
	}
	if len(empty) > 1 {
		s.try(causeEmptySigned, "", "all but null", []byte(s.with(empty...)))
	}
	if len(all) > 0 {
		s.try(causeEmptySigned, "", "all of them, and sign while it was empty", []byte(s.with(append(slices.Clone(all), signField)...)))
	}
	s.try(causeSignSigned, "sign", "while it was empty", []byte(s.with(signField)))
	s.try(causeSignSigned, "sign", "while it was null", []byte(s.with(member{Field: Field{"sign", "null"}})))
	for _, m := range all {
		s.try(causeEmptySigned, m.Name, "", []byte(s.with(m)))
	}
	if !slices.ContainsFunc(s.sorted, func(m member) bool { return m.Name == "sign_type" }) {
		s.try(causeFieldNotSent, "sign_type", "", []byte(s.with(member{Field: Field{"sign_type", "MD5"}})))
	}
	for _, left := range s.sorted {
		s.try(causeFieldLeftOut, left.Name, "", s.text(func(m member) string {
			if m.Name == left.Name {
				return ""
			}
			return m.Value
		}))
	}
}

// tryOrders tests whether the fields were sorted or joined in another way.
func (s *causeSearch) tryOrders() {
	list := slices.DeleteFunc(slices.Clone(s.members), func(m member) bool { return m.Value == "" || m.Name == "sign" })
	s.try(causeOrderDocument, "", "in the order of the body", []byte(s.joined(list)))
	by := func(key func(member) string) []byte {
		sorted := slices.Clone(s.sorted)
		sorted = slices.DeleteFunc(sorted, func(m member) bool { return m.Value == "" })
		slices.SortStableFunc(sorted, func(a, b member) int { return strings.Compare(key(a), key(b)) })
		return []byte(s.joined(sorted))
	}
	s.try(causeOrderCase, "", "as lower case", by(func(m member) string { return strings.ToLower(m.Name) }))
	s.try(causeOrderCase, "", "as upper case", by(func(m member) string { return strings.ToUpper(m.Name) }))
	s.try(causeOrderCase, "", "with the underscores left out", by(func(m member) string { return strings.ToLower(strings.ReplaceAll(m.Name, "_", "")) }))
	s.try(causeOrderPairs, "", "", by(func(m member) string { return m.Name + "=" + m.Value }))

	slices.SortFunc(list, func(a, b member) int { return strings.Compare(a.Name, b.Name) })
	join := func(detail, equals, between string, names bool) {
		var text strings.Builder
		for i, m := range list {
			if i > 0 {
				text.WriteString(between)
			}
			if names {
				text.WriteString(m.Name)
			}
			text.WriteString(equals)
			text.WriteString(m.Value)
		}
		s.try(causeJoining, "", detail, []byte(text.String()))
	}
	join("with nothing between the fields", "=", "", true)
	join("names and values alone", "", "", true)
	join("values alone", "", "", false)
	join("values alone, with an & between them", "", "&", false)
	join("with a comma between the fields", "=", ",", true)
	join("with | between the fields", "=", "|", true)
	join("with a colon behind the names", ":", "&", true)
	s.try(causeBOM, "", "in front of the text", []byte(byteOrderMark+s.base))
	s.try(causeJoining, "", "with an & too many at the end", []byte(s.base+"&"))
	s.try(causeJoining, "", "with an & too many at the beginning", []byte("&"+s.base))
	s.try(causeJoining, "", "with ? in front", []byte("?"+s.base))
	s.try(causeJoining, "", "with the values in quotes", s.text(func(m member) string {
		if m.Value == "" {
			return ""
		}
		return `"` + m.Value + `"`
	}))
	slices.Reverse(list)
	s.try(causeOrderDocument, "", "backwards", []byte(s.joined(list)))
}

// compareTheirs looks at what parts their text from ours where no cause made it.
func (s *causeSearch) compareTheirs() {
	if !s.compared || s.theirs == s.base || s.theirs == s.explained {
		return
	}
	evidence := EvidenceTheirs
	if s.signs([]byte(s.theirs)) {
		evidence = EvidenceSign
	}
	theirs, last := map[string]string{}, ""
	for pair := range strings.SplitSeq(s.theirs, "&") {
		name, value, ok := strings.Cut(pair, "=")
		switch {
		case (!ok || !nameOK(name)) && last != "": // a value that holds an "&"
			theirs[last] += "&" + pair
		case ok && nameOK(name) && len(theirs) <= maxFields:
			theirs[name], last = value, name
		}
	}
	var missing, other []string
	for _, m := range s.sorted {
		value, ok := theirs[m.Name]
		delete(theirs, m.Name)
		switch {
		case m.Value == "" && value == "":
		case !ok:
			missing = append(missing, m.Name)
		case value != m.Value:
			other = append(other, m.Name)
		}
	}
	more := make([]string, 0, len(theirs))
	for name := range theirs {
		more = append(more, name)
	}
	slices.Sort(more)
	switch {
	case len(other) > 0:
		s.note(causeChanged, evidence, other[0], "its value is another in their text")
	case len(missing) > 0 && len(missing) == len(s.sorted):
		s.note(causeChanged, evidence, "", "their text is another altogether")
	case len(missing) > 0:
		s.note(causeFieldLeftOut, evidence, missing[0], others(missing))
	case len(more) > 0:
		s.note(causeFieldNotSent, evidence, more[0], others(more))
	default:
		s.note(causeOrderDocument, evidence, "", "the same fields, in another order or joined otherwise")
	}
}

func others(names []string) string {
	if len(names) == 1 {
		return ""
	}
	return "and others besides"
}
