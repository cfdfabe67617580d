package house_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// document is a page that people read: a file in Markdown.
type document struct {
	name   string // its path in the tree
	text   string
	blocks []block
}

// block is one fenced block of a document.
type block struct {
	language string
	code     string
	given    string // what the comment above it says that is there: see TestFragments
	line     int
}

// documents returns every page of the tree.
func documents(t testing.TB) []document {
	t.Helper()
	var all []document
	require.NoError(t, filepath.WalkDir(root(t), func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			relative, err := filepath.Rel(root(t), name)
			require.NoError(t, err)
			all = append(all, newDocument(t, filepath.ToSlash(relative)))
		}
		return nil
	}))
	require.Greater(t, len(all), 20)
	return all
}

func newDocument(t testing.TB, name string) document {
	d := document{name: name, text: readFile(t, name)}
	var open *block
	var given string
	for i, line := range strings.Split(d.text, "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{language: language, given: given, line: i + 1}
		case fence:
			d.blocks, open = append(d.blocks, *open), nil
		case open != nil:
			open.code += line + "\n"
		default:
			given = ""
			if m := regexp.MustCompile(`^<!-- given: (.*) -->$`).FindStringSubmatch(line); m != nil {
				given = m[1]
			}
		}
	}
	require.Nil(t, open, "%s: a fence is not closed", name)
	return d
}

func (d document) of(language string) []block {
	return slices.DeleteFunc(slices.Clone(d.blocks), func(b block) bool { return b.language != language })
}

// program reports whether a block of Go is a whole file.
func (b block) program() bool { return regexp.MustCompile(`(?m)^package \w+$`).MatchString(b.code) }

// file is the name of a whole file: it says so in its first line, or it is
// main.go.
func (b block) file() string {
	if m := regexp.MustCompile(`^// ([\w.]+\.go)\n`).FindStringSubmatch(b.code); m != nil {
		return m[1]
	}
	return "main.go"
}

// elsewhere are the pages whose commands another test goes through, since they
// need a cloud, or a part that is installed: of these the syntax is looked at.
var elsewhere = map[string]string{
	"template/aws/README.md":       "template_aws_test.go copies, builds and runs the starter",
	"template/gcp/README.md":       "template_gcp_test.go copies, builds and runs the starter",
	"template/container/README.md": "template_container_test.go copies, builds and runs the starter",
	"template/shop/README.md":      "template_test.go copies and builds the starter, template_browser_test.go sells with it",
}

// notHere are the commands that a session cannot run.
var notHere = map[string]string{
	"make test": "this is it",
}

// What the pages tell people to type is typed, in the order in which it
// stands, with the programs that the pages show: see session. The Chinese pages
// have the same blocks (TestPagesAreInStep).
func TestWhatThePagesSay(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("the pages speak to a shell")
	}
	left, everything := map[string]bool{}, ""
	for _, d := range documents(t) {
		everything += d.text
		if len(d.of("sh"))+len(d.of("go")) == 0 || strings.HasSuffix(d.name, ".zh-CN.md") {
			continue
		}
		if elsewhere[d.name] != "" {
			left[d.name] = true
		}
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			for _, b := range d.of("sh") {
				out, err := exec.CommandContext(t.Context(), "sh", "-n", "-c", b.code).CombinedOutput()
				require.NoError(t, err, "%s:%d is no shell: %s", d.name, b.line, out)
			}
			if elsewhere[d.name] != "" {
				require.Empty(t, d.of("go"), "no session runs this page")
				return
			}
			newSession(t, d).run()
		})
	}
	assert.Len(t, left, len(elsewhere), "a page that is run elsewhere is gone")
	for command := range notHere {
		assert.Contains(t, everything, "\n"+command, "no page says this any more")
	}
}

// session is a person with a page in front of him, in an empty folder that is a
// module of his own.
type session struct {
	*testing.T
	document
	dir   string
	ports map[string]string // the addresses on the page: the free ones in their place
}

func newSession(t *testing.T, d document) *session {
	s := &session{T: t, document: d, dir: t.TempDir(), ports: map[string]string{}}
	for _, address := range []string{"127.0.0.1:8080", "127.0.0.1:8700", "127.0.0.1:8701", "127.0.0.1:8702"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listener.Close() // all of them at once, so that they differ
		s.ports[address] = listener.Addr().String()
	}
	userModule(t, s.dir)
	return s
}

