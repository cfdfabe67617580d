//go:build real

package phone_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/phone"
)

// tab is a page of Debian's Chromium, or a sheet in one.
type tab struct {
	t   *testing.T
	ctx context.Context
	// frame is the frame of a sheet; "" is the page itself.
	frame cdp.FrameID
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
	b := &tab{t: t, ctx: ctx}
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
			if m.IsException() || m.Type == "error" || m.Type == "warning" {
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
			b.t.Fatalf("the page never came to %s (%v); it is at %s: %.300s", expression, err, eval[string](b, "location.href"), eval[string](b, "document.body.innerText"))
		}
	}
}

// press clicks the first element that a CSS selector finds, as soon as there
// is one.
func (b *tab) press(selector string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector(%q)", selector))
	eval[any](b, fmt.Sprintf("document.querySelector(%q).click()", selector))
}

// sheet returns the sheet that lies over the page, once it shows what a CSS
// selector finds.
func (b *tab) sheet(selector string) *tab {
	b.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		tree, err := chromedp.Call(b.ctx, cdppage.GetFrameTree, cdp.Empty{})
		require.NoError(b.t, err)
		for _, child := range tree.FrameTree.ChildFrames {
			if strings.Contains(child.Frame.URL, "/phone/sheet/") {
				s := &tab{b.t, b.ctx, child.Frame.ID}
				s.until(fmt.Sprintf("document.readyState == 'complete' && document.querySelector(%q)", selector))
				return s
			}
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("no sheet came up; the page says: %.300s", eval[string](b, "document.body.innerText"))
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
	time.Sleep(300 * time.Millisecond) // fonts and the sheet's height settle
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(folder+"/"+name+".png", picture, 0o600))
}

// demo serves a merchant's page: strict about what it loads, and with both of
// the JSSDK's ways of waiting.
func demo(t *testing.T) string {
	return site(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'none'; img-src data:; frame-ancestors 'none'")
		switch r.URL.Path {
		case "/sdk.js":
			rw.Header().Set("Content-Type", "text/javascript")
			_, _ = io.WriteString(rw, "const before = Boolean(window.WebViewJavascriptBridge);\n"+string(phone.JSSDK()))
		case "/raw":
			rw.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(rw, `<!doctype html><html lang="en"><head><title>waiting</title><link rel="icon" href="data:,"></head><body><h1>Both ways</h1><script src="/raw.js"></script></body></html>`)
		case "/raw.js":
			rw.Header().Set("Content-Type", "text/javascript")
			_, _ = io.WriteString(rw, rawScript)
		case "/page.js":
			rw.Header().Set("Content-Type", "text/javascript")
			_, _ = io.WriteString(rw, `
				vvchat.config({ debug: true });
				let answers = [];
				vvchat.ready(() => { document.title = "ready, " + (before ? "early" : "late"); });
				document.querySelector("#call").addEventListener("click", () => {
					const { method, options } = window.next;
					const kinds = [];
					vvchat.call(method, options, (r) => kinds.push("success", r), (r) => kinds.push("error", r), () => { answers = [...answers, kinds]; });
				});`)
		default:
			rw.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(rw, `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
				<title>waiting</title><link rel="icon" href="data:,"></head><body><h1>A merchant's page</h1><p>It runs inside VVChat.</p>
				<button id="call">Call</button> <a id="link" href="qyx://openSessionView?open_id=`+testkit.TestRobot().OpenID+`">Link</a>
				<script src="/sdk.js"></script><script src="/page.js"></script></body></html>`)
		}
	})
}

// rawScript waits in both ways at once and asks nobody which system it is on.
const rawScript = `
	const seen = [];
	const arrived = (way, bridge) => {
		seen.push(way);
		if (way === "event") bridge.init((message, answer) => answer({}));
		bridge.callHandler("getSession", {}, (text) => { seen.push(typeof text, JSON.parse(text).session_type); document.title = "answered"; });
	};
	if (window.WebViewJavascriptBridge) arrived("there", window.WebViewJavascriptBridge);
	else document.addEventListener("WebViewJavascriptBridgeReady", (event) => arrived("event", event.bridge));
	window.WVJBCallbacks = [(bridge) => arrived("callback", bridge)];
	const knock = document.createElement("iframe");
	knock.style.display = "none";
	knock.setAttribute("src", "https://__bridge_loaded__");
	document.documentElement.appendChild(knock);
	setTimeout(() => document.documentElement.removeChild(knock), 0);
	const early = seen.length;`

