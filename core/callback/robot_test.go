package callback_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
)

const robotSecret = "QK7D2M4XW3LRZ5HVB6TNYCPJGA"

// robotBody is a documented event; each of changes replaces a text by another.
func robotBody(event string, changes ...string) string {
	content := ""
	if event == "at" {
		content = `,"content":{"text":"@bot hello"}`
	}
	body := `{"event":"` + event + `","version":"v1","data":{"robot":{"app_id":"test","open_id":"RO1","robot_no":"R1"},` +
		`"session":{"session_open_id":"S-1_x","session_type":2},"trigger":{"open_id":"U1","target":"user"}` + content + `}}`
	return strings.NewReplacer(changes...).Replace(body)
}

func robotRequest(secret, body string) *core.Request {
	return &core.Request{
		Method: "POST", Path: "/callbacks/robot/" + secret, Body: []byte(body),
		Header: core.Header{{Name: "Content-Type", Value: "application/json; charset=utf-8"}},
	}
}

// robotLog keeps what it is handed.
type robotLog struct {
	events []callback.RobotEvent
	err    error
	panics any
}

func (l *robotLog) Robot(_ context.Context, e callback.RobotEvent) error {
	if l.panics != nil {
		panic(l.panics)
	}
	l.events = append(l.events, e)
	return l.err
}

func robotRoutes(t testing.TB, sink callback.RobotSink, change ...func(*callback.RobotConfig)) core.Routes {
	t.Helper()
	cfg := callback.RobotConfig{Secrets: core.Secrets(robotSecret), AppIDs: []string{"test"}, Sink: sink}
	for _, f := range change {
		f(&cfg)
	}
	h, err := callback.Robot(cfg)
	require.NoError(t, err)
	return core.Routes{"/callbacks/robot/{secret}": h}
}

func TestRobotEvents(t *testing.T) {
	for _, kind := range []callback.EventKind{callback.EventSessionOpen, callback.EventJoinGroupForInvite, callback.EventAt} {
		t.Run(string(kind), func(t *testing.T) {
			sink := &robotLog{}
			body := robotBody(string(kind))
			assertSuccess(t, robotRoutes(t, sink).Handle(t.Context(), robotRequest(robotSecret, body)))
			want := callback.RobotEvent{
				Event: kind, Version: callback.EventVersion, AppID: "test", RobotOpenID: "RO1", RobotNo: "R1",
				SessionOpenID: "S-1_x", SessionType: 2, TriggerOpenID: "U1", TriggerTarget: "user", Raw: json.RawMessage(body),
			}
			if kind == callback.EventAt {
				want.Text = "@bot hello"
			}
			assert.Equal(t, []callback.RobotEvent{want}, sink.events)
		})
	}
}

