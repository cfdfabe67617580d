package house_test

import (
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oneScreen is how many lines a page of the guide may have.
const oneScreen = 100

// Every page of the guide, and the front page, is there in both languages; both
// show the same programs and commands, and have the same shape.
func TestPagesAreInStep(t *testing.T) {
	pages := 0
	for _, english := range documents(t) {
		inGuide := strings.HasPrefix(english.name, "template/guide/")
		if english.name != "README.md" && !inGuide || strings.HasSuffix(english.name, ".zh-CN.md") {
			continue
		}
		pages++
		t.Run(english.name, func(t *testing.T) {
			chinese := newDocument(t, strings.TrimSuffix(english.name, ".md")+".zh-CN.md")
			assert.Contains(t, english.text, "("+path.Base(chinese.name)+")", "a link to the other language")
			assert.Contains(t, chinese.text, "("+path.Base(english.name)+")", "a link to the other language")
			inStep(t, english, chinese)
			if inGuide {
				assert.LessOrEqual(t, strings.Count(english.text, "\n"), oneScreen, "a page is one screen")
				assert.LessOrEqual(t, strings.Count(chinese.text, "\n"), oneScreen, "a page is one screen")
				for _, index := range []string{"README.md", "README.zh-CN.md"} {
					page := english.name
					if strings.Contains(index, "zh-CN") {
						page = chinese.name
					}
					assert.Contains(t, readFile(t, index), "("+page+")", "%s leads to every page of the guide", index)
				}
			}
		})
	}
	assert.Greater(t, pages, 5)
}

func inStep(t *testing.T, english, chinese document) {
	require.Len(t, chinese.blocks, len(english.blocks), "blocks")
	comments := regexp.MustCompile(`(?m)\s*#( |$).*$`)
	for i, b := range english.blocks {
		other := chinese.blocks[i]
		assert.Equal(t, b.language, other.language, "block %d", i)
		assert.Equal(t, b.given, other.given, "block %d", i)
		if b.language == "sh" {
			assert.Equal(t, comments.ReplaceAllString(b.code, ""), comments.ReplaceAllString(other.code, ""), "block %d", i)
		} else {
			assert.Equal(t, b.code, other.code, "block %d", i)
		}
	}
	shape := func(d document) (shape []string) {
		outside := regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(d.text, "```")
		for line := range strings.Lines(outside) {
			switch {
			case strings.HasPrefix(line, "#"):
				shape = append(shape, line[:strings.Index(line, " ")])
			case strings.HasPrefix(line, "|"):
				shape = append(shape, strings.Repeat("|", strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")))
			case strings.HasPrefix(line, "- "):
				shape = append(shape, "-")
			case strings.HasPrefix(line, "```"):
				shape = append(shape, "```")
			}
		}
		return shape
	}
	assert.Equal(t, shape(english), shape(chinese), "headings, tables, lists and blocks")
}

// A link to a file of the tree leads somewhere, from wherever it stands.
func TestLinks(t *testing.T) {
	links := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	found := 0
	for _, d := range documents(t) {
		text := regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(d.text, "")
		for _, m := range links.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			found++
			assert.FileExists(t, existing(t, path.Join(path.Dir(d.name), target)), "%s: a link leads nowhere", d.name)
		}
	}
	assert.Greater(t, found, 50)
}
