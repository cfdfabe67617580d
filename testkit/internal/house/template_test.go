//go:build real

package house_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
	modmodule "golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"github.com/imprest-go/imprest/core"
)

// market is where a user gets this module, and the starters in it, as the work
// tree has them: a folder that is a module proxy, before the one that this
// machine uses.
type market struct {
	t       *testing.T
	version string
	env     []string
}

// publish packs the work tree, and the modules in the folders that are named,
// under a version of their own.
func publish(t *testing.T, folders ...string) *market {
	t.Helper()
	unique, err := core.RandomText(rand.Reader, 16)
	require.NoError(t, err)
	m := &market{t: t, version: "v0.0.0-test." + strings.ToLower(unique)}
	proxy := t.TempDir()
	for _, folder := range append([]string{""}, folders...) {
		m.pack(proxy, folder)
	}
	var known struct{ GOPROXY, GOFLAGS, GOMODCACHE string }
	out, err := exec.CommandContext(t.Context(), "go", "env", "-json", "GOPROXY", "GOFLAGS", "GOMODCACHE").Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &known))
	m.env = append(os.Environ(), "GOPROXY=file://"+filepath.ToSlash(proxy)+","+known.GOPROXY, "GONOSUMDB="+module, "GOWORK=off",
		"GOFLAGS="+strings.TrimSpace(known.GOFLAGS+" -mod=mod"))
	t.Cleanup(func() { m.forget(known.GOMODCACHE, folders) })
	return m
}

// pack writes one module as a proxy serves it.
func (m *market) pack(proxy, folder string) {
	m.t.Helper()
	dir := filepath.Join(root(m.t), filepath.FromSlash(folder))
	versions := filepath.Join(proxy, filepath.FromSlash(module), filepath.FromSlash(folder), "@v")
	require.NoError(m.t, os.MkdirAll(versions, 0o700))
	goMod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(m.t, err)
	info, err := json.Marshal(map[string]any{"Version": m.version, "Time": time.Now().UTC()})
	require.NoError(m.t, err)
	for name, text := range map[string][]byte{"list": []byte(m.version + "\n"), m.version + ".info": info, m.version + ".mod": goMod} {
		require.NoError(m.t, os.WriteFile(filepath.Join(versions, name), text, 0o600))
	}
	file, err := os.Create(filepath.Join(versions, m.version+".zip"))
	require.NoError(m.t, err)
	defer file.Close()
	require.NoError(m.t, modzip.Create(file, modmodule.Version{Path: path.Join(module, folder), Version: m.version}, moduleFiles(m.t, dir)))
}

// moduleFiles are the files of the module in dir: what is a module of its own
// is none of them.
func moduleFiles(t *testing.T, dir string) []modzip.File {
	t.Helper()
	var files []modzip.File
	require.NoError(t, filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		if entry.IsDir() {
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if err == nil || strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.Type().IsRegular() {
			files = append(files, moduleFile{dir, name})
		}
		return nil
	}))
	require.NotEmpty(t, files)
	return files
}

type moduleFile struct{ dir, name string }

func (f moduleFile) Path() string {
	relative, _ := filepath.Rel(f.dir, f.name)
	return filepath.ToSlash(relative)
}
func (f moduleFile) Lstat() (os.FileInfo, error)  { return os.Lstat(f.name) }
func (f moduleFile) Open() (io.ReadCloser, error) { return os.Open(f.name) }

// forget takes what this test alone can use out of the module cache, which
// keeps everything for ever.
func (m *market) forget(cache string, folders []string) {
	for _, folder := range append([]string{""}, folders...) {
		name := filepath.FromSlash(path.Join(module, folder))
		trees, _ := filepath.Glob(filepath.Join(cache, name+"@"+m.version))
		files, _ := filepath.Glob(filepath.Join(cache, "cache", "download", name, "@v", m.version+".*"))
		for _, tree := range append(trees, files...) {
			_ = filepath.WalkDir(tree, func(name string, entry fs.DirEntry, err error) error {
				if err == nil && entry.IsDir() {
					_ = os.Chmod(name, 0o700) // the cache is read-only
				}
				return nil
			})
			assert.NoError(m.t, os.RemoveAll(tree))
		}
	}
}

