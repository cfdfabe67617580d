package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfig(t *testing.T) {
	good := environment("https://open.example", "https://shop.example", "data")
	good["IMPREST_APP_KEY"] = "a-new-key-of-20-chars, an-old-key-of-20-char"
	cfg, err := readConfig(getter(good))
	if err != nil || len(cfg.appKeys) != 2 || cfg.addr != "127.0.0.1:8080" || cfg.testing() {
		t.Fatalf("%+v %v", cfg, err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("a-key-of-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change map[string]string
		bad    string // the name in the error; "" is no error
	}{
		"a key in a file":          {map[string]string{"IMPREST_APP_KEY": "", "IMPREST_APP_KEY_FILE": file}, ""},
		"both":                     {map[string]string{"IMPREST_APP_KEY_FILE": file}, "IMPREST_APP_KEY and"},
		"no such file":             {map[string]string{"IMPREST_APP_KEY": "", "IMPREST_APP_KEY_FILE": file + "x"}, "IMPREST_APP_KEY_FILE"},
		"no platform":              {map[string]string{"IMPREST_BASE_URL": ""}, "IMPREST_BASE_URL"},
		"no app":                   {map[string]string{"IMPREST_APP_ID": " "}, "IMPREST_APP_ID"},
		"no key":                   {map[string]string{"IMPREST_APP_KEY": ""}, "IMPREST_APP_KEY"},
		"no store":                 {map[string]string{"IMPREST_STORE_NO": ""}, "IMPREST_STORE_NO"},
		"no address":               {map[string]string{"SHOP_URL": ""}, "SHOP_URL"},
		"plain http":               {map[string]string{"SHOP_URL": "http://shop.example"}, "SHOP_URL"},
		"http on this machine":     {map[string]string{"SHOP_URL": "http://127.0.0.1:8080/"}, ""},
		"a path":                   {map[string]string{"SHOP_URL": "https://shop.example/shop"}, "SHOP_URL"},
		"a short cookie key":       {map[string]string{"SHOP_COOKIE_KEY": "short-secret"}, "SHOP_COOKIE_KEY"},
		"no cookie key":            {map[string]string{"SHOP_COOKIE_KEY": ""}, "SHOP_COOKIE_KEY"},
		"a script":                 {map[string]string{"SHOP_JSSDK": "https://cdn.example/vvchatjssdk.js"}, ""},
		"a script over plain http": {map[string]string{"SHOP_JSSDK": "http://cdn.example/vvchatjssdk.js"}, "SHOP_JSSDK"},
		"a phone":                  {map[string]string{"SHOP_PHONE": "http://127.0.0.1:8701"}, ""},
		"a phone elsewhere":        {map[string]string{"SHOP_PHONE": "https://phone.example"}, "SHOP_PHONE"},
	} {
		t.Run(name, func(t *testing.T) {
			variables := maps.Clone(good)
			maps.Copy(variables, c.change)
			_, err := readConfig(getter(variables))
			if (err != nil) != (c.bad != "") || (err != nil && (!strings.HasPrefix(err.Error(), c.bad) || strings.Contains(err.Error(), "\n"))) {
				t.Errorf("the error is %v, and should be about %q alone", err, c.bad)
			}
			if err != nil && (strings.Contains(err.Error(), "short-secret") || strings.Contains(err.Error(), "20-char")) {
				t.Errorf("a secret in %v", err)
			}
		})
	}
	if _, err := readConfig(getter(nil)); err == nil || strings.Count(err.Error(), "\n") != 5 {
		t.Errorf("an empty environment: want a line for each of six variables, got %v", err)
	}
}
