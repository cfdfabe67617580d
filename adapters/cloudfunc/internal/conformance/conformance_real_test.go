//go:build real

package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// start runs this very program with a target, and returns its address and the
// file that it writes.
func start(t *testing.T, target string) (url, file string) {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "conformance")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	require.NoError(t, ln.Close())
	_, port, _ := net.SplitHostPort(addr)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "FUNCTION_TARGET="+target, "PORT="+port)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 10*time.Second, 5*time.Millisecond)
	return "http://" + addr, filepath.Join(dir, output)
}

func TestHTTP(t *testing.T) {
	url, file := start(t, "http")
	for _, body := range []string{"PASS", "", "\x00\xff<é>", `{"data": "hello"}`} {
		resp, err := http.Post(url, "application/json", strings.NewReader(body))
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, 200, resp.StatusCode)
		kept, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, body, string(kept))
	}
}

// What the client sends of CloudEvents, and what it expects of the events that
// came before them.
func TestCloudEvents(t *testing.T) {
	for target, done := range map[string]int{"cloudevent": http.StatusOK, "receive": http.StatusNoContent} {
		t.Run(target, func(t *testing.T) { testCloudEvents(t, target, done) })
	}
}

func testCloudEvents(t *testing.T, target string, done int) {
	url, file := start(t, target)
	p, err := cloudevents.NewHTTP()
	require.NoError(t, err)
	client, err := cloudevents.NewClient(p)
	require.NoError(t, err)
	expect := func(want string) {
		kept, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(kept))
		require.NoError(t, os.Remove(file))
	}
	for _, want := range []string{
		`{"specversion":"1.0","type":"google.cloud.pubsub.topic.v1.messagePublished","source":"//pubsub.googleapis.com/projects/p/topics/t","id":"a-1","time":"2026-01-02T03:04:05.678Z","datacontenttype":"application/json",
		  "data":{"subscription":"projects/p/subscriptions/s","message":{"@type":"type.googleapis.com/google.pubsub.v1.PubsubMessage","messageId":"a-1","publishTime":"2026-01-02T03:04:05.678Z","attributes":{"a":"b"},"data":"AQIDBA=="}}}`,
		`{"specversion":"1.0","type":"google.cloud.storage.object.v1.finalized","source":"//storage.googleapis.com/projects/_/buckets/b","subject":"objects/folder/x.cs","id":"2","time":"2026-01-02T03:04:05Z","datacontenttype":"application/json",
		  "data":{"bucket":"b","name":"folder/x.cs","metadata":{"k":"<é>"},"size":"352","list":[1,2.5,null,true]}}`,
		`{"specversion":"1.0","type":"google.firebase.auth.user.v1.created","source":"//firebaseauth.googleapis.com/projects/p","subject":"users/u","id":"3","time":"2026-01-02T03:04:05Z","extension":"e","datacontenttype":"application/json","data":{"uid":"u"}}`,
	} {
		e := cloudevents.NewEvent()
		require.NoError(t, e.UnmarshalJSON([]byte(want)))
		for _, form := range []func(context.Context) context.Context{cloudevents.WithEncodingBinary, cloudevents.WithEncodingStructured} {
			require.True(t, cloudevents.IsACK(client.Send(form(cloudevents.ContextWithTarget(t.Context(), url)), e)))
			expect(want)
		}
	}
	resp, err := http.Post(url, "application/json", strings.NewReader(`{"eventId":"4","timestamp":"2026-01-02T03:04:05.678Z","eventType":"providers/cloud.pubsub/eventTypes/topic.publish","resource":"projects/p/topics/t",
	  "data":{"@type":"type.googleapis.com/google.pubsub.v1.PubsubMessage","attributes":{"a":"b"},"data":"AQIDBA=="}}`))
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, done, resp.StatusCode)
	expect(`{"specversion":"1.0","type":"google.cloud.pubsub.topic.v1.messagePublished","source":"//pubsub.googleapis.com/projects/p/topics/t","id":"4","time":"2026-01-02T03:04:05.678Z","datacontenttype":"application/json",
	  "data":{"message":{"@type":"type.googleapis.com/google.pubsub.v1.PubsubMessage","messageId":"4","publishTime":"2026-01-02T03:04:05.678Z","attributes":{"a":"b"},"data":"AQIDBA=="}}}`)
}

// As many requests at once as the client makes take hardly longer than one.
func TestConcurrency(t *testing.T) {
	url, _ := start(t, "concurrent")
	begun := time.Now()
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			resp, err := http.Post(url, "application/json", strings.NewReader(`{"data": "hello"}`))
			if assert.NoError(t, err) {
				_ = resp.Body.Close()
				assert.Equal(t, 200, resp.StatusCode)
			}
		})
	}
	all.Wait()
	assert.Less(t, time.Since(begun), 10*time.Second, "one after the other they take 200")
}
