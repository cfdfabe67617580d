package sandbox

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/phone"
)

// cloudHandler serves the cloud's address: the fake cloud, and the mini program
// in which a user lets his device call him.
func (w *world) cloudHandler() http.Handler {
	api := ownRequests(w.cloud.Handler())
	screen := onlyLoopback(http.NewCrossOriginProtection().Handler(nethttp.Config{Logger: w.log}.Wrap(core.Routes{
		"GET /miniprogram":  core.HandlerFunc(w.askForCalls),
		"POST /miniprogram": core.HandlerFunc(w.answerCalls),
		"GET /shop.css":     asset("shop.css", "text/css; charset=utf-8"),
	})))
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/miniprogram" || r.URL.Path == "/shop.css":
			screen.ServeHTTP(rw, r)
		case r.URL.Path == "/" && r.Method == http.MethodGet:
			http.Redirect(rw, r, w.base+"/", http.StatusFound)
		default:
			api.ServeHTTP(rw, r)
		}
	})
}

// callsAsked is what a page hands to wx.requestDeviceVoIP, as this screen gets
// it.
type callsAsked struct {
	voip testkit.DeviceVoIP
	back *url.URL
	form url.Values
}

func (w *world) readCallsAsked(text string) (callsAsked, bool) {
	form, err := url.ParseQuery(text)
	if err != nil {
		return callsAsked{}, false
	}
	back, err := url.Parse(form.Get("redirect_uri"))
	// To the shop and nowhere else: a link is not to send people away.
	if err != nil || !strings.HasPrefix(form.Get("redirect_uri"), w.base+"/") {
		return callsAsked{}, false
	}
	asked := callsAsked{back: back, form: form, voip: testkit.DeviceVoIP{
		SN: form.Get("sn"), SNTicket: form.Get("snTicket"), ModelID: form.Get("modelId"), DeviceName: form.Get("deviceName"),
	}}
	return asked, asked.voip.SN != "" && asked.voip.SNTicket != ""
}

type miniProgramView struct {
	W      miniProgramWords
	Lang   string
	Device string
	Hidden url.Values
	// Problem is WeChat's word on why it does not ask.
	Problem string
	Back    string
}

type miniProgramWords struct{ Title, Asks, Why, Allow, Refuse, Problem, Back, BadLink string }

func miniProgramWordsIn(lang string) miniProgramWords {
	if lang == "zh" {
		return miniProgramWords{
			Title: "设备通话授权", Asks: "申请通过微信呼叫你", Why: "允许后，有人按门铃时，设备会用微信呼叫你。", Allow: "允许", Refuse: "拒绝",
			Problem: "微信没有询问用户", Back: "返回商店", BadLink: "链接不完整。",
		}
	}
	return miniProgramWords{
		Title: "Calls from a device", Asks: "wants to call you in WeChat", Why: "If you allow it, the device calls you in WeChat when somebody rings.", Allow: "Allow", Refuse: "Do not allow",
		Problem: "WeChat did not ask", Back: "Back to the shop", BadLink: "The link is not complete.",
	}
}

func (w *world) askForCalls(_ context.Context, r *core.Request) *core.Response {
	lang, _ := phone.Language(r)
	words := miniProgramWordsIn(lang)
	asked, ok := w.readCallsAsked(r.RawQuery)
	if !ok {
		return w.miniProgramPage(http.StatusBadRequest, miniProgramView{W: words, Lang: lang, Problem: words.BadLink, Back: w.base + "/"})
	}
	return w.miniProgramPage(http.StatusOK, miniProgramView{W: words, Lang: lang, Device: asked.voip.DeviceName, Hidden: asked.form, Back: asked.back.String()})
}

// answerCalls does what WeChat does with the user's answer, and takes the
// browser back with it.
func (w *world) answerCalls(_ context.Context, r *core.Request) *core.Response {
	lang, _ := phone.Language(r)
	words := miniProgramWordsIn(lang)
	asked, ok := w.readCallsAsked(string(r.Body))
	if !ok {
		return w.miniProgramPage(http.StatusBadRequest, miniProgramView{W: words, Lang: lang, Problem: words.BadLink, Back: w.base + "/"})
	}
	device, ok := w.deviceBySN(asked.voip.SN)
	if !ok {
		return w.miniProgramPage(http.StatusBadRequest, miniProgramView{W: words, Lang: lang, Problem: words.BadLink, Back: w.base + "/"})
	}
	// WeChat shows its box once. After that, this screen stands for the
	// settings, where the user can change his mind.
	_, before := w.askedForCalls.LoadOrStore(device.ID, true)
	allow := asked.form.Get("action") == "allow"
	answer := map[bool]string{true: "allowed", false: "refused"}[allow]
	if allow && !before {
		if err := w.cloud.RequestDeviceVoIP(householder().UserID, asked.voip); err != nil {
			w.askedForCalls.Delete(device.ID)
			return w.miniProgramPage(http.StatusConflict, miniProgramView{W: words, Lang: lang, Problem: words.Problem + ": " + err.Error(), Back: asked.back.String()})
		}
	} else {
		w.cloud.SetDeviceVoIP(householder().UserID, device.ID, allow)
	}
	query := asked.back.Query()
	query.Set("calls", answer)
	asked.back.RawQuery = query.Encode()
	return &core.Response{Status: http.StatusSeeOther, Header: core.Header{{Name: "Location", Value: asked.back.String()}, {Name: "Cache-Control", Value: "no-store"}}}
}

func (w *world) deviceBySN(sn string) (testkit.Device, bool) {
	for _, device := range w.cloud.Devices() {
		if device.SN == sn || device.SN == "" && device.UUID == sn {
			return device, true
		}
	}
	return testkit.Device{}, false
}

func (w *world) miniProgramPage(status int, view miniProgramView) *core.Response {
	var body bytes.Buffer
	if err := w.pages.miniProgram.Execute(&body, view); err != nil {
		w.log.Error("the mini program's page cannot be shown", "reason", err.Error())
		return core.TryLater()
	}
	resp := htmlPage(status, view.Lang, body.Bytes(), nil)
	// The form's answer goes back to the shop, which is another origin.
	resp.Header.Set("Content-Security-Policy", strings.Replace(resp.Header.Get("Content-Security-Policy"), "form-action 'self'", "form-action 'self' "+w.base, 1))
	return resp
}
