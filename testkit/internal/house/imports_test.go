package house_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/imprest-go/imprest"

// lattice says which packages outside of the standard library each package may
// import in code that ships, and why. A package that is not named here, or an
// import that is not named beside it, fails the test: widen it on purpose, with
// a reason.
//
// "core" stands for this module's core; a name with a dot in its first part is
// a foreign module.
var lattice = []struct{ pkg, imports, reason string }{
	{"core", "", "the vocabulary: everybody imports it, it imports nobody"},
	{"core/sign", "core", "the signature is arithmetic over bytes"},
	{"core/journal", "core", "a store's contract knows no engine"},
	{"core/callback", "core core/sign core/journal", "a Lambda that takes notifications links nothing but the standard library"},
	{"core/internal/outward", "core", "one way to call out, shared by every client"},
	{"core/internal/token", "core", "one way to keep an access token, shared by the clients that need one"},
	{"core/internal/check", "core core/sign github.com/go-playground/validator/v10", "validator stays behind one door"},
	{"core/vvchat", "core core/sign core/internal/check core/internal/outward core/internal/token", "a client needs no store and no transport adapter"},
	{"core/tuya", "core core/internal/check core/internal/outward core/internal/token", "the signed OpenAPI, and what Tuya's error codes mean"},
	{"core/mall", "core core/tuya core/internal/check core/internal/outward", "the operations know a transport, not a network"},
	{"core/wechat", "core core/internal/check core/internal/outward core/internal/token", "one call of WeChat's; mall knows it by a seam alone"},
	{"core/login", "core core/vvchat core/journal core/internal/check core/internal/outward", "a login's state is a record"},
	{"core/purchase", "core core/callback core/journal core/vvchat core/mall core/internal/check", "orchestration knows seams, not engines"},

	{"adapters/nethttp", "core", "carries bytes, knows no meaning"},
	{"adapters/awslambda", "core github.com/aws/aws-lambda-go/lambda", "carries bytes to and from Lambda's events"},
	{"adapters/dynamostore", "core core/journal github.com/aws/aws-sdk-go-v2/aws github.com/aws/aws-sdk-go-v2/aws/transport/http github.com/aws/aws-sdk-go-v2/service/dynamodb github.com/aws/aws-sdk-go-v2/service/dynamodb/types github.com/aws/smithy-go", "the one place that links DynamoDB's client"},
	{"adapters/sqsqueue", "core github.com/aws/aws-sdk-go-v2/aws github.com/aws/aws-sdk-go-v2/aws/signer/v4", "one signed call to SQS, whose own client is larger than all that is used of it"},
	{"adapters/cloudfunc", "core adapters/nethttp github.com/GoogleCloudPlatform/functions-framework-go/funcframework github.com/cloudevents/sdk-go/v2/binding github.com/cloudevents/sdk-go/v2/event github.com/cloudevents/sdk-go/v2/protocol/http", "a Cloud Function is net/http, and nethttp carries its bytes; its events are the CloudEvents SDK's, by the framework's own signature"},
	{"adapters/cloudfunc/internal/conformance", "core adapters/cloudfunc github.com/GoogleCloudPlatform/functions-framework-go/funcframework github.com/GoogleCloudPlatform/functions-framework-go/functions github.com/cloudevents/sdk-go/v2/event", "what Google's conformance client runs: the framework as a source function meets it"},
	{"adapters/webhook", "core core/purchase", "deliveries over signed HTTP, for whoever runs a function and keeps the goods elsewhere"},
	{"adapters/otelobserver", "core go.opentelemetry.io/otel/attribute go.opentelemetry.io/otel/codes go.opentelemetry.io/otel/metric go.opentelemetry.io/otel/semconv/v1.43.0 go.opentelemetry.io/otel/trace", "the one place that knows OpenTelemetry: its API alone, since the SDK and its globals are the program's"},
	{"adapters/sqlitestore", "core core/journal modernc.org/sqlite modernc.org/sqlite/lib", "the one place that links SQLite"},
	{"adapters/pgstore", "core core/journal github.com/jackc/pgx/v5 github.com/jackc/pgx/v5/pgconn github.com/jackc/pgx/v5/pgtype github.com/jackc/pgx/v5/pgxpool", "the one place that links pgx"},

	{"testkit", "core", "the fake makes its own signatures: with core/sign, client and fake could be wrong together"},
	{"testkit/phone", "core core/vvchat adapters/nethttp testkit rsc.io/qr", "screens over the fake platform; it serves itself, and draws its links"},
	{"testkit/lambdatest", "", "AWS from outside: it knows JSON and a process, nothing of ours"},
	{"testkit/storetest", "core core/callback core/journal core/purchase core/vvchat github.com/stretchr/testify/assert github.com/stretchr/testify/require", "a suite is made of tests; it sells on the store while that fails"},
	{"testkit/simulate", "core core/callback core/journal core/mall core/purchase core/vvchat testkit", "it runs purchases and callbacks as they ship, on simulated seams; notifications are testkit's, signed without core/sign"},
	{"testkit/simulate/internal/planted", "testkit/simulate", "it hunts for planted bugs, and sees what a user of the simulation sees"},
	{"testkit/simulate/internal/planted/hunt", "testkit/simulate testkit/simulate/internal/planted", "a main, built anew with each planted bug"},
	{"testkit/simulate/internal/planted/hunt", "testkit/simulate testkit/simulate/internal/planted", "a main, built anew with each planted bug"},
	{"testkit/internal/fleet", "core core/journal core/purchase core/vvchat adapters/dynamostore adapters/pgstore adapters/webhook testkit github.com/jackc/pgx/v5", "the outside of a fleet: it puts orders on record, plays platform and warehouse, and reads both stores at the end"},
	{"testkit/internal/fleet/soak", "testkit/internal/fleet", "a main: make soak"},
	{"testkit/internal/house", "", "tests alone"},
	{"testkit/internal/requests", "", "tests alone: it sees every adapter, and nobody sees it"},

	{"functions/internal/boot", "core core/callback core/journal core/login core/purchase core/sign core/vvchat adapters/nethttp adapters/webhook", "wires a function, and links neither a store nor a platform"},
	{"functions/internal/stores", "core core/journal adapters/dynamostore adapters/pgstore adapters/sqlitestore", "the one place that reads a journal's name"},
	{"functions/internal/target", "core adapters/awslambda adapters/cloudfunc adapters/dynamostore adapters/sqsqueue functions/internal/boot functions/internal/stores", "what a build links"},
	{"functions/paycallback", "functions/internal/boot functions/internal/target", "a main"},
	{"functions/checkout", "functions/internal/boot functions/internal/target", "a main"},
	{"functions/login", "functions/internal/boot functions/internal/target", "a main"},
	{"functions/reconcile", "functions/internal/boot functions/internal/target", "a main"},
	{"functions/imprest", "core core/callback core/journal core/purchase core/sign testkit functions/imprest/internal/chinese functions/imprest/internal/sandbox functions/internal/boot functions/internal/stores github.com/urfave/cli/v3", "the command line links the test kit"},
	{"functions/imprest/internal/axe", "", "axe-core for tests in a browser; whoever drives the browser hands in how"},
	{"functions/imprest/internal/chinese", "core/sign", "causes by their ID, and the words of the others"},
	{"functions/imprest/internal/sandbox", "core core/callback core/journal core/login core/mall core/purchase core/sign core/vvchat core/wechat adapters/nethttp functions/imprest/internal/chinese functions/internal/stores testkit testkit/phone", "wires everything"},
}

