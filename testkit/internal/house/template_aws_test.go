//go:build real

package house_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/awslabs/goformation/v7"
	"github.com/awslabs/goformation/v7/cloudformation"
	"github.com/awslabs/goformation/v7/intrinsics"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
)

const samTemplate = "template/aws/template.yaml"

// sam is the template as it stands, with !Ref and its like as the objects that
// they are short for.
type sam struct {
	*testing.T
	root      map[string]any
	resources map[string]any
}

func readSAM(t *testing.T) *sam {
	t.Helper()
	var node yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, samTemplate)), &node))
	s := &sam{T: t}
	s.root = s.plain(node.Content[0]).(map[string]any)
	s.resources = s.root["Resources"].(map[string]any)
	return s
}

// plain makes maps, slices and texts of a YAML tree.
func (s *sam) plain(n *yaml.Node) any {
	s.Helper()
	require.NotEqual(s, yaml.AliasNode, n.Kind, "CloudFormation knows no aliases, line %d", n.Line)
	var value any
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			require.NotContains(s, m, key, "line %d", n.Content[i].Line)
			m[key] = s.plain(n.Content[i+1])
		}
		value = m
	case yaml.SequenceNode:
		all := []any{}
		for _, item := range n.Content {
			all = append(all, s.plain(item))
		}
		value = all
	default:
		value = n.Value
	}
	switch {
	case n.Tag == "!Ref":
		return map[string]any{"Ref": value}
	case n.Tag == "!GetAtt":
		return map[string]any{"Fn::GetAtt": strings.SplitN(value.(string), ".", 2)}
	case n.Tag == "!Sub", n.Tag == "!If", n.Tag == "!Not", n.Tag == "!Equals":
		return map[string]any{"Fn::" + n.Tag[1:]: value}
	}
	require.True(s, strings.HasPrefix(n.Tag, "!!"), "the test knows no %s, line %d", n.Tag, n.Line)
	return value
}