// The bridge comes in the way of its system alone, and after the page began to
// wait.
func TestBothWaysOfWaiting(t *testing.T) {
	b := setup(t, phone.Config{})
	home := demo(t)
	page := openTab(t, 390, 844)
	for system, way := range map[string]string{"android": "event", "ios": "callback"} {
		view := b.inside(t, home+"/raw", "session", testkit.TestSessions()[1].ID, "platform", system)
		page.do(chromedp.Navigate(view.origin + "/raw"))
		page.until("document.title == 'answered'")
		assert.Equal(t, way+",string,2", eval[string](page, "seen.join()"), system)
		assert.Zero(t, eval[int](page, "early"), system)
	}
}

// connectScript waits in both ways, in one order or the other, and takes a
// bridge that is there: a JSSDK that asks nobody which system it is on.
const connectScript = `
	const got = (bridge, init) => {
		if (window.QJSBridge) return;
		if (init) bridge.init((message, answer) => { if (answer) answer({}); });
		window.QJSBridge = bridge;
		bridge.callHandler("getSession", {}, (text) => { document.title = "answered " + JSON.parse(text).session_type; });
	};
	const byEvent = () => {
		if (window.WebViewJavascriptBridge) got(window.WebViewJavascriptBridge, true);
		else document.addEventListener("WebViewJavascriptBridgeReady", () => got(window.WebViewJavascriptBridge, true), false);
	};
	const byFrame = () => {
		if (window.WebViewJavascriptBridge) return got(window.WebViewJavascriptBridge, false);
		window.WVJBCallbacks = [(bridge) => got(bridge, false)];
		const knock = document.createElement("iframe");
		knock.style.display = "none";
		knock.src = "https://__bridge_loaded__";
		document.documentElement.appendChild(knock);
		setTimeout(() => document.documentElement.removeChild(knock), 0);
	};`

// Whichever way a script tries first, and whenever the bridge is there, its
// calls are answered.
func TestEveryOrderOfWaiting(t *testing.T) {
	home := site(t, func(rw http.ResponseWriter, r *http.Request) {
		if ways, ok := strings.CutPrefix(r.URL.Path, "/script/"); ok {
			rw.Header().Set("Content-Type", "text/javascript")
			_, _ = io.WriteString(rw, connectScript+map[string]string{"event": "byEvent(); byFrame();", "frame": "byFrame(); byEvent();"}[ways])
			return
		}
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(rw, `<!doctype html><html lang="en"><head><title>waiting</title><link rel="icon" href="data:,"><script src="/script`+r.URL.Path+`"></script></head><body>
			<a id="own" href="http://`+r.Host+`/frame?own">own</a></body></html>`)
	})
	b := setup(t, phone.Config{})
	tab := openTab(t, 390, 844)
	for _, system := range []string{"android", "ios"} {
		for _, timing := range []string{"late", "early"} {
			for _, first := range []string{"event", "frame"} {
				view := b.inside(t, home+"/"+first, "session", testkit.TestSessions()[1].ID, "platform", system, "bridge", timing)
				tab.do(chromedp.Navigate(view.origin + "/" + first))
				tab.until("document.title == 'answered 2'")
			}
		}
	}
	// Whatever leads to the site by its real address stays in the view, and what
	// leads to the app reaches the phone.
	view := b.inside(t, home+"/event", "session", testkit.TestSessions()[1].ID)
	inView := "location.origin == " + strconv.Quote(view.origin) + " && document.readyState == 'complete'"
	tab.do(chromedp.Navigate(view.origin + "/event"))
	tab.press("#own")
	tab.until("location.search == '?own' && " + inView)
	eval[any](tab, "void (location.href = "+strconv.Quote(home+"/event?script")+")")
	tab.until("location.search == '?script' && " + inView)
	assert.Contains(t, eval[string](tab, "document.querySelector('#own').href"), home)
	eval[any](tab, "void fetch("+strconv.Quote(home+"/frame")+").then((r) => r.text()).then((text) => { document.title = 'fetched ' + text.length; })")
	tab.until("document.title.startsWith('fetched')")
	for _, way := range []string{"location.href = 'qyx://openSessionView?open_id=%s'", "location.assign('QYX://openSessionView?open_id=%s')"} {
		tab.do(chromedp.Navigate(view.origin + "/event"))
		tab.until(inView)
		eval[any](tab, "void ("+fmt.Sprintf(way, testkit.TestRobot().OpenID)+")")
		tab.until("location.pathname == '/phone/chat'")
	}
}

