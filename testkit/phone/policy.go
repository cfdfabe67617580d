package phone

import (
	"slices"
	"strings"
)

// grants are what the bridge needs of a page's Content-Security-Policy.
type grants struct {
	script, connect, frame string // sources
	nonce                  string // where a policy believes nothing but nonces
}

// widen lets a policy, as a header has it, allow what the bridge needs and no
// more. nonce says that the script must carry the nonce.
func (g grants) widen(header string) (widened string, nonce bool) {
	policies := strings.Split(header, ",")
	for i, text := range policies {
		policy := readPolicy(text)
		script := g.script
		if policy.effective("script-src-elem", "script-src", "default-src").has("'strict-dynamic'") {
			script, nonce = "'nonce-"+g.nonce+"'", true
		}
		if policy.effective("script-src-elem") != nil {
			policy.allow(script, "script-src-elem")
		} else {
			policy.allow(script, "script-src", "default-src")
		}
		policy.allow(g.connect, "connect-src", "default-src")
		policy.allow(g.frame, "frame-src", "child-src", "default-src")
		policies[i] = policy.String()
	}
	return strings.Join(policies, ", "), nonce
}

// policy is a list of directives, each its name and its sources.
type policy [][]string

func readPolicy(text string) *policy {
	p := policy{}
	for directive := range strings.SplitSeq(text, ";") {
		if words := strings.Fields(directive); len(words) > 0 {
			p = append(p, words)
		}
	}
	return &p
}

func (p *policy) String() string {
	lines := make([]string, len(*p))
	for i, words := range *p {
		lines[i] = strings.Join(words, " ")
	}
	return strings.Join(lines, "; ")
}

// directive is one directive's words.
type directive []string

func (d directive) has(source string) bool {
	return slices.ContainsFunc(d, func(s string) bool { return strings.EqualFold(s, source) })
}

// effective returns the first of the named directives that the policy has, or
// nil. Of two by one name the first counts.
func (p *policy) effective(names ...string) directive {
	for _, name := range names {
		for _, words := range *p {
			if strings.EqualFold(words[0], name) {
				return words
			}
		}
	}
	return nil
}

// allow adds a source to the directive of that name; if the policy leaves it to
// one of the others, it gets a directive of its own with what that one allows.
func (p *policy) allow(source, name string, others ...string) {
	found := p.effective(append([]string{name}, others...)...)
	if found == nil {
		return // nothing is forbidden
	}
	widened := directive{found[0]}
	for _, s := range found[1:] {
		if !strings.EqualFold(s, "'none'") {
			widened = append(widened, s)
		}
	}
	widened = append(widened, source)
	if !strings.EqualFold(found[0], name) {
		widened[0] = name
		*p = append(*p, widened)
		return
	}
	i := slices.IndexFunc(*p, func(words []string) bool { return strings.EqualFold(words[0], name) })
	(*p)[i] = widened
}
