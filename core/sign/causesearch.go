package sign

import (
	"bytes"
	"crypto/md5"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

const (
	// maxTries bounds the texts and hashes that one explanation is worth.
	maxTries = 1200
	// maxCauseKeys is how many keys the texts are tried with.
	maxCauseKeys = 3
)

// causeSearch tries one cause after the other: it undoes each in the text that
// is signed and looks whether the signature holds then, or the text is theirs.
type causeSearch struct {
	body    string
	cutOff  bool     // whether body is but the beginning
	form    bool     // how the body is written, whatever its Content-Type says
	members []member // in the order of the body
	sorted  []member // by name, without sign
	base    string   // the text as it should be
	keys    []string

	sign   string // the field sign as it came
	target []byte // the bytes that it stands for; nil for none
	bound  string // the base signature in front of it, where it is a joint one
	wrong  string // what is wrong with how it is written, or ""

	theirs   string // their text, without the key
	compared bool   // whether theirs was given

	found     map[string]*finding
	explained string // the text that was found to be it, so that no second cause claims it
	tries     int
	space     []byte
}

// finding is what is known of a cause.
type finding struct {
	evidence      CauseEvidence
	field, detail string
	tested        bool // there was something to test
	blind         bool // there was nothing to test it against
	cut           bool // there was too much to test
}

// findCauses tells of each cause whether it is why a message was rejected.
func findCauses(contentType string, body []byte, theirs string, keys []core.Secret) []Cause {
	s := newCauseSearch(body, theirs, keys)
	s.tryReading(contentType, keys)
	s.trySignatures()
	s.tryKeys()
	s.tryFields()
	s.tryOrders()
	s.tryDocuments()
	s.tryValues()
	s.compareTheirs()
	return s.causes(keys)
}

func newCauseSearch(body []byte, theirs string, keys []core.Secret) *causeSearch {
	s := &causeSearch{body: string(body[:min(len(body), core.MaxBody)]), cutOff: len(body) > core.MaxBody, found: map[string]*finding{}}
	s.space = make([]byte, 0, 2*len(s.body)+1024) // every text is made in it
	for i := range causes {
		s.found[causes[i].ID] = &finding{}
	}
	for _, key := range keys[:min(len(keys), maxCauseKeys)] {
		if !key.IsZero() {
			s.keys = append(s.keys, key.Reveal())
		}
	}
	start := strings.TrimLeft(strings.TrimPrefix(s.body, byteOrderMark), " \t\r\n")
	s.form = start != "" && start[0] != '{' && start[0] != '[' && start[0] != '"' && strings.Contains(start, "=")
	s.members = readLeniently(s.body, s.form)
	for _, m := range s.members {
		if m.Name == "sign" {
			s.sign = m.Value
			continue
		}
		s.sorted = append(s.sorted, m)
	}
	slices.SortFunc(s.sorted, func(a, b member) int { return strings.Compare(a.Name, b.Name) })
	s.base = string(s.text(asItIs))
	if theirs != "" {
		s.compared = true
		s.readTheirs(theirs)
	}
	return s
}

// asItIs spells a value as it should be.
func asItIs(m member) string { return m.Value }

// text makes the signed text with the values as spell gives them; empty ones
// are left out. What it returns is overwritten by the next call.
func (s *causeSearch) text(spell func(member) string) []byte {
	s.space = s.space[:0]
	for _, m := range s.sorted {
		if value := spell(m); value != "" {
			s.append(m.Name, value)
		}
	}
	return s.space
}

func (s *causeSearch) append(name, value string) {
	if len(s.space) > 0 {
		s.space = append(s.space, '&')
	}
	s.space = append(append(append(s.space, name...), '='), value...)
}

// try tests whether text is what was signed; nothing is tested by the text that
// should be.
func (s *causeSearch) try(id, field, detail string, text []byte) {
	f := s.found[id]
	if string(text) == s.base || f.evidence == EvidenceSign || (s.explained != "" && string(text) == s.explained) {
		return
	}
	if !s.worth(f) {
		return
	}
	switch {
	case s.signs(text):
		s.explained = string(text)
		*f = finding{evidence: EvidenceSign, field: field, detail: detail}
	case s.compared && string(text) == s.theirs:
		s.explained = string(text)
		*f = finding{evidence: EvidenceTheirs, field: field, detail: detail}
	}
	f.blind = !s.compared && (s.target == nil || len(s.keys) == 0)
}

// worth counts a try and reports whether it is still to be made.
func (s *causeSearch) worth(f *finding) bool {
	f.tested = true
	s.tries++
	if s.tries > maxTries {
		f.cut = true
		return false
	}
	return true
}

// signs reports whether the signature holds for text and one of the keys.
func (s *causeSearch) signs(text []byte) bool {
	for _, key := range s.keys {
		if s.matches(text, "&key=", key) {
			return true
		}
		s.tries++
	}
	return false
}

// matches reports whether the signature is the MD5 of text and what is behind
// it, or the middle half of that MD5.
func (s *causeSearch) matches(text []byte, behind ...string) bool {
	if len(s.target) != md5.Size && len(s.target) != md5.Size/2 {
		return false
	}
	// Behind text, in its own memory, where there is room: it is not read again.
	for _, piece := range behind {
		text = append(text, piece...)
	}
	sum := md5.Sum(text)
	return bytes.Equal(sum[:], s.target) || bytes.Equal(sum[4:12], s.target)
}

// hash tests whether the signature is the MD5 of pieces, where they hold no key
// as it should stand.
func (s *causeSearch) hash(id, field, detail string, pieces ...string) {
	f := s.found[id]
	if f.evidence == EvidenceSign || !s.worth(f) {
		return
	}
	f.blind = s.target == nil
	if s.matches(s.space[:0], pieces...) {
		*f = finding{evidence: EvidenceSign, field: field, detail: detail}
	}
}

// texts are those that a key is tried with: ours, and theirs if it is another.
func (s *causeSearch) texts() []string {
	if s.compared && s.theirs != s.base && s.theirs != "" {
		return []string{s.base, s.theirs}
	}
	return []string{s.base}
}

// note records what is to be seen without a hash. What a signature showed is
// stronger.
func (s *causeSearch) note(id string, evidence CauseEvidence, field, detail string) {
	if f := s.found[id]; f.evidence == "" {
		*f = finding{evidence: evidence, field: field, detail: detail}
	}
}

// bySign reports whether the signature held for something that was tried.
func (s *causeSearch) bySign() bool {
	for _, f := range s.found {
		if f.evidence == EvidenceSign {
			return true
		}
	}
	return false
}

// causes makes the list of what was found.
func (s *causeSearch) causes(keys []core.Secret) []Cause {
	bySign, known := s.bySign(), false
	if s.wrong != "" && !bySign {
		s.note(causeSignSpelling, EvidenceBody, "", s.wrong)
	}
	for _, f := range s.found {
		known = known || f.evidence != ""
	}
	list := slices.Clone(causes)
	for i := range list {
		c := &list[i]
		f := s.found[c.ID]
		c.Verdict = CauseNo
		switch {
		case f.evidence != "":
			c.Verdict, c.Evidence, c.Field, c.Detail = CauseYes, f.evidence, withoutKeys(f.field, keys), f.detail
		case bySign:
		case f.cut:
			c.Verdict, c.Detail = CauseUnknown, "the message has more fields than are tried"
		case f.blind:
			c.Verdict, c.Detail = CauseUnknown, "there is no signature that could be one, or no key, to test it with"
		default:
			c.Detail = s.unknown(c.ID, known)
			if c.Detail != "" {
				c.Verdict = CauseUnknown
			}
		}
	}
	ranked(list)
	return list
}

// unknown says why it cannot be told whether it is the cause that no test fits,
// or "".
func (s *causeSearch) unknown(id string, known bool) string {
	switch id {
	case causeKey:
		return "the signature holds for nothing that was tried, and keys that were not given cannot be tried"
	case causeJoint, causeBase:
		if s.target != nil {
			return "it takes noncestr and timestamp from the headers to try it"
		}
	case causeCharset:
		if strings.ContainsFunc(s.base, func(r rune) bool { return r >= utf8.RuneSelf }) && !(s.compared && s.theirs == s.base) {
			return "GBK and its like are not tried"
		}
	case causeChanged:
		if !known {
			return "nothing that was tried explains it; two causes at once are not tried"
		}
	}
	return ""
}