// What the platform may write in another way, or add one day, arrives.
func TestRobotEventsInOtherSpellings(t *testing.T) {
	for name, c := range map[string]struct {
		body  string
		check func(t *testing.T, e callback.RobotEvent)
	}{
		"session_type as a string": {robotBody("at", `"session_type":2`, `"session_type":"1"`), func(t *testing.T, e callback.RobotEvent) {
			assert.EqualValues(t, 1, e.SessionType)
		}},
		"a session_type of its own": {robotBody("at", `"session_type":2`, `"session_type":7`), func(t *testing.T, e callback.RobotEvent) {
			assert.EqualValues(t, 7, e.SessionType)
		}},
		"robot_no as a number": {robotBody("at", `"R1"`, `9007199254740993`), func(t *testing.T, e callback.RobotEvent) {
			assert.Equal(t, "9007199254740993", e.RobotNo, "no float on the way")
		}},
		"unknown fields everywhere": {robotBody("at", `"text"`, `"more":[{"a":null}],"text"`, `"open_id":"U1"`, `"open_id":"U1","nick":"小明"`), func(t *testing.T, e callback.RobotEvent) {
			assert.Equal(t, "@bot hello", e.Text)
			assert.Contains(t, string(e.Raw), "小明")
		}},
		"a text of many lines": {robotBody("at", "@bot hello", `@bot\n\u5fae\ud834\udd1e\t\\ud800<b>`), func(t *testing.T, e callback.RobotEvent) {
			assert.Equal(t, "@bot\n微𝄞\t\\ud800<b>", e.Text)
		}},
		"an empty text": {robotBody("at", "@bot hello", ""), func(t *testing.T, e callback.RobotEvent) {
			assert.Empty(t, e.Text)
		}},
		"an unknown event": {robotBody("left-group"), func(t *testing.T, e callback.RobotEvent) {
			assert.EqualValues(t, "left-group", e.Event)
			assert.Equal(t, "U1", e.TriggerOpenID)
		}},
		"an unknown event that knows only its app": {`{"event":"renamed","version":"v1","data":{"robot":{"app_id":"test"},"session":null,"trigger":["U1"]}}`, func(t *testing.T, e callback.RobotEvent) {
			assert.Equal(t, callback.RobotEvent{Event: "renamed", Version: "v1", AppID: "test", Raw: e.Raw}, e)
		}},
		"an unknown version": {`{"event":"at","version":"v2","data":{"session":{"session_type":"group","session_open_id":"a b"},"robot":"R1"},"app":"test"}`, func(t *testing.T, e callback.RobotEvent) {
			assert.Equal(t, callback.RobotEvent{Event: "at", Version: "v2", Raw: e.Raw}, e)
			assert.Contains(t, string(e.Raw), `"app":"test"`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			sink := &robotLog{}
			assertSuccess(t, robotRoutes(t, sink).Handle(t.Context(), robotRequest(robotSecret, c.body)))
			require.Len(t, sink.events, 1)
			assert.Equal(t, c.body, string(sink.events[0].Raw))
			c.check(t, sink.events[0])
		})
	}
}

// The sink may keep what it is handed; the body is the adapter's again.
func TestRobotRawIsTheSinks(t *testing.T) {
	sink := &robotLog{}
	r := robotRequest(robotSecret, robotBody("at"))
	assertSuccess(t, robotRoutes(t, sink).Handle(t.Context(), r))
	clear(r.Body)
	assert.Equal(t, robotBody("at"), string(sink.events[0].Raw))
}

func TestRobotEventsRefused(t *testing.T) {
	deep := strings.Repeat("[", 20) + strings.Repeat("]", 20)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"empty":                          {"", 400},
		"null":                           {"null", 400},
		"a list":                         {"[" + robotBody("at") + "]", 400},
		"a string":                       {`"at"`, 400},
		"a form":                         {"event=at&version=v1", 400},
		"cut off":                        {robotBody("at")[:80], 400},
		"something after it":             {robotBody("at") + robotBody("at"), 400},
		"a byte order mark":              {"\ufeff" + robotBody("at"), 400},
		"invalid UTF-8":                  {robotBody("at", "hello", "\xff"), 400},
		"invalid UTF-8 in an unknown":    {robotBody("at", `"text"`, "\"x\":\"\xc3\",\"text\""), 400},
		"half of a pair":                 {robotBody("at", "hello", `\ud834`), 400},
		"the other half":                 {robotBody("at", "hello", `\udd1e`), 400},
		"two first halves":               {robotBody("at", "hello", `\ud834\ud834`), 400},
		"a pair the wrong way round":     {robotBody("at", "hello", `\udd1e\ud834`), 400},
		"half of a pair, then an escape": {robotBody("at", "hello", `\ud834\n`), 400},
		"half of a pair in a name":       {robotBody("at", `"text"`, `"\ud834":1,"text"`), 400},
		"event twice":                    {robotBody("at", `"version"`, `"event":"at","version"`), 400},
		"event twice, escaped":           {robotBody("at", `"version"`, `"\u0065vent":"session-open","version"`), 400},
		"app_id twice":                   {robotBody("at", `"robot_no"`, `"app_id":"test","robot_no"`), 400},
		"a name twice in an unknown":     {robotBody("at", `"text"`, `"x":[{"a":1,"a":2}],"text"`), 400},
		"nested too deep":                {robotBody("at", `"text"`, `"x":`+deep+`,"text"`), 400},
		"a comma too many":               {robotBody("at", `"R1"}`, `"R1",}`), 400},
		"a comment":                      {robotBody("at", `"R1"}`, `"R1"/**/}`), 400},
		"NaN":                            {robotBody("at", `:2}`, `:NaN}`), 400},
		"a raw line break":               {robotBody("at", "hello", "a\nb"), 400},
		"no event":                       {robotBody("at", `"event":"at",`, ""), 400},
		"EVENT":                          {robotBody("at", `"event"`, `"EVENT"`), 400},
		"an event that is no text":       {robotBody("at", `"event":"at"`, `"event":["at"]`), 400},
		"an event with a break":          {robotBody("at", `"event":"at"`, `"event":"at\n"`), 400},
		"an event too long":              {robotBody("at", `"event":"at"`, `"event":"`+strings.Repeat("a", 65)+`"`), 400},
		"no version":                     {robotBody("at", `"version":"v1",`, ""), 400},
		"no data":                        {`{"event":"at","version":"v1"}`, 400},
		"another's app_id":               {robotBody("at", `"test"`, `"other"`), 400},
		"app_id in another case":         {robotBody("at", `"test"`, `"TEST"`), 400},
		"no app_id":                      {robotBody("at", `"app_id":"test",`, ""), 400},
		"no app_id, unknown event":       {robotBody("left-group", `"app_id":"test",`, ""), 400},
		"another's app_id, version 2":    {robotBody("at", `"v1"`, `"v2"`, `"test"`, `"other"`), 400},
		"no robot_no":                    {robotBody("at", `,"robot_no":"R1"`, ""), 400},
		"no session":                     {robotBody("at", `"session":{`, `"sessions":{`), 400},
		"a session that is no object":    {robotBody("at", `"session":{"session_open_id":"S-1_x","session_type":2}`, `"session":"S-1_x"`), 400},
		"a session_open_id with a slash": {robotBody("at", "S-1_x", `S/1`), 400},
		"a session_open_id with a break": {robotBody("at", "S-1_x", `S\n1`), 400},
		"session_type with a fraction":   {robotBody("at", `:2}`, `:2.0}`), 400},
		"session_type with an exponent":  {robotBody("at", `:2}`, `:2e0}`), 400},
		"session_type in words":          {robotBody("at", `:2}`, `:"group"}`), 400},
		"session_type 0":                 {robotBody("at", `:2}`, `:0}`), 400},
		"session_type negative":          {robotBody("at", `:2}`, `:-2}`), 400},
		"session_type true":              {robotBody("at", `:2}`, `:true}`), 400},
		"session_type beyond 64 bits":    {robotBody("at", `:2}`, `:18446744073709551618}`), 400},
		"no trigger":                     {robotBody("at", `"trigger":{"open_id":"U1","target":"user"},`, ""), 400},
		"no target":                      {robotBody("at", `,"target":"user"`, ""), 400},
		"at without a text":              {robotBody("at", `,"content":{"text":"@bot hello"}`, ""), 400},
		"a text that is a number":        {robotBody("at", `"@bot hello"`, "1"), 400},
		"too large":                      {robotBody("at", "hello", strings.Repeat("a", core.MaxBody)), 413},
	} {
		t.Run(name, func(t *testing.T) {
			sink := &robotLog{}
			routes := robotRoutes(t, sink)
			resp := routes.Handle(t.Context(), robotRequest(robotSecret, c.body))
			assert.Equal(t, core.Refuse(c.status), resp)
			assert.Empty(t, sink.events)
			assertSuccess(t, routes.Handle(t.Context(), robotRequest(robotSecret, robotBody("at"))))
		})
	}
}

