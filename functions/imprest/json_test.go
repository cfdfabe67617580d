package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v3"
)

// leaves are the commands that do something, by their full names.
func leaves(cmd *cli.Command, path string) map[string]*cli.Command {
	all := map[string]*cli.Command{}
	for _, sub := range cmd.Commands {
		name := strings.TrimSpace(path + " " + sub.Name)
		if len(sub.Commands) == 0 {
			all[name] = sub
		}
		for below, found := range leaves(sub, name) {
			all[below] = found
		}
	}
	return all
}

func TestEveryCommandThatPrintsAResultHasJSON(t *testing.T) {
	p := &program{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, now: time.Now}
	all := leaves(p.root(), "")
	require.GreaterOrEqual(t, len(all), 17)
	for name, cmd := range all {
		has := false
		for _, flag := range cmd.Flags {
			has = has || flag.Names()[0] == "json"
		}
		assert.Equal(t, name != "help", has, name)
	}
}

// lines returns the lines of an output, each of which must be JSON.
func jsonLines(t *testing.T, output string) (lines []map[string]any) {
	t.Helper()
	require.True(t, strings.HasSuffix(output, "\n"), output)
	for line := range strings.Lines(output) {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &object), line)
		lines = append(lines, object)
	}
	return lines
}

func TestJSONIsAllThatIsPrinted(t *testing.T) {
	const body = `{"app_id":"test","title":"<a> & b"}`
	var signed struct{ Sign, Body string }
	r := invoke(t, body, "sign", "--key", longKey, "--json")
	require.Equal(t, exitDone, r.status, r.stderr)
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &signed))
	assert.Equal(t, invoke(t, body, "sign", "--key", longKey).stdout, signed.Body)
	assert.Equal(t, invoke(t, body, "sign", "--key", longKey, "--only-sign").stdout, signed.Sign+"\n")
	assert.Equal(t, []map[string]any{{"sign": signed.Sign}}, jsonLines(t, invoke(t, body, "sign", "--key", longKey, "--only-sign", "--json").stdout))

	headers := []string{"--noncestr", "abc", "--timestamp", "1700000000", "--key", longKey}
	for _, kind := range []string{"base", "joint"} {
		plain := invoke(t, body, append([]string{"sign", "--kind", kind}, headers...)...)
		object := jsonLines(t, invoke(t, body, append([]string{"sign", "--kind", kind, "--json"}, headers...)...).stdout)[0]
		assert.Len(t, object, 4)
		for name, value := range object {
			assert.Contains(t, plain.stdout, name+": "+value.(string)+"\n")
		}
	}

	version := jsonLines(t, invoke(t, "", "version", "--json").stdout)[0]
	assert.Contains(t, invoke(t, "", "version").stdout, version["version"].(string)+" ("+version["go"].(string)+" "+version["platform"].(string))

	once := invoke(t, "", "sandbox", "--once", "--json", "--journal", "memory")
	require.Equal(t, exitDone, once.status, once.stderr)
	assert.Equal(t, "delivered", jsonLines(t, once.stdout)[0]["state"])
	s := begin(t, "sandbox", "--json", "--addr", "127.0.0.1:0", "--platform-addr", "127.0.0.1:0", "--cloud-addr", "127.0.0.1:0", "--journal", "memory")
	s.says(&s.stdout, "\n")
	where := jsonLines(t, s.stdout.String())
	require.Len(t, where, 1)
	for _, name := range []string{"shop", "platform", "phone", "cloud", "control"} {
		assert.Regexp(t, `^http://127\.0\.0\.1:\d+`, where[0][name])
	}
	assert.Equal(t, exitDone, s.end(), s.stderr.String())
	assert.Len(t, jsonLines(t, s.stdout.String()), 1, "nothing is added")
}
