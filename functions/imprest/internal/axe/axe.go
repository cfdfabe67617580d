// Package axe holds a page in a browser to the rules of accessibility that
// axe-core knows: contrast, names, labels, landmarks, languages, the size of
// what is pressed. It is for tests; `make parts` installs axe-core in the
// version that package.json names.
//
// The package drives no browser. Whoever has one hands in a func that evaluates
// an expression in the page, or in a frame of it:
//
//	found, err := axe.Violations("../axe", func(expression string) (string, error) { … })
//
// What no program can see, such as whether the order of the focus makes sense,
// is left to tests that press the keys.
package axe

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// run checks the whole page and keeps what is wrong. Where no rules are named,
// two that are off unless they are asked for are asked for: that what is pressed
// is 24 by 24 pixels, and that a control's name holds the words that are seen on
// it.
const run = `axe.run(document, { resultTypes: ["violations"], preload: false, iframes: false, ...((only) => only.length ? { runOnly: only } :
	{ rules: { "target-size": { enabled: true }, "label-content-name-mismatch": { enabled: true } } })(%s) }).then((found) => JSON.stringify(found.violations))`

// ByLook are the rules that hang on colours and on the size of the window, and
// not on what the page says alone.
func ByLook() []string {
	return []string{"color-contrast", "target-size", "link-in-text-block", "scrollable-region-focusable"}
}

// violation is a rule that a page breaks, as axe-core tells it.
type violation struct {
	ID, Impact, Help, HelpURL string
	Nodes                     []struct {
		HTML, FailureSummary string
		Target               []any
	}
}

// Violations runs axe-core in a page and returns what is wrong there: a text for
// each element with the rule, its impact (minor, moderate, serious or critical),
// the element, and how to repair it. It is empty for a page without a fault.
//
// folder is where this package's own files lie, as seen from the test. evaluate
// evaluates an expression in the page, waits for it if it is a promise, and
// returns it as a text. only are the rules to hold the page to, all if there are
// none: [ByLook] is enough for a page that was only given another look.
func Violations(folder string, evaluate func(expression string) (string, error), only ...string) ([]string, error) {
	there, err := evaluate("typeof axe")
	if err != nil {
		return nil, fmt.Errorf("axe: %w", err)
	}
	if there != "object" {
		script, err := os.ReadFile(filepath.Join(folder, "node_modules", "axe-core", "axe.min.js"))
		if err != nil {
			return nil, fmt.Errorf("axe-core is missing: make parts (%w)", err)
		}
		if _, err := evaluate(string(script) + `; "there"`); err != nil {
			return nil, fmt.Errorf("axe: %w", err)
		}
	}
	rules, err := json.Marshal(append([]string{}, only...))
	if err != nil {
		return nil, err
	}
	told, err := evaluate(fmt.Sprintf(run, rules))
	if err != nil {
		return nil, fmt.Errorf("axe: %w", err)
	}
	var broken []violation
	if err := json.Unmarshal([]byte(told), &broken); err != nil {
		return nil, fmt.Errorf("axe: it told something else than violations: %w", err)
	}
	var texts []string
	for _, v := range broken {
		for _, n := range v.Nodes {
			texts = append(texts, fmt.Sprintf("%s (%s): %s\n  at %v\n  %s\n  %s\n  %s", v.ID, v.Impact, v.Help, n.Target, n.HTML,
				strings.ReplaceAll(n.FailureSummary, "\n", "\n  "), v.HelpURL))
		}
	}
	return texts, nil
}