func TestRobotHeadersAndMethods(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*core.Request)
		status int
	}{
		"no Content-Type":   {func(r *core.Request) { r.Header = nil }, 200},
		"JSON in UTF8":      {func(r *core.Request) { r.Header.Set("Content-Type", "Application/JSON;charset=UTF8") }, 200},
		"JSON in GBK":       {func(r *core.Request) { r.Header.Set("Content-Type", "application/json; charset=gbk") }, 415},
		"a form":            {func(r *core.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415},
		"text":              {func(r *core.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		"no type at all":    {func(r *core.Request) { r.Header.Set("Content-Type", ";") }, 415},
		"two content types": {func(r *core.Request) { r.Header.Add("content-type", "application/json") }, 415},
		"gzip":              {func(r *core.Request) { r.Header.Add("Content-Encoding", "gzip") }, 415},
		"a query":           {func(r *core.Request) { r.RawQuery = "event=session-open" }, 200},
		"GET":               {func(r *core.Request) { r.Method = "GET" }, 405},
		"PUT":               {func(r *core.Request) { r.Method = "PUT" }, 405},
	} {
		t.Run(name, func(t *testing.T) {
			sink := &robotLog{}
			r := robotRequest(robotSecret, robotBody("at"))
			c.change(r)
			resp := robotRoutes(t, sink).Handle(t.Context(), r)
			assert.Equal(t, c.status, resp.Status)
			assert.Equal(t, c.status == 200, len(sink.events) == 1)
			assert.Equal(t, c.status == 405, resp.Header.Get("Allow") == "POST")
		})
	}
}

// Without the secret nothing tells that there is anything at all: the answer is
// that of a path that is not there, whatever else the request is.
func TestRobotPathsWithoutTheSecret(t *testing.T) {
	for _, secret := range []string{
		"", "x", robotSecret[1:], robotSecret[:25], robotSecret + "A", strings.ToLower(robotSecret), robotSecret + "/", "/" + robotSecret,
		robotSecret + "%00", "%2F" + robotSecret, "{secret}", strings.Repeat("A", 26), strings.Repeat("A", 5000), robotSecret + "%zz", "..",
	} {
		for _, method := range []string{"POST", "GET", "HEAD", "OPTIONS", "BREW"} {
			for _, body := range []string{robotBody("at"), "", "{", strings.Repeat(" ", core.MaxBody+1)} {
				sink := &robotLog{}
				r := robotRequest(secret, body)
				r.Method = method
				elsewhere := *r
				elsewhere.Path = "/nowhere"
				routes := robotRoutes(t, sink)
				assert.Equal(t, routes.Handle(t.Context(), &elsewhere), routes.Handle(t.Context(), r), "%s %q", method, secret)
				assert.Empty(t, sink.events)
			}
		}
	}
	// A header that a path without the secret would be refused for, too.
	r := robotRequest("x", robotBody("at"))
	r.Header.Set("Content-Encoding", "gzip")
	assert.Equal(t, core.Refuse(404), robotRoutes(t, &robotLog{}).Handle(t.Context(), r))
}

func TestRobotSecretsRotate(t *testing.T) {
	const fresh = "a-new-secret.of_32~characters-00"
	sink := &robotLog{}
	routes := robotRoutes(t, sink, func(c *callback.RobotConfig) { c.Secrets = core.Secrets(fresh, robotSecret) })
	for _, secret := range []string{fresh, robotSecret, strings.ReplaceAll(fresh, "-", "%2D")} {
		assertSuccess(t, routes.Handle(t.Context(), robotRequest(secret, robotBody("at"))))
	}
	assert.Len(t, sink.events, 3)
	gone := robotRoutes(t, sink, func(c *callback.RobotConfig) { c.Secrets = core.Secrets(fresh) })
	assert.Equal(t, 404, gone.Handle(t.Context(), robotRequest(robotSecret, robotBody("at"))).Status)
}

// A mux of another make leaves no {secret} behind: the last segment counts.
func TestRobotBehindAnotherMux(t *testing.T) {
	sink := &robotLog{}
	h := robotRoutes(t, sink)["/callbacks/robot/{secret}"]
	assertSuccess(t, h.Handle(t.Context(), robotRequest(robotSecret, robotBody("at"))))
	for _, path := range []string{"", "/", robotSecret + "/", "/" + robotSecret + "/x", "/" + robotSecret + "?"} {
		r := robotRequest("", robotBody("at"))
		r.Path = path
		assert.Equal(t, 404, h.Handle(t.Context(), r).Status, "%q", path)
	}
	assert.Len(t, sink.events, 1)
	assertSuccess(t, core.Routes{"/robot/{secret}/events": h}.Handle(t.Context(), &core.Request{
		Method: "POST", Path: "/robot/" + robotSecret + "/events", Body: []byte(robotBody("at")),
	}))
}

func TestAnErrorOfTheRobotSinkDecidesTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		sink   robotLog
		status int
	}{
		"mismatch":         {robotLog{err: core.Mismatch("bot", "no such chat")}, 400},
		"wrapped mismatch": {robotLog{err: fmt.Errorf("bot: %w", core.Mismatch("bot", "no such chat"))}, 400},
		"any other":        {robotLog{err: errors.New("database is down")}, 503},
		"context":          {robotLog{err: context.DeadlineExceeded}, 503},
		"panic":            {robotLog{panics: "boom"}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			resp := robotRoutes(t, &c.sink).Handle(t.Context(), robotRequest(robotSecret, robotBody("at")))
			assert.Equal(t, c.status, resp.Status)
			assert.Contains(t, []string{"success", core.RefusedText, core.TryLaterText}, string(resp.Body))
		})
	}
	h := robotRoutes(t, &robotLog{}, func(c *callback.RobotConfig) { c.Identifier = func(string) bool { panic("boom") } })
	assert.Equal(t, core.TryLater(), h.Handle(t.Context(), robotRequest(robotSecret, robotBody("at"))))
	h = robotRoutes(t, &robotLog{}, func(c *callback.RobotConfig) { c.Identifier = func(s string) bool { return true } })
	assertSuccess(t, h.Handle(t.Context(), robotRequest(robotSecret, robotBody("at", "S-1_x", "S.1@x"))))
	assertRefused(t, h.Handle(t.Context(), robotRequest(robotSecret, robotBody("at", "S-1_x", `S\u0000`))))
}

