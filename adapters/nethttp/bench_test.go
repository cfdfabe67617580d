package nethttp

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/imprest-go/imprest/core"
)

var payment = bytes.Repeat([]byte("x"), 274)

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) WriteHeader(int)             {}
func (w *discard) Write(p []byte) (int, error) { return len(p), nil }

// plain reads a body and answers as success does, on net/http alone: what
// Wrap is measured against.
var plain = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if _, err := io.ReadAll(http.MaxBytesReader(w, r.Body, core.MaxBody)); err != nil {
		w.WriteHeader(400)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, "success")
})

var success = core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
	return core.Text(http.StatusOK, "success")
})

func BenchmarkHandler(b *testing.B) {
	for _, c := range []struct {
		name string
		h    http.Handler
	}{{"nethttp", plain}, {"Wrap", Wrap(success)}, {"WrapFromHTTP", Wrap(FromHTTP(plain))}} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest("POST", "/callbacks/payment", nil)
			r.Header = http.Header{
				"Content-Type": {"application/json"}, "Content-Length": {"274"}, "User-Agent": {"vvchat"},
				"Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "X-Forwarded-For": {"192.0.2.1"},
			}
			r.ContentLength = int64(len(payment))
			reader := bytes.NewReader(nil)
			r.Body = io.NopCloser(reader)
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(payment)
				c.h.ServeHTTP(&discard{header: make(http.Header)}, r)
			}
		})
	}
}

func BenchmarkLoopback(b *testing.B) {
	for _, c := range []struct {
		name string
		h    http.Handler
	}{{"nethttp", plain}, {"Wrap", Wrap(success)}} {
		b.Run(c.name, func(b *testing.B) {
			srv := httptest.NewServer(c.h)
			defer srv.Close()
			b.ReportAllocs()
			for b.Loop() {
				resp, err := srv.Client().Post(srv.URL+"/callbacks/payment", "application/json", bytes.NewReader(payment))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
}
