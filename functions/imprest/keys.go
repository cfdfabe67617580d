package main

import (
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

func keyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{
			Name:    "app-key",
			Aliases: []string{"key"},
			Usage:   "the app_key, which others on this machine can see on a command line; several `KEY`s (commas, or the flag again) while one replaces another, the current one first [$IMPREST_APP_KEY]",
		},
		&cli.StringFlag{
			Name:  "app-key-file",
			Usage: "`FILE` that holds the app_key, or several, one to a line [$IMPREST_APP_KEY_FILE]",
		},
	}
}

// keys returns the app_keys that the flags or the variables name, the current
// one first. Without any it is the key of the documented test account, and a
// note says so: a message that holds for a public key proves nothing.
func (p *program) keys(cmd *cli.Command) ([]core.Secret, error) {
	const keyFlag, fileFlag = "--app-key", "--app-key-file"
	const keyVariable, fileVariable = "IMPREST_APP_KEY", "IMPREST_APP_KEY_FILE"

	switch byKey, byFile := cmd.IsSet("app-key"), cmd.IsSet("app-key-file"); {
	case byKey && byFile:
		return nil, usage("%s and %s: give one of the two", keyFlag, fileFlag)
	case byKey:
		return readKeys(keyFlag, strings.Join(cmd.StringSlice("app-key"), ","))
	case byFile:
		return readKeyFile(fileFlag, cmd.String("app-key-file"))
	}
	key, byKey := p.getenv(keyVariable)
	file, byFile := p.getenv(fileVariable)
	switch {
	case byKey && byFile:
		return nil, usage("%s and %s: set one of the two", keyVariable, fileVariable)
	case byKey:
		return readKeys(keyVariable, key)
	case byFile:
		return readKeyFile(fileVariable, file)
	}
	p.note("no key given (--app-key-file, IMPREST_APP_KEY, …): the key of the documented test account is used")
	return []core.Secret{testkit.TestAccount().AppKey}, nil
}

// givesKeys reports whether a flag or a variable names keys.
func (p *program) givesKeys(cmd *cli.Command) bool {
	_, byKey := p.getenv("IMPREST_APP_KEY")
	_, byFile := p.getenv("IMPREST_APP_KEY_FILE")
	return byKey || byFile || cmd.IsSet("app-key") || cmd.IsSet("app-key-file")
}

func readKeyFile(from, name string) ([]core.Secret, error) {
	if name == "" {
		return nil, usage("%s: no file is named", from)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, usage("%s: %v", from, err)
	}
	lines := strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", ",")
	return readKeys(from+": "+name, lines)
}

// readKeys splits text at its commas. Its errors never show the text.
func readKeys(from, text string) ([]core.Secret, error) {
	var keys []core.Secret
	for key := range strings.SplitSeq(text, ",") {
		key = strings.TrimSpace(key)
		if key == "" {
			return nil, usage("%s: an empty key: everybody could sign with it", from)
		}
		keys = append(keys, core.NewSecret(key))
	}
	return keys, nil
}
