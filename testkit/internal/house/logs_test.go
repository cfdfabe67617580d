package house_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logsVariable names the packages whose tests are run under
// TestNoTestLogsASecret, in the place of the few quick ones: make logs sets it.
const logsVariable = "IMPREST_LOGS"

// madeUp are secrets that a test puts into the words of a fake cloud, as the
// answer to a request that carried no such thing: the real cloud could not know
// them, and what a request did carry is cut out of them.
var madeUp = map[string]string{
	"CODE-that-must-not-show":  "core/mall: an exchange code, answered to operations that exchange none",
	"token-that-must-not-show": "core/mall: a user's token, answered to a caller who has none",
}

// word is a secret of some test that stands in many a sentence.
var word = regexp.MustCompile(`^[a-z]{0,11}$`)

// recorder is put into log/slog and core for the run of a suite: each process
// writes whatever any logger is handed, whether it is on or off and whoever
// listens, and whatever was made a secret, into files of its own.
const recorder = `package %s

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"sync"
)

var recording sync.Mutex

// record appends a line.
func record(kind, text string) {
	recording.Lock()
	defer recording.Unlock()
	f, err := os.OpenFile(%q+"/"+strconv.Itoa(os.Getpid())+"."+kind, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text)
	if _, err := f.Write(line.Bytes()); err != nil {
		panic(err)
	}
}
`

// handed is the part of recorder that knows a record.
const handed = `
func recordAll(msg string, attrs []Attr) {
	text := msg
	for _, a := range attrs {
		text += " " + a.Key + "=" + a.Value.Resolve().String()
	}
	record("log", text)
}
`

// suiteLogs runs the tests of packages, and returns the secrets that they
// logged, each with the record.
func suiteLogs(t *testing.T, packages ...string) (leaks []string, records int) {
	t.Helper()
	// The folder is the same in each run, or nothing would be cached: its name
	// is compiled in, since a child of a test may have no environment.
	name := fnv.New64a()
	_, _ = name.Write([]byte(root(t)))
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("imprest-logs-%x", name.Sum64()))
	out := filepath.Join(dir, "out")
	require.NoError(t, os.RemoveAll(out))
	require.NoError(t, os.MkdirAll(out, 0o700))
	t.Cleanup(func() { _ = os.RemoveAll(out) })

	goroot, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	require.NoError(t, err)
	slogDir := filepath.Join(strings.TrimSpace(string(goroot)), "src", "log", "slog")
	coreDir := filepath.Join(root(t), "core")
	overlay := map[string]string{}
	put := func(as, text string) {
		path := filepath.Join(dir, strings.NewReplacer("/", "_", `\`, "_", ":", "_").Replace(as))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		overlay[as] = path
	}
	change := func(path string, changes ...string) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		changed := string(text)
		for i := 0; i < len(changes); i += 2 {
			require.Equal(t, 1, strings.Count(changed, changes[i]), "%s has no longer the one line %q", path, changes[i])
			changed = strings.Replace(changed, changes[i], changes[i]+changes[i+1], 1)
		}
		put(path, changed)
	}
	put(filepath.Join(slogDir, "record_all.go"), fmt.Sprintf(recorder, "slog", out)+handed)
	put(filepath.Join(coreDir, "record_all.go"), fmt.Sprintf(recorder, "core", out))
	change(filepath.Join(slogDir, "logger.go"),
		"func (l *Logger) With(args ...any) *Logger {\n", "\trecordAll(\"\", argsToAttrSlice(args))\n",
		"func (l *Logger) log(ctx context.Context, level Level, msg string, args ...any) {\n", "\trecordAll(msg, argsToAttrSlice(args))\n",
		"func (l *Logger) logAttrs(ctx context.Context, level Level, msg string, attrs ...Attr) {\n", "\trecordAll(msg, attrs)\n")
	change(filepath.Join(coreDir, "secret.go"), "func NewSecret(text string) Secret {\n", "\trecord(\"secret\", text)\n")
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	require.NoError(t, err)
	file := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(file, list, 0o600))

	cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1"}, packages...)...)
	cmd.Dir = root(t)
	// In the environment, so that what a test builds is built so too.
	cmd.Env = append(os.Environ(), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+file), logsVariable+"=none")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)

	// By process: one's secret is a word like any other in another's log.
	logs, err := filepath.Glob(filepath.Join(out, "*.log"))
	require.NoError(t, err)
	for _, log := range logs {
		texts := lines(t, log)
		records += len(texts)
		slices.Sort(texts)
		told := strings.Join(slices.Compact(texts), "\n")
		seen := map[string]bool{}
		for _, secret := range lines(t, strings.TrimSuffix(log, ".log")+".secret") {
			// What is shorter stands in many a number or word by chance.
			if seen[secret] || len(secret) < 6 || word.MatchString(secret) || madeUp[secret] != "" {
				continue
			}
			seen[secret] = true
			if !strings.Contains(told, secret) { // of tens of thousands, nearly all
				continue
			}
			whole := regexp.MustCompile(`(^|[^0-9A-Za-z])` + regexp.QuoteMeta(secret) + `($|[^0-9A-Za-z])`)
			if at := whole.FindStringIndex(told); at != nil {
				leaks = append(leaks, fmt.Sprintf("%q in …%q…", secret, told[max(0, at[0]-200):min(len(told), at[1]+100)]))
			}
		}
	}
	return leaks, records
}

func lines(t *testing.T, path string) (texts []string) {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	defer f.Close()
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 64<<20)
	for scanner.Scan() {
		var text string
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &text))
		texts = append(texts, text)
	}
	require.NoError(t, scanner.Err())
	return texts
}

// Whatever any test makes any part of the tree log, at any level and to whoever
// listens, it holds nothing that was made a core.Secret in that process: keys,
// tokens, cookie keys, secrets of paths.
func TestNoTestLogsASecret(t *testing.T) {
	packages := strings.Fields(os.Getenv(logsVariable))
	switch {
	case len(packages) == 0:
		packages = []string{"./core", "./core/callback", "./core/login"}
	case packages[0] == "none":
		t.Skip("this is that run")
	}
	leaks, records := suiteLogs(t, packages...)
	assert.Greater(t, records, 100, "nothing was recorded")
	for _, leak := range leaks {
		t.Error(leak)
	}
	t.Logf("%d records", records)
}

func TestASecretThatIsLoggedIsFound(t *testing.T) {
	if os.Getenv(logsVariable) == "none" {
		t.Skip("it would record in the folder of the run that it is part of")
	}
	leaks, records := suiteLogs(t, "./testkit/internal/house/testdata/leak")
	assert.Equal(t, 4, records, "With is a record of its own")
	require.Len(t, leaks, 2)
	assert.Contains(t, leaks[0], "planted-key-of-an-app")
	assert.Contains(t, leaks[1], `planted \"second\" key`)
}