// at walks down by keys.
func at(v any, keys ...string) any {
	for _, key := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

func (s *sam) properties(id string) map[string]any {
	s.Helper()
	p, _ := at(s.resources, id, "Properties").(map[string]any)
	require.NotNil(s, p, id)
	return p
}

// ofType returns the logical ids of a type of resource, in order.
func (s *sam) ofType(name string) (ids []string) {
	for id := range s.resources {
		if at(s.resources, id, "Type") == name {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// attributes are what !GetAtt finds of the types in the template.
var attributes = map[string][]string{
	"AWS::DynamoDB::Table":      {"Arn"},
	"AWS::SQS::Queue":           {"Arn", "QueueName", "QueueUrl"},
	"AWS::Logs::LogGroup":       {"Arn"},
	"AWS::Serverless::Function": {"Arn"},
}

var substituted = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// references checks that whatever a tree refers to is there.
func (s *sam) references(where string, v any) {
	named := func(name string) {
		parameters, _ := s.root["Parameters"].(map[string]any)
		_, isParameter := parameters[name]
		_, isResource := s.resources[name]
		pseudo := slices.Contains([]string{"AWS::NoValue", "AWS::Region", "AWS::URLSuffix", "AWS::AccountId", "AWS::Partition", "AWS::StackName"}, name)
		assert.True(s, isParameter || isResource || pseudo, "%s refers to %s", where, name)
	}
	attribute := func(id, name string) {
		kind, _ := at(s.resources, id, "Type").(string)
		assert.Contains(s, attributes[kind], name, "%s asks for %s of %s, a %q", where, name, id, kind)
	}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			s.references(where+"["+strconv.Itoa(i)+"]", item)
		}
	case map[string]any:
		for key, value := range v {
			switch key {
			case "Ref":
				named(value.(string))
			case "Fn::GetAtt":
				attribute(value.([]string)[0], value.([]string)[1])
			case "Fn::Sub":
				for _, m := range substituted.FindAllStringSubmatch(value.(string), -1) {
					if id, name, ok := strings.Cut(m[1], "."); ok {
						attribute(id, name)
					} else {
						named(m[1])
					}
				}
			case "Fn::If":
				assert.Contains(s, s.root["Conditions"], value.([]any)[0], where)
				s.references(where, value)
			default:
				s.references(where+"."+key, value)
			}
		}
	case string:
		assert.NotRegexp(s, `\$\{[A-Za-z]`, strings.ReplaceAll(v, "${!", ""), "%s is no !Sub", where)
	}
}

// required checks that what CloudFormation demands is there: goformation's types
// know it, and its parser does not ask.
func (s *sam) required(where string, v any, kind reflect.Type) {
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch kind.Kind() {
	case reflect.Slice:
		items, _ := v.([]any)
		for i, item := range items {
			s.required(where+"["+strconv.Itoa(i)+"]", item, kind.Elem())
		}
	case reflect.Struct:
		m, ok := v.(map[string]any)
		if !ok || (len(m) == 1 && (m["Ref"] != nil || strings.HasPrefix(slices.Collect(mapKeys(m))[0], "Fn::"))) {
			return
		}
		for i := range kind.NumField() {
			field := kind.Field(i)
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			value, there := m[name]
			if !there {
				assert.Contains(s, options, "omitempty", "%s lacks %s", where, name)
				continue
			}
			s.required(where+"."+name, value, field.Type)
		}
	}
}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func TestTheSAMTemplateIsWhole(t *testing.T) {
	given := map[string]any{}
	s := readSAM(t)
	for name := range s.root["Parameters"].(map[string]any) {
		given[name] = "given"
	}
	typed, err := goformation.OpenWithOptions(filepath.Join(root(t), samTemplate), &intrinsics.ProcessorOptions{ParameterOverrides: given, EvaluateConditions: true})
	require.NoError(t, err)
	require.Len(t, typed.Resources, len(s.resources))

	types := cloudformation.AllResources()
	for id, resource := range s.resources {
		kind := at(resource, "Type").(string)
		require.Contains(t, types, kind, id)
		properties, _ := at(resource, "Properties").(map[string]any)
		s.required(id, properties, reflect.TypeOf(types[kind]))
	}
	s.references("Globals", s.root["Globals"])
	s.references("Resources", s.root["Resources"])
	s.references("Outputs", s.root["Outputs"])
	for name := range s.root["Parameters"].(map[string]any) {
		assert.Regexp(t, `(!Ref `+name+`\b|\$\{`+name+`\})`, readFile(t, samTemplate), "nobody uses the parameter %s", name)
	}
}

// programOf returns which program a function is built of.
func (s *sam) programOf(id string) string {
	s.Helper()
	assert.Equal(s, "makefile", at(s.resources, id, "Metadata", "BuildMethod"))
	m := regexp.MustCompile(`(?m)^build-` + id + `:\n\t\$\(call build,([a-z]+)\)$`).FindStringSubmatch(readFile(s, "template/aws/Makefile"))
	require.Len(s, m, 2, "the Makefile builds no %s", id)
	return m[1]
}

// environment returns the variables of a function.
func (s *sam) environment(id string) map[string]any {
	all := map[string]any{}
	for _, from := range []any{at(s.root, "Globals", "Function"), s.properties(id)} {
		variables, _ := at(from, "Environment", "Variables").(map[string]any)
		for name, value := range variables {
			all[name] = value
		}
	}
	return all
}

// Each function is given the variables that its program reads, and may do to
// each thing what it has to, and to nothing else.
func TestTheFunctionsOfTheSAMTemplate(t *testing.T) {
	s := readSAM(t)
	functions := s.ofType("AWS::Serverless::Function")
	require.Equal(t, []string{"Checkout", "Login", "PayCallback", "Reconcile"}, functions)
	for _, id := range functions {
		t.Run(id, func(t *testing.T) {
			s := &sam{t, s.root, s.resources}
			environment := s.environment(id)
			var given []string
			var secrets []any
			for name, value := range environment {
				if strings.HasPrefix(name, "PARAMETERS_SECRETS_EXTENSION_") {
					continue
				}
				given = append(given, name)
				if strings.HasSuffix(name, "_SECRET") {
					secrets = append(secrets, value)
				}
				assert.NotRegexp(t, `_KEYS?$`, name, "a key in the configuration is there for whoever may look at it")
			}
			checkEnvironment(t, s.programOf(id), given)

			var allowed, queue []any
			for _, policy := range s.properties(id)["Policies"].([]any) {
				for _, statement := range at(policy, "Statement").([]any) {
					allowed = append(allowed, s.statement(statement, secrets)...)
					queue = append(queue, actionsOf(statement, "sqs:")...)
				}
			}
			assert.NotEmpty(t, allowed)
			assert.ElementsMatch(t, s.atTheQueue(id), queue, "what it may do to the queue is what it does")
			for name, event := range s.properties(id)["Events"].(map[string]any) {
				assert.Contains(t, []any{"HttpApi", "Schedule"}, at(event, "Type"), "SAM gives a function that has %s more than it needs", name)
			}
		})
	}
}

// list is what CloudFormation takes a single value for.
func list(v any) []any {
	if all, ok := v.([]any); ok {
		return all
	}
	return []any{v}
}

// actionsOf returns the actions of a statement that begin so.
func actionsOf(statement any, prefix string) (actions []any) {
	for _, action := range list(at(statement, "Action")) {
		if strings.HasPrefix(action.(string), prefix) {
			actions = append(actions, action)
		}
	}
	return actions
}

// atTheQueue returns what a function does to the queue: one that is given its URL
// puts messages in, one that it is mapped to has Lambda take them out.
func (s *sam) atTheQueue(id string) (actions []any) {
	s.Helper()
	if url, ok := s.environment(id)["IMPREST_QUEUE_URL"]; ok {
		assert.Equal(s, map[string]any{"Ref": "Paid"}, url)
		actions = append(actions, "sqs:SendMessage")
	}
	if at(s.properties("PaidMessages"), "FunctionName", "Ref") == id {
		actions = append(actions, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
	}
	assert.Equal(s, id == "PayCallback" || id == "Reconcile", len(actions) > 0, "what is paid goes from one to the other")
	assert.LessOrEqual(s, len(actions), 3, "who takes messages out puts none in")
	return actions
}

// statement checks one statement of a policy, and returns what it is about.
func (s *sam) statement(statement any, secrets []any) []any {
	s.Helper()
	assert.Equal(s, "Allow", at(statement, "Effect"))
	resources := list(at(statement, "Resource"))
	for _, resource := range resources {
		assert.NotContains(s, fmt.Sprint(resource), "*")
	}
	for _, action := range list(at(statement, "Action")) {
		assert.NotContains(s, action, "*")
		service, _, _ := strings.Cut(action.(string), ":")
		for _, resource := range resources {
			of := fmt.Sprint(resource)
			switch service {
			case "dynamodb":
				assert.Contains(s, of, "Journal")
			case "sqs":
				assert.Equal(s, map[string]any{"Fn::GetAtt": []string{"Paid", "Arn"}}, resource)
			case "secretsmanager":
				assert.Equal(s, "secretsmanager:GetSecretValue", action)
				assert.Contains(s, secrets, resource, "the function reads no such secret")
			default:
				s.Errorf("a function may %v", action)
			}
		}
		if service == "secretsmanager" {
			assert.Len(s, resources, len(secrets), "the function may not read all of its secrets")
		}
	}
	return resources
}

// The site has every route of the programs, and no other.
func TestTheRoutesOfTheSAMTemplate(t *testing.T) {
	client, err := vvchat.New(vvchat.Config{BaseURL: "https://platform.example", AppID: "test", AppKeys: core.Secrets(strings.Repeat("k", 32)), StoreNo: "s1234"})
	require.NoError(t, err)
	users, err := login.New(login.Config{
		AppID: "test", Platform: client, Store: journal.NewMemory(), CookieKeys: core.Secrets(strings.Repeat("c", 32)), RedirectURI: "https://shop.example/login/return",
	})
	require.NoError(t, err)
	want := map[string]string{"POST /callbacks/payment": "PayCallback", "POST /callbacks/payout": "PayCallback", "GET /healthz": "PayCallback"}
	for pattern := range users.Routes() {
		want[pattern] = "Login"
	}
	var sales *purchase.Service // its routes do not depend on what it is made of
	for pattern := range sales.Routes(nil) {
		want[pattern] = "Checkout"
	}
	s := readSAM(t)
	got := map[string]string{}
	for _, id := range s.ofType("AWS::Serverless::Function") {
		for _, event := range s.properties(id)["Events"].(map[string]any) {
			if at(event, "Type") == "HttpApi" {
				assert.Equal(t, map[string]any{"Ref": "Site"}, at(event, "Properties", "ApiId"))
				got[fmt.Sprint(at(event, "Properties", "Method"), " ", at(event, "Properties", "Path"))] = id
			}
		}
	}
	assert.Equal(t, want, got)
}

// What the queue gives up is kept, and somebody is told; so is whoever has to
// hear of errors.
func TestTheQueueAndTheAlarmsOfTheSAMTemplate(t *testing.T) {
	s := readSAM(t)
	number := func(v any) int {
		n, err := strconv.Atoi(fmt.Sprint(v))
		require.NoError(t, err)
		return n
	}
	paid := s.properties("Paid")
	assert.Equal(t, map[string]any{"Fn::GetAtt": []string{"PaidDeadLetters", "Arn"}}, at(paid, "RedrivePolicy", "deadLetterTargetArn"))
	assert.GreaterOrEqual(t, number(at(paid, "RedrivePolicy", "maxReceiveCount")), 3)
	assert.GreaterOrEqual(t, number(paid["VisibilityTimeout"]), 6*number(at(s.root, "Globals", "Function", "Timeout")))
	messages := s.properties("PaidMessages")
	assert.Equal(t, map[string]any{"Fn::GetAtt": []string{"Paid", "Arn"}}, messages["EventSourceArn"])
	assert.Equal(t, []any{"ReportBatchItemFailures"}, messages["FunctionResponseTypes"], "without it one message brings a whole batch back")
	assert.Equal(t, "Retain", at(s.resources, "Journal", "DeletionPolicy"))
	assert.Equal(t, "Retain", at(s.resources, "Journal", "UpdateReplacePolicy"))

	watched := map[string]bool{}
	for _, id := range s.ofType("AWS::CloudWatch::Alarm") {
		alarm := s.properties(id)
		assert.NotNil(t, alarm["AlarmActions"], id)
		for _, dimension := range alarm["Dimensions"].([]any) {
			watched[fmt.Sprint(alarm["MetricName"], " of ", at(dimension, "Value"))] = true
		}
	}
	for _, id := range s.ofType("AWS::Serverless::Function") {
		assert.Contains(t, watched, "Errors of map[Ref:"+id+"]")
		assert.Equal(t, map[string]any{"Fn::Sub": "/aws/lambda/${" + id + "}"}, s.properties(id + "Log")["LogGroupName"], "a log that SAM makes is kept for ever")
	}
	assert.Contains(t, watched, "ApproximateNumberOfMessagesVisible of map[Fn::GetAtt:[PaidDeadLetters QueueName]]")
	assert.Contains(t, watched, "ApproximateAgeOfOldestMessage of map[Fn::GetAtt:[Paid QueueName]]")
}

// The table is the one that the store would make, and DynamoDB removes what has
// expired.
func TestTheTableOfTheSAMTemplate(t *testing.T) {
	var asked map[string]any
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "DynamoDB_20120810.CreateTable", r.Header.Get("X-Amz-Target"))
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&asked))
		_, _ = w.Write([]byte("{}"))
	}))
	defer endpoint.Close()
	require.NoError(t, dynamostore.CreateTable(t.Context(), dynamostore.Config{
		Table: "journal", Region: "eu-west-1", Endpoint: endpoint.URL, Credentials: dynamostore.Environment(func(string) string { return "test" }),
	}))
	delete(asked, "TableName")
	require.Len(t, asked, 4)
	s := readSAM(t)
	table := s.properties("Journal")
	for name, want := range asked {
		assert.Equal(t, want, table[name], name)
	}
	assert.Equal(t, map[string]any{"AttributeName": "expires", "Enabled": "true"}, table["TimeToLiveSpecification"])
	for _, id := range s.ofType("AWS::Serverless::Function") {
		assert.Equal(t, map[string]any{"Fn::Sub": "dynamodb:${Journal}"}, s.environment(id)["IMPREST_JOURNAL"])
	}
}
