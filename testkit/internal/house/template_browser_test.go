//go:build real

package house_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/phone"
)

// tryOut starts the shop's program as its README says to try it, beside a fake
// platform with its phone.
func tryOut(t *testing.T, program string) (shop string, platform *testkit.Platform, phoneURL string) {
	t.Helper()
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	phoneURL = "http://" + outside.Addr().String()
	platform, err = testkit.NewPlatform(testkit.PlatformConfig{NoListen: true, Clock: testkit.NewRunningClock(), Async: true})
	require.NoError(t, err)
	screens, err := phone.New(phone.Config{Platform: platform})
	require.NoError(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if phone.IsView(r) || r.URL.Path == "/phone" || strings.HasPrefix(r.URL.Path, "/phone/") {
			screens.ServeHTTP(w, r)
			return
		}
		platform.Handler().ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(outside) }()
	t.Cleanup(func() { _ = server.Close(); platform.Close() })

	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	shop = "http://" + address
	var log strings.Builder
	cmd := exec.Command(program) // not for as long as t.Context, which ends before what is cleaned up
	cmd.Dir, cmd.Stderr = t.TempDir(), &log
	cmd.Env = append(os.Environ(), "IMPREST_BASE_URL="+phoneURL, "IMPREST_APP_ID=test", "IMPREST_APP_KEY=123456", "IMPREST_STORE_NO=s1234",
		"SHOP_URL="+shop, "SHOP_ADDR="+address, "SHOP_PHONE="+phoneURL, "SHOP_COOKIE_KEY="+strings.Repeat("k", 32))
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		assert.NoError(t, cmd.Wait(), "the shop ends in good order: %s", &log)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	waitFor(t, ctx, shop+"/healthz")
	return shop, platform, phoneURL
}

// window is a page in Debian's Chromium, or a sheet over it.
type window struct {
	t     *testing.T
	ctx   context.Context
	frame cdp.FrameID
	seen  map[cdp.FrameID]bool
}

func openWindow(t *testing.T, address string) *window {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("/usr/bin/chromium"), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-site-isolation-trials", true)) // a sheet's frame is then one of the page's own target
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(address)))
	return &window{t: t, ctx: ctx, seen: map[cdp.FrameID]bool{}}
}

// value is what a JavaScript expression is there, as a text.
func (w *window) value(expression string) (string, error) {
	expression = "String(" + expression + ")"
	if w.frame == "" {
		return chromedp.Run(w.ctx, chromedp.Evaluate[string](expression))
	}
	world, err := chromedp.Call(w.ctx, cdppage.CreateIsolatedWorld, cdppage.CreateIsolatedWorldParams{FrameID: w.frame, WorldName: "test"})
	if err != nil {
		return "", err
	}
	byValue := true
	got, err := chromedp.Call(w.ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, ContextID: world.ExecutionContextID, ReturnByValue: &byValue})
	if err != nil {
		return "", err
	}
	return strings.Trim(string(got.Result.Value), `"`), nil
}

// until waits for an expression to be true, in whatever page the window shows
// by then.
func (w *window) until(expression string) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if got, err := w.value("Boolean(" + expression + ")"); err == nil && got == "true" {
			return
		}
		if time.Now().After(deadline) {
			text, _ := w.value("location.href + ': ' + document.body.innerText.slice(0, 300)")
			w.t.Fatalf("it never came to %s at %s", expression, text)
		}
	}
}

func (w *window) press(selector string) {
	w.t.Helper()
	w.until(fmt.Sprintf("document.readyState == 'complete' && document.querySelector(%q) && !document.querySelector(%q).disabled", selector, selector))
	_, err := w.value(fmt.Sprintf("document.querySelector(%q).click()", selector))
	require.NoError(w.t, err)
}

// sheet answers the next sheet that the phone lays over the page.
func (w *window) sheet(button string) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		tree, err := chromedp.Call(w.ctx, cdppage.GetFrameTree, cdp.Empty{})
		require.NoError(w.t, err)
		for _, child := range tree.FrameTree.ChildFrames {
			if id := child.Frame.ID; strings.Contains(child.Frame.URL, "/phone/sheet/") && !w.seen[id] {
				w.seen[id] = true
				(&window{t: w.t, ctx: w.ctx, frame: id}).press("button[value=" + button + "]")
				return
			}
		}
		if time.Now().After(deadline) {
			text, _ := w.value("location.href + ': ' + document.body.innerText.slice(0, 300)")
			w.t.Fatalf("no sheet over %s", text)
		}
	}
}

const licenceIsShown = "/^[A-Z2-7]{5}(-[A-Z2-7]{5}){4}$/.test(document.querySelector('#licences code')?.innerText)"

// sells buys in the shop of a program: inside the IM, where the app asks its
// user, and in any other browser, where links lead to the app and back.
func sells(t *testing.T, program string) {
	for _, system := range []string{"android", "ios"} {
		t.Run("inside the IM on "+system, func(t *testing.T) {
			shop, platform, phoneURL := tryOut(t, program)
			w := openWindow(t, phoneURL+"/phone/open?"+url.Values{"url": {shop + "/"}, "platform": {system}}.Encode())
			w.until("location.hostname.endsWith('.localhost') && document.readyState == 'complete'")
			w.until("'inside' in document.body.dataset")
			w.press("[data-offer]") // not logged in: the app asks for that first
			w.sheet("refuse")
			w.until("document.getElementById('notice').innerText.includes('without logging in')")
			w.press("[data-offer]")
			w.sheet("allow")
			w.sheet("cancel")
			w.until("document.getElementById('notice').innerText == 'Not paid.'")
			require.True(t, platform.SetBalance("", 100_000))
			w.press("[data-offer]")
			w.sheet("pay")
			w.until(licenceIsShown)
			w.until("document.getElementById('nickname').innerText == '" + testkit.TestUser().Nickname + "'")
		})
	}
	t.Run("in a browser", func(t *testing.T) {
		shop, platform, _ := tryOut(t, program)
		require.True(t, platform.SetBalance("", 100_000))
		w := openWindow(t, shop+"/")
		w.press("[data-offer]")
		w.press("button[value=allow]")
		w.until("document.getElementById('nickname')?.innerText")
		w.press("[data-offer]")
		w.press("button[value=pay]")
		w.until(licenceIsShown)
		w.until("document.getElementById('notice').innerText.startsWith('Thank you')")
	})
}