// call presses the page's button, which calls a method.
func (b *tab) call(method string, options any) {
	b.t.Helper()
	text, err := json.Marshal(options)
	require.NoError(b.t, err)
	eval[any](b, fmt.Sprintf("window.next = { method: %q, options: %s }; answers = []", method, text))
	b.do(chromedp.Click(chromedp.CSS("#call"))) // by mouse, which gives the page the focus
}

// answered waits for the answer, and returns which callback got it, and what.
func (b *tab) answered() (string, map[string]any) {
	b.t.Helper()
	b.until("answers.length > 0")
	var got []any
	require.NoError(b.t, json.Unmarshal([]byte(eval[string](b, "JSON.stringify(answers[0])")), &got))
	require.Len(b.t, got, 2, "one callback, and then complete")
	assert.Equal(b.t, "call", eval[string](b, "document.activeElement.id"), "the focus is back where it was")
	kind, _ := got[0].(string)
	result, _ := got[1].(map[string]any)
	return kind, result
}

type options = map[string]string

func TestAPageInTheBrowserInsideTheIM(t *testing.T) {
	for _, system := range []string{"android", "ios"} {
		for _, bridge := range []string{"late", "early"} {
			t.Run(system+" "+bridge, func(t *testing.T) {
				b := setup(t, phone.Config{Apps: map[string]string{"test": "Corner Shop"}})
				home := demo(t)
				chats := testkit.TestSessions()
				view := b.inside(t, home+"/", "session", chats[1].ID, "platform", system, "bridge", bridge)
				page := openTab(t, 390, 844)
				page.do(chromedp.Navigate(view.origin + "/"))
				page.until("document.title == 'ready, " + bridge + "'")
				assert.Equal(t, system == "ios", strings.Contains(eval[string](page, "navigator.userAgent"), "iPhone"))

				walk(t, page, b, chats)
			})
		}
	}
}

