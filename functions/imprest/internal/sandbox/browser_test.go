//go:build real

package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// tab is a page of Debian's Chromium.
type tab struct {
	t   *testing.T
	ctx context.Context
	// frame is the frame of a sheet; "" is the page itself.
	frame cdp.FrameID
	// sheets are those of the phone that were looked at.
	sheets map[cdp.FrameID]bool
}

// openTab starts a browser of that size for the length of a test. A page that
// writes an error to the console fails the test when it ends.
func openTab(t *testing.T, width, height int64) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("/usr/bin/chromium"), chromedp.Flag("lang", "en-US"), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-site-isolation-trials", true)) // a sheet's frame is then one of the page's own target
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's own sandbox does not work for root
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, sheets: map[cdp.FrameID]bool{}}
	t.Cleanup(b.quiet(chromedp.Console(ctx)))
	b.do(chromedp.EmulateViewport(width, height))
	return b
}

// quiet returns what fails the test if a page has complained by then.
func (b *tab) quiet(messages iter.Seq2[chromedp.ConsoleMessage, error]) func() {
	complaints := make(chan string, 64)
	go func() {
		defer close(complaints)
		for m, err := range messages {
			if err != nil {
				return // the tab is closed
			}
			refused := m.Source == "network" && regexp.MustCompile(`status of 40[0234]`).MatchString(m.Text) // as the test asks for
			if (m.IsException() || m.Type == "error") && !refused {
				complaints <- m.String()
			}
		}
	}()
	return func() {
		if err := chromedp.Cancel(b.ctx); err != nil {
			b.t.Logf("the tab does not close: %v", err)
		}
		for complaint := range complaints {
			b.t.Errorf("the page complains: %s", complaint)
		}
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

func (b *tab) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// evaluate evaluates an expression in the page, or in the sheet that b stands
// for.
func evaluate[T any](b *tab, expression string) (v T, err error) {
	if b.frame == "" {
		return chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	}
	world, err := chromedp.Call(b.ctx, cdppage.CreateIsolatedWorld, cdppage.CreateIsolatedWorldParams{FrameID: b.frame, WorldName: "test"})
	if err != nil {
		return v, err
	}
	byValue := true
	got, err := chromedp.Call(b.ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, ContextID: world.ExecutionContextID, ReturnByValue: &byValue})
	switch {
	case err != nil:
		return v, err
	case got.ExceptionDetails != nil:
		return v, fmt.Errorf("%s: %s", expression, got.ExceptionDetails.Text)
	case len(got.Result.Value) == 0:
		return v, nil
	}
	return v, json.Unmarshal(got.Result.Value, &v)
}

// eval returns what an expression is in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := evaluate[T](b, expression)
	require.NoError(b.t, err, expression)
	return v
}

// until waits for an expression to be true, in whatever page the tab is by
// then.
func (b *tab) until(expression string) {
	b.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ok, err := evaluate[bool](b, "Boolean("+expression+")")
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("the page never came to %s; it is at %s: %.300s", expression, eval[string](b, "location.href"), eval[string](b, "document.body.innerText"))
		}
	}
}

// press clicks the first element that a CSS selector finds, as soon as there is
// one. It does so in the page and not by the element's place: what is still
// being drawn moves, and a click by place could miss.
func (b *tab) press(selector string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.readyState == 'complete' && document.querySelector(%q)", selector))
	eval[bool](b, fmt.Sprintf("(document.querySelector(%q).click(), true)", selector))
}

// see waits for an element that a CSS selector finds, and returns its text.
func (b *tab) see(selector string) string {
	b.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector)))
		if err == nil && text != "" {
			return text
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("nothing to read at %s; the page is at %s: %.300s", selector, eval[string](b, "location.href"), eval[string](b, "document.body.innerText"))
		}
	}
}

// shot writes a picture of the page where IMPREST_SHOTS says, for a person.
func (b *tab) shot(name string) {
	b.t.Helper()
	folder := os.Getenv("IMPREST_SHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(folder+"/"+name+".png", picture, 0o600))
}

// js writes a text as JavaScript does.
func js(text string) string { return fmt.Sprintf("%q", text) }
