//go:build real

package house_test

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/imprest-go/imprest/adapters/pgstore"
)

// compose is the part of the Compose specification that the template uses: what
// is not here is an error of the parser.
type compose struct {
	Name        string
	Function    yaml.Node `yaml:"x-function"`
	Environment yaml.Node `yaml:"x-environment"`
	Services    map[string]composeService
	Networks    map[string]struct{ Internal bool }
	Volumes     map[string]struct{}
	Secrets     map[string]struct{ File string }
}

type composeService struct {
	Image string
	Build struct {
		Context string
		Args    map[string]string
	}
	Restart         string
	ReadOnly        bool     `yaml:"read_only"`
	CapDrop         []string `yaml:"cap_drop"`
	SecurityOpt     []string `yaml:"security_opt"`
	StopGracePeriod string   `yaml:"stop_grace_period"`
	Secrets         []string
	Networks        []string
	DependsOn       map[string]struct{ Condition string } `yaml:"depends_on"`
	Environment     map[string]string
	Ports           []string
	Volumes         []string
	Healthcheck     struct {
		Test     []string
		Interval string
		Timeout  string
		Retries  int
	}
}

// variables are what a program says it reads, and whether it cannot do without.
func variablesOf(t *testing.T, program string) (required map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./functions/"+program, "--help")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	required = map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(.) (IMPREST_[A-Z_]+) `).FindAllStringSubmatch(string(out), -1) {
		required[m[2]] = m[1] == "*"
	}
	require.Greater(t, len(required), 5, string(out))
	return required
}

// checkEnvironment holds the variables that a template gives to a program
// against what the program says of itself.
func checkEnvironment(t *testing.T, program string, given []string) {
	t.Helper()
	known := variablesOf(t, program)
	for _, name := range given {
		assert.Contains(t, known, name, "%s reads no such variable", program)
	}
	for name, required := range known {
		if required {
			assert.True(t, slices.Contains(given, name) || slices.Contains(given, name+"_FILE") || slices.Contains(given, name+"_SECRET"), "%s cannot do without %s", program, name)
		}
	}
}

var interpolated = regexp.MustCompile(`\$\{([A-Z_]+):\?[^}]*\}`)

// readDotEnv reads .env.example.
func readDotEnv(t *testing.T, name string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(readFile(t, name)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			key, value, ok := strings.Cut(line, "=")
			require.True(t, ok, line)
			all[key] = value
		}
	}
	return all
}

func isSecret(name string) bool { return regexp.MustCompile(`(KEYS?|PASSWORD)$`).MatchString(name) }

func readCompose(t *testing.T) compose {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(readFile(t, "template/container/compose.yaml")))
	decoder.KnownFields(true)
	var c compose
	require.NoError(t, decoder.Decode(&c))
	return c
}

func TestComposeIsWhole(t *testing.T) {
	c := readCompose(t)
	example := readDotEnv(t, "template/container/.env.example")
	used := map[string]bool{}
	for _, m := range interpolated.FindAllStringSubmatch(readFile(t, "template/container/compose.yaml"), -1) {
		used[m[1]] = true
		assert.Contains(t, example, m[1], ".env.example lacks it")
	}
	for name, value := range example {
		assert.True(t, used[name], "nobody uses %s of .env.example", name)
		if isSecret(name) {
			assert.Empty(t, value, "%s: what stands in an example is soon a key in use that everybody can read", name)
		} else {
			assert.NotEmpty(t, value, name)
		}
	}
	assert.Equal(t, pgstore.Schema, readFile(t, "template/container/schema.sql"), "copy adapters/pgstore/schema.sql here")

	var functions []string
	for name, service := range c.Services {
		for _, network := range service.Networks {
			assert.Contains(t, c.Networks, network, name)
		}
		for _, secret := range service.Secrets {
			assert.Contains(t, c.Secrets, secret, name)
		}
		for other, until := range service.DependsOn {
			assert.Equal(t, "service_healthy", until.Condition)
			assert.Contains(t, c.Services, other, name)
			assert.NotEmpty(t, c.Services[other].Healthcheck.Test, "%s waits for %s to be healthy", name, other)
		}
		for _, volume := range service.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if file, ok := strings.CutPrefix(from, "./"); ok {
				assert.FileExists(t, filepath.Join(root(t), "template/container", file))
			} else {
				assert.Contains(t, c.Volumes, from, name)
			}
		}
		for _, port := range service.Ports {
			assert.True(t, strings.HasPrefix(port, "127.0.0.1:"), "%s is open to everybody at %s", name, port)
		}
		program := service.Build.Args["FUNCTION"]
		if program == "" {
			assert.Regexp(t, `^[a-z]+:\d`, service.Image)
			assert.Empty(t, service.Ports, "only functions are reached from outside")
			continue
		}
		functions = append(functions, program)
		var given []string
		for key := range service.Environment {
			given = append(given, key)
		}
		checkEnvironment(t, program, given)
		assert.Equal(t, "/run/secrets/"+service.Secrets[0], service.Environment["IMPREST_APP_KEY_FILE"])
		assert.True(t, service.ReadOnly)
		assert.Equal(t, []string{"ALL"}, service.CapDrop)
	}
	slices.Sort(functions)
	assert.Equal(t, []string{"checkout", "paycallback", "reconcile"}, functions)
	assert.True(t, c.Networks["database"].Internal)
}

