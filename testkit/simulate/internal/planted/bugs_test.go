package planted_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit/simulate/internal/planted"
)

const (
	root    = "../../../.." // of the module, from here
	patches = "../../testdata/bugs"
	// fewest is how many bugs there must be: none goes by the way.
	fewest = 12
)

// readPatches reads every patch of testdata.
func readPatches(t *testing.T) []planted.Patch {
	files, err := filepath.Glob(filepath.Join(patches, "*.patch"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), fewest)
	var all []planted.Patch
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		patch, err := planted.ParsePatch(strings.TrimSuffix(filepath.Base(file), ".patch"), string(text))
		require.NoError(t, err)
		all = append(all, patch)
	}
	return all
}

// build compiles the hunt with a patch in it, or as it ships with none, and
// returns the program. The tree stays as it is: the compiler is told to read
// another file in the place of one.
func build(t *testing.T, patch *planted.Patch) string {
	dir := t.TempDir()
	args := []string{"build", "-ldflags=-s -w", "-o", filepath.Join(dir, "hunt")}
	if patch != nil {
		path, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(patch.File)))
		require.NoError(t, err)
		source, err := os.ReadFile(path)
		require.NoError(t, err, "%s patches a file that is not there", patch.Name)
		patched, err := patch.Apply(string(source))
		require.NoError(t, err)
		put := filepath.Join(dir, "patched.go")
		require.NoError(t, os.WriteFile(put, []byte(patched), 0o600))
		overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: put}})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
		args = append(args, "-overlay", filepath.Join(dir, "overlay.json"))
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./hunt")...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return filepath.Join(dir, "hunt")
}

// hunt runs the program and returns what it found.
func hunt(t *testing.T, program string) planted.Found {
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Stdout, cmd.Stderr = &out, &problems
	require.NoError(t, cmd.Run(), "%s", &problems)
	var found planted.Found
	require.NoError(t, json.Unmarshal(out.Bytes(), &found))
	return found
}

// table is printed at the end, whatever order the hunts ended in.
type table struct {
	mu   sync.Mutex
	rows []string
}

func (tb *table) add(name string, found planted.Found) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.rows = append(tb.rows, fmt.Sprintf("%-38s caught after %7d schedules, %-28s %s", name, found.Schedules, found.By, found.Invariant))
}

func (tb *table) print(t *testing.T) {
	slices.Sort(tb.rows)
	t.Logf("%d planted bugs\n%s", len(tb.rows), strings.Join(tb.rows, "\n"))
}

// Every bug that is planted inside of core is caught, by the invariant that it
// says it breaks.
func TestABugInTheCodeIsCaught(t *testing.T) {
	var caught table
	t.Run("bug", func(t *testing.T) {
		for _, patch := range readPatches(t) {
			t.Run(patch.Name, func(t *testing.T) {
				t.Parallel()
				found := hunt(t, build(t, &patch))
				require.NotEmpty(t, found.Invariant, "not caught in %d schedules: %s", found.Schedules, patch.Bug)
				assert.Equal(t, patch.Breaks, found.Invariant, "%s\n%s", patch.Bug, found.Schedule)
				caught.add(patch.Name, found)
			})
		}
	})
	caught.print(t)
}

// The same hunt finds nothing in the code that ships, or it would prove
// nothing.
func TestNothingIsCaughtWhereNothingIsWrong(t *testing.T) {
	found := hunt(t, build(t, nil))
	assert.Empty(t, found.Invariant, found.Schedule)
	t.Logf("clean after %d schedules", found.Schedules)
}