// modules says why each direct dependency is worth its weight.
var modules = map[string]string{
	"github.com/GoogleCloudPlatform/functions-framework-go": "what Google runs a Cloud Function by",
	"github.com/cloudevents/sdk-go/v2":                      "the event that Google's framework hands to a function is its type",
	"github.com/aws/aws-lambda-go":                          "the Lambda runtime's client, AWS's own",
	"github.com/aws/aws-sdk-go-v2":                          "signs the calls to DynamoDB and SQS",
	"github.com/aws/aws-sdk-go-v2/service/dynamodb":         "DynamoDB's client, AWS's own, in adapters/dynamostore alone",
	"github.com/aws/smithy-go":                              "the errors of AWS's clients",
	"github.com/awslabs/goformation/v7":                     "reads the SAM template into typed resources, in tests alone: finds wrong types and unknown properties",
	"github.com/chromedp/cdproto":                           "the commands of chromedp, typed",
	"github.com/chromedp/chromedp":                          "drives Debian's Chromium, in tests alone: no driver of its own, a pipe to the browser",
	"github.com/go-playground/validator/v10":                "checks what users hand in, behind core/internal/check",
	"github.com/rogpeppe/go-internal":                       "testscript: the command line's tests read like a terminal",
	"github.com/stretchr/testify":                           "assertions, in tests and in storetest",
	"github.com/urfave/cli/v3":                              "flags, help and completion without dependencies of its own",
	"go.opentelemetry.io/otel":                              "what traces and metrics are spoken in, in adapters/otelobserver alone: attributes, and the names of semantic conventions",
	"go.opentelemetry.io/otel/metric":                       "OpenTelemetry's API of metrics, in adapters/otelobserver alone",
	"go.opentelemetry.io/otel/sdk":                          "receives the spans, in tests alone",
	"go.opentelemetry.io/otel/sdk/metric":                   "receives the metrics, in tests alone",
	"go.opentelemetry.io/otel/trace":                        "OpenTelemetry's API of traces, in adapters/otelobserver alone",
	"go.yaml.in/yaml/v3":                                    "reads the templates' YAML, in tests alone; strict, and in the graph anyway",
	"golang.org/x/mod":                                      "packs this module as a proxy serves it, in the tests of the starters alone",
	"github.com/hashicorp/hcl/v2":                           "reads the Terraform of template/gcp, in tests alone: HashiCorp's own parser",
	"github.com/jackc/pgx/v5":                               "PostgreSQL: says of an error whether anything was sent, which database/sql does not",
	"modernc.org/sqlite":                                    "SQLite without cgo: the embedded journal",
	"pgregory.net/rapid":                                    "properties with shrinking",
	"rsc.io/qr":                                             "QR codes of links into the app, on a desktop: small, tagged, without dependencies",
}

