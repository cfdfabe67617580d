package planted_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit/simulate/internal/planted"
)

const header = "# bug: the sum is wrong\n# breaks: sums\n--- a/sum.go\n+++ b/sum.go\n"

func TestAPatchIsAppliedToTheByte(t *testing.T) {
	patch, err := planted.ParsePatch("sum", header+"@@ -2,2 +2,2 @@\n func sum() {\n-\treturn a + b\n+\treturn a - b\n }\n")
	require.NoError(t, err)
	assert.Equal(t, "the sum is wrong", patch.Bug)
	assert.Equal(t, "sums", patch.Breaks)
	assert.Equal(t, "sum.go", patch.File)

	patched, err := patch.Apply("package sum\n\n// moved down\n\nfunc sum() {\n\treturn a + b\n}\n")
	require.NoError(t, err)
	assert.Equal(t, "package sum\n\n// moved down\n\nfunc sum() {\n\treturn a - b\n}\n", patched)

	// At the very beginning of a file, too.
	patched, err = patch.Apply("func sum() {\n\treturn a + b\n}\n")
	require.NoError(t, err)
	assert.Equal(t, "func sum() {\n\treturn a - b\n}\n", patched)
}

func TestAPatchThatDoesNotFitIsRefused(t *testing.T) {
	patch, err := planted.ParsePatch("sum", header+"@@ -1,2 +1,1 @@\n func sum() {\n-\treturn a + b\n")
	require.NoError(t, err)
	for name, source := range map[string]string{
		"gone":           "func sum() {\n\treturn a*b\n}\n",
		"other spaces":   "func sum() {\n    return a + b\n}\n",
		"not whole line": "x func sum() {\n\treturn a + b\n}\n",
		"twice":          "func sum() {\n\treturn a + b\n}\nfunc sum() {\n\treturn a + b\n}\n",
	} {
		_, err := patch.Apply(source)
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), "sum.go", name)
		assert.Contains(t, err.Error(), "return a + b", "%s: what it looked for", name)
	}
}

func TestWhatIsNoPatchIsRefused(t *testing.T) {
	hunk := "@@ -1,1 +1,1 @@\n-a\n+b\n"
	for name, text := range map[string]string{
		"empty":          "",
		"no bug":         "# breaks: sums\n--- a/f\n+++ b/f\n" + hunk,
		"no invariant":   "# bug: x\n--- a/f\n+++ b/f\n" + hunk,
		"bug is empty":   "# bug: \n# breaks: sums\n--- a/f\n+++ b/f\n" + hunk,
		"two files":      "# bug: x\n# breaks: y\n--- a/f\n+++ b/g\n" + hunk,
		"two hunks":      header + hunk + hunk,
		"no hunk":        header,
		"no change":      header + "@@ -1,1 +1,1 @@\n a\n",
		"an empty line":  header + "@@ -1,2 +1,2 @@\n-a\n\n+b\n",
		"a foreign line": header + hunk + "# the end\n",
	} {
		_, err := planted.ParsePatch("bad", text)
		assert.Error(t, err, name)
	}
}
