package nethttp_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
)

// A core handler in the mux of a program that has one.
func ExampleWrap() {
	routes := core.Routes{
		"POST /callbacks/payment": core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
			return core.Text(http.StatusOK, fmt.Sprintf("%d bytes for %s", len(r.Body), r.Header.Get("Host")))
		}),
	}
	mux := http.NewServeMux()
	mux.Handle("/callbacks/", nethttp.Wrap(routes))

	srv := httptest.NewServer(mux)
	defer srv.Close()
	req, _ := http.NewRequest("POST", srv.URL+"/callbacks/payment", strings.NewReader(`{"status":1}`))
	req.Host = "shop.example"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body))
	// Output: 200 12 bytes for shop.example
}

// The same, with a larger body allowed and panics logged.
func ExampleConfig_Wrap() {
	config := nethttp.Config{MaxBody: 1 << 20}
	h := config.Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		panic("a fault of the program")
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 500 try again later
}

// A mux of your own as a core handler: it then runs wherever those do.
func ExampleFromHTTP() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "order %q, view %q", r.PathValue("id"), r.URL.Query().Get("view"))
	})
	h := nethttp.FromHTTP(mux)
	resp := h.Handle(context.Background(), &core.Request{Method: "GET", Path: "/orders/a%2Fb", RawQuery: "view=full"})
	fmt.Printf("%d %s\n", resp.Status, resp.Body)
	// Output: 200 order "a/b", view "full"
}

// A whole main.
func ExampleStart() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	hello := core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		return core.Text(http.StatusOK, "hello")
	})
	if err := nethttp.Start(ctx, "127.0.0.1:8080", hello); err != nil {
		log.Fatal(err)
	}
}