// instructions are those of a Dockerfile, each on one line.
func instructions(text string) (all [][2]string) {
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			name, rest, _ := strings.Cut(line, " ")
			all = append(all, [2]string{name, strings.Join(strings.Fields(rest), " ")})
		}
	}
	return all
}

func TestTheDockerfile(t *testing.T) {
	var from, users []string
	for _, i := range instructions(readFile(t, "template/container/Dockerfile")) {
		switch i[0] {
		case "FROM":
			from = append(from, i[1])
		case "USER":
			users = append(users, i[1])
		case "COPY":
			if !strings.HasPrefix(i[1], "--from=") {
				for _, name := range strings.Fields(i[1])[:len(strings.Fields(i[1]))-1] {
					assert.Contains(t, readFile(t, "template/container/.dockerignore"), "!"+name+"\n", "what is copied is not sent to the builder")
				}
			}
		case "RUN", "WORKDIR", "ARG", "EXPOSE", "ENTRYPOINT":
		default:
			t.Errorf("the test knows no %s", i[0])
		}
	}
	require.Len(t, from, 2)
	assert.Regexp(t, `golang:`+strings.TrimSuffix(goDirective(t), ".0")+`-bookworm( |@)`, from[0], "the builder is of the version that go.mod asks for")
	assert.Regexp(t, `^gcr\.io/distroless/static-debian12:nonroot(@sha256:[0-9a-f]{64})?$`, from[1])
	assert.Equal(t, []string{"nonroot:nonroot"}, users)
}

func goDirective(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(readFile(t, "template/container/go.mod"))
	require.Len(t, m, 2)
	return m[1]
}

// The line of the Dockerfile that builds, run in a copy of the template, makes
// static programs, and each takes the environment that Compose gives it.
func TestTheContainersPrograms(t *testing.T) {
	m := publish(t, "template/container")
	dir := m.copyTemplate("template/container", "example.com/payments")
	out := t.TempDir()
	c := readCompose(t)
	var build string
	for _, i := range instructions(readFile(t, "template/container/Dockerfile")) {
		if i[0] == "RUN" && strings.Contains(i[1], "go build") {
			build = regexp.MustCompile(`--mount=\S+ `).ReplaceAllString(i[1], "")
		}
	}
	require.Contains(t, build, " -o /out/function ")
	require.NoError(t, os.WriteFile(filepath.Join(out, "app_key"), []byte("a-new-key-of-32-characters-or-so\nan-old-key-of-32-characters-or-so\n"), 0o600))

	for name, service := range c.Services {
		program := service.Build.Args["FUNCTION"]
		if program == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			binary := filepath.Join(out, name)
			m := *m
			m.t = t
			m.env = append(slices.Clip(m.env), "FUNCTION="+program, "TARGETARCH="+runtime.GOARCH)
			m.run(dir, "sh", "-ec", strings.Replace(build, "/out/function", binary, 1))
			assertStatic(t, binary)

			cmd := exec.Command(binary)
			values := readDotEnv(t, "template/container/.env.example")
			for name := range values {
				if isSecret(name) {
					values[name] = strings.Repeat("5", 64)
				}
			}
			for key, value := range service.Environment {
				value = interpolated.ReplaceAllStringFunc(value, func(v string) string { return values[interpolated.FindStringSubmatch(v)[1]] })
				value = strings.Replace(value, "/run/secrets/", out+"/", 1)
				value = strings.Replace(value, "/etc/imprest/", filepath.Join(root(t), "template/container")+"/", 1)
				value = strings.Replace(value, "@postgres/", "@127.0.0.1:1/", 1) // nobody is there
				cmd.Env = append(cmd.Env, key+"="+value)
			}
			cmd.Env = append(cmd.Env, "IMPREST_LISTEN=127.0.0.1:0")
			serves(t, cmd, http.StatusServiceUnavailable)
		})
	}
}

func assertStatic(t *testing.T, binary string) {
	t.Helper()
	file, err := elf.Open(binary)
	require.NoError(t, err)
	defer file.Close()
	for _, p := range file.Progs {
		assert.NotEqual(t, elf.PT_INTERP, p.Type, "%s is not static: distroless has no loader", binary)
	}
}

// serves starts a function as a server, asks how it is, and ends it.
func serves(t *testing.T, cmd *exec.Cmd, health int) {
	t.Helper()
	log, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	var said bytes.Buffer
	lines := bufio.NewScanner(log)
	var address string
	for address == "" && lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		var line struct{ Address string }
		_ = json.Unmarshal(lines.Bytes(), &line)
		address = line.Address
	}
	require.NotEmpty(t, address, "it does not serve: %s", &said)
	go func() {
		for lines.Scan() { // or it could not write
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_ = resp.Body.Close()
	assert.Equal(t, health, resp.StatusCode)
}