func TestRobotConfigurationFaults(t *testing.T) {
	for name, change := range map[string]func(*callback.RobotConfig){
		"no sink":               func(c *callback.RobotConfig) { c.Sink = nil },
		"no secret":             func(c *callback.RobotConfig) { c.Secrets = nil },
		"an empty secret":       func(c *callback.RobotConfig) { c.Secrets = core.Secrets(robotSecret, "") },
		"a short secret":        func(c *callback.RobotConfig) { c.Secrets = core.Secrets(strings.Repeat("s", 21)) },
		"a short old secret":    func(c *callback.RobotConfig) { c.Secrets = core.Secrets(robotSecret, "short") },
		"a secret too long":     func(c *callback.RobotConfig) { c.Secrets = core.Secrets(strings.Repeat("s", 129)) },
		"a slash in a secret":   func(c *callback.RobotConfig) { c.Secrets = core.Secrets("before/" + robotSecret) },
		"a slash inside":        func(c *callback.RobotConfig) { c.Secrets = core.Secrets(robotSecret[:13] + "/" + robotSecret[13:]) },
		"a line end":            func(c *callback.RobotConfig) { c.Secrets = core.Secrets(robotSecret + "\n") },
		"a percent sign":        func(c *callback.RobotConfig) { c.Secrets = core.Secrets("%41" + robotSecret) },
		"a secret beyond ASCII": func(c *callback.RobotConfig) { c.Secrets = core.Secrets(robotSecret + "微") },
		"no app":                func(c *callback.RobotConfig) { c.AppIDs = nil },
		"an empty app_id":       func(c *callback.RobotConfig) { c.AppIDs = []string{"test", ""} },
		"a space in an app_id":  func(c *callback.RobotConfig) { c.AppIDs = []string{"my app"} },
	} {
		cfg := callback.RobotConfig{Secrets: core.Secrets(robotSecret), AppIDs: []string{"test"}, Sink: &robotLog{}}
		change(&cfg)
		_, err := callback.Robot(cfg)
		require.Error(t, err, name)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.NotContains(t, err.Error(), robotSecret[:13], name)
	}
}

