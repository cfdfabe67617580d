//go:build real

package house_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/pgstore"
)

// terraform is a folder of .tf files.
type terraform struct {
	*testing.T
	// declared are "var.x", "local.x", "data.kind.x", "kind.x".
	declared map[string]*hclsyntax.Block
	locals   map[string]hclsyntax.Expression
	files    []*hclsyntax.Body
}

func readTerraform(t *testing.T, folder string) *terraform {
	t.Helper()
	tf := &terraform{T: t, declared: map[string]*hclsyntax.Block{}, locals: map[string]hclsyntax.Expression{}}
	names, err := filepath.Glob(filepath.Join(root(t), folder, "*.tf"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	parser := hclparse.NewParser()
	for _, name := range names {
		file, problems := parser.ParseHCLFile(name)
		require.False(t, problems.HasErrors(), "%v", problems)
		body := file.Body.(*hclsyntax.Body)
		tf.files = append(tf.files, body)
		for _, block := range body.Blocks {
			tf.declare(block)
		}
	}
	return tf
}

func (tf *terraform) declare(block *hclsyntax.Block) {
	tf.Helper()
	name := strings.Join(block.Labels, ".")
	switch block.Type {
	case "variable":
		name = "var." + name
	case "data":
		name = "data." + name
	case "output":
		name = "output." + name
	case "resource":
	case "locals":
		for key, attribute := range block.Body.Attributes {
			tf.locals[key] = attribute.Expr
		}
		return
	case "terraform", "provider":
		return
	default:
		require.Fail(tf, "the test knows no block "+block.Type)
	}
	require.NotContains(tf, tf.declared, name)
	tf.declared[name] = block
}

// step returns the i-th step of a reference, if it is a name.
func step(reference hcl.Traversal, i int) string {
	if i >= len(reference) {
		return ""
	}
	switch s := reference[i].(type) {
	case hcl.TraverseRoot:
		return s.Name
	case hcl.TraverseAttr:
		return s.Name
	}
	return ""
}

// references checks what a body refers to; scope holds the names that dynamic
// blocks add.
func (tf *terraform) references(body *hclsyntax.Body, used map[string]bool, scope ...string) {
	check := func(reference hcl.Traversal) {
		first, second, third := step(reference, 0), step(reference, 1), step(reference, 2)
		at := reference.SourceRange().String()
		switch {
		case first == "path", first == "each", slices.Contains(scope, first):
		case first == "local":
			assert.Contains(tf, tf.locals, second, at)
			used["local."+second] = true
		case first == "data":
			assert.NotNil(tf, tf.declared["data."+second+"."+third], "%s refers to data.%s.%s", at, second, third)
		case second == "" && slices.Contains([]string{"string", "number", "bool"}, first): // the type of a variable
		default:
			assert.NotNil(tf, tf.declared[first+"."+second], "%s refers to %s.%s", at, first, second)
			used[first+"."+second] = true
		}
	}
	for _, attribute := range body.Attributes {
		for _, reference := range attribute.Expr.Variables() {
			check(reference)
		}
	}
	for _, block := range body.Blocks {
		inner := scope
		if block.Type == "dynamic" {
			inner = append(slices.Clip(scope), block.Labels[0])
		}
		tf.references(block.Body, used, inner...)
	}
}

// resources returns the resources of a kind by name.
func (tf *terraform) resources(kind string) map[string]*hclsyntax.Block {
	found := map[string]*hclsyntax.Block{}
	for name, block := range tf.declared {
		if rest, ok := strings.CutPrefix(name, kind+"."); ok {
			found[rest] = block
		}
	}
	return found
}

// block finds a block inside of a block.
func (tf *terraform) block(in *hclsyntax.Block, kind string) *hclsyntax.Block {
	tf.Helper()
	for _, block := range in.Body.Blocks {
		if block.Type == kind {
			return block
		}
	}
	require.Fail(tf, "no "+kind, "in %s", in.Range())
	return nil
}

// text returns what an attribute is, if it refers to nothing.
func (tf *terraform) text(in *hclsyntax.Block, name string) string {
	tf.Helper()
	attribute, ok := in.Body.Attributes[name]
	require.True(tf, ok, "no %s in %s", name, in.Range())
	value, problems := attribute.Expr.Value(nil)
	require.False(tf, problems.HasErrors(), "%s in %s", name, in.Range())
	return value.AsString()
}

// keysOf returns the names in an object.
func (tf *terraform) keysOf(expression hclsyntax.Expression) (names []string) {
	tf.Helper()
	object, ok := expression.(*hclsyntax.ObjectConsExpr)
	require.True(tf, ok)
	for _, item := range object.Items {
		names = append(names, hcl.ExprAsKeyword(item.KeyExpr))
	}
	return names
}

func TestTheTerraformIsWhole(t *testing.T) {
	tf := readTerraform(t, "template/gcp")
	used := map[string]bool{}
	for _, file := range tf.files {
		tf.references(file, used)
	}
	for name := range tf.declared {
		if strings.HasPrefix(name, "var.") {
			assert.True(t, used[name], "nobody uses %s", name)
		}
	}
	for name := range tf.locals {
		assert.True(t, used["local."+name], "nobody uses local.%s", name)
	}
	assert.Equal(t, pgstore.Schema, readFile(t, "template/gcp/schema.sql"), "copy adapters/pgstore/schema.sql here")

	// Whoever may do something may do it to one thing.
	for name, block := range tf.declared {
		kind, _, _ := strings.Cut(name, ".")
		if name == "google_project_iam_member.build" {
			// But for who builds, which runs nothing and reads no secret.
			assert.Equal(t, "roles/cloudbuild.builds.builder", tf.text(block, "role"))
			continue
		}
		if strings.Contains(kind, "iam") {
			assert.Contains(t, []string{"google_secret_manager_secret_iam_member", "google_cloud_run_service_iam_member"}, kind)
			assert.Contains(t, []string{"roles/run.invoker", "roles/secretmanager.secretAccessor"}, tf.text(block, "role"), name)
		}
	}

	// What the program reads is what it is given, and what init registers is
	// what is deployed.
	variable := regexp.MustCompile(`get\("([A-Z_]+)"\)`)
	var read []string
	for _, m := range variable.FindAllStringSubmatch(readFile(t, "template/gcp/payments.go"), -1) {
		read = append(read, m[1])
	}
	given := append(tf.keysOf(tf.locals["environment"]), tf.keysOf(tf.locals["secrets"])...)
	assert.ElementsMatch(t, read, given)
	for _, name := range tf.keysOf(tf.locals["environment"]) {
		assert.NotRegexp(t, `KEY|JOURNAL`, name, "a secret is no part of the configuration")
	}
	functions := tf.resources("google_cloudfunctions2_function")
	require.Len(t, functions, 2)
	for name, registered := range map[string]string{"site": `functions.HTTP("Site", `, "sweep": `functions.CloudEvent("Sweep", `} {
		build := tf.block(functions[name], "build_config")
		assert.Contains(t, registered, `"`+tf.text(build, "entry_point")+`"`)
		assert.Contains(t, readFile(t, "template/gcp/function.go"), registered)
		assert.Equal(t, "go126", tf.text(build, "runtime"))
		// A project made since 2024 has no account of its own that may build.
		account, problems := hcl.AbsTraversalForExpr(build.Body.Attributes["service_account"].Expr)
		require.False(t, problems.HasErrors())
		assert.Equal(t, "google_service_account", account.RootName())
	}
	assert.Equal(t, "google.cloud.pubsub.topic.v1.messagePublished", tf.text(tf.block(functions["sweep"], "event_trigger"), "event_type"))
	ticks := tf.block(tf.resources("google_cloud_scheduler_job")["sweep"], "pubsub_target")
	assert.Equal(t, []string{"tick"}, tf.keysOf(ticks.Body.Attributes["attributes"].Expr), "without it the message is no tick")

	// The README names every secret that Terraform makes.
	secrets, problems := tf.locals["secrets"].Value(nil)
	require.False(t, problems.HasErrors())
	for _, name := range secrets.AsValueMap() {
		assert.Contains(t, readFile(t, "template/gcp/README.md"), "gcloud secrets versions add "+name.AsString())
	}
}

// The source, as gonew copies it, passes its own tests and is served by the
// framework as Google's builder has it: a main that imports the package.
func TestTheSourceFunctions(t *testing.T) {
	m := publish(t, "template/gcp")
	dir := m.copyTemplate("template/gcp", "example.com/payments")
	main := filepath.Join(dir, "cmd", "main.go")
	require.NoError(t, os.MkdirAll(filepath.Dir(main), 0o700))
	require.NoError(t, os.WriteFile(main, []byte(`package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "example.com/payments"
)

func main() { log.Fatal(funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT"))) }
`), 0o600))
	program := filepath.Join(t.TempDir(), "functions")
	m.run(dir, "go", "build", "-o", program, "./cmd")
	m.run(dir, "go", "vet", "./...")
	m.run(dir, "go", "test", "-race", "./...")
	m.staticcheck(dir)

	environment := []string{
		"IMPREST_APP_ID=test", "IMPREST_APP_KEY=a-key-of-sixteen-characters", "IMPREST_BASE_URL=https://platform.example", "IMPREST_STORE_NO=s1234",
		"SITE_URL=https://shop.example", "IMPREST_JOURNAL=postgres://nobody@127.0.0.1:1/none", "IMPREST_DELIVER_URL=https://shop.example/deliveries",
		"IMPREST_DELIVER_KEY=" + strings.Repeat("d", 32), "IMPREST_COOKIE_KEYS=" + strings.Repeat("c", 32),
	}
	const tick = `{"message":{"data":"c3dlZXA=","attributes":{"tick":"1"}}}`
	for _, c := range []struct {
		name, target, method, path, body string
		environment                      []string
		status                           int
		logged                           string
	}{
		{"the site without a database", "Site", "GET", "/healthz", "", environment, http.StatusServiceUnavailable, "the journal cannot be read"},
		{"a forged callback", "Site", "POST", "/callbacks/payment", `{"app_id":"test"}`, environment, http.StatusBadRequest, ""},
		{"a login", "Site", "GET", "/login", "", environment, http.StatusFound, ""},
		{"the site without its environment", "Site", "GET", "/healthz", "", nil, http.StatusServiceUnavailable, "IMPREST_APP_ID is not set"},
		{"a tick without a database", "Sweep", "POST", "/", tick, environment, http.StatusInternalServerError, "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			free, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			_, port, err := net.SplitHostPort(free.Addr().String())
			require.NoError(t, err)
			require.NoError(t, free.Close())
			cmd := exec.Command(program)
			cmd.Env = append(slices.Clip(c.environment), "FUNCTION_TARGET="+c.target, "PORT="+port)
			var log strings.Builder
			cmd.Stdout, cmd.Stderr = &log, &log
			require.NoError(t, cmd.Start())
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			waitFor(t, ctx, "http://127.0.0.1:"+port+"/none")
			req, err := http.NewRequestWithContext(ctx, c.method, "http://127.0.0.1:"+port+c.path, strings.NewReader(c.body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			for name, value := range map[string]string{
				"ce-id": "1", "ce-source": "//pubsub.googleapis.com/projects/p/topics/imprest-tick", "ce-specversion": "1.0", "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
			} {
				if c.target == "Sweep" {
					req.Header.Set(name, value)
				}
			}
			client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			resp, err := client.Do(req)
			require.NoError(t, err)
			_ = resp.Body.Close()
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait()
			assert.Equal(t, c.status, resp.StatusCode, log.String())
			assert.Contains(t, log.String(), c.logged)
			assert.NotContains(t, log.String(), strings.Repeat("d", 32))
		})
	}
}