// walk calls every method, and answers in every way.
func walk(t *testing.T, page *tab, b *bundle, chats []testkit.Session) {
	page.call("getSession", options{})
	kind, result := page.answered()
	assert.Equal(t, "success", kind)
	assert.Equal(t, map[string]any{"session_id": chats[1].ID, "session_type": 2.0}, result)

	page.call("selectSession", options{})
	sheet := page.sheet("button[value=pick]")
	page.shot("pick")
	sheet.press("input[value=" + chats[0].ID + "]")
	sheet.press("button[value=pick]")
	kind, result = page.answered()
	assert.Equal(t, "success", kind)
	assert.Equal(t, map[string]any{"session_id": chats[0].ID, "session_type": 1.0}, result)

	page.call("auth", options{"app_id": "test", "scope": "sessionapi_sendmsg:" + chats[0].ID + ":1", "state": "STATE"})
	sheet = page.sheet("button[value=allow]")
	page.shot("auth")
	sheet.press("button[value=allow]")
	kind, result = page.answered()
	assert.Equal(t, "success", kind)
	assert.Equal(t, "STATE", result["state"])
	code, _ := result["code"].(string)
	token, err := b.merchant.ExchangeCode(t.Context(), code)
	require.NoError(t, err)
	assert.Equal(t, "sessionapi_sendmsg:"+chats[0].ID+":1", token.Scope)

	page.call("auth", options{"app_id": "test", "scope": testkit.ScopeUserInfo})
	page.sheet("button[value=refuse]").press("button[value=refuse]")
	kind, result = page.answered()
	assert.Equal(t, "error", kind)
	assert.Equal(t, map[string]any{"err_code": 400.0, "err_msg": "the user refused"}, result)

	pay := options{"imprest_code": b.order(t, "order-1", "A doorbell that calls"), "app_id": "test"}
	page.call("pay", pay)
	page.sheet("button[value=cancel]").press("button[value=cancel]")
	kind, result = page.answered()
	assert.Equal(t, "error", kind)
	assert.Equal(t, "the user cancelled", result["err_msg"])

	b.platform.SetBalance("", core.Fen(100))
	page.call("pay", pay)
	sheet = page.sheet("button[value=pay]")
	page.shot("pay")
	sheet.press("button[value=pay]")
	page.sheet("button[value=topup]")
	page.shot("short")
	page.sheet("button[value=topup]").press("button[value=cancel]")
	kind, result = page.answered()
	assert.Equal(t, "error", kind)
	assert.Equal(t, "insufficient balance", result["err_msg"])

	b.platform.SetBalance("", core.Fen(5000))
	page.call("pay", pay)
	page.sheet("button[value=pay]").press("button[value=pay]")
	kind, result = page.answered()
	assert.Equal(t, "success", kind)
	assert.Equal(t, map[string]any{"trade_no": b.platform.RequirePaid(t, "order-1").TradeNo}, result)
	b.platform.RequireNotified(t, "order-1")

	page.call("pay", pay)
	sheet = page.sheet("button[value=cancel]")
	page.shot("paid")
	sheet.press("button[value=cancel]")
	kind, result = page.answered()
	assert.Equal(t, "error", kind)
	assert.Equal(t, "the order is paid already", result["err_msg"])

	share := options{"app_id": "test", "share_title": "A doorbell", "sub_title": "It calls you when somebody rings", "share_url": "http://127.0.0.1:8700/doorbell"}
	page.call("share", share)
	sheet = page.sheet("button[value=share]")
	page.shot("share")
	sheet.press("button[value=share]")
	kind, result = page.answered()
	assert.Equal(t, "success", kind)
	assert.Equal(t, map[string]any{"code": 200.0}, result)
	assert.Equal(t, chats[1].ID, b.platform.RequireShare(t, "A doorbell").SessionID)

	share["share_title"], share["share_data_url"] = "Advanced", `{"tpl_header":"vctalk","tpl_version":"v1","tpl_type":"MultipleLine","data":["Rings in three rooms","Records for a week"]}`
	page.call("share", share)
	sheet = page.sheet("ul[data-template=MultipleLine]")
	page.shot("share-advanced")
	sheet.press("button[value=share]")
	page.answered()
	assert.Equal(t, share["share_data_url"], b.platform.RequireShare(t, "Advanced").ShareDataURL)
	page.call("share", share)
	page.sheet("button[value=cancel]").press("button[value=cancel]")
	_, result = page.answered()
	assert.Equal(t, map[string]any{"code": 400.0, "err_msg": "the user cancelled"}, result)

	page.call("fly", options{})
	kind, result = page.answered()
	assert.Equal(t, "error", kind)
	assert.EqualValues(t, 400, result["err_code"])
}

