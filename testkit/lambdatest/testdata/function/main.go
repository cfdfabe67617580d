// The function of the tests: it speaks the Runtime API by hand, and does what
// its event says.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

var api = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime"

func main() {
	fmt.Println("out: started")
	switch os.Getenv("START") {
	case "error":
		status, _ := post("/init/error", "Extension.Sad", `{"errorType":"Function.NoKey","errorMessage":"IMPREST_APP_KEY is missing"}`)
		fmt.Fprintln(os.Stderr, "init error answered", status)
		os.Exit(1)
	case "exit":
		fmt.Fprintln(os.Stderr, "IMPREST_APP_ID is missing")
		os.Exit(2)
	case "hang":
		time.Sleep(time.Hour)
	}
	for {
		resp, err := http.Get(api + "/invocation/next")
		if err != nil {
			os.Exit(3)
		}
		event, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			os.Exit(4)
		}
		serve(resp.Header, event)
	}
}

func serve(header http.Header, event []byte) {
	id := header.Get("Lambda-Runtime-Aws-Request-Id")
	do := strings.Trim(string(event), `"`)
	fmt.Fprintln(os.Stderr, "event:", do)
	switch do {
	case "pid":
		post("/invocation/"+id+"/response", "", fmt.Sprint(os.Getpid()))
	case "environment":
		text, _ := json.Marshal(os.Environ())
		post("/invocation/"+id+"/response", "", string(text))
	case "directory":
		dir, _ := os.Getwd()
		text, _ := json.Marshal(dir)
		post("/invocation/"+id+"/response", "", string(text))
	case "header":
		text, _ := json.Marshal(header)
		post("/invocation/"+id+"/response", "", string(text))
	case "fail":
		post("/invocation/"+id+"/error", "Runtime.Unknown", `{"errorType":"errorString","errorMessage":"no such order","stackTrace":[]}`)
	case "fail without words":
		post("/invocation/"+id+"/error", "Runtime.Unknown", `oops`)
	case "exit":
		fmt.Fprintln(os.Stderr, "panic: leaving")
		os.Exit(7)
	case "answer and exit":
		post("/invocation/"+id+"/response", "", `"bye"`)
		os.Exit(0)
	case "sleep":
		time.Sleep(time.Hour)
	case "large":
		status, _ := post("/invocation/"+id+"/response", "", `"`+strings.Repeat("a", 6<<20+100)+`"`)
		fmt.Fprintln(os.Stderr, "large answered", status)
	case "break the rules":
		var seen []string
		note := func(status int, body string) { seen = append(seen, fmt.Sprint(status, " ", body)) }
		note(post("/invocation/nobody/response", "", `{}`))
		note(post("/invocation/nobody/error", "", `{}`))
		note(post("/init/error", "", `{}`))
		resp, err := http.Get(api + "/invocation/next")
		if err == nil {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			note(resp.StatusCode, string(body))
		}
		note(post("/exit", "", `{}`))
		text, _ := json.Marshal(seen)
		status, body := post("/invocation/"+id+"/response", "", string(text))
		fmt.Fprintln(os.Stderr, "answered", status, body)
	default:
		post("/invocation/"+id+"/response", "", string(event))
	}
}

func post(path, kind, body string) (int, string) {
	r, err := http.NewRequest("POST", api+path, bytes.NewReader([]byte(body)))
	if err != nil {
		os.Exit(5)
	}
	if kind != "" {
		r.Header.Set("Lambda-Runtime-Function-Error-Type", kind)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		os.Exit(6)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}