// trace writes down all that an Observer is told.
type trace struct{ bytes.Buffer }

func (o *trace) Observe(ctx context.Context, w core.Work) (context.Context, func(error)) {
	fmt.Fprintf(o, "%+v", w)
	return ctx, func(err error) { fmt.Fprintf(o, " %v\n", err) }
}

// Neither a secret, nor what somebody tried in its place, nor what users said
// reaches a log or a trace.
func TestNoSecretOfARobotInLogsOrTraces(t *testing.T) {
	var log bytes.Buffer
	seen := &trace{}
	sink := &robotLog{}
	routes := robotRoutes(t, sink, func(c *callback.RobotConfig) {
		c.Logger, c.Observer = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), seen
	})
	near := robotSecret[:25] + "B"
	for _, secret := range []string{robotSecret, near} {
		for _, body := range []string{robotBody("at"), "{", robotBody("at", "test", "other")} {
			for _, outcome := range []robotLog{{}, {err: errors.New("down")}, {err: core.Mismatch("bot", "unknown")}, {panics: "boom"}} {
				*sink = outcome
				r := robotRequest(secret, body)
				r.RemoteAddr = "192.0.2.7:1234"
				routes.Handle(t.Context(), r)
				r.Method = "GET"
				routes.Handle(t.Context(), r)
			}
		}
	}
	for _, told := range []string{log.String(), seen.String(), fmt.Sprintf("%+v", routes["/callbacks/robot/{secret}"])} {
		require.NotEmpty(t, told)
		assert.NotContains(t, told, robotSecret[:20])
		assert.NotContains(t, told, "/callbacks/robot")
		assert.NotContains(t, told, "hello")
	}
	assert.Contains(t, log.String(), `"remote_addr":"192.0.2.7:1234"`, "who tries is worth knowing")
	assert.Contains(t, log.String(), `"session_open_id":"S-1_x"`)
	assert.Contains(t, seen.String(), "{Kind:callback Name:callback.Robot Subject:S-1_x} <nil>")
}