// A sheet works by keyboard: the focus goes into it, Tab goes from control to
// control, Escape leaves it, and the page beneath it stays out of reach.
func TestSheetsByKeyboard(t *testing.T) {
	b := setup(t, phone.Config{})
	home := demo(t)
	view := b.inside(t, home+"/", "session", testkit.TestSessions()[1].ID)
	page := openTab(t, 1440, 900)
	page.do(chromedp.Navigate(view.origin + "/"))
	page.until("document.title == 'ready, late'")

	page.call("auth", options{"app_id": "test", "scope": testkit.ScopeUserInfo})
	sheet := page.sheet("button[value=allow]")
	sheet.until("document.activeElement.tagName == 'H1'")
	page.shot("auth-wide")
	page.do(chromedp.KeyEvent(kb.Tab))
	sheet.until("document.activeElement.value == 'allow'")
	page.do(chromedp.KeyEvent(kb.Enter))
	kind, _ := page.answered()
	assert.Equal(t, "success", kind)

	page.call("selectSession", options{})
	sheet = page.sheet("button[value=pick]")
	sheet.until("document.activeElement.tagName == 'H1'")
	page.shot("pick-wide")
	page.do(chromedp.KeyEvent(kb.Escape))
	kind, result := page.answered()
	assert.Equal(t, "error", kind)
	assert.Equal(t, "the user cancelled", result["err_msg"])

	// The page cannot reach into a sheet.
	page.call("auth", options{"app_id": "test", "scope": testkit.ScopeUserInfo})
	sheet = page.sheet("button[value=allow]")
	assert.Zero(t, eval[int](page, "window.length"), "the page does not even find it")
	assert.True(t, eval[bool](page, "document.querySelector('vvchat-sheet').shadowRoot === null"))
	sheet.press("button[value=refuse]")
	page.answered()

	// A link into the app leads to its screen.
	page.press("#link")
	page.until("location.pathname == '/phone/chat' && document.querySelector('h1').textContent == " + fmt.Sprintf("%q", testkit.TestRobot().Name))
}

// The phone's own screens, in both languages, phone-sized and on a desktop.
func TestScreensInTheBrowser(t *testing.T) {
	for name, size := range map[string][2]int64{"390": {390, 844}, "1440": {1440, 900}} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, phone.Config{Apps: map[string]string{"test": "Corner Shop"}})
			chats := testkit.TestSessions()
			home := demo(t)
			_, err := b.platform.Share(testkit.Share{AppID: "test", SessionID: chats[1].ID, ShareTitle: "A doorbell", SubTitle: "It calls you", ShareURL: home + "/doorbell",
				ShareDataURL: `{"tpl_type":"MultipleLine","data":["Rings in three rooms","Records for a week"]}`})
			require.NoError(t, err)
			b.order(t, "order-1", "A doorbell that calls")
			page := openTab(t, size[0], size[1])
			for _, lang := range []string{"en", "zh"} {
				for screen, path := range map[string]string{
					"home": "/phone?", "chats": "/phone/chats?", "chat": "/phone/chat?session=" + chats[1].ID + "&",
					"service": "/phone/chat?open_id=" + testkit.TestRobot().OpenID + "&",
					"share":   "/phone/share?" + shared("sub_title", "It calls you").Encode() + "&",
					"scan":    "/phone/scan?" + parameters("uri", "qyx://qpay?imprest_code=CODE&app_id=test&redirect_uri=http%3A%2F%2F127.0.0.1%3A8700%2F").Encode() + "&",
				} {
					page.do(chromedp.Navigate(b.base + path + "lang=" + lang))
					assert.Equal(t, lang, eval[string](page, "document.documentElement.lang"))
					assert.LessOrEqual(t, eval[int](page, "document.documentElement.scrollWidth"), int(size[0]), "%s %s is wider than the screen", screen, lang)
					assert.Empty(t, eval[string](page, `[...document.querySelectorAll("input:not([type=hidden]), select")].filter((e) => !e.labels.length).map((e) => e.name).join()`), "controls without a label")
					page.shot(screen + "-" + lang + "-" + name)
				}
			}
			// From the address field into the app, and from a chat.
			page.do(chromedp.Navigate(b.base + "/phone?lang=en"))
			eval[any](page, fmt.Sprintf("document.querySelector('#url').value = %q", home+"/"))
			page.press(".inside button")
			page.until("document.title == 'ready, late' && location.hostname.endsWith('.localhost')")
			page.do(chromedp.Navigate(b.base + "/phone/chat?session=" + chats[1].ID))
			page.press(".cardlink")
			page.until("document.title == 'ready, late' && location.pathname == '/doorbell'")
			page.call("getSession", options{})
			_, result := page.answered()
			assert.Equal(t, chats[1].ID, result["session_id"])
		})
	}
}
