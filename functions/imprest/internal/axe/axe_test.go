package axe

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the browser tells is read as what is to be repaired.
func TestViolationsAsTexts(t *testing.T) {
	folder := t.TempDir()
	evaluate := func(expression string) (string, error) {
		if expression == "typeof axe" {
			return "undefined", nil
		}
		return `[{"id":"label","impact":"critical","help":"Form elements must have labels","helpUrl":"https://example.com/label","nodes":[
			{"html":"<input>","target":["#a"],"failureSummary":"Fix any:\n  no label"},{"html":"<select>","target":["#b"],"failureSummary":"Fix any"}]}]`, nil
	}
	_, err := Violations(folder, evaluate)
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "make parts")

	script := filepath.Join(folder, "node_modules", "axe-core", "axe.min.js")
	require.NoError(t, os.MkdirAll(filepath.Dir(script), 0o700))
	require.NoError(t, os.WriteFile(script, []byte("script"), 0o600))
	found, err := Violations(folder, evaluate)
	require.NoError(t, err)
	require.Len(t, found, 2)
	assert.Equal(t, "label (critical): Form elements must have labels\n  at [#a]\n  <input>\n  Fix any:\n    no label\n  https://example.com/label", found[0])
}

func TestABrowserThatFailsIsNoPageWithoutFaults(t *testing.T) {
	gone := errors.New("the tab is gone")
	_, err := Violations(t.TempDir(), func(string) (string, error) { return "", gone })
	require.ErrorIs(t, err, gone)
	_, err = Violations(t.TempDir(), func(string) (string, error) { return "object", nil })
	require.ErrorContains(t, err, "something else than violations")
}
