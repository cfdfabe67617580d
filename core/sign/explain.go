package sign

import (
	"strings"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// Explanation tells how a message was read and what of it was signed: for a
// person who looks for the reason why a signature does not hold. It holds no
// key and no signature but the one that came with the message.
type Explanation struct {
	// Verdict is "accept" or "reject".
	Verdict string `json:"verdict"`
	// Reason says why a message is rejected.
	Reason string `json:"reason,omitempty"`
	// Fields are the fields by name; nil where the body could not be read.
	Fields []ExplainedField `json:"fields,omitempty"`
	// Canonical is the text that is signed, the key masked: "a=1&key=***".
	Canonical string `json:"canonical,omitempty"`
	// Difference is where the other side's text parts from Canonical; nil
	// where it does not, or none was given.
	Difference *Difference `json:"difference,omitempty"`
	// Causes are the usual causes of a rejected message, each tested: the one
	// that it is comes first. None for an accepted message.
	Causes []Cause `json:"causes,omitempty"`
}

// LikelyKey reports whether another app_key is the likely cause: the message is
// well formed, nothing that was tried explains it, and no text of the other side
// says otherwise. It cannot be tested: a key that was not given is not known. It
// is meant for an explanation that was made with a key.
func (e Explanation) LikelyKey() bool {
	return e.Verdict == "reject" && e.Canonical != "" && e.Difference == nil && len(e.Causes) > 0 &&
		e.Causes[0].ID == causeKey && e.Causes[0].Verdict == CauseUnknown
}

// ExplainedField is one field of an [Explanation].
type ExplainedField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Signed says whether the field is part of the signed text.
	Signed bool `json:"signed"`
	// Why says why it is not, or "".
	Why string `json:"why,omitempty"`
}

// Difference is the first place where two texts part.
type Difference struct {
	// At is the offset in bytes of the first byte that differs.
	At int `json:"at"`
	// Ours and Theirs are some characters of each text from a little before
	// At; a text that ends there ends here too.
	Ours   string `json:"ours"`
	Theirs string `json:"theirs"`
}

const (
	maskedKey = "&key=***"
	// tellableKey is the length from which a key does not occur in a text by
	// chance: that of the shortest key that is fit for use.
	tellableKey = 16
)

// Explain reads a message as [Verify] does and tells what it found. theirs is
// the text that the other side says it signed, with or without its "&key=…"
// (which is masked), or "".
//
// A rejected message is tried for the usual causes, one at a time, with the
// first three keys: some hundred hashes, and never many more than a thousand.
//
// Explain is for a developer, his own keys and his own machine. Never let its
// answer reach whoever sent the message: it says what a forger would have to
// do next.
func Explain(contentType string, body []byte, theirs string, keys ...core.Secret) Explanation {
	fields, err := Parse(contentType, body)
	if err != nil {
		return Explanation{Verdict: "reject", Reason: err.Error(), Causes: findCauses(contentType, body, theirs, keys)}
	}
	e := Explanation{Verdict: "accept", Canonical: fields.Canonical() + maskedKey}
	for _, f := range fields {
		explained := ExplainedField{Name: f.Name, Value: f.Value, Signed: true}
		switch {
		case f.Name == "sign":
			explained.Signed, explained.Why = false, "sign is the signature itself"
		case f.Value == "":
			explained.Signed, explained.Why = false, "an empty field is left out"
		}
		e.Fields = append(e.Fields, explained)
	}
	if err := fields.Verify(keys...); err != nil {
		e.Verdict, e.Reason = "reject", err.Error()
		e.Causes = findCauses(contentType, body, theirs, keys)
	}
	if theirs != "" {
		e.Difference = firstDifference(e.Canonical, withoutKeys(maskKey(theirs, e.Canonical, keys), keys))
	}
	return e
}

// withoutKeys masks a key that stands in text elsewhere than behind "&key=".
// One as short as the test key also occurs by chance, and stays.
func withoutKeys(text string, keys []core.Secret) string {
	for _, key := range keys {
		if len(key.Reveal()) >= tellableKey {
			text = strings.ReplaceAll(text, key.Reveal(), "***")
		}
	}
	return text
}

// maskKey takes the key from the end of their text, if it is there, and puts
// the mask in its place. A field called "key" stands in the midst of a text; at
// its end only the key can: sorted, "key" has "sign" and others behind it.
func maskKey(text, ours string, keys []core.Secret) string {
	for _, key := range keys {
		if rest, ok := strings.CutSuffix(text, "&key="+key.Reveal()); ok && !key.IsZero() {
			return rest + maskedKey
		}
	}
	if i := strings.LastIndex(text, "&key="); i >= 0 && !strings.Contains(text[i+1:], "&") && !strings.HasSuffix(ours, text[i:]+maskedKey) {
		text = text[:i]
	}
	return text + maskedKey
}

func firstDifference(ours, theirs string) *Difference {
	if ours == theirs {
		return nil
	}
	at := 0
	for at < len(ours) && at < len(theirs) && ours[at] == theirs[at] {
		at++
	}
	return &Difference{At: at, Ours: around(ours, at), Theirs: around(theirs, at)}
}

// around returns up to 16 bytes of s before at and 24 after, in whole runes.
func around(s string, at int) string {
	from, to := max(0, at-16), min(len(s), at+24)
	for from > 0 && !utf8.RuneStart(s[from]) {
		from--
	}
	for to < len(s) && !utf8.RuneStart(s[to]) {
		to++
	}
	return s[from:to]
}