// userModule makes dir a module that requires this one.
func userModule(t testing.TB, dir string) {
	t.Helper()
	goMod := strings.Replace(readFile(t, "go.mod"), "module "+module, "module example.com/shop", 1) +
		fmt.Sprintf("\nrequire %s v0.0.0\nreplace %s => %s\n", module, module, root(t))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(goMod), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), []byte(readFile(t, "go.sum")), 0o600))
}

// at puts the free addresses in the place of those on the page.
func (s *session) at(text string) string {
	for address, free := range s.ports {
		text = strings.ReplaceAll(text, address, free)
	}
	return text
}

func (s *session) run() {
	files := 0
	for _, b := range s.of("go") {
		if !b.program() {
			continue // TestFragments
		}
		name := filepath.Join(s.dir, b.file())
		require.NoFileExists(s, name, "%s:%d: two files of one name", s.name, b.line)
		require.NoError(s, os.WriteFile(name, []byte(s.at(b.code)), 0o600))
		out, err := exec.CommandContext(s.Context(), "gofmt", "-l", name).CombinedOutput()
		require.NoError(s, err, string(out))
		require.Empty(s, string(out), "gofmt would change %s:%d", s.name, b.line)
		files++
	}
	if files > 0 {
		s.tool("vet", ".")
		if _, err := os.Stat(filepath.Join(s.dir, "main.go")); err == nil {
			s.tool("build", "-o", "program", ".")
		}
	}
	script, wants := s.script()
	if files > 0 {
		require.Regexp(s, `\./program\b|go test`, script, "%s shows a program, and no command that runs it", s.name)
	}
	out := s.sh(script)
	for i, want := range wants {
		_, after, found := strings.Cut(out, fmt.Sprintf("\n@@%d\n", i))
		require.True(s, found, "the session ended before %q\n%s", want.command, out)
		shown, _, _ := strings.Cut(after, "\n@@")
		assert.Contains(s, shown, want.output, "what %q shows", want.command)
	}
}

// want is a command, and what the page says that it shows: "# → text" behind it.
type want struct{ command, output string }

// script returns the page's commands as one script, and what they show. A
// program that serves goes into the background until the end, or until another
// of its kind takes its place; the next command waits for its port.
func (s *session) script() (string, []want) {
	var script strings.Builder
	script.WriteString("set -eu\nplatform=\nprogram=\nstop() { if [ -n \"$1\" ]; then kill $1 2>/dev/null || :; wait $1 2>/dev/null || :; fi; }\n" +
		"finish() { stop \"$program\"; program=; stop \"$platform\"; platform=; }\ntrap finish EXIT INT TERM\n" +
		"await() { until curl -s -o /dev/null \"http://$1/\"; do kill -0 $2; sleep 0.05; done; }\n")
	var wants []want
	for _, b := range s.of("sh") {
		text := strings.ReplaceAll(b.code, "\\\n", "")
		for line := range strings.Lines(text) {
			command, comment, _ := strings.Cut(strings.TrimSpace(line), " #")
			command = strings.TrimSpace(command)
			if command == "" || strings.HasPrefix(command, "#") || notHere[command] != "" {
				continue
			}
			_, output, _ := strings.Cut(comment, " → ")
			fmt.Fprintf(&script, "printf '\\n@@%d\\n'\n", len(wants))
			wants = append(wants, want{command, s.at(strings.TrimSpace(output))})
			s.command(&script, command)
		}
	}
	script.WriteString("printf '\\n@@end\\n'\nfinish\n")
	return script.String(), wants
}