// run runs a command as a user does who gets his modules at the market.
func (m *market) run(dir, name string, args ...string) string {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, m.env
	out, err := cmd.CombinedOutput()
	require.NoError(m.t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
	return string(out)
}

// copyTemplate does what the README of a starter says: gonew, then go mod tidy,
// with the version that is at the market in the place of the released one. The
// checksums of what we depend on are ours, so that nobody is asked for them.
func (m *market) copyTemplate(folder, to string) (dir string) {
	m.t.Helper()
	dir = filepath.Join(m.t.TempDir(), "copy")
	m.run(m.t.TempDir(), tool(m.t, "golang.org/x/tools/cmd/gonew"), path.Join(module, folder)+"@"+m.version, to, dir)
	require.NoError(m.t, os.WriteFile(filepath.Join(dir, "go.sum"), []byte(readFile(m.t, "go.sum")), 0o600))
	m.run(dir, "go", "mod", "edit", "-require="+module+"@"+m.version)
	m.run(dir, "go", "mod", "tidy")
	return dir
}

// staticcheck looks at a copy as our own lint looks at us.
func (m *market) staticcheck(dir string) {
	m.t.Helper()
	m.run(dir, tool(m.t, "honnef.co/go/tools/cmd/staticcheck"), "./...")
}

// tool builds a program of the versions in our go.mod.
func tool(t *testing.T, name string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), path.Base(name))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, name)
	build.Dir = root(t)
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// The starter of a shop, as gonew copies it, builds, passes its own tests under
// the race detector, leaves nothing for static checks to say, and sells.
func TestTheShopThatIsCopied(t *testing.T) {
	m := publish(t, "template/shop")
	dir := m.copyTemplate("template/shop", "example.com/myshop")
	goMod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(goMod), "module example.com/myshop\n"), string(goMod))

	program := filepath.Join(t.TempDir(), "shop")
	m.run(dir, "go", "build", "-o", program, ".")
	m.run(dir, "go", "vet", "./...")
	m.run(dir, "go", "test", "-race", "./...")
	m.staticcheck(dir)
	sells(t, program)
}

// direct returns what a go.mod requires directly, with its versions.
func direct(t testing.TB, text string) map[string]string {
	t.Helper()
	file, err := modfile.ParseLax("go.mod", []byte(text), nil)
	require.NoError(t, err)
	all := map[string]string{}
	for _, r := range file.Require {
		if !r.Indirect {
			all[r.Mod.Path] = r.Mod.Version
		}
	}
	return all
}

// Every variable that the shop reads is in its README, and the other way round.
func TestTheShopsReadmeNamesTheEnvironment(t *testing.T) {
	variable := regexp.MustCompile(`\b(?:IMPREST|SHOP)_[A-Z_]+\b`)
	read, told := map[string]bool{}, map[string]bool{}
	for _, name := range variable.FindAllString(readFile(t, "template/shop/config.go"), -1) {
		read[name] = true
	}
	for _, name := range variable.FindAllString(readFile(t, "template/shop/README.md"), -1) {
		told[strings.TrimSuffix(name, "_FILE")] = true
	}
	assert.Equal(t, read, told)
}

// Every starter says how to begin on one screen, asks for the same release of
// this module, and for what else we test with.
func TestTheStartersAgree(t *testing.T) {
	starters, err := filepath.Glob(filepath.Join(root(t), "template", "*", "go.mod"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(starters), 2)
	ours := direct(t, readFile(t, "go.mod"))
	release := ""
	for _, goMod := range starters {
		folder := path.Join("template", filepath.Base(filepath.Dir(goMod)))
		text := readFile(t, path.Join(folder, "go.mod"))
		file, err := modfile.Parse("go.mod", []byte(text), nil)
		require.NoError(t, err)
		assert.Equal(t, path.Join(module, folder), file.Module.Mod.Path)
		assert.Empty(t, file.Replace, "gonew copies a replace, and it leads nowhere")
		assert.Contains(t, readFile(t, "go.mod"), "\ngo "+file.Go.Version+"\n")
		for name, version := range direct(t, text) {
			if name != module {
				assert.Equal(t, ours[name], version, "%s: another %s than we test with", folder, name)
				continue
			}
			assert.Contains(t, []string{"", version}, release, "%s asks for another release", folder)
			release = version
		}
		readme := readFile(t, path.Join(folder, "README.md"))
		assert.LessOrEqual(t, strings.Count(readme, "\n"), 60, "%s: more than a screen", folder)
		assert.Contains(t, readme, "gonew@latest "+path.Join(module, folder)+" ")
		assert.NotContains(t, readme, "](../", "%s: a link that leads nowhere in a copy", folder)
	}
}