type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	require.NoError(t, err)
	_, err = os.Stat(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	return dir
}

func goList(t testing.TB, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,Standard"}, args...)...)
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	var packages []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

func foreign(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".")
}

func TestImports(t *testing.T) {
	rules := map[string][]string{}
	for _, line := range lattice {
		require.NotEmpty(t, line.reason, line.pkg)
		rules[line.pkg] = strings.Fields(line.imports)
	}
	seen := map[string]bool{}
	for _, p := range goList(t, "./...") {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		seen[name] = true
		allowed, known := rules[name]
		if !assert.True(t, known, "%s is not in the lattice: add it, with a reason", name) {
			continue
		}
		for _, path := range p.Imports {
			if !foreign(path) {
				continue
			}
			assert.Contains(t, allowed, strings.TrimPrefix(path, module+"/"), "%s must not import %s", name, path)
		}
	}
	for name := range rules {
		assert.True(t, seen[name], "%s is in the lattice and does not exist", name)
	}
}

// What takes notifications must stay small: a Lambda links it.
func TestTheCallbackLinksThisModuleAlone(t *testing.T) {
	for _, entry := range []string{"./core/callback", "./core/journal", "./core/sign", "./adapters/nethttp"} {
		for _, p := range goList(t, "-deps", entry) {
			if !p.Standard {
				assert.True(t, strings.HasPrefix(p.ImportPath, module+"/"), "%s links %s", entry, p.ImportPath)
			}
		}
	}
}

// The build for AWS Lambda links its own store, and nothing that runs elsewhere:
// it has to be small, and to start fast.
func TestTheLambdaBuildLinksNothingOfOthers(t *testing.T) {
	for _, p := range goList(t, "-deps", "-tags", "lambda.norpc", "./functions/paycallback", "./functions/checkout", "./functions/login", "./functions/reconcile") {
		for _, heavy := range []string{"modernc.org/", "github.com/jackc/", "database/sql", "github.com/GoogleCloudPlatform/", "github.com/aws/aws-sdk-go-v2/config", "go.opentelemetry.io/", "net/rpc", "testing"} {
			assert.False(t, strings.HasPrefix(p.ImportPath, heavy), "the Lambda build links %s", p.ImportPath)
		}
	}
}

func TestNoDriverReachesACoreUser(t *testing.T) {
	for _, p := range goList(t, "-deps", "./core/...") {
		for _, heavy := range []string{"modernc.org/", "github.com/jackc/", "github.com/urfave/", "github.com/stretchr/", "github.com/aws/", "github.com/GoogleCloudPlatform/", "github.com/cloudevents/", "go.opentelemetry.io/", module + "/adapters", module + "/testkit"} {
			assert.False(t, strings.HasPrefix(p.ImportPath, heavy), "core links %s", p.ImportPath)
		}
	}
}

// The test kit is a program's guest: it must not drag the testing package and
// its flags into what links it.
func TestTheTestKitLinksNoTestingPackage(t *testing.T) {
	for _, p := range goList(t, "-deps", "./testkit", "./testkit/lambdatest", "./testkit/simulate", "./functions/...") {
		assert.NotEqual(t, "testing", p.ImportPath)
		assert.False(t, strings.HasPrefix(p.ImportPath, "github.com/stretchr/"), p.ImportPath)
	}
}

func TestEveryDirectDependencyHasAReason(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	require.NoError(t, err)
	var direct []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && strings.HasPrefix(fields[1], "v") && !strings.Contains(line, "// indirect") {
			direct = append(direct, fields[0])
		}
	}
	slices.Sort(direct)
	for _, path := range direct {
		assert.NotEmpty(t, modules[path], "%s is required directly and has no reason", path)
	}
	for path := range modules {
		assert.Contains(t, direct, path, "a reason without a dependency")
	}
}

// The go directive is what our users need at least: it names no patch release
// beyond .0, and no toolchain.
func TestGoDirective(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "\ngo 1.26.0\n")
	assert.NotContains(t, string(text), "\ntoolchain ")
}
