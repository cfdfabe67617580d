// Package chinese says in Chinese what the other packages of this module say to
// a developer in English: causes of signatures that do not hold, reasons of
// rejections and failures, descriptions of faults, mutators and calls.
//
// The other packages know one language, and their words are part of no
// interface. So a phrase is found by its English text ([Book.Say]), and a cause
// by its ID ([Book.Cause]); a test fails when a text that is shown has no
// phrase. What the protocol calls by a name keeps it: fields, calls, states.
package chinese

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"

	"github.com/imprest-go/imprest/core/sign"
)

//go:embed phrases.txt
var phrasesText string

// Book is all phrases. Open makes one; it may be used by many at once.
type Book struct {
	exact    map[string]string
	patterns []pattern // those with the most text of their own first
}

// pattern is a phrase with gaps.
type pattern struct {
	pieces  []string // what stands around the gaps
	own     int      // how much text that is
	chinese string
}

// maxSaid is the length in bytes up to which a text is looked up. Reasons are
// cut to less than this.
const maxSaid = 4096

// Open reads the phrases: each is a line of English, with {1}, {2} and so on for
// what differs from time to time, and a line of Chinese.
func Open() *Book {
	b := &Book{exact: map[string]string{}}
	english := ""
	for line := range strings.Lines(phrasesText) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case english == "":
			english = line
		default:
			b.add(english, line)
			english = ""
		}
	}
	slices.SortStableFunc(b.patterns, func(a, b pattern) int { return b.own - a.own })
	return b
}

func (b *Book) add(english, chinese string) {
	if !strings.Contains(english, "{1}") {
		b.exact[english] = chinese
		return
	}
	p := pattern{chinese: chinese}
	for gap := 1; ; gap++ {
		before, after, more := strings.Cut(english, "{"+strconv.Itoa(gap)+"}")
		p.pieces = append(p.pieces, before)
		p.own += len(before)
		if !more {
			break
		}
		english = after
	}
	b.patterns = append(b.patterns, p)
}

// Say returns text in Chinese, or text itself where it has no phrase. A chain
// of reasons ("payout: no answer came: …") is said link by link. What a phrase
// quotes, such as the words of a platform, stays as it is between 「 and 」.
func (b *Book) Say(text string) string {
	if said, ok := b.say(text); ok {
		return said
	}
	return text
}

// Knows reports whether text, with all that it quotes of us, has a phrase.
func (b *Book) Knows(text string) bool {
	said, ok := b.say(text)
	return ok && !strings.Contains(said, "「")
}

func (b *Book) say(text string) (string, bool) {
	if text == "" || len(text) > maxSaid {
		return text, false
	}
	if said, ok := b.phrase(text); ok {
		return said, true
	}
	for _, link := range [][2]string{{": ", "："}, {"; ", "；"}} {
		for at := 0; ; {
			i := strings.Index(text[at:], link[0])
			if i < 0 {
				break
			}
			at += i
			first, ok := text[:at], true
			if strings.Contains(first, " ") { // else it names where it happened: "purchase.Begin"
				first, ok = b.phrase(first)
			}
			if ok {
				if rest, ok := b.say(text[at+len(link[0]):]); ok {
					return first + link[1] + rest, true
				}
			}
			at += len(link[0])
		}
	}
	return text, false
}

// phrase finds text as one phrase.
func (b *Book) phrase(text string) (string, bool) {
	if said, ok := b.exact[text]; ok {
		return said, true
	}
	for _, p := range b.patterns {
		if gaps, ok := p.match(text); ok {
			said := p.chinese
			for i, gap := range gaps {
				said = strings.ReplaceAll(said, "{"+strconv.Itoa(i+1)+"}", b.quoted(gap))
			}
			return said, true
		}
	}
	return "", false
}

// match returns what stands in the gaps.
func (p pattern) match(text string) (gaps []string, ok bool) {
	rest, ok := strings.CutPrefix(text, p.pieces[0])
	if !ok {
		return nil, false
	}
	last := len(p.pieces) - 1
	for _, piece := range p.pieces[1:last] {
		gap, after, ok := strings.Cut(rest, piece)
		if !ok || gap == "" {
			return nil, false
		}
		gaps, rest = append(gaps, gap), after
	}
	gap, ok := strings.CutSuffix(rest, p.pieces[last])
	return append(gaps, gap), ok && gap != ""
}

// quoted is what stands in a gap: one of our own texts in Chinese, numbers,
// names and JSON as they are, and the words of others in quotes.
func (b *Book) quoted(gap string) string {
	if said, ok := b.say(gap); ok {
		return said
	}
	if !strings.Contains(strings.ReplaceAll(gap, ", ", ","), " ") || strings.HasPrefix(gap, "{") || strings.HasPrefix(gap, "[") {
		return gap
	}
	return "「" + gap + "」"
}

// Cause returns c in Chinese.
func (b *Book) Cause(c sign.Cause) sign.Cause {
	if words, ok := causes()[c.ID]; ok {
		c.Title, c.Advice = words.title, words.advice
	}
	c.Detail = b.Say(c.Detail)
	return c
}

// Explanation returns e in Chinese: its reason, and all words about its fields
// and causes. Names and values stay.
func (b *Book) Explanation(e sign.Explanation) sign.Explanation {
	e.Reason = b.Say(e.Reason)
	e.Fields = slices.Clone(e.Fields)
	for i := range e.Fields {
		e.Fields[i].Why = b.Say(e.Fields[i].Why)
	}
	e.Causes = slices.Clone(e.Causes)
	for i := range e.Causes {
		e.Causes[i] = b.Cause(e.Causes[i])
	}
	return e
}
