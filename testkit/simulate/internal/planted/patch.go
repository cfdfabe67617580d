package planted

import (
	"fmt"
	"strings"
)

// Patch is one bug inside a package that ships: a unified diff of one file and
// one hunk.
type Patch struct {
	Name string
	// Bug says in one line what is wrong; Breaks is the invariant that fails.
	Bug, Breaks string
	// File is what is patched, from the root of the module. Old is the text
	// that stands there, whole lines, and New what stands in its place.
	File, Old, New string
}

// ParsePatch reads a patch: two lines "# bug: …" and "# breaks: …", then the
// diff. What is not understood to the last line is an error.
func ParsePatch(name, text string) (Patch, error) {
	p := Patch{Name: name}
	lines := strings.SplitAfter(text, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	for i, what := range []struct {
		prefix string
		target *string
	}{{"# bug: ", &p.Bug}, {"# breaks: ", &p.Breaks}, {"--- a/", &p.File}, {"+++ b/", nil}, {"@@ ", nil}} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], what.prefix) {
			return Patch{}, fmt.Errorf("%s: line %d must begin with %q", name, i+1, what.prefix)
		}
		value := strings.TrimSpace(strings.TrimPrefix(lines[i], what.prefix))
		switch {
		case what.target != nil:
			*what.target = value
		case what.prefix == "+++ b/" && value != p.File:
			return Patch{}, fmt.Errorf("%s: it patches %s and %s: one file, please", name, p.File, value)
		}
		if value == "" {
			return Patch{}, fmt.Errorf("%s: nothing follows %q", name, what.prefix)
		}
	}
	var before, after strings.Builder
	const head = 5
	for i, line := range lines[head:] {
		switch kind, rest := line[0], line[1:]; kind {
		case ' ':
			before.WriteString(rest)
			after.WriteString(rest)
		case '-':
			before.WriteString(rest)
		case '+':
			after.WriteString(rest)
		default:
			return Patch{}, fmt.Errorf("%s: line %d is no line of a hunk, and one hunk is all there may be: %q", name, head+i+1, line)
		}
	}
	p.Old, p.New = before.String(), after.String()
	if p.Old == p.New {
		return Patch{}, fmt.Errorf("%s: it changes nothing", name)
	}
	return p, nil
}

// Apply returns source with the bug in it. The text that the patch looks for
// must stand there once, to the byte; where it stands may have moved.
func (p Patch) Apply(source string) (string, error) {
	// Whole lines: a match never begins in the middle of one.
	switch n := strings.Count("\n"+source, "\n"+p.Old); n {
	case 1:
	case 0:
		return "", fmt.Errorf("%s no longer applies: %s does not have\n%s\nMake the patch anew, or take it away together with what it guarded", p.Name, p.File, p.Old)
	default:
		return "", fmt.Errorf("%s is ambiguous: %s has this %d times:\n%s\nGive the patch more context", p.Name, p.File, n, p.Old)
	}
	patched := strings.Replace("\n"+source, "\n"+p.Old, "\n"+p.New, 1)
	return patched[1:], nil
}
