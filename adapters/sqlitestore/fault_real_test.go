//go:build real && linux

package sqlitestore_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fault is a call to the disk that fails.
type fault struct {
	call  string
	file  string // what follows the path of the database; "/" for its directory
	errno string
	// What the process may tell of it, whichever of these calls it is. With
	// "" it may also tell nothing.
	tells []string
}

func (f fault) String() string {
	return fmt.Sprintf("%s %s %s", f.call, cmp.Or(strings.Trim(f.file, "-/"), map[string]string{"": "db", "/": "directory"}[f.file]), f.errno)
}

// No sync of a file that fails goes unnoticed, wherever it is.
var faults = []fault{
	{"fsync", "-wal", "EIO", []string{"unopened", "unknown", "broken"}},
	{"fsync", "", "EIO", []string{"unopened", "broken"}},
	{"fsync", "/", "EIO", []string{"unopened", ""}}, // SQLite's own, after that of Open, change nothing
	{"pwrite64", "-wal", "EIO", []string{"unopened", "unknown", "broken"}},
	{"pwrite64", "-wal", "ENOSPC", []string{"unopened", "full"}},
	{"pwrite64", "", "EIO", []string{"unopened", "broken"}},
	{"pwrite64", "", "ENOSPC", []string{"unopened", ""}},
	{"ftruncate", "-wal", "EIO", []string{"unopened", ""}},
	{"ftruncate", "", "EIO", []string{"unopened", "broken"}},
	{"pread64", "-wal", "EIO", []string{"unopened", "broken", ""}},
	{"pread64", "", "EIO", []string{"unopened", "broken", ""}},
}

// traced runs script on path under strace, and returns what it told.
func traced(t testing.TB, path string, leave int, options ...string) []string {
	t.Helper()
	run := child(t, "script", path, leave)
	cmd := exec.CommandContext(t.Context(), "strace", append(append([]string{"-f", "--seccomp-bpf", "-y"}, options...), run.Path)...)
	cmd.Env = run.Env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%v: %s\n%s", options, stderr.String(), out)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// Each call to the disk fails in some run, once, or from there on for ever.
// What was answered is there, the process never takes a failure for a success,
// and a process that follows doc.go ends with all that it wanted to write.
func TestDiskFaults(t *testing.T) {
	dir := t.TempDir()
	// A process that was killed: its log is to be brought into the database.
	left := filepath.Join(dir, "left.db")
	cmd := child(t, "script", left, 1)
	before, err := cmd.Output()
	require.NoError(t, err)
	log, err := os.Stat(left + "-wal")
	require.NoError(t, err)
	require.NotZero(t, log.Size())

	// How often each call is made when nothing fails.
	whole := filepath.Join(dir, "whole.db")
	copyFiles(t, left, whole, "", "-wal", "-shm")
	traced(t, whole, 0, "-o", filepath.Join(dir, "trace"), "-e", "trace=fsync,pwrite64,pread64,ftruncate,write")
	text, err := os.ReadFile(filepath.Join(dir, "trace"))
	require.NoError(t, err)
	calls := map[[2]string]int{}
	call := regexp.MustCompile(`^\d+ +(fsync|pwrite64|pread64|ftruncate)\(\d+<(.*?)>`)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `"done`) {
			break // a Close that fails loses nothing and is told by nobody
		}
		if found := call.FindStringSubmatch(line); found != nil {
			calls[[2]string{found[1], found[2]}]++
		}
	}

	var mu sync.Mutex
	seen := map[string]map[string]int{}
	t.Run("runs", func(t *testing.T) {
		for _, f := range faults {
			file := whole + f.file
			if f.file == "/" {
				file = dir
			}
			n := calls[[2]string{f.call, file}]
			require.NotZero(t, n, "%s: there is no such call", f)
			whens := []string{"1", "2", fmt.Sprint(1 + n/4), fmt.Sprint(1 + n/2), fmt.Sprint(1 + n*3/4), fmt.Sprint(n)}
			if n < 2 {
				whens = []string{"1"}
			}
			if f.errno == "EIO" && f.call != "pread64" {
				whens = append(whens, fmt.Sprintf("%d+", 1+n/2))
			}
			slices.Sort(whens)
			for _, when := range slices.Compact(whens) {
				t.Run(fmt.Sprintf("%s %s", f, when), func(t *testing.T) {
					t.Parallel()
					dir := t.TempDir()
					path := filepath.Join(dir, "journal.db")
					copyFiles(t, left, path, "", "-wal", "-shm")
					file := path + f.file
					if f.file == "/" {
						file = dir
					}
					said := traced(t, path, 0, "-o", filepath.Join(dir, "trace"), "-P", file, "-e", "trace="+f.call, "-e", "inject="+f.call+":error="+f.errno+":when="+when)
					trace, err := os.ReadFile(filepath.Join(dir, "trace"))
					require.NoError(t, err)
					require.Contains(t, string(trace), "(INJECTED)")
					outcome := requireTold(t, path, append(strings.Split(strings.TrimSpace(string(before)), "\n"), said...))
					if strings.HasSuffix(when, "+") {
						return
					}
					assert.NotEqual(t, "dead", outcome)
					assert.Contains(t, f.tells, outcome)
					mu.Lock()
					defer mu.Unlock()
					if seen[f.String()] == nil {
						seen[f.String()] = map[string]int{}
					}
					seen[f.String()][outcome]++
				})
			}
		}
	})
	for _, f := range slices.Sorted(maps.Keys(seen)) {
		assert.Contains(t, seen[f], "unopened", "%s: the first of them is one of Open", f)
		t.Logf("%s: %v", f, seen[f])
	}
}