// command writes one command as it is run here.
func (s *session) command(script *strings.Builder, command string) {
	tool := module + "/functions/imprest"
	for _, long := range []string{"go run ./functions/imprest", "go run " + tool} {
		command = regexp.MustCompile(regexp.QuoteMeta(long)+`($|\s)`).ReplaceAllString(command, "imprest$1")
	}
	command = regexp.MustCompile(`go run \.($|\s)`).ReplaceAllString(command, "./program$1")
	// The folder is a module already, so that its program could be looked at.
	command = strings.ReplaceAll(command, "go mod init", "rm go.mod; go mod init")
	command = strings.ReplaceAll(command, module+"=../imprest", module+"="+root(s))
	if _, err := os.Stat(filepath.Join(s.dir, "main.go")); err == nil {
		// With what the page says is done, the program has to build as a person builds it.
		command = strings.ReplaceAll(command, "go mod tidy", "go mod tidy && go build -mod=readonly -o program .")
	}
	serves, kind := "", "platform"
	switch {
	case strings.Contains(command, "imprest sandbox") && !strings.Contains(command, "--once"):
		command += " --addr 127.0.0.1:8700 --platform-addr 127.0.0.1:8701 --cloud-addr 127.0.0.1:8702"
		serves = "127.0.0.1:8700"
	case strings.Contains(command, "imprest listen"):
		command += " --platform-addr 127.0.0.1:8701 --record notifications.jsonl"
		serves = "127.0.0.1:8701"
	case strings.Contains(command, "imprest send") && !strings.Contains(command, "--url"):
		command += " --url http://127.0.0.1:8700/callbacks/payment"
	case strings.Contains(command, "./program"):
		serves, kind = "127.0.0.1:8080", "program"
	}
	if serves == "" {
		fmt.Fprintln(script, s.at(command))
		return
	}
	fmt.Fprintf(script, "stop \"$%s\"\n%s & %s=$!\nawait %s $%s\n", kind, s.at(command), kind, s.at(serves), kind)
}

// tool runs the go command in the folder.
func (s *session) tool(args ...string) {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), "go", args...)
	cmd.Dir, cmd.Env = s.dir, s.environ()
	out, err := cmd.CombinedOutput()
	require.NoError(s, err, "%s: go %s\n%s", s.name, strings.Join(args, " "), out)
}

// sh runs a script, and returns what it showed.
func (s *session) sh(script string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 3*time.Minute)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.environ(), &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	require.NoError(s, cmd.Run(), "%s\n%s", s.name, &out)
	return out.String()
}

// environ is that of a person who has set nothing, and has imprest installed.
func (s *session) environ() []string {
	s.Helper()
	bin, err := installed()
	require.NoError(s, err)
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "IMPREST_") || strings.HasPrefix(v, "GOFLAGS=") })
	return append(env, "GOFLAGS=-mod=mod", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// installed is the folder with the command line, built once.
var installed = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp(installDir, "")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "imprest"), module+"/functions/imprest").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

// installDir is where TestMain lets installed put it, and takes it away.
var installDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "imprest-house")
	if err != nil {
		panic(err)
	}
	installDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// What is shown of a program, and is no whole file, is type-checked: the
// comment above it, <!-- given: mux *http.ServeMux -->, names what it finds
// there, and its imports are those of this module's packages and the standard
// library's that it names.
func TestFragments(t *testing.T) {
	dir := t.TempDir()
	userModule(t, dir)
	found := 0
	for _, d := range documents(t) {
		for _, b := range d.of("go") {
			if b.program() {
				continue
			}
			found++
			var imports strings.Builder
			for name := range namesBefore(b.code + b.given) {
				if p := importPath(t, name); p != "" {
					fmt.Fprintf(&imports, "import %q\n", p)
				}
			}
			name := fmt.Sprintf("f%d", found)
			require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
			file := fmt.Sprintf("package %s\n%s\nfunc _(%s) {\n%s\n}\n", name, imports.String(), b.given, b.code)
			require.NoError(t, os.WriteFile(filepath.Join(dir, name, "fragment.go"), []byte(file), 0o600))
			cmd := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "./"+name)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			assert.NoError(t, err, "%s:%d\n%s\n%s", d.name, b.line, out, file)
		}
	}
	assert.NotZero(t, found)
}

// importPath returns the package of that name: one of ours, or of the standard
// library.
func importPath(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range packageDirs(t) {
		relative, err := filepath.Rel(root(t), dir)
		require.NoError(t, err)
		if relative = filepath.ToSlash(relative); path.Base(relative) == name && !strings.Contains(relative, "internal") {
			return module + "/" + relative
		}
	}
	for _, p := range []string{"context", "errors", "log", "log/slog", "net/http", "os", "time"} {
		if path.Base(p) == name {
			return p
		}
	}
	return "" // a variable
}