// Time tells nothing of the secret: no measurement can show that on a busy
// machine, so the code that compares is looked at. It compares by
// subtle.ConstantTimeCompare alone, and does not leave its loop early.
func TestRobotSecretsAreComparedInConstantTime(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "robot.go", nil, 0)
	require.NoError(t, err)
	compares := 0
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Name.Name != "knows" {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if n.Sel.Name == "ConstantTimeCompare" {
					compares++
				}
			case *ast.RangeStmt:
				ast.Inspect(n.Body, func(inner ast.Node) bool {
					switch inner.(type) {
					case *ast.ReturnStmt, *ast.BranchStmt, *ast.IfStmt, *ast.BinaryExpr:
						t.Errorf("the loop over the secrets branches: %T", inner)
					}
					return true
				})
			}
			return true
		})
	}
	assert.Equal(t, 1, compares)
}

// FuzzRobot hands on nothing that two readers could read in two ways, and
// nothing of another app.
func FuzzRobot(f *testing.F) {
	for _, event := range []string{"session-open", "join-group-for-invite", "at", "left-group"} {
		f.Add([]byte(robotBody(event)))
	}
	for _, changes := range [][]string{
		{`"session_type":2`, `"session_type":"2"`}, {`"v1"`, `"v2"`}, {"hello", `\ud834\udd1e\n`}, {"hello", `\ud834`},
		{`"version"`, `"\u0065vent":"x","version"`}, {`"test"`, `"other"`}, {`"text"`, `"x":[[{"a":{}}]],"text"`},
	} {
		f.Add([]byte(robotBody("at", changes...)))
	}
	f.Add([]byte(`{"event":"x","version":"v1","data":{"robot":{"app_id":"test"}}}`))
	sink := &robotLog{}
	routes := robotRoutes(f, sink)
	f.Fuzz(func(t *testing.T, body []byte) {
		sink.events = nil
		sent := bytes.Clone(body)
		resp := routes.Handle(t.Context(), robotRequest(robotSecret, string(body)))
		require.Equal(t, sent, body)
		if resp.Status != 200 {
			require.Equal(t, core.RefusedText, string(resp.Body))
			require.Less(t, resp.Status, 500)
			require.Empty(t, sink.events)
			return
		}
		require.Len(t, sink.events, 1)
		e := sink.events[0]
		require.Equal(t, string(body), string(e.Raw))
		// The plainest reader reads the same.
		var whole map[string]any
		require.NoError(t, json.Unmarshal(body, &whole))
		require.Equal(t, whole["event"], string(e.Event))
		require.Equal(t, whole["version"], e.Version)
		data, _ := whole["data"].(map[string]any)
		robot, _ := data["robot"].(map[string]any)
		if e.Version == callback.EventVersion {
			require.Equal(t, "test", robot["app_id"])
		}
		require.Contains(t, []string{"", "test"}, e.AppID)
		content, _ := data["content"].(map[string]any)
		if text, ok := content["text"].(string); ok {
			require.Equal(t, text, e.Text)
		}
		again, err := json.Marshal(e.Raw)
		require.NoError(t, err)
		require.NotEmpty(t, again)
	})
}