// requireTold opens path, where nothing fails any more, and looks for what was
// told. It returns the first failure that was told of.
func requireTold(t testing.TB, path string, lines []string) (outcome string) {
	t.Helper()
	versions := map[string]int64{}
	doubtful := ""
	done := 0
	for _, line := range lines {
		var id string
		var version int64
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "opened":
			continue
		case "done":
			done++
			continue
		case "unopened", "full", "broken", "dead":
		case "unknown":
			doubtful, _, _ = strings.Cut(rest, " ")
		case "settled":
			_, err := fmt.Sscan(rest, &id, &version)
			require.NoError(t, err)
			versions[id], doubtful = version, ""
		default:
			_, err := fmt.Sscan(line, &id, &version)
			require.NoError(t, err, "%q", line)
			require.Equal(t, versions[id]+1, version, "versions have no gaps")
			versions[id] = version
			continue
		}
		outcome = cmp.Or(outcome, what)
	}
	s := open(t, path)
	for id, version := range versions {
		r, err := s.Get(t.Context(), id)
		require.NoError(t, err)
		if id == doubtful && r.Version == version+1 {
			version++
		}
		require.True(t, same(recordOf(id, version), r), "%s was told at version %d and is at %d", id, version, r.Version)
	}
	require.NoError(t, s.Close())
	requireSound(t, path)
	if lines[len(lines)-1] == "done" {
		require.Equal(t, 2, done)
		require.Len(t, versions, scriptIDs)
		for id, version := range versions {
			require.Equal(t, int64(2*scriptPuts/scriptIDs), version, "%s", id)
		}
	}
	return outcome
}

// The log of a process that was killed is written anew, all of it, and synced,
// before any of it comes into the database: a sync alone would do nothing where
// an earlier one has failed.
func TestTheLogIsWrittenAnewBeforeItIsUsed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal.db")
	require.NoError(t, child(t, "script", path, 1).Run())
	log, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	require.NotZero(t, log.Size())
	traced(t, path, 0, "-o", filepath.Join(dir, "trace"), "-e", "trace=pwrite64,fsync")
	trace, err := os.ReadFile(filepath.Join(dir, "trace"))
	require.NoError(t, err)
	written := regexp.MustCompile(`pwrite64\(\d+<(.*?)>.* (\d+)\) = (\d+)$`)
	synced := regexp.MustCompile(`fsync\(\d+<(.*?)>\) += 0$`)
	var size int64
	sync := false
	for line := range strings.Lines(string(trace)) {
		line = strings.TrimSpace(line)
		found := written.FindStringSubmatch(line)
		if found != nil && found[1] == path {
			break
		}
		if found != nil && found[1] == path+"-wal" {
			at, _ := strconv.ParseInt(found[2], 10, 64)
			n, _ := strconv.ParseInt(found[3], 10, 64)
			require.Equal(t, size, at, "piece after piece")
			size, sync = at+n, false
		}
		if found := synced.FindStringSubmatch(line); found != nil && found[1] == path+"-wal" {
			sync = true
		}
	}
	require.Equal(t, log.Size(), size)
	require.True(t, sync)
}
